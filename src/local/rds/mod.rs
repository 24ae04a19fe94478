//! RDS's wire protocol over the modelled global clusters: Query, version 2014-10-31.
//!
//! Served is what moving a writer takes: `DescribeGlobalClusters`, `DescribeDBClusters`,
//! `DescribeDBClusterSnapshots`, `SwitchoverGlobalCluster` and `FailoverGlobalCluster`. Answers are
//! whole: what a fleet on loopback has fits into RDS's page of 100. Signatures are not checked.

#[cfg(test)]
mod tests;
mod xml;

use super::document::query::{self, Form, Refused};
use super::document::{Value, WireAnswer};
use crate::domain::{Moment, RegionId};
use crate::world::network::Network;
use crate::world::rds::{Rds, RdsError, ShownCluster};

const QUERY: query::Service = query::Service {
    namespace: "http://rds.amazonaws.com/doc/2014-10-31/",
    writes: &["FailoverGlobalCluster", "SwitchoverGlobalCluster"],
};

/// Serves one request for this Region.
#[must_use]
pub fn handle(
    rds: &mut Rds,
    network: &Network,
    now: Moment,
    region: &RegionId,
    body: &[u8],
) -> WireAnswer {
    QUERY.answer(now, body, |form| {
        let form =
            form.ok_or_else(|| RdsError::MissingParameter { parameter: "Action".to_owned() })?;
        Ok(Some(carry_out(rds, network, now, region, &form)?))
    })
}

impl From<RdsError> for Refused {
    fn from(error: RdsError) -> Self {
        Self { status: error.status(), code: error.code(), message: error.to_string() }
    }
}

fn carry_out(
    rds: &mut Rds,
    network: &Network,
    now: Moment,
    region: &RegionId,
    form: &Form,
) -> Result<Value, RdsError> {
    let input = &form.input;
    match form.action.as_str() {
        "DescribeGlobalClusters" => {
            unfiltered(input)?;
            let shown = rds.describe(region, input.text_at("GlobalClusterIdentifier"))?;
            let shown = shown.into_iter().map(xml::global_cluster);
            Ok(Value::map([("GlobalClusters", xml::list("GlobalClusterMember", shown))]))
        }
        "DescribeDBClusters" => {
            unfiltered(input)?;
            let shown = rds.describe_clusters(region, input.text_at("DBClusterIdentifier"))?;
            let shown = shown.iter().map(xml::cluster);
            Ok(Value::map([("DBClusters", xml::list("DBCluster", shown))]))
        }
        "DescribeDBClusterSnapshots" => describe_snapshots(rds, region, input),
        "SwitchoverGlobalCluster" => {
            let (id, target) = of_move(input)?;
            let shown = rds.switchover(now, network, region, id, target)?;
            Ok(Value::map([("GlobalCluster", xml::global_cluster(&shown))]))
        }
        "FailoverGlobalCluster" => {
            let (id, target) = of_move(input)?;
            let (loss, switchover) = (truth(input, "AllowDataLoss")?, truth(input, "Switchover")?);
            if loss && switchover {
                return Err(RdsError::InvalidParameterCombination {
                    message: "AllowDataLoss and Switchover can't both be specified".to_owned(),
                });
            }
            // Without the word for a loss it is a switchover (RDS API Reference,
            // "FailoverGlobalCluster", `AllowDataLoss`).
            let shown = if loss {
                rds.failover(now, network, region, id, target)?
            } else {
                rds.switchover(now, network, region, id, target)?
            };
            Ok(Value::map([("GlobalCluster", xml::global_cluster(&shown))]))
        }
        action => Err(RdsError::InvalidAction { action: action.to_owned() }),
    }
}

/// A filter that would be passed over is worse than one that is refused.
fn unfiltered(input: &Value) -> Result<(), RdsError> {
    if input.get("Filters").is_none() {
        return Ok(());
    }
    Err(RdsError::InvalidParameterValue {
        message: "filters are not modelled: name what is asked for".to_owned(),
    })
}

fn of_move(input: &Value) -> Result<(&str, &str), RdsError> {
    Ok((required(input, "GlobalClusterIdentifier")?, required(input, "TargetDbClusterIdentifier")?))
}

fn required<'v>(input: &'v Value, name: &str) -> Result<&'v str, RdsError> {
    let missing = || RdsError::MissingParameter { parameter: name.to_owned() };
    input.text_at(name).filter(|text| !text.is_empty()).ok_or_else(missing)
}

fn truth(input: &Value, name: &str) -> Result<bool, RdsError> {
    match input.text_at(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(RdsError::InvalidParameterValue {
            message: format!("{name} = {other:?} is neither true nor false"),
        }),
    }
}

fn describe_snapshots(rds: &Rds, region: &RegionId, input: &Value) -> Result<Value, RdsError> {
    unfiltered(input)?;
    let (cluster, name) =
        (input.text_at("DBClusterIdentifier"), input.text_at("DBClusterSnapshotIdentifier"));
    let clusters: Vec<ShownCluster> = rds.describe_clusters(region, None)?;
    let wanted = rds.snapshots(region).filter(|snapshot| {
        cluster.is_none_or(|id| snapshot.arn.name() == id || snapshot.arn.as_str() == id)
            && name.is_none_or(|name| snapshot.name == name)
    });
    let shown = wanted.map(|snapshot| {
        let of = clusters.iter().find(|cluster| cluster.arn == snapshot.arn);
        xml::snapshot(snapshot, of)
    });
    Ok(Value::map([("DBClusterSnapshots", xml::list("DBClusterSnapshot", shown))]))
}
