//! What Elastic Load Balancing and CloudWatch must say: every target once, alarms by their names, and
//! points as they were measured.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ground, LIMIT, Verdict, cases, fails, same, well};
use crate::domain::signal::{
    AlarmName, AlarmState, Datapoint, MetricId, MetricQuery, Statistic, TargetHealth,
};
use crate::domain::{FailureClass, RegionId};

cases! {
    "a target group's targets are told, each once" => counted,
    "targets of a group that no load balancer uses are neither healthy nor unhealthy" => unused,
    "a target group without targets has none" => no_targets,
    "a target group that is not there is an error" => no_group,
    "each state of an alarm is read as it was set" => states,
    "an alarm that is not there is missing" => no_alarm,
    "alarms are those of their own Region" => own_alarms,
    "alarms of more than a page come whole" => many_alarms,
    "points come oldest first, each period by its statistic" => statistics,
    "a metric without data has no points, beside one that has" => no_points,
    "metrics are told apart by their dimensions, and are those of their own Region" => apart,
    "points before the window are left out" => window,
}

/// How often a case looks whether points can be read: they come late.
const LOOKS_MAX: usize = 600;

const MINUTE_S: i64 = 60;

/// The minute that began this many minutes before the one that is under way.
fn minutes_ago(ground: &dyn Ground, minutes: i64) -> i64 {
    let now = ground.now_unix_s();
    now - now.rem_euclid(MINUTE_S) - minutes * MINUTE_S
}

fn metric(ground: &dyn Ground, balancer: &str) -> MetricId {
    MetricId {
        // Nobody else's: a ground has a zone of its own.
        namespace: ground.zone().1.as_str().trim_end_matches('.').to_owned(),
        name: "RequestCount".to_owned(),
        dimensions: BTreeMap::from([("LoadBalancer".to_owned(), balancer.to_owned())]),
    }
}

fn query(metric: &MetricId, statistic: Statistic, window_s: u32) -> MetricQuery {
    MetricQuery { metric: metric.clone(), statistic, period_s: 60, window_s }
}

/// Asks until there are so many points in all.
async fn points(
    ground: &dyn Ground,
    region: &RegionId,
    queries: &[MetricQuery],
    wanted: usize,
) -> Result<Vec<Vec<Datapoint>>, String> {
    for _ in 0..LOOKS_MAX {
        let read = well("reading", ground.signals().metrics(region, queries, LIMIT).await)?;
        if read.iter().map(Vec::len).sum::<usize>() >= wanted {
            return Ok(read);
        }
        ground.let_pass().await;
    }
    Err(format!("the {wanted} points that were put can't be read"))
}

async fn state_of(
    ground: &dyn Ground,
    region: &RegionId,
    names: &[AlarmName],
) -> Result<BTreeMap<AlarmName, AlarmState>, String> {
    let names: BTreeSet<AlarmName> = names.iter().cloned().collect();
    well("the alarms", ground.signals().alarms(region, &names, LIMIT).await)
}

/// Healthy, unhealthy, and neither.
fn counts(health: &TargetHealth) -> (u32, u32, u32) {
    let aside = health.zones.values().map(|zone| zone.aside).sum();
    (health.healthy(), health.unhealthy(), aside)
}

async fn counted(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let (three, one) = (
        ground.make_group(&here, "three", 3, true).await,
        ground.make_group(&here, "one", 1, true).await,
    );
    let health = well("three targets", ground.signals().target_health(&three, LIMIT).await)?;
    same("three targets", &counts(&health), &(3, 0, 0))?;
    let health = well("one target", ground.signals().target_health(&one, LIMIT).await)?;
    same("one target", &counts(&health), &(1, 0, 0))
}

async fn unused(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let group = ground.make_group(&here, "unused", 2, false).await;
    let health = well("the targets", ground.signals().target_health(&group, LIMIT).await)?;
    same("the targets", &counts(&health), &(0, 0, 2))
}

async fn no_targets(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let group = ground.make_group(&here, "empty", 0, true).await;
    let health = well("the targets", ground.signals().target_health(&group, LIMIT).await)?;
    same("the targets", &counts(&health), &(0, 0, 0))
}

async fn no_group(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let there = ground.make_group(&here, "there", 1, true).await;
    let absent = there.as_str().replace("there/", "where/").parse().expect("an ARN");
    let health = ground.signals().target_health(&absent, LIMIT).await;
    fails("a group that is not there", health, FailureClass::Permanent)
}

