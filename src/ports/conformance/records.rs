//! What Route 53 must do: batches whole or not at all, and deletions that must repeat what stands.

use super::{Ground, LIMIT, Verdict, cases, fails, same, well};
use crate::domain::record::{
    ChangeId, ChangeStatus, DnsName, RecordChange, RecordData, RecordKey, RecordSet, RecordType,
    Routing,
};
use crate::domain::{FailureClass, Weight, ZoneBatch};
use crate::ports::Answer;

cases! {
    "a zone has its name, and one that is not there is an error" => named,
    "what was created is read as it was written" => read_back,
    "an accepted batch gets everywhere, and a change that is not there is an error" => insync,
    "a batch that deletes what is there and creates in its place takes effect once" => fenced,
    "a batch with one bad change changes nothing" => whole,
    "a deletion must repeat every value" => exact,
    "what exists is not created again" => exists,
    "simple and weighted records of one name don't mix, but in one batch" => mixed,
    "of many names those are read that were asked for, whole" => many,
    "a fence that is not there is none, whatever comes next in the listing" => no_fence,
    "a record outside the zone is refused" => outside,
}

fn name(ground: &dyn Ground, label: &str) -> DnsName {
    let (_, zone) = ground.zone();
    format!("{label}.{}", zone.as_str()).parse().expect("valid")
}

fn plain(values: &[&str]) -> RecordData {
    RecordData::Plain { ttl_s: 60, values: values.iter().map(|&value| value.to_owned()).collect() }
}

fn fence(ground: &dyn Ground, text: &str) -> RecordSet {
    RecordSet {
        key: RecordKey { name: name(ground, "_fence"), rtype: RecordType::Txt },
        routing: Routing::Simple,
        data: plain(&[&format!("\"{text}\"")]),
        health_check: None,
    }
}

fn weighted(ground: &dyn Ground, label: &str, id: &str, weight: u8) -> RecordSet {
    RecordSet {
        key: RecordKey { name: name(ground, label), rtype: RecordType::A },
        routing: Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) },
        data: plain(&["192.0.2.1"]),
        health_check: None,
    }
}

fn simple(ground: &dyn Ground, label: &str) -> RecordSet {
    RecordSet { routing: Routing::Simple, ..weighted(ground, label, "", 0) }
}

async fn change(ground: &dyn Ground, changes: Vec<RecordChange>) -> Answer<ChangeId> {
    let (zone, _) = ground.zone();
    let batch = ZoneBatch { zone, changes, comment: "conformance".to_owned() };
    ground.records().change_zone(&batch, LIMIT).await
}

async fn create(ground: &dyn Ground, records: &[RecordSet]) -> Result<ChangeId, String> {
    let changes = records.iter().cloned().map(RecordChange::Create).collect();
    well("creating", change(ground, changes).await)
}

/// What stands under these names; the fence first, if there is one.
async fn read(ground: &dyn Ground, keys: &[RecordKey]) -> Result<Vec<RecordSet>, String> {
    let (zone, _) = ground.zone();
    let fence = name(ground, "_fence");
    let read = well("reading", ground.records().read_zone(&zone, &fence, keys, LIMIT).await)?;
    Ok(read.fence.into_iter().chain(read.records).collect())
}

async fn named(ground: &dyn Ground) -> Verdict {
    let (zone, wanted) = ground.zone();
    let found = well("the name", ground.records().zone_facts(&zone, LIMIT).await)?;
    same("the name", &found.name, &wanted)?;
    let absent = "Z0NOSUCHZONE".parse().expect("valid");
    let found = ground.records().zone_facts(&absent, LIMIT).await;
    fails("a zone that is not there", found, FailureClass::Permanent)
}

async fn read_back(ground: &dyn Ground) -> Verdict {
    let alias = RecordSet {
        data: RecordData::Alias {
            target_zone: "Z35SXDOTRQ7X7K".to_owned(),
            target_name: "lb-1.us-east-1.elb.amazonaws.com".parse().expect("valid"),
            evaluate_target_health: true,
        },
        ..weighted(ground, "alias", "b", 255)
    };
    let several =
        RecordSet { data: plain(&["192.0.2.1", "192.0.2.2"]), ..simple(ground, "several") };
    let all = [fence(ground, "epoch=1"), weighted(ground, "web", "a", 0), alias, several];
    create(ground, &all).await?;
    let keys: Vec<RecordKey> = all[1..].iter().map(|record| record.key.clone()).collect();
    same("the records", &read(ground, &keys).await?, &all.to_vec())
}

async fn insync(ground: &dyn Ground) -> Verdict {
    let id = create(ground, &[simple(ground, "web")]).await?;
    let (zone, _) = ground.zone();
    let absent = ChangeId("C0NOSUCHCHANGE".to_owned());
    let status = ground.records().change_status(&zone, &absent, LIMIT).await;
    fails("a change that is not there", status, FailureClass::Conflict)?;
    for _ in 0..20 {
        let status = well("the status", ground.records().change_status(&zone, &id, LIMIT).await)?;
        if status == ChangeStatus::Insync {
            return Ok(());
        }
        ground.let_pass().await;
    }
    Err("the change stays PENDING".to_owned())
}

