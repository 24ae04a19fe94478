//! Believing nothing until the name servers say so.
//!
//! After every change of what is wanted the leader asks each zone's own name servers, again and again
//! until they answer accordingly, whichever way that came about: gates or records. From then on it asks
//! now and then. Nothing is decided by it: a difference is told to people.
//!
//! The rule. Of all answers together, one that leads to a Region which must not be answered is a
//! difference, and so is one that leads nowhere; name servers choose by chance, so that a share is
//! compared with room for chance. By Hoeffding's inequality `n` answers miss their expected share by
//! more than `t` of them with a probability of at most `2·exp(-2t²/n)`. With `t² = 7.26·n` that is one in
//! a million for each look at each Region; and a difference of shares counts only when it is seen twice
//! in a row. For 96 answers `t` is 26: it notices a Region that is not answered at all from a share of
//! 28 % on, and it cries wolf never.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::answers::{AnswersReport, Heard, Question};
use crate::domain::control::Weights;
use crate::domain::fleet::Service;
use crate::domain::record::RecordData;
use crate::domain::{Fleet, Moment, RegionId, ServiceId, StateName, Weight};

use super::call::{Outbox, Outcome, Purpose, Request, Response};
use super::note::Note;

/// Answers in a look; see the rule.
const TIMES: u16 = 96;

/// Before the first look at what was just committed: neither gates nor records are quicker.
const FIRST_AFTER: Duration = Duration::from_secs(2);

/// Between looks until the answers are as wanted.
const SOON: Duration = Duration::from_secs(5);

/// Between looks afterwards. Route 53 bills queries: 96 answers every five minutes are some 830,000 a
/// month, $0.33 at list price ("Amazon Route 53 pricing", standard queries).
const LATER: Duration = Duration::from_secs(300);

/// Limit of a look.
const LIMIT_MS: u32 = 4_000;

/// Answers without which nothing is said.
const ANSWERS_MIN: u32 = 24;

/// `t²/n` of the rule, in thousandths: `ln(2 / 10⁻⁶) / 2`.
const ROOM_PERMILLE: u128 = 7_255;

/// Looks in a row that must show a difference before it is told.
const MISSES_TOLD: u32 = 2;

/// Seconds that an alias to a load balancer may be kept (Route 53 Developer Guide, "Values specific for
/// simple alias records").
const ALIAS_TTL_S: u32 = 60;

type Shares = BTreeMap<RegionId, Weight>;

/// What is known of one service's answers.
#[derive(Debug, Clone)]
struct Known {
    wanted: Shares,
    due: Moment,
    /// When the look under way began.
    asking: Option<Moment>,
    /// When the first look began that found all as wanted.
    verified: Option<Moment>,
    misses: u32,
    difference: Option<String>,
    trouble: Option<String>,
    answers: u32,
    servers: u32,
}

/// See the file's opening.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// The state whose weights `known` goes by.
    of: Option<StateName>,
    known: BTreeMap<ServiceId, Known>,
}

impl Answers {
    /// What was seen under an earlier leadership does not count.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Asks what is due: one look at a time, lest a fleet of many services asks all at once.
    /// `name` is that of the state which wants these weights.
    pub(super) fn drive(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        (name, wanted): (StateName, &Weights),
        out: &mut Outbox,
    ) {
        if !fleet.records.verify {
            return;
        }
        if self.of != Some(name) {
            self.of = Some(name);
            self.follow(now, fleet, wanted);
        }
        if self.known.values().any(|known| known.asking.is_some()) {
            return;
        }
        let due = self.known.iter_mut().filter(|(_, known)| known.due <= now);
        let Some((service, known)) = due.min_by_key(|(_, known)| known.due) else { return };
        let Some(spec) = fleet.services.get(service) else { return };
        known.asking = Some(now);
        let leads = spec.regions.iter().map(|(region, place)| (region.clone(), place.data.clone()));
        let question = Question {
            zone: spec.zone.clone(),
            key: spec.key(),
            leads: leads.collect(),
            times: TIMES,
        };
        let purpose = Purpose::Names { service: service.clone(), asked_at: now };
        out.call(now, LIMIT_MS, purpose, Request::AskNames { question });
    }