async fn states(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let mut wanted = BTreeMap::new();
    for state in AlarmState::ALL {
        wanted.insert(ground.make_alarm(&here, state.as_str(), state).await, state);
    }
    let names: Vec<AlarmName> = wanted.keys().cloned().collect();
    same("the states", &state_of(ground, &here, &names).await?, &wanted)?;
    let (one, state) = wanted.pop_first().expect("three");
    let alone = state_of(ground, &here, std::slice::from_ref(&one)).await?;
    same("one of them", &alone, &BTreeMap::from([(one, state)]))
}

async fn no_alarm(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let there = ground.make_alarm(&here, "there", AlarmState::Ok).await;
    let absent: AlarmName = format!("{}-absent", there.as_str()).parse().expect("a name");
    let found = state_of(ground, &here, &[there.clone(), absent]).await?;
    same("the states", &found, &BTreeMap::from([(there, AlarmState::Ok)]))
}

async fn own_alarms(ground: &dyn Ground) -> Verdict {
    let (here, there) = ground.regions();
    let name = ground.make_alarm(&here, "one", AlarmState::Alarm).await;
    let of = std::slice::from_ref(&name);
    same("there", &state_of(ground, &there, of).await?, &BTreeMap::new())?;
    same("here", &state_of(ground, &here, of).await?, &BTreeMap::from([(name, AlarmState::Alarm)]))
}

async fn many_alarms(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let mut names = Vec::new();
    for n in 0..130 {
        let label = format!("many-{n:03}");
        names.push(ground.make_alarm(&here, &label, AlarmState::InsufficientData).await);
    }
    let found = state_of(ground, &here, &names).await?;
    same("how many", &found.len(), &names.len())
}

async fn statistics(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let metric = metric(ground, "app/web/1");
    let (before, after) = (minutes_ago(ground, 5), minutes_ago(ground, 3));
    for (at_unix_s, value) in [(after, 8.0), (before, 1.0), (before + 20, 5.0)] {
        ground.put_point(&here, &metric, at_unix_s, value).await;
    }
    let queries = Statistic::ALL.map(|statistic| query(&metric, statistic, 900));
    let found = points(ground, &here, &queries, 2 * Statistic::ALL.len()).await?;
    for (statistic, found) in Statistic::ALL.into_iter().zip(found) {
        let (first, second) = match statistic {
            Statistic::Sum => (6.0, 8.0),
            Statistic::Average => (3.0, 8.0),
            Statistic::Minimum => (1.0, 8.0),
            Statistic::Maximum => (5.0, 8.0),
            Statistic::SampleCount => (2.0, 1.0),
        };
        let wanted = vec![
            Datapoint { at_unix_s: before, value: first },
            Datapoint { at_unix_s: after, value: second },
        ];
        same(statistic.as_str(), &found, &wanted)?;
    }
    Ok(())
}

async fn no_points(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let at_unix_s = minutes_ago(ground, 2);
    let (with, without) = (metric(ground, "app/web/1"), metric(ground, "app/none/1"));
    ground.put_point(&here, &with, at_unix_s, 7.0).await;
    let queries = [&without, &with, &without].map(|metric| query(metric, Statistic::Sum, 600));
    let found = points(ground, &here, &queries, 1).await?;
    same("the points", &found, &vec![vec![], vec![Datapoint { at_unix_s, value: 7.0 }], vec![]])
}

async fn apart(ground: &dyn Ground) -> Verdict {
    let (here, there) = ground.regions();
    let at_unix_s = minutes_ago(ground, 2);
    let metrics = ["app/web/1", "app/api/1"].map(|balancer| metric(ground, balancer));
    for (metric, value) in metrics.iter().zip([1.0, 2.0]) {
        ground.put_point(&here, metric, at_unix_s, value).await;
    }
    ground.put_point(&there, &metrics[0], at_unix_s, 4.0).await;
    let queries = metrics.each_ref().map(|metric| query(metric, Statistic::Sum, 600));
    let point = |value| vec![Datapoint { at_unix_s, value }];
    let found = points(ground, &here, &queries, 2).await?;
    same("here", &found, &vec![point(1.0), point(2.0)])?;
    let found = points(ground, &there, &queries, 1).await?;
    same("there", &found, &vec![point(4.0), vec![]])
}

async fn window(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let metric = metric(ground, "app/web/1");
    let (old, new) = (minutes_ago(ground, 30), minutes_ago(ground, 2));
    ground.put_point(&here, &metric, old, 1.0).await;
    ground.put_point(&here, &metric, new, 2.0).await;
    let queries = [query(&metric, Statistic::Sum, 3600), query(&metric, Statistic::Sum, 600)];
    let found = points(ground, &here, &queries, 3).await?;
    let (old, new) =
        (Datapoint { at_unix_s: old, value: 1.0 }, Datapoint { at_unix_s: new, value: 2.0 });
    same("the points", &found, &vec![vec![old, new], vec![new]])
}
