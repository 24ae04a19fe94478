//! How RDS writes what it shows (RDS API Reference, "GlobalCluster", "DBCluster",
//! "DBClusterSnapshot"). What the model doesn't have is left out, as RDS leaves out what is not set.

use crate::local::document::Value;
use crate::world::rds::{Shown, ShownCluster, ShownMember, Snapshot};

/// A list whose members are elements of this name: RDS doesn't call them `member`.
pub(super) fn list(name: &str, items: impl IntoIterator<Item = Value>) -> Value {
    Value::Map(items.into_iter().map(|item| (name.to_owned(), item)).collect())
}

pub(super) fn global_cluster(shown: &Shown) -> Value {
    let id = shown.id.as_str();
    let members = shown.members.values().map(|member| self::member(shown, member));
    let mut parts = vec![
        ("GlobalClusterIdentifier".to_owned(), Value::text(id)),
        ("GlobalClusterResourceId".to_owned(), Value::text(format!("cluster-{id}"))),
        (
            "GlobalClusterArn".to_owned(),
            Value::text(format!("arn:aws:rds::{}:global-cluster:{id}", shown.account())),
        ),
        ("Status".to_owned(), Value::text(shown.status)),
        ("Engine".to_owned(), Value::text(shown.engine)),
        ("EngineVersion".to_owned(), Value::text(&shown.engine_version)),
        ("StorageEncrypted".to_owned(), Value::Truth(true)),
        ("DeletionProtection".to_owned(), Value::Truth(true)),
        ("GlobalClusterMembers".to_owned(), list("GlobalClusterMember", members)),
        ("Endpoint".to_owned(), Value::text(format!("{id}.global-demo.global.rds.amazonaws.com"))),
    ];
    if let Some(moving) = &shown.moving {
        let state = Value::map([
            ("Status", Value::text(moving.stage.as_str())),
            ("FromDbClusterArn", Value::text(moving.from.as_str())),
            ("ToDbClusterArn", Value::text(moving.to.as_str())),
            ("IsDataLossAllowed", Value::Truth(moving.allow_data_loss)),
        ]);
        parts.push(("FailoverState".to_owned(), state));
    }
    Value::Map(parts)
}

fn member(shown: &Shown, member: &ShownMember) -> Value {
    let readers = shown.members.values().filter(|other| member.writer && !other.writer);
    Value::map([
        ("DBClusterArn", Value::text(member.arn.as_str())),
        ("Readers", Value::List(readers.map(|other| Value::text(other.arn.as_str())).collect())),
        ("IsWriter", Value::Truth(member.writer)),
        ("SynchronizationStatus", Value::text(member.synchronization.as_str())),
    ])
}

pub(super) fn cluster(shown: &ShownCluster) -> Value {
    let (name, region) = (shown.arn.name(), shown.arn.region());
    let instances = (1..=shown.instances).map(|n| {
        Value::map([
            ("DBInstanceIdentifier", Value::text(format!("{name}-{n}"))),
            ("IsClusterWriter", Value::Truth(n == 1 && shown.writer)),
            ("PromotionTier", Value::Whole(1)),
        ])
    });
    Value::map([
        ("DBClusterIdentifier", Value::text(name)),
        ("DBClusterArn", Value::text(shown.arn.as_str())),
        ("Status", Value::text(shown.status)),
        ("Engine", Value::text(shown.engine)),
        ("EngineVersion", Value::text(&shown.engine_version)),
        ("EngineMode", Value::text("provisioned")),
        ("DBClusterParameterGroup", Value::text(&shown.parameter_group)),
        ("Endpoint", Value::text(format!("{name}.cluster-demo.{region}.rds.amazonaws.com"))),
        (
            "ReaderEndpoint",
            Value::text(format!("{name}.cluster-ro-demo.{region}.rds.amazonaws.com")),
        ),
        ("Port", Value::Whole(5432)),
        ("StorageEncrypted", Value::Truth(true)),
        ("GlobalClusterIdentifier", Value::text(shown.global.as_str())),
        ("DBClusterMembers", list("DBClusterMember", instances)),
    ])
}

pub(super) fn snapshot(snapshot: &Snapshot, of: Option<&ShownCluster>) -> Value {
    let (region, account) = (snapshot.arn.region(), snapshot.arn.account());
    let arn = format!("arn:aws:rds:{region}:{account}:cluster-snapshot:{}", snapshot.name);
    let mut parts = vec![
        ("DBClusterSnapshotIdentifier".to_owned(), Value::text(&snapshot.name)),
        ("DBClusterIdentifier".to_owned(), Value::text(snapshot.arn.name())),
        ("DBClusterSnapshotArn".to_owned(), Value::text(arn)),
        ("SnapshotCreateTime".to_owned(), Value::Time(snapshot.at_unix_ms)),
        ("Status".to_owned(), Value::text("available")),
        ("SnapshotType".to_owned(), Value::text("automated")),
        ("PercentProgress".to_owned(), Value::Whole(100)),
    ];
    if let Some(of) = of {
        parts.push(("Engine".to_owned(), Value::text(of.engine)));
        parts.push(("EngineVersion".to_owned(), Value::text(&of.engine_version)));
    }
    Value::Map(parts)
}
