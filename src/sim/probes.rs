//! Probes as agents make them: a connection, a request, an answer in time or not.

use std::time::Duration;

use crate::core::ProbeId;
use crate::domain::observation::Phases;
use crate::domain::seat::BootId;
use crate::domain::{Moment, ProbeFailure, Sample, Target};
use crate::world::apps::Reaction;
use crate::world::network::Place;

use super::engine::{Due, Sim};
use super::fate::Lot;

impl Sim {
    pub(super) fn send_probe(
        &mut self,
        agent: usize,
        boot: BootId,
        probe: ProbeId,
        target: Target,
    ) {
        let to = Place::Region(target.region.clone());
        let timeout = self.timeout(&target);
        let sent = self.now;
        let mut lot = Lot::new(self.options.seed, [self.name_of(agent, 2), boot.0, probe.0]);
        let lost_odds = u64::from(self.options.fates.probe_lost);
        let lost = lost_odds > 0 && lot.up_to(9_999) < lost_odds;
        if lost {
            self.coverage.count_fault("probe lost");
        }
        match self.way(self.place(agent), &to, &mut lot).filter(|_| !lost) {
            // Connecting and the TLS handshake take a round trip each, the request another way.
            Some(way) if way * 5 < timeout => {
                let due = Due::Probe { agent, boot, probe, target, sent };
                self.enqueue(self.now + way * 5, due);
            }
            _ => {
                let sample = failed(ProbeFailure::ConnectTimeout, timeout);
                self.enqueue(self.now + timeout, Due::Probed { agent, boot, probe, sample });
            }
        }
    }

    fn timeout(&self, target: &Target) -> Duration {
        let spec = self.fleet.services.get(&target.service).map(|service| &service.probe);
        Duration::from_millis(spec.map_or(0, |spec| spec.timeout_ms.into()))
    }

    pub(super) fn probe_arrives(
        &mut self,
        agent: usize,
        boot: BootId,
        probe: ProbeId,
        target: &Target,
        sent: Moment,
    ) {
        let there = Place::Region(target.region.clone());
        let timeout = self.timeout(target);
        let passed = self.now.since(sent);
        let latest = sent + timeout;
        let mut lot = Lot::new(self.options.seed, [self.name_of(agent, 3), boot.0, probe.0]);
        let back = self.way(&there, self.place(agent), &mut lot);
        let (at, sample) = match (self.world.apps.serve(target), back) {
            (_, None) => (latest, failed(ProbeFailure::AnswerTimeout, timeout)),
            (Reaction::Refuse, Some(back)) => {
                (self.now + back, failed(ProbeFailure::Refused, passed + back))
            }
            (Reaction::Answer { status, after }, Some(back)) => {
                let total = passed + after + back;
                if total >= timeout {
                    (latest, failed(ProbeFailure::AnswerTimeout, timeout))
                } else {
                    let spec = self.fleet.services.get(&target.service).map(|s| &s.probe);
                    let right = spec.is_some_and(|spec| spec.accepts(status));
                    let late = spec.is_some_and(|spec| {
                        total > Duration::from_millis(spec.latency_ms_max.into())
                    });
                    let failure = match (right, late) {
                        (false, _) => Some(ProbeFailure::Status),
                        (true, true) => Some(ProbeFailure::Slow),
                        (true, false) => None,
                    };
                    (self.now + after + back, sample(failure, total))
                }
            }
        };
        self.enqueue(at.max(self.now), Due::Probed { agent, boot, probe, sample });
    }
}

fn sample(failure: Option<ProbeFailure>, total: Duration) -> Sample {
    let total_ms = u32::try_from(total.as_millis()).unwrap_or(u32::MAX);
    let phases = Phases { total_ms, ..Phases::default() };
    Sample { failure, phases, ..Sample::default() }
}

fn failed(failure: ProbeFailure, total: Duration) -> Sample {
    sample(Some(failure), total)
}
