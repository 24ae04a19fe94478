//! What AWS itself says of a service in its own Region, as evidence beside the probes.
//!
//! | the Region's own agent reads | it counts as |
//! |---|---|
//! | some targets unhealthy | degraded by their share, when a quorum finds the service answering |
//! | no healthy target at all | that, and the Region's own vote against the service |
//! | an alarm in ALARM | the Region's own vote against the service |
//! | too little data, nothing readable, something stale | nothing: unknown is not bad |
//!
//! Signals only ever speak against a service: a load balancer that finds its targets well says
//! nothing of whether clients reach it. And they are one vote among the Regions', so that whatever
//! they say, a service is down only when an observer outside agrees. With no healthy target a load
//! balancer fails open and sends requests to all of them, which may well answer; only those who ask
//! from outside know.
//!
//! Old signals never come this far: the agent that reads them leaves out what is stale, and its
//! whole report is dropped when it grows old itself.

use super::verdict::{AGE_COUNTED_MS_MAX, DEGRADED_PERMILLE_MIN, Row, Vote};
use crate::domain::Target;
use crate::domain::signal::{ServiceSignals, TargetHealth};

/// What the agents of the target's own Region read of it.
pub fn signals_of<'a>(
    rows: &'a [Row<'a>],
    target: &'a Target,
) -> impl Iterator<Item = &'a ServiceSignals> {
    rows_inside(rows, target).map(|(_, signals)| signals)
}

fn rows_inside<'a>(
    rows: &'a [Row<'a>],
    target: &'a Target,
) -> impl Iterator<Item = (&'a Row<'a>, &'a ServiceSignals)> {
    rows.iter()
        .filter(|row| *row.region == target.region)
        .filter_map(|row| Some((row, row.signals.get(&target.service)?)))
}