    /// Begins anew with the services of which something else is wanted.
    fn follow(&mut self, now: Moment, fleet: &Fleet, wanted: &Weights) {
        for (service, spec) in &fleet.services {
            let Some(wanted) = wanted.get(service) else { continue };
            let wanted = spec.record_shares(wanted);
            let known = self.known.get(service);
            if known.is_none_or(|known| known.wanted != wanted) {
                // An answer under way is of the time before: it is not awaited.
                self.known.insert(service.clone(), Known::new(now, wanted));
            }
        }
    }

    /// When something is next due.
    pub(super) fn next_wake(&self) -> Moment {
        if self.known.values().any(|known| known.asking.is_some()) {
            return Moment::NEVER;
        }
        self.known.values().map(|known| known.due).min().unwrap_or(Moment::NEVER)
    }

    /// Takes in the end of a look; true when there is something new to tell.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        service: &ServiceId,
        asked_at: Moment,
        outcome: Outcome,
        out: &mut Outbox,
    ) -> bool {
        let Some(known) = self.known.get_mut(service) else { return false };
        if known.asking != Some(asked_at) {
            return false;
        }
        known.asking = None;
        let heard = match outcome {
            Ok(Response::Names(heard)) => heard,
            Ok(_) => Vec::new(),
            Err(refusal) => {
                known.due = now + SOON;
                let trouble = Some(refusal.to_string());
                let new = known.trouble != trouble;
                known.trouble = trouble;
                return new;
            }
        };
        known.trouble = None;
        let (verified, difference) = (known.verified.is_some(), known.difference.clone());
        known.take(now, asked_at, &heard);
        if let (true, Some(at)) = (!verified, known.verified) {
            let service = service.clone();
            out.note(Note::AnswersVerified { service, answers: known.answers, at });
        }
        if known.difference != difference {
            let (service, difference) = (service.clone(), known.difference.clone());
            out.note(Note::AnswersDiffer { service, difference });
            return true;
        }
        verified != known.verified.is_some()
    }

    /// What is to be told of it. `wall` gives the date of a moment.
    pub(super) fn shown(
        &self,
        fleet: &Fleet,
        wall: impl Fn(Moment) -> String,
    ) -> BTreeMap<ServiceId, AnswersReport> {
        let one = |(service, known): (&ServiceId, &Known)| {
            let spec = fleet.services.get(service)?;
            let held = |at| wall(at + Duration::from_secs(u64::from(ttl_s_max(spec))));
            let report = AnswersReport {
                verified_at: known.verified.map(&wall),
                held_until: known.verified.map(held),
                difference: known.difference.clone(),
                trouble: known.trouble.clone(),
                answers: known.answers,
                servers: known.servers,
            };
            Some((service.clone(), report))
        };
        self.known.iter().filter_map(one).collect()
    }
}

/// The longest that an answer of this service may be kept, in seconds.
fn ttl_s_max(spec: &Service) -> u32 {
    let ttl_s = |data: &RecordData| match data {
        RecordData::Plain { ttl_s, .. } => *ttl_s,
        RecordData::Alias { .. } => ALIAS_TTL_S,
    };
    spec.regions.values().map(|place| ttl_s(&place.data)).max().unwrap_or(0)
}

impl Known {
    fn new(now: Moment, wanted: Shares) -> Self {
        Self {
            wanted,
            due: now + FIRST_AFTER,
            asking: None,
            verified: None,
            misses: 0,
            difference: None,
            trouble: None,
            answers: 0,
            servers: 0,
        }
    }

    fn take(&mut self, now: Moment, asked_at: Moment, heard: &[Heard]) {
        self.answers = heard.iter().map(Heard::answers).sum();
        let answering = heard.iter().filter(|one| one.answers() > 0).count();
        self.servers = u32::try_from(answering).unwrap_or(u32::MAX);
        if self.answers < ANSWERS_MIN {
            self.trouble = Some(format!("{} answers are too few to tell", self.answers));
            self.due = now + SOON;
            return;
        }
        match difference(&self.wanted, heard) {
            None => {
                self.misses = 0;
                self.difference = None;
                self.verified = self.verified.or(Some(asked_at));
                self.due = now + LATER;
            }
            Some(difference) => {
                self.misses += 1;
                self.due = now + SOON;
                if self.misses >= MISSES_TOLD {
                    self.verified = None;
                    self.difference = Some(difference);
                }
            }
        }
    }
}

