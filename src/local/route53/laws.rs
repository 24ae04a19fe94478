//! What holds for every record set and every health check on the wire.
//!
//! Requests are written as the SDKs write them: each character that XML has words for in those words,
//! no element for what is not set. What is listed is read back by the same reader as a request.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::Weight;
use crate::domain::record::RecordData;
use crate::world::route53::{ModelRecordSet, ModelRecordType, ModelRouting, txt_strings};

const ZONE: &str = "/2013-04-01/hostedzone/Z1";

/// Names as Route 53 lists them, with and without escapes: wildcards, underscores, odd characters.
fn names() -> impl Strategy<Value = OwnerName> {
    let label = "[a-z0-9_-]{1,10}|\\*|[!-~&&[^.\\\\A-Z]]{1,5}";
    prop::collection::vec(label, 1..3).prop_map(|labels| {
        let escaped = |c: char| match c {
            'a'..='z' | '0'..='9' | '-' | '_' | '.' => c.to_string(),
            c => format!("\\{:03o}", u32::from(c)),
        };
        let name: String = labels.join(".").chars().map(escaped).collect();
        format!("{name}.example.com").parse().expect("escaped")
    })
}

/// A quoted string of a TXT value, of any characters.
fn quoted() -> impl Strategy<Value = String> {
    "[ -~]{0,40}".prop_map(|text| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    })
}

fn identifiers() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,20}[!-~])?"
}

fn routings() -> impl Strategy<Value = ModelRouting> {
    prop_oneof![
        Just(ModelRouting::Simple),
        (identifiers(), any::<u8>()).prop_map(|(set_identifier, weight)| {
            ModelRouting::Weighted { set_identifier, weight: Weight(weight) }
        }),
        (identifiers(), any::<bool>()).prop_map(|(set_identifier, primary)| {
            ModelRouting::Failover { set_identifier, primary }
        }),
        (identifiers(), "[a-z]{2}-[a-z]{4,9}-[1-9]").prop_map(|(set_identifier, region)| {
            ModelRouting::Latency { set_identifier, region }
        }),
    ]
}

fn answers() -> impl Strategy<Value = (ModelRecordType, RecordData)> {
    let ttl = || 0_u32..=2_147_483_647;
    let plain = |rtype| move |(ttl_s, values)| (rtype, RecordData::Plain { ttl_s, values });
    let address = any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let several = prop::collection::btree_set(address, 1..4).prop_map(Vec::from_iter);
    let text = prop::collection::vec(quoted(), 1..3).prop_map(|strings| vec![strings.join(" ")]);
    prop_oneof![
        (ttl(), several).prop_map(plain(ModelRecordType::A)),
        (ttl(), text).prop_map(plain(ModelRecordType::Txt)),
        ("[A-Z0-9]{6,20}", "[a-z][a-z0-9-]{0,8}\\.elb\\.amazonaws\\.com", any::<bool>()).prop_map(
            |(target_zone, target_name, evaluate_target_health)| {
                let target_name = target_name.parse().expect("valid");
                let data = RecordData::Alias { target_zone, target_name, evaluate_target_health };
                (ModelRecordType::A, data)
            }
        ),
    ]
}

fn record_sets() -> impl Strategy<Value = ModelRecordSet> {
    (names(), routings(), answers()).prop_map(|(name, routing, (rtype, data))| ModelRecordSet {
        name,
        rtype,
        routing,
        data,
        health_check: None,
    })
}

fn text(text: &str) -> String {
    let escaped = |c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&apos;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// A record set as an SDK writes it.
fn written(set: &ModelRecordSet) -> String {
    let mut xml =
        element("Name", &text(&set.name.escaped())) + &element("Type", set.rtype.as_str());
    if let Some(id) = set.routing.set_identifier() {
        xml += &element("SetIdentifier", &text(id));
    }
    xml += &match &set.routing {
        ModelRouting::Simple => String::new(),
        ModelRouting::Weighted { weight, .. } => element("Weight", &weight.0.to_string()),
        ModelRouting::Latency { region, .. } => element("Region", region),
        ModelRouting::Failover { primary: true, .. } => element("Failover", "PRIMARY"),
        ModelRouting::Failover { primary: false, .. } => element("Failover", "SECONDARY"),
        ModelRouting::Multivalue { .. } => element("MultiValueAnswer", "true"),
    };
    xml += &match &set.data {
        RecordData::Plain { ttl_s, values } => {
            let record =
                |value: &String| element("ResourceRecord", &element("Value", &text(value)));
            let records: String = values.iter().map(record).collect();
            element("TTL", &ttl_s.to_string()) + &element("ResourceRecords", &records)
        }
        RecordData::Alias { target_zone, target_name, evaluate_target_health } => element(
            "AliasTarget",
            &[
                element("HostedZoneId", target_zone),
                element("DNSName", &text(&target_name.to_string())),
                element("EvaluateTargetHealth", &evaluate_target_health.to_string()),
            ]
            .concat(),
        ),
    };
    if let Some(check) = &set.health_check {
        xml += &element("HealthCheckId", check);
    }
    xml
}

fn batch(changes: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let changes = changes.into_iter().map(|(action, set)| {
        let content = element("Action", action) + &element("ResourceRecordSet", &set);
        element("Change", &content)
    });
    let changes = element("Changes", &changes.collect::<String>());
    let content = element("ChangeBatch", &changes);
    format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         {content}</ChangeResourceRecordSetsRequest>"
    )
}

fn body(answer: &WireAnswer) -> String {
    String::from_utf8(answer.body.clone()).expect("XML is UTF-8")
}

fn between<'a>(text: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let parts = text.split(&*open).skip(1).collect::<Vec<_>>();
    parts.into_iter().filter_map(move |part| part.split(&*close).next())
}