/// The own Region's vote, given what its probes say. A complaint turns it: an agent that gets its
/// own health page while its load balancer finds no healthy target has been lucky. Of two times the
/// longer one counts, since either alone is a failure seen from inside.
pub(super) fn inside(probed: Vote, rows: &[Row<'_>], target: &Target) -> Vote {
    let complaint = rows_inside(rows, target)
        .filter(|(_, signals)| signals.complains())
        .filter_map(|(row, signals)| {
            Some(signals.complaint_ms?.saturating_add(row.age_ms.min(AGE_COUNTED_MS_MAX)))
        })
        .max();
    match (probed, complaint) {
        (vote, None) => vote,
        (Vote::Down { for_ms }, Some(complaint_ms)) => {
            Vote::Down { for_ms: for_ms.max(complaint_ms) }
        }
        (Vote::Up | Vote::Abstains, Some(for_ms)) => Vote::Down { for_ms },
    }
}

/// Unhealthy targets of a thousand. Of several agents that read one load balancer the least counts,
/// since the newest reading can't be told; and less than what degrades a service by its probes
/// counts for nothing: a load balancer sends no requests to a single unhealthy target of many.
pub(super) fn unhealthy_permille(rows: &[Row<'_>], target: &Target) -> u16 {
    signals_of(rows, target)
        .filter_map(|signals| signals.targets.as_ref().and_then(TargetHealth::unhealthy_permille))
        .min()
        .filter(|permille| *permille >= DEGRADED_PERMILLE_MIN)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::ballots::Ballots;
    use super::super::verdict::{Judged, Verdict};
    use super::*;
    use crate::domain::observation::Cell;
    use crate::domain::signal::{AlarmState, ZoneHealth};
    use crate::domain::{AgentId, CellState, RegionId, ServiceId};

    const WELL: &str = "u";
    const ILL: &str = "d";
    const SILENT: &str = ".";

    fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("valid")
    }

    fn targets(healthy: u32, unhealthy: u32, complaint_ms: Option<u64>) -> ServiceSignals {
        let zone = ZoneHealth { healthy, unhealthy, ..ZoneHealth::default() };
        ServiceSignals {
            targets: Some(TargetHealth { zones: [("a".to_owned(), zone)].into() }),
            complaint_ms,
            ..ServiceSignals::default()
        }
    }

    fn alarm(state: AlarmState, complaint_ms: Option<u64>) -> ServiceSignals {
        ServiceSignals {
            alarms: [(name("errors"), state)].into(),
            complaint_ms,
            ..ServiceSignals::default()
        }
    }

    /// Judges a service in `a`, as `a` itself, `b` and `c` see it, with what `a` reads of it.
    fn judged(seen: [&str; 3], signals: &ServiceSignals) -> Judged {
        judged_by(seen, signals, "a")
    }

    fn judged_by(seen: [&str; 3], signals: &ServiceSignals, reader: &str) -> Judged {
        let target = Target { region: name("a"), service: name("s") };
        let signals: BTreeMap<ServiceId, ServiceSignals> =
            [(target.service.clone(), signals.clone())].into();
        let none = BTreeMap::new();
        let agents: Vec<(AgentId, RegionId, BTreeMap<Target, Cell>)> = ["a", "b", "c"]
            .into_iter()
            .zip(seen)
            .filter(|(_, seen)| *seen != SILENT)
            .map(|(region, seen)| {
                let state = if seen == WELL { CellState::Up } else { CellState::Down };
                let cell = Cell {
                    state,
                    for_ms: 3000,
                    failed: 0,
                    window: 20,
                    failure: None,
                    latency_ms: None,
                };
                (name(region), name(region), [(target.clone(), cell)].into())
            })
            .collect();
        let rows: Vec<Row<'_>> = agents
            .iter()
            .map(|(agent, region, cells)| {
                let signals = if region.as_str() == reader { &signals } else { &none };
                Row { agent, region, cells, signals, age_ms: 10 }
            })
            .collect();
        let regions: BTreeSet<RegionId> = ["a", "b", "c"].map(name).into();
        let targets = [target];
        let ballots = Ballots::count(&rows, &regions, &targets);
        ballots.judge(&targets[0]).expect("counted")
    }

    #[test]
    fn targets_below_all_healthy_degrade_by_their_share() {
        let verdict = |signals| judged([WELL; 3], &signals).verdict;
        assert_eq!(verdict(targets(6, 0, None)), Verdict::Healthy);
        assert_eq!(verdict(targets(4, 2, None)), Verdict::Degraded { failed_permille: 333 });
        assert_eq!(verdict(targets(19, 1, None)), Verdict::Healthy, "one in twenty is not felt");
        assert_eq!(verdict(targets(0, 0, None)), Verdict::Healthy, "nothing checked, nothing said");
    }

    #[test]
    fn no_healthy_target_is_a_vote_but_not_a_verdict_while_outside_finds_it_answering() {
        let open = judged([WELL; 3], &targets(0, 6, Some(9000)));
        assert_eq!(open.verdict, Verdict::Degraded { failed_permille: 1000 });
        assert_eq!(open.votes[&name::<RegionId>("a")], Vote::Down { for_ms: 9010 });
    }

    #[test]
    fn a_complaint_and_one_observer_outside_are_a_majority() {
        for signals in [targets(0, 6, Some(9000)), alarm(AlarmState::Alarm, Some(9000))] {
            assert_eq!(judged([WELL, ILL, WELL], &signals).verdict, Verdict::Down);
            assert_eq!(judged([WELL, ILL, SILENT], &signals).verdict, Verdict::Down);
            let alone = judged([WELL, SILENT, SILENT], &signals).verdict;
            assert_eq!(alone, Verdict::Unknown, "inside alone condemns nobody");
            assert_eq!(judged([ILL, SILENT, SILENT], &signals).verdict, Verdict::Unknown);
        }
        let quiet = alarm(AlarmState::Ok, None);
        assert_eq!(judged([WELL, ILL, SILENT], &quiet).verdict, Verdict::Unknown);
    }

    #[test]
    fn a_failure_is_as_old_as_its_majority_not_as_its_oldest_alarm() {
        let judged = judged([WELL, ILL, WELL], &alarm(AlarmState::Alarm, Some(60_000)));
        assert_eq!(judged.failing_ms, 3010, "that of the one outside");
    }

    #[test]
    fn with_a_complaint_inside_it_is_down_and_not_merely_cut_off() {
        let verdict = |signals: &ServiceSignals| judged([WELL, ILL, ILL], signals).verdict;
        assert_eq!(verdict(&targets(6, 0, None)), Verdict::CutOff);
        assert_eq!(verdict(&targets(0, 6, Some(5000))), Verdict::Down);
    }

    #[test]
    fn too_little_data_and_nothing_readable_count_for_nothing() {
        let unread = ServiceSignals {
            troubles: vec!["target health: throttled".to_owned()],
            ..ServiceSignals::default()
        };
        for signals in [alarm(AlarmState::InsufficientData, None), unread] {
            let judged = judged([WELL, ILL, WELL], &signals);
            assert_eq!(judged.verdict, Verdict::Healthy);
            assert_eq!(judged.votes[&name::<RegionId>("a")], Vote::Up);
        }
    }

    #[test]
    fn good_signals_clear_nobody_and_others_regions_signals_do_not_count() {
        assert_eq!(judged([ILL, ILL, ILL], &targets(6, 0, None)).verdict, Verdict::Down);
        let elsewhere = judged_by([WELL, ILL, WELL], &alarm(AlarmState::Alarm, Some(9000)), "c");
        assert_eq!(elsewhere.verdict, Verdict::Healthy);
    }
}