/// How these answers differ from what is wanted; none when they don't, beyond chance.
fn difference(wanted: &Shares, heard: &[Heard]) -> Option<String> {
    let total: u32 = wanted.values().map(|weight| u32::from(weight.0)).sum();
    if total == 0 {
        // All at weight 0 are answered alike; nothing of ours brings that about.
        return None;
    }
    let answers: u32 = heard.iter().map(Heard::answers).sum();
    let others: u32 = heard.iter().map(|one| one.others).sum();
    if others > 0 {
        let by = servers(heard, |one| one.others);
        return Some(format!("{others} of {answers} answers lead to none of its Regions ({by})"));
    }
    let of = |region: &RegionId, one: &Heard| one.counts.get(region).copied().unwrap_or(0);
    for (region, weight) in wanted {
        let count: u32 = heard.iter().map(|one| of(region, one)).sum();
        if !weight.serves() && count > 0 {
            let by = servers(heard, |one| of(region, one));
            return Some(format!(
                "{region} is answered {count} of {answers} times, and must not be ({by})"
            ));
        }
    }
    for (region, weight) in wanted {
        let count: u32 = heard.iter().map(|one| of(region, one)).sum();
        let expected = u64::from(answers) * u64::from(weight.0);
        let off = (u64::from(count) * u64::from(total)).abs_diff(expected);
        // (count - n·w/W)² > t², in whole numbers.
        let room = ROOM_PERMILLE * u128::from(answers) * u128::from(total).pow(2);
        if u128::from(off).pow(2) * 1_000 > room {
            return Some(format!(
                "{region} is answered {count} of {answers} times, and {weight} of {total} is wanted"
            ));
        }
    }
    None
}

