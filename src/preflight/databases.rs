//! Databases: who writes, who could, and what that would lose.

use super::lasting;
use super::look::Looked;
use crate::core::databases::Loss;
use crate::domain::database::{DatabaseSpec, Eligibility, GlobalCluster};
use crate::domain::preflight::{Area, Finding};
use crate::domain::{DatabaseId, Fleet, RegionId};

pub(super) fn judge(fleet: &Fleet, looked: &Looked) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (database, spec) in &fleet.databases {
        if let Some(cluster) = described(database, spec, looked, &mut findings) {
            shape(database, spec, cluster, &mut findings);
            candidates(database, spec, cluster, looked, &mut findings);
        }
    }
    findings
}

/// What any member's Region shows. That one of them doesn't answer is told; that none does, too.
fn described<'l>(
    database: &DatabaseId,
    spec: &DatabaseSpec,
    looked: &'l Looked,
    findings: &mut Vec<Finding>,
) -> Option<&'l GlobalCluster> {
    let mut shown = None;
    let mut failed = Vec::new();
    for region in spec.members.keys() {
        match looked.databases.get(&(database.clone(), region.clone())) {
            Some(Ok(cluster)) => shown = shown.or(Some(cluster)),
            Some(Err(failure)) => failed.push((region, failure)),
            None => {}
        }
    }
    for (region, failure) in failed {
        let what = format!("RDS in {region} does not tell of {database}: {}", failure.what);
        let remedy = if lasting(failure) {
            "See that the global cluster is there, and rds:DescribeGlobalClusters allowed"
        } else {
            "Look whether the Region is reached"
        };
        findings.push(if shown.is_none() {
            Finding::stops(Area::Databases, what, remedy)
        } else {
            Finding::weakens(Area::Databases, what, remedy)
        });
    }
    shown
}

fn shape(
    database: &DatabaseId,
    spec: &DatabaseSpec,
    cluster: &GlobalCluster,
    findings: &mut Vec<Finding>,
) {
    if let Some(moving) = &cluster.moving {
        findings.push(Finding::note(
            Area::Databases,
            format!("the writer of {database} is on the move: {}", moving.stage.as_str()),
            "RDS refuses another move until this one has ended",
        ));
    } else if cluster.writer().is_none() {
        findings.push(Finding::stops(
            Area::Databases,
            format!("RDS shows no single writer of {database}"),
            "Look at it in the RDS console before anything else",
        ));
    }
    let connected = cluster.connected_secondaries().count();
    if connected < usize::from(spec.secondaries_wanted) {
        findings.push(Finding::weakens(
            Area::Databases,
            format!(
                "{connected} secondaries of {database} follow its writer, and {} are wanted",
                spec.secondaries_wanted
            ),
            "See in the RDS console what ails the others",
        ));
    }
}

/// Is there a copy that may become the writer, and would its loss be within the budget?
fn candidates(
    database: &DatabaseId,
    spec: &DatabaseSpec,
    cluster: &GlobalCluster,
    looked: &Looked,
    findings: &mut Vec<Finding>,
) {
    let mut usable = 0;
    for (region, _) in cluster.connected_secondaries() {
        let eligible =
            spec.members.get(region).is_some_and(|member| member.eligibility != Eligibility::Never);
        if !eligible {
            continue;
        }
        usable += 1;
        match loss(database, region, looked) {
            Ok(Some(loss)) if loss.high_ms <= u64::from(spec.loss_budget_ms) => {}
            Ok(Some(loss)) => findings.push(Finding::weakens(
                Area::Databases,
                format!(
                    "a failover of {database} to {region} could lose {} ms of writes, more than its \
                     budget of {} ms",
                    loss.high_ms, spec.loss_budget_ms
                ),
                "It would wait for a person's word: see why the copy is behind",
            )),
            Ok(None) => findings.push(Finding::note(
                Area::Databases,
                format!("CloudWatch has no figures of how far {database} in {region} is behind"),
                "A failover there would wait for a person's word",
            )),
            Err(what) => findings.push(Finding::weakens(
                Area::Databases,
                format!("how far {database} in {region} is behind can't be read: {what}"),
                "It takes cloudwatch:GetMetricData there; without, a failover waits for a person's word",
            )),
        }
    }
    if usable == 0 {
        findings.push(Finding::stops(
            Area::Databases,
            format!("no connected copy of {database} may become the writer"),
            "See in the RDS console why none follows, and `eligibility` in the Regions' files",
        ));
    }
}

fn loss(database: &DatabaseId, region: &RegionId, looked: &Looked) -> Result<Option<Loss>, String> {
    match looked.lags.get(&(database.clone(), region.clone())) {
        None => Ok(None),
        Some(Err(failure)) => Err(failure.what.clone()),
        Some(Ok(points)) => Ok(Loss::of(points, 0, 0)),
    }
}
