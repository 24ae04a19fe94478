//! Requests as the SDKs write them, and what they find in the answers.

use super::*;
use crate::domain::record::RecordData;

const ZONE: &str = "/2013-04-01/hostedzone/Z1";

fn world() -> Route53 {
    let mut route53 = Route53::new(1);
    let name = "example.com".parse().expect("valid");
    route53.create_zone(&"Z1".parse().expect("valid"), &name).expect("new");
    route53
}

fn change(action: &str, set: &str) -> String {
    format!(
        "<Change><Action>{action}</Action><ResourceRecordSet>{set}</ResourceRecordSet></Change>"
    )
}

fn post(route53: &mut Route53, changes: &str) -> WireAnswer {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <ChangeBatch><Comment>why</Comment><Changes>{changes}</Changes></ChangeBatch>\
         </ChangeResourceRecordSetsRequest>"
    );
    let path = format!("{ZONE}/rrset/");
    handle(route53, Moment::from_ms(1500), "POST", &path, body.as_bytes())
}

fn get(route53: &mut Route53, path: &str) -> WireAnswer {
    handle(route53, Moment::from_ms(99_000), "GET", path, b"")
}

fn text(answer: &WireAnswer) -> &str {
    std::str::from_utf8(&answer.body).expect("XML is UTF-8")
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let begin = text.find(&open).unwrap_or_else(|| panic!("{tag} in {text}")) + open.len();
    &text[begin..begin + text[begin..].find(&close).expect("closed")]
}

const WEIGHTED: &str = "<Name>www.example.com</Name><Type>A</Type>\
    <SetIdentifier>us-east-1</SetIdentifier><Weight>10</Weight>\
    <AliasTarget><HostedZoneId>Z35SXDOTRQ7X7K</HostedZoneId><DNSName>lb.elb.amazonaws.com.</DNSName>\
    <EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>";

const FENCE: &str = "<Name>_f.example.com</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords>\
    <ResourceRecord><Value>\"a &amp; b\"</Value></ResourceRecord></ResourceRecords>";