/// The servers that gave such answers, and how many.
fn servers(heard: &[Heard], count: impl Fn(&Heard) -> u32) -> String {
    let gave = heard.iter().filter(|one| count(one) > 0);
    gave.map(|one| format!("{} {}", one.server, count(one))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> RegionId {
        name.parse().expect("valid")
    }

    fn shares(shares: &[(&str, u8)]) -> Shares {
        shares.iter().map(|(name, weight)| (region(name), Weight(*weight))).collect()
    }

    fn heard(server: &str, counts: &[(&str, u32)], others: u32) -> Heard {
        let counts = counts.iter().map(|(name, count)| (region(name), *count)).collect();
        Heard { server: server.to_owned(), counts, others, silent: 0 }
    }

    const THIRDS: &[(&str, u8)] = &[("r1", 100), ("r2", 100), ("r3", 100)];

    #[test]
    fn a_share_may_miss_by_what_chance_allows_and_no_more() {
        let of = |r1, r2, r3| {
            difference(&shares(THIRDS), &[heard("a", &[("r1", r1), ("r2", r2), ("r3", r3)], 0)])
        };
        assert_eq!(of(32, 32, 32), None);
        assert_eq!(of(50, 32, 14), None, "26 more or less than 32 is chance");
        assert!(of(96, 0, 0).is_some_and(|told| told.contains("r1 is answered 96 of 96")));
        assert!(of(48, 48, 0).is_some_and(|told| told.contains("r3 is answered 0 of 96")));
        // A small share can be missing altogether by chance; it can't take the half.
        let small = shares(&[("r1", 250), ("r2", 5)]);
        assert_eq!(difference(&small, &[heard("a", &[("r1", 96)], 0)]), None);
        assert!(difference(&small, &[heard("a", &[("r1", 48), ("r2", 48)], 0)]).is_some());
    }

    #[test]
    fn one_answer_is_enough_for_a_region_that_must_not_be_answered_and_its_server_is_named() {
        let wanted = shares(&[("r1", 0), ("r2", 100)]);
        let told = difference(
            &wanted,
            &[heard("ns-1", &[("r2", 48)], 0), heard("ns-2", &[("r1", 1), ("r2", 47)], 0)],
        );
        let expected = "r1 is answered 1 of 96 times, and must not be (ns-2 1)";
        assert_eq!(told.as_deref(), Some(expected));
        let stray = difference(&wanted, &[heard("ns-1", &[("r2", 90)], 6)]);
        assert_eq!(stray.as_deref(), Some("6 of 96 answers lead to none of its Regions (ns-1 6)"));
    }

    #[test]
    fn where_all_weights_are_zero_nothing_is_compared() {
        let nothing = shares(&[("r1", 0), ("r2", 0)]);
        assert_eq!(difference(&nothing, &[heard("a", &[("r1", 96)], 0)]), None);
    }

    fn fleet() -> Fleet {
        let mut fleet = crate::core::testing::gated_fleet(crate::domain::gate::GateScope::Region);
        fleet.services.remove(&"api".parse().expect("valid"));
        fleet.records.verify = true;
        fleet
    }

    /// Drives it to its next look, and answers that.
    fn look(
        answers: &mut Answers,
        out: &mut Outbox,
        now: &mut Moment,
        wanted: &Weights,
        counts: &[(&str, u32)],
    ) -> Vec<super::super::Command> {
        *now = (*now).max(answers.next_wake().min(*now + LATER));
        answers.drive(*now, &fleet(), (StateName::GENESIS, wanted), out);
        let asked = out.take();
        assert_eq!(asked.len(), 1, "{asked:?}");
        let web = "web".parse().expect("valid");
        let outcome = Ok(Response::Names(vec![heard("ns-1", counts, 0)]));
        answers.answered(*now, &web, *now, outcome, out);
        out.take()
    }

    #[test]
    fn it_asks_until_the_answers_are_as_wanted_and_tells_a_difference_that_stays() {
        let (mut answers, mut out) = (Answers::default(), Outbox::default());
        let wanted = crate::core::testing::weights(&fleet(), &[("web", "r1", 0)]);
        let wanted: Weights =
            wanted.into_iter().filter(|(name, _)| name.as_str() == "web").collect();
        let mut now = Moment::from_ms(10_000);
        answers.drive(now, &fleet(), (StateName::GENESIS, &wanted), &mut out);
        assert!(out.take().is_empty(), "nothing can have come of it yet");
        now = now + FIRST_AFTER;
        let both = [("r1", 48), ("r2", 48)];
        assert!(
            look(&mut answers, &mut out, &mut now, &wanted, &both).is_empty(),
            "once is too early"
        );
        let told = look(&mut answers, &mut out, &mut now, &wanted, &both);
        assert_eq!(told.len(), 1, "{told:?}");
        let shown = |answers: &Answers| {
            let shown = answers.shown(&fleet(), |at| at.as_ms().to_string());
            shown.into_values().next().expect("web")
        };
        assert!(shown(&answers).difference.is_some_and(|told| told.contains("r1 is answered 48")));
        assert_eq!(shown(&answers).verified_at, None);

        let told = look(&mut answers, &mut out, &mut now, &wanted, &[("r2", 96)]);
        assert_eq!(told.len(), 2, "verified, and no difference any more: {told:?}");
        let AnswersReport { verified_at, held_until, difference, answers: count, .. } =
            shown(&answers);
        assert_eq!((verified_at, difference, count), (Some(now.as_ms().to_string()), None, 96));
        let last = now + Duration::from_secs(60);
        assert_eq!(
            held_until,
            Some(last.as_ms().to_string()),
            "the TTL of what was answered before"
        );
        assert_eq!(answers.next_wake(), now + LATER);

        // Something else is wanted: it begins again.
        let back = crate::core::testing::weights(&fleet(), &[]);
        let next = StateName { seq: 1, ..StateName::GENESIS };
        answers.drive(now, &fleet(), (next, &back), &mut out);
        assert_eq!(shown(&answers).verified_at, None);
        assert_eq!(answers.next_wake(), now + FIRST_AFTER);
    }

    #[test]
    fn name_servers_that_do_not_answer_are_asked_again_and_told_of() {
        let (mut answers, mut out) = (Answers::default(), Outbox::default());
        let wanted = crate::core::testing::weights(&fleet(), &[]);
        let now = Moment::from_ms(10_000);
        answers.drive(now, &fleet(), (StateName::GENESIS, &wanted), &mut out);
        let now = answers.next_wake();
        answers.drive(now, &fleet(), (StateName::GENESIS, &wanted), &mut out);
        let web = "web".parse().expect("valid");
        let silent = crate::domain::CallFailure::transient("no answer");
        let outcome = Err(super::super::Refusal::Failed(silent));
        assert!(answers.answered(now, &web, now, outcome, &mut out));
        assert_eq!(answers.next_wake(), now + SOON);
    }
}