async fn fenced(ground: &dyn Ground) -> Verdict {
    create(ground, &[fence(ground, "1"), weighted(ground, "web", "a", 10)]).await?;
    let swap = || {
        vec![
            RecordChange::Delete(fence(ground, "1")),
            RecordChange::Create(fence(ground, "2")),
            RecordChange::Delete(weighted(ground, "web", "a", 10)),
            RecordChange::Create(weighted(ground, "web", "a", 0)),
        ]
    };
    well("swapping", change(ground, swap()).await)?;
    let after = vec![fence(ground, "2"), weighted(ground, "web", "a", 0)];
    let key = weighted(ground, "web", "a", 0).key;
    same("the records", &read(ground, std::slice::from_ref(&key)).await?, &after)?;
    fails("swapping again", change(ground, swap()).await, FailureClass::Conflict)?;
    same("the records after", &read(ground, &[key]).await?, &after)
}

async fn whole(ground: &dyn Ground) -> Verdict {
    create(ground, &[weighted(ground, "web", "a", 10)]).await?;
    let batch = vec![
        RecordChange::Create(weighted(ground, "web", "b", 10)),
        RecordChange::Delete(weighted(ground, "web", "a", 10)),
        RecordChange::Delete(simple(ground, "absent")),
    ];
    fails("a batch with one bad change", change(ground, batch).await, FailureClass::Conflict)?;
    let record = weighted(ground, "web", "a", 10);
    same("the records", &read(ground, std::slice::from_ref(&record.key)).await?, &vec![record])
}

async fn exact(ground: &dyn Ground) -> Verdict {
    let there = weighted(ground, "web", "a", 10);
    create(ground, std::slice::from_ref(&there)).await?;
    let data = RecordData::Plain { ttl_s: 61, values: vec!["192.0.2.1".to_owned()] };
    let wrong = [
        ("weight", weighted(ground, "web", "a", 11)),
        ("time to live", RecordSet { data, ..there.clone() }),
        ("value", RecordSet { data: plain(&["192.0.2.9"]), ..there.clone() }),
        ("set identifier", weighted(ground, "web", "b", 10)),
    ];
    for (what, record) in wrong {
        let answer = change(ground, vec![RecordChange::Delete(record)]).await;
        fails(&format!("deleting with another {what}"), answer, FailureClass::Conflict)?;
    }
    well("deleting", change(ground, vec![RecordChange::Delete(there.clone())]).await)?;
    same("the records", &read(ground, &[there.key]).await?, &Vec::new())
}

async fn exists(ground: &dyn Ground) -> Verdict {
    let there = weighted(ground, "web", "a", 10);
    create(ground, std::slice::from_ref(&there)).await?;
    for weight in [10, 20] {
        let again = vec![RecordChange::Create(weighted(ground, "web", "a", weight))];
        fails("creating again", change(ground, again).await, FailureClass::Conflict)?;
    }
    same("the records", &read(ground, std::slice::from_ref(&there.key)).await?, &vec![there])
}

async fn mixed(ground: &dyn Ground) -> Verdict {
    let (one, other) = (simple(ground, "web"), weighted(ground, "web", "a", 10));
    create(ground, std::slice::from_ref(&one)).await?;
    let beside = vec![RecordChange::Create(other.clone())];
    fails("a weighted record beside", change(ground, beside).await, FailureClass::Conflict)?;
    let instead = vec![RecordChange::Delete(one), RecordChange::Create(other.clone())];
    well("a weighted record instead", change(ground, instead).await)?;
    same("the records", &read(ground, std::slice::from_ref(&other.key)).await?, &vec![other])
}

async fn many(ground: &dyn Ground) -> Verdict {
    let labels: Vec<String> = (0..40).map(|n| format!("s{n:02}")).collect();
    let ids: Vec<String> = (0..9).map(|n| format!("r{n}")).collect();
    for some in labels.chunks(10) {
        let sets = some.iter().flat_map(|label| {
            ids.iter().map(move |id| RecordChange::Create(weighted(ground, label, id, 1)))
        });
        well("creating", change(ground, sets.collect()).await)?;
    }
    let asked: Vec<RecordKey> =
        labels.iter().step_by(3).map(|label| simple(ground, label).key).collect();
    let found = read(ground, &asked).await?;
    for key in &asked {
        let of: Vec<&str> = found
            .iter()
            .filter(|record| record.key == *key)
            .filter_map(|record| record.routing.set_identifier())
            .collect();
        same(
            &format!("the records of {}", key.name),
            &of,
            &ids.iter().map(String::as_str).collect(),
        )?;
    }
    same("how many", &found.len(), &(asked.len() * ids.len()))
}

async fn no_fence(ground: &dyn Ground) -> Verdict {
    // In the listing it comes right after where the fence would be.
    let next = RecordSet {
        key: RecordKey { name: name(ground, "_fencer"), rtype: RecordType::Txt },
        ..fence(ground, "x")
    };
    create(ground, &[next]).await?;
    same("the fence", &read(ground, &[]).await?, &Vec::new())
}

async fn outside(ground: &dyn Ground) -> Verdict {
    let key =
        RecordKey { name: "web.elsewhere.test".parse().expect("valid"), rtype: RecordType::A };
    let record = RecordSet { key, ..simple(ground, "web") };
    let answer = change(ground, vec![RecordChange::Create(record)]).await;
    fails("a record outside", answer, FailureClass::Conflict)
}