proptest! {
    #[test]
    fn a_record_set_is_read_as_it_was_written(set in record_sets(), check in prop::option::of("[0-9a-f-]{8,36}")) {
        let set = ModelRecordSet { health_check: check, ..set };
        let read = request::changes(batch([("CREATE", written(&set))]).as_bytes()).expect("well-formed");
        prop_assert_eq!(&read.changes[0].record, &set);
    }

    #[test]
    fn a_record_set_is_listed_as_it_was_created_and_goes_when_deleted_as_listed(set in record_sets()) {
        // Alone and without a health check no plain record is a primary.
        let primary = matches!(set.routing, ModelRouting::Failover { primary: true, .. });
        prop_assume!(!primary || matches!(set.data, RecordData::Alias { .. }));
        let mut route53 = Route53::new(1);
        let zone: ZoneId = "Z1".parse().expect("valid");
        route53.create_zone(&zone, &"example.com".parse().expect("valid")).expect("new");
        let mut at = 0;
        let mut post = |route53: &mut Route53, body: &str| {
            at += 90_000;
            let path = format!("{ZONE}/rrset/");
            handle(route53, Moment::from_ms(at), "POST", &path, body.as_bytes())
        };
        let created = post(&mut route53, &batch([("CREATE", written(&set))]));
        prop_assert_eq!(created.status, 200, "{}", body(&created));
        let path = format!("{ZONE}/rrset");
        let listing = body(&handle(&mut route53, Moment::from_ms(900_000), "GET", &path, b""));
        let listed: BTreeSet<&str> = between(&listing, "ResourceRecordSet")
            .filter(|set| !set.contains("<Type>NS<") && !set.contains("<Type>SOA<"))
            .collect();
        prop_assert_eq!(listed.len(), 1, "{}", listing);
        let again: Vec<String> = listed.into_iter().map(str::to_owned).collect();
        let read = request::changes(batch([("DELETE", again[0].clone())]).as_bytes());
        prop_assert_eq!(&read.expect("listed").changes[0].record, &set);
        at = 1_000_000;
        let path = format!("{ZONE}/rrset/");
        let gone = batch([("DELETE", again[0].clone())]);
        let deleted = handle(&mut route53, Moment::from_ms(at), "POST", &path, gone.as_bytes());
        prop_assert_eq!(deleted.status, 200, "{}", body(&deleted));
    }

    #[test]
    fn the_strings_of_a_txt_value_are_those_that_were_quoted(strings in prop::collection::vec("[ -~]{0,40}", 1..4)) {
        let quote = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let value = strings.iter().map(quote).collect::<Vec<_>>().join(" ");
        // A backslash before three octal digits is a byte, unless it is itself escaped.
        let read = txt_strings(&value).expect("quoted");
        let wanted: Vec<Vec<u8>> = strings.into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(read, wanted);
    }

    #[test]
    fn a_weight_is_0_to_255_and_nothing_else(weight in -300_i64..600) {
        let xml = element("Name", "w.example.com")
            + "<Type>A</Type><SetIdentifier>r1</SetIdentifier>"
            + &element("Weight", &weight.to_string())
            + "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value>"
            + "</ResourceRecord></ResourceRecords>";
        let read = request::changes(batch([("CREATE", xml)]).as_bytes());
        prop_assert_eq!(read.is_ok(), (0..=255).contains(&weight));
    }

    #[test]
    fn a_health_check_is_told_as_it_was_made(
        tls in any::<bool>(),
        search in prop::option::of("[!-~]([ -~]{0,30}[!-~])?"),
        path in "/[!-~]{0,20}",
        host in "[a-z][a-z0-9-]{0,10}\\.example\\.com",
        port in 1_u16..,
        (inverted, disabled) in any::<(bool, bool)>(),
        threshold in 1_u8..=10,
    ) {
        let kind = match (tls, &search) {
            (false, None) => "HTTP",
            (true, None) => "HTTPS",
            (false, Some(_)) => "HTTP_STR_MATCH",
            (true, Some(_)) => "HTTPS_STR_MATCH",
        };
        let mut settings = vec![
            ("Port", port.to_string()),
            ("Type", kind.to_owned()),
            ("ResourcePath", path),
            ("FullyQualifiedDomainName", host),
            ("FailureThreshold", threshold.to_string()),
            ("Inverted", inverted.to_string()),
            ("Disabled", disabled.to_string()),
        ];
        settings.extend(search.map(|search| ("SearchString", search)));
        let config: String = settings.iter().map(|(name, value)| element(name, &text(value))).collect();
        let create = format!(
            "<CreateHealthCheckRequest><CallerReference>c</CallerReference>{}</CreateHealthCheckRequest>",
            element("HealthCheckConfig", &config)
        );
        let mut route53 = Route53::new(1);
        let path = "/2013-04-01/healthcheck";
        let made = handle(&mut route53, Moment::from_ms(0), "POST", path, create.as_bytes());
        prop_assert_eq!(made.status, 201, "{}", body(&made));
        let made = body(&made);
        let id = between(&made, "Id").next().expect("an ID");
        let path = format!("{path}/{id}");
        let found = body(&handle(&mut route53, Moment::from_ms(9000), "GET", &path, b""));
        // What is told is read by the reader of requests, as the SDKs' reader does.
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Found {
            health_check: Check,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Check {
            health_check_config: std::collections::BTreeMap<String, String>,
        }
        let found: Found = request::parse(found.as_bytes()).expect("XML");
        for (name, value) in settings {
            prop_assert_eq!(found.health_check.health_check_config.get(name), Some(&value), "{}", name);
        }
    }
}