#[test]
fn an_accepted_batch_is_answered_with_its_change_and_told_for_the_log() {
    let mut route53 = world();
    let changes = [change("CREATE", WEIGHTED), change("UPSERT", FENCE)].concat();
    let answer = post(&mut route53, &changes);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let xml = text(&answer);
    assert_eq!(between(xml, "Status"), "PENDING");
    assert_eq!(between(xml, "SubmittedAt"), "1970-01-01T00:00:01.5Z");
    assert_eq!(between(xml, "Comment"), "why");
    let Some(Changed::Accepted { change, changes, .. }) = answer.changed.clone() else {
        panic!("{:?}", answer.changed);
    };
    assert_eq!(between(xml, "Id"), format!("/change/{}", change.0));
    let [RecordChange::Create(www), RecordChange::Create(fence)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(www.key.to_string(), "www.example.com. A");
    assert!(matches!(&fence.data, RecordData::Plain { values, .. } if values == &["\"a & b\""]));

    let status = |route53: &mut Route53| {
        let answer = get(route53, &format!("/2013-04-01/change/{}", change.0));
        between(text(&answer), "Status").to_owned()
    };
    assert_eq!(status(&mut route53), "INSYNC");
}

#[test]
fn what_was_listed_can_be_deleted_as_listed() {
    let mut route53 = world();
    let star = "<Name>*.example.com</Name><Type>A</Type><TTL>5</TTL><ResourceRecords>\
        <ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>";
    let failover = star
        .replace("*", "f")
        .replace("<TTL>", "<SetIdentifier>p</SetIdentifier><Failover>SECONDARY</Failover><TTL>");
    let sets = [WEIGHTED, FENCE, star, &failover];
    post(&mut route53, &sets.map(|set| change("CREATE", set)).concat());
    let listing = get(&mut route53, &format!("{ZONE}/rrset"));
    assert!(text(&listing).contains("<Name>\\052.example.com.</Name>"), "{}", text(&listing));
    let listed: Vec<_> = text(&listing)
        .split("<ResourceRecordSet>")
        .skip(1)
        .map(|part| part.split("</ResourceRecordSet>").next().expect("closed"))
        .filter(|set| !set.contains("<Type>NS") && !set.contains("<Type>SOA"))
        .map(|set| change("DELETE", set))
        .collect();
    assert_eq!(listed.len(), sets.len());
    let answer = post(&mut route53, &listed.concat());
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(route53.records(&"Z1".parse().expect("valid")).count(), 2);
}

#[test]
fn a_refused_batch_is_wrapped_with_all_messages_in_brackets() {
    let mut route53 = world();
    let answer =
        post(&mut route53, &[change("DELETE", WEIGHTED), change("DELETE", FENCE)].concat());
    let xml = text(&answer);
    assert_eq!(answer.status, 400);
    assert!(xml.contains("<ErrorResponse xmlns="), "{xml}");
    assert_eq!(between(xml, "Code"), "InvalidChangeBatch");
    let why = "[Tried to delete resource record set [name='www.example.com.', type='A', set identifier='us-east-1'] but it was not found, Tried to delete resource record set [name='_f.example.com.', type='TXT'] but it was not found]";
    assert_eq!(between(xml, "Message").replace("&apos;", "'"), why);
    let id = answer.headers.iter().find(|(name, _)| *name == "x-amzn-requestid").expect("set");
    assert_eq!(between(xml, "RequestId"), id.1);
    assert_eq!(
        answer.changed,
        Some(Changed::Refused { zone: "Z1".parse().expect("valid"), why: why.to_owned() })
    );
}

#[test]
fn elements_that_exclude_or_need_each_other_or_are_out_of_range_are_refused() {
    let mut route53 = world();
    let plain = FENCE;
    for (set, why) in [
        (
            WEIGHTED.replace(">10<", ">256<"),
            "Value '256' is not facet-valid with respect to maxInclusive '255' for type 'ResourceRecordSetWeight'",
        ),
        (WEIGHTED.replace(">10<", ">-1<"), "minInclusive '0'"),
        (WEIGHTED.replace(">10<", ">ten<"), "Invalid XML ; "),
        (plain.replace(">60<", ">2147483648<"), "maxInclusive '2147483647' for type 'TTL'"),
        (
            WEIGHTED.replace("<Alias", "<TTL>60</TTL><Alias"),
            "found more than one in Change with [Action=CREATE, Name=www.example.com, Type=A, SetIdentifier=us-east-1]",
        ),
        (plain.replace("<TTL>60</TTL>", ""), "found none in Change with"),
        (
            WEIGHTED.replace("<SetIdentifier>us-east-1</SetIdentifier>", ""),
            "Missing field 'SetIdentifier'",
        ),
        (WEIGHTED.replace("<Weight>10</Weight>", ""), "but found none"),
        (
            WEIGHTED.replace("<Weight>", "<Region>us-east-1</Region><Weight>"),
            "but found more than one",
        ),
        (plain.replace("TXT", "WKS"), "no records of that type"),
        (plain.replace("<TTL>", "<GeoLocation/><TTL>"), "not modelled"),
        (plain.replace("<Name>_f.example.com</Name>", ""), "Invalid XML ; "),
    ] {
        let answer = post(&mut route53, &change("CREATE", &set));
        let xml = text(&answer).replace("&apos;", "'");
        assert_eq!((answer.status, between(&xml, "Code")), (400, "InvalidInput"), "{set}");
        assert!(between(&xml, "Message").contains(why), "{why}: {xml}");
    }
    let answer = post(&mut route53, "");
    assert_eq!(between(text(&answer), "Code"), "InvalidInput");
    let answer = post(&mut route53, &change("REPLACE", FENCE));
    assert!(text(&answer).contains("REPLACE"));
}

#[test]
fn throttling_is_status_400_and_nothing_for_the_log() {
    let mut route53 = world();
    route53.set_throttled(true);
    let answer = post(&mut route53, &change("CREATE", FENCE));
    assert_eq!((answer.status, answer.changed.clone()), (400, None));
    assert_eq!(between(text(&answer), "Code"), "Throttling");
    assert_eq!(between(text(&answer), "Message"), "Rate exceeded");
}

#[test]
fn what_does_not_exist_is_404() {
    let mut route53 = world();
    for (path, code) in [
        ("/2013-04-01/hostedzone/Z2", "NoSuchHostedZone"),
        ("/2013-04-01/hostedzone/Z_2/rrset", "NoSuchHostedZone"),
        ("/2013-04-01/change/C1", "NoSuchChange"),
    ] {
        let answer = get(&mut route53, path);
        assert_eq!((answer.status, between(text(&answer), "Code")), (404, code), "{path}");
    }
    assert_eq!(get(&mut route53, "/2013-04-01/trafficpolicies").status, 400);
}

#[test]
fn a_listing_says_where_its_next_page_begins() {
    let mut route53 = world();
    post(&mut route53, &[change("CREATE", WEIGHTED), change("CREATE", FENCE)].concat());
    let page = get(&mut route53, &format!("{ZONE}/rrset?maxitems=3"));
    let xml = text(&page);
    assert_eq!(between(xml, "IsTruncated"), "true");
    assert_eq!(between(xml, "MaxItems"), "3");
    assert_eq!(between(xml, "NextRecordName"), "www.example.com.");
    assert_eq!(between(xml, "NextRecordType"), "A");
    assert_eq!(between(xml, "NextRecordIdentifier"), "us-east-1");
    let next = format!("{ZONE}/rrset?name=www.example.com.&type=A&identifier=us-east-1");
    let page = get(&mut route53, &next);
    assert_eq!(text(&page).matches("<ResourceRecordSet>").count(), 1);
    assert_eq!(between(text(&page), "IsTruncated"), "false");
    assert_eq!(get(&mut route53, &format!("{ZONE}/rrset?type=A")).status, 400);
}

#[test]
fn zones_are_created_found_and_listed() {
    let mut route53 = world();
    let body = "<CreateHostedZoneRequest><Name>new.org</Name><CallerReference>ref</CallerReference>\
        <HostedZoneConfig><Comment>c</Comment></HostedZoneConfig></CreateHostedZoneRequest>";
    let now = Moment::from_ms(5);
    let path = "/2013-04-01/hostedzone";
    let answer = handle(&mut route53, now, "POST", path, body.as_bytes());
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let id = between(text(&answer), "Id").trim_start_matches("/hostedzone/").to_owned();
    let location = answer.headers.iter().find(|(name, _)| *name == "location").expect("set");
    assert!(location.1.ends_with(&id), "{location:?}");

    let found = get(&mut route53, &format!("{path}/{id}"));
    assert_eq!(between(text(&found), "Name"), "new.org.");
    assert_eq!(between(text(&found), "ResourceRecordSetCount"), "2");
    assert_eq!(text(&found).matches("<NameServer>").count(), 4);
    assert_eq!(text(&get(&mut route53, path)).matches("<HostedZone>").count(), 2);
    let by_name = get(&mut route53, "/2013-04-01/hostedzonesbyname?dnsname=new.org&maxitems=1");
    assert_eq!(between(text(&by_name), "Id"), format!("/hostedzone/{id}"));

    let again = handle(&mut route53, now, "POST", path, body.as_bytes());
    assert_eq!(again.status, 409);
}

#[test]
fn a_happening_names_the_caller() {
    let refused = Changed::Refused { zone: "Z1".parse().expect("valid"), why: "no".to_owned() };
    let Happening::ZoneRejected { caller, why, .. } = refused.happening("a1") else {
        panic!("not a rejection");
    };
    assert_eq!((caller.as_str(), why.as_str()), ("a1", "no"));
}

fn created(route53: &mut Route53, reference: &str, config: &str) -> WireAnswer {
    let body = format!(
        "<CreateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <CallerReference>{reference}</CallerReference><HealthCheckConfig>{config}\
         </HealthCheckConfig></CreateHealthCheckRequest>"
    );
    let now = Moment::from_ms(1500);
    handle(route53, now, "POST", "/2013-04-01/healthcheck", body.as_bytes())
}

const WATCH: &str = "<Port>443</Port><Type>HTTPS_STR_MATCH</Type><ResourcePath>/gate/a</ResourcePath>\
    <FullyQualifiedDomainName>gate.example.net</FullyQualifiedDomainName>\
    <SearchString>closed &amp; shut</SearchString><RequestInterval>10</RequestInterval>\
    <FailureThreshold>1</FailureThreshold><Inverted>true</Inverted><EnableSNI>true</EnableSNI>";

#[test]
fn a_health_check_is_made_told_listed_and_changed_by_its_version() {
    let mut route53 = world();
    let answer = created(&mut route53, "one", WATCH);
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let id = between(text(&answer), "Id").to_owned();
    assert!(answer.headers.iter().any(|(name, value)| *name == "location" && value.ends_with(&id)));
    let told = get(&mut route53, &format!("/2013-04-01/healthcheck/{id}"));
    for (tag, value) in [
        ("Type", "HTTPS_STR_MATCH"),
        ("SearchString", "closed &amp; shut"),
        ("Inverted", "true"),
        ("Disabled", "false"),
        ("HealthCheckVersion", "1"),
        ("CallerReference", "one"),
    ] {
        assert_eq!(between(text(&told), tag), value);
    }
    let count = format!(
        "<Type>CALCULATED</Type><HealthThreshold>1</HealthThreshold><ChildHealthChecks>\
         <ChildHealthCheck>{id}</ChildHealthCheck></ChildHealthChecks>"
    );
    let counted = created(&mut route53, "two", &count);
    assert_eq!(between(text(&counted), "ChildHealthCheck"), id);
    let listed = get(&mut route53, "/2013-04-01/healthcheck?maxitems=1");
    assert_eq!(between(text(&listed), "IsTruncated"), "true");
    let next = between(text(&listed), "NextMarker").to_owned();
    let listed = get(&mut route53, &format!("/2013-04-01/healthcheck?marker={next}"));
    assert_eq!(between(text(&listed), "IsTruncated"), "false");

    let path = format!("/2013-04-01/healthcheck/{id}");
    let body = "<UpdateHealthCheckRequest><HealthCheckVersion>1</HealthCheckVersion>\
        <FailureThreshold>3</FailureThreshold></UpdateHealthCheckRequest>";
    let mut post = || handle(&mut route53, Moment::from_ms(99_000), "POST", &path, body.as_bytes());
    let changed = post();
    assert_eq!(between(text(&changed), "FailureThreshold"), "3");
    assert_eq!(between(text(&changed), "HealthCheckVersion"), "2");
    let stale = post();
    assert_eq!((stale.status, between(text(&stale), "Code")), (409, "HealthCheckVersionMismatch"));
}

#[test]
fn the_status_of_a_check_has_a_report_for_each_checker_that_has_asked() {
    let mut route53 = world();
    let id = between(text(&created(&mut route53, "one", WATCH)), "Id").to_owned();
    let path = format!("/2013-04-01/healthcheck/{id}/status");
    let before = get(&mut route53, &path);
    assert_eq!(text(&before).matches("<HealthCheckObservation>").count(), 16);
    assert!(!text(&before).contains("StatusReport"));
    let at = Moment::from_ms(60_000);
    for due in route53.health_checks.due(at) {
        let met = crate::world::route53::Met::at_once(200, "closed & shut");
        route53.health_checks.told(at, &due.check, due.checker, &met);
    }
    let after = get(&mut route53, &path);
    assert_eq!(text(&after).matches("Success: HTTP Status Code 200, OK").count(), 16);
    assert_eq!(get(&mut route53, "/2013-04-01/healthcheck/none/status").status, 404);
}

#[test]
fn settings_of_health_checks_that_the_model_lacks_are_refused_by_name() {
    let mut route53 = world();
    for (config, why) in [
        ("<Type>CLOUDWATCH_METRIC</Type>", "CLOUDWATCH_METRIC"),
        ("<Type>HTTP_STR_MATCH</Type>", "SearchString"),
        ("<Type>TCP</Type>", "Port"),
        ("<Type>HTTP</Type><Regions><Region>us-east-1</Region></Regions>", "Regions"),
        ("<Type>HTTP</Type><IPAddress>nowhere</IPAddress>", "IPAddress"),
    ] {
        let refused = created(&mut route53, "bad", config);
        assert_eq!((refused.status, between(text(&refused), "Code")), (400, "InvalidInput"));
        assert!(text(&refused).contains(why), "{}", text(&refused));
    }
}
