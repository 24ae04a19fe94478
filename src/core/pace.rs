//! How fast Route 53 is asked, and which zone comes first.
//!
//! Route 53 takes few requests from an account, for all its zones together. A leader of many zones that
//! asks for all of them at once is throttled, and what takes a Region out then waits for a claim or an
//! audit of another zone. So requests are spent as they come in, the most urgent zone's first: one
//! that takes a Region out, then one in which something else is to change, then looks whether all is as
//! it was left. What is urgent may use up the bucket that newer accounts have; the rest keeps to the
//! rate that holds for all.
//!
//! A fleet of one zone has no use for it: its calls come one after another.

use std::time::Duration;

use crate::domain::Moment;

/// Between two requests: four a second. Route 53 takes five from an account (Route 53 Developer Guide,
/// "Quotas", maximums on API requests), and people and other tools need one.
const REQUEST: Duration = Duration::from_millis(250);

/// Requests that may come at once, beyond the rate.
const BURST: u32 = 8;

/// As [`BURST`], for what is urgent: newer accounts have a bucket of 50 ("Throttling for Amazon Route 53
/// API requests"); where it is smaller some calls are throttled, and asked again.
const URGENT_BURST: u32 = 40;

/// How much a zone's call matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// A Region is to be taken out.
    TakesOut,
    /// Something else is to change, or nobody knows.
    Changes,
    /// All was as it should be.
    Audit,
}

/// See the file's opening. None for a fleet of one zone.
#[derive(Debug, Clone)]
pub(super) struct Pace(Option<Moment>);

impl Pace {
    pub(super) fn new(now: Moment, zones: usize) -> Self {
        Self((zones > 1).then_some(now))
    }

    /// When the next call of this urgency may be made.
    pub(super) fn free_at(&self, urgency: Urgency) -> Moment {
        let burst = if urgency == Urgency::TakesOut { URGENT_BURST } else { BURST };
        let room = u64::try_from((REQUEST * burst).as_millis()).unwrap_or(u64::MAX);
        self.0.map_or(Moment::ZERO, |spent| Moment::from_ms(spent.as_ms().saturating_sub(room)))
    }

    /// So many requests are made.
    pub(super) fn spend(&mut self, now: Moment, requests: u32) {
        if let Some(spent) = &mut self.0 {
            *spent = (*spent).max(now) + REQUEST * requests;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::call::{Command, Outbox, Request};
    use super::super::kept::Kept;
    use super::super::testing::{gated_fleet, weights};
    use super::super::zones::{self, Mandate, Zone};
    use super::*;
    use crate::domain::fleet::Service;
    use crate::domain::gate::GateScope;
    use crate::domain::record::DnsName;
    use crate::domain::{Epoch, ZoneId};

    #[test]
    fn beyond_the_burst_the_rate_is_kept_and_what_is_urgent_goes_ahead() {
        let start = Moment::from_ms(60_000);
        let mut pace = Pace::new(start, 2);
        let mut made = 0;
        while pace.free_at(Urgency::Audit) <= start {
            pace.spend(start, 1);
            made += 1;
        }
        assert_eq!(made, BURST + 1);
        assert!(pace.free_at(Urgency::TakesOut) <= start, "a drain does not wait for audits");
        assert_eq!(pace.free_at(Urgency::Changes), start + REQUEST);
        pace.spend(start, URGENT_BURST);
        assert!(pace.free_at(Urgency::TakesOut) > start, "it has a limit, too");
    }

    /// A leader of forty zones, in virtual time, with every read answered at once.
    #[test]
    fn of_many_zones_the_one_that_takes_a_region_out_is_first_and_all_together_keep_to_the_rate() {
        const ZONES: usize = 40;
        let mut fleet = gated_fleet(GateScope::Region);
        let one = fleet.services.values().next().expect("one").clone();
        let zone_id = |n: usize| format!("Z{n:02}").parse::<ZoneId>().expect("valid");
        fleet.zones =
            (0..ZONES).map(|n| (zone_id(n), "example.".parse().expect("valid"))).collect();
        fleet.services = (0..ZONES)
            .map(|n| {
                let service = Service { zone: zone_id(n), ..one.clone() };
                (format!("s{n:02}").parse().expect("valid"), service)
            })
            .collect();
        let wanted = weights(&fleet, &[("s31", "r1", 0)]);
        let kept = Kept::default();
        let start = Moment::from_ms(60_000);
        let fence: DnsName = "_regent-f.example.".parse().expect("valid");
        let new = |zone: &ZoneId| (zone.clone(), Zone::new(start, zone.clone(), fence.clone()));
        let mut zones: BTreeMap<ZoneId, Zone> = fleet.zones.keys().map(new).collect();
        let mut pace = Pace::new(start, ZONES);
        let mut asked: Vec<(Moment, ZoneId)> = Vec::new();
        for step in 0..700_u64 {
            let now = start + Duration::from_millis(50 * step);
            let (lease_end, renewed_from) = (now + Duration::from_secs(60), now);
            let mandate =
                Mandate { epoch: Epoch(1), wanted: &wanted, lease_end, renewed_from, kept: &kept };
            let mut out = Outbox::default();
            zones::drive(&mut zones, now, &fleet, &mandate, &mut pace, &mut out);
            for command in out.take() {
                let Command::Call { request: Request::ReadZone { zone, .. }, .. } = command else {
                    continue;
                };
                asked.push((now, zone));
            }
        }
        assert_eq!(asked.len(), ZONES, "each once: nobody answers");
        assert_eq!(asked[0], (start, zone_id(31)));
        // Three requests each: fence, records, and a change that may follow.
        for (at, _) in &asked {
            let until = *at + Duration::from_secs(1);
            let within = asked.iter().filter(|(other, _)| other >= at && *other < until).count();
            assert!(
                within * 3 <= usize::try_from(BURST).expect("few") + 3 + 5,
                "{within} at {at:?}"
            );
        }
        let (last, _) = asked.last().expect("forty");
        assert!(last.since(start) >= REQUEST * 100, "three for each, less the burst");
    }

    #[test]
    fn a_single_zone_is_never_kept_waiting() {
        let mut pace = Pace::new(Moment::ZERO, 1);
        pace.spend(Moment::ZERO, 10_000);
        assert_eq!(pace.free_at(Urgency::Audit), Moment::ZERO);
    }
}
