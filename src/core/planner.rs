//! Which weights are wanted, given what is known.
//!
//! A pure function: the same inputs give the same plan, today and in a replay. It knows three moves.
//! A Region that is down or cut off for the dwell goes to weight 0, unless too few would be left in
//! service or most look bad at once. A Region at 0 that was healthy for long enough gets its
//! configured share back in one step. One that a person has drained goes to 0 and stays there, if
//! enough others answer. The first two wait for consent where the fleet may not go by itself.
//!
//! A service that writes only beside its database's writer is in service there and nowhere else: it
//! follows the writer, and as long as nobody knows where that is, it stays as it is.
//!
//! It does not know records, fences or leases: `zones` brings about what is committed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::breakage::{Breakage, broken};
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::fleet::Rules;
use crate::domain::steering::HeldOut;
use crate::domain::{RegionId, ServiceId, Weight};

use super::explain::{Blocked, Change, Obstacle, Reason};
use super::health::Verdict;

/// Everything that the planner looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// What is allowed.
    pub rules: Rules,
    /// How far the fleet may go with each kind of action; those that aren't named, all the way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub autonomy: BTreeMap<ActionKind, Autonomy>,
    /// Each service in each of its Regions.
    pub services: BTreeMap<ServiceId, BTreeMap<RegionId, Placed>>,
}

/// A service in one Region, as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Its configured weight.
    pub share: Weight,
    /// The weight wanted so far; none if no state has it yet.
    pub wanted: Option<Weight>,
    /// How it is.
    pub verdict: Verdict,
    /// For how long, in milliseconds: for `Down` and `CutOff` since the start of the first failed
    /// probe, as a quorum of observers has it; for the others since the leader first found it so.
    pub for_ms: u64,
    /// What AWS says against it in its own Region, in words, so that it is kept with the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
    /// Who keeps it out of service, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// What a person said to a change that asked for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// Where its writes would go from here, for a service that can write only beside the writer; none
    /// for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<Writes>,
    /// Whether its gate may still be shut at the name servers: then it is not counted upon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gate_in_doubt: bool,
}

/// Where a service that can write only beside its database's writer finds that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// In this Region.
    Here,
    /// In another one: here it can but read.
    Elsewhere,
    /// Nobody knows: it is not read yet, it can't be read, or it moves.
    Unknown,
}

/// What a person said to a change of weight, or that nobody said anything in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The weight that was asked about.
    pub to: Weight,
    /// Whether it may be.
    pub yes: bool,
}

impl Inputs {
    /// Only these services: since each is planned by itself, what is planned for them stays the
    /// same. A decision keeps the inputs of the services that it changes, no more.
    #[must_use]
    pub(super) fn of_services(mut self, keep: impl Fn(&ServiceId) -> bool) -> Self {
        self.services.retain(|service, _| keep(service));
        self
    }
}

impl Placed {
    /// A placement of which nobody has said anything.
    #[must_use]
    pub fn new(share: Weight, wanted: Option<Weight>, verdict: Verdict, for_ms: u64) -> Self {
        Self {
            share,
            wanted,
            verdict,
            for_ms,
            complaint: None,
            held_out: None,
            said: None,
            writes: None,
            gate_in_doubt: false,
        }
    }

    /// Whether it can be counted upon to answer whoever is sent there.
    fn answers(&self) -> bool {
        !matches!(self.verdict, Verdict::Down | Verdict::CutOff) && !self.gate_in_doubt
    }

    /// The most that it may have: its share, or the part of it that a person has left it.
    #[must_use]
    pub fn allowed(&self) -> Weight {
        self.held_out.as_ref().map_or(self.share, |held| held.limit(self.share))
    }

    /// Whether a person keeps it out of service altogether.
    fn is_drained(&self) -> bool {
        self.held_out.as_ref().is_some_and(|held| held.permille == 0)
    }

    /// Whether somebody sent here can do all that the service does, as far as its writes go.
    fn may_serve(&self) -> bool {
        self.writes.is_none_or(|writes| writes == Writes::Here)
    }

    fn in_service(&self) -> bool {
        self.wanted.unwrap_or(self.share).serves()
    }
}

impl Inputs {
    /// What keeps this action from being taken for want of consent.
    fn dissent(&self, action: ActionKind, placed: &Placed, to: Weight) -> Option<Obstacle> {
        let level = self.autonomy.get(&action).copied().unwrap_or(Autonomy::Auto);
        let said = placed.said.as_ref().filter(|said| said.to == to);
        match (level, said) {
            (Autonomy::Auto, _) => None,
            _ if broken(Breakage::ConsentNotNeeded) => None,
            (Autonomy::Approve, Some(Said { yes: true, .. })) => None,
            (Autonomy::Approve, Some(Said { yes: false, .. })) => Some(Obstacle::NotApproved),
            (level, _) => Some(Obstacle::Autonomy(level)),
        }
    }
}

/// What to do, and what can't be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Weights that change.
    pub changes: Vec<Change>,
    /// Changes that something is in the way of.
    pub blocked: Vec<Blocked>,
}

/// Plans for every service.
#[must_use]
pub fn plan(inputs: &Inputs) -> Plan {
    let mut plan = Plan::default();
    for (service, regions) in &inputs.services {
        plan_service(service, regions, inputs, &mut plan);
    }
    plan
}

fn plan_service(
    service: &ServiceId,
    regions: &BTreeMap<RegionId, Placed>,
    inputs: &Inputs,
    plan: &mut Plan,
) {
    let rules = &inputs.rules;
    // One that writes beside the writer is in service in one Region, whatever the rule.
    let beside_writer = regions.values().any(|placed| placed.writes.is_some());
    let fewest = usize::from(rules.fewest_in_service);
    let fewest = if beside_writer { fewest.min(1) } else { fewest };
    let mut change = |region: &RegionId, placed: &Placed, to: Weight, reason: Reason| {
        plan.changes.push(Change {
            service: service.clone(),
            region: region.clone(),
            from: placed.wanted,
            to,
            reason,
        });
    };
    let mut blocked = Vec::new();
    let mut block = |region: &RegionId, to: Weight, by: Obstacle| {
        blocked.push(Blocked { service: service.clone(), region: region.clone(), to, by });
    };

    // Those that come in are settled first: they count for those that go out.
    let mut serving: usize = 0;
    let mut answering: usize = 0;
    let mut leaving = Vec::new();
    let mut written_beside = false;
    for (region, placed) in regions {
        let bad = match placed.verdict {
            Verdict::Down => Some(Reason::Down),
            Verdict::CutOff => Some(Reason::CutOff),
            Verdict::Healthy | Verdict::Degraded { .. } | Verdict::Unknown => None,
        };
        if placed.in_service() {
            serving += 1;
            answering += usize::from(placed.answers());
            written_beside |= placed.answers() && placed.writes == Some(Writes::Here);
            match bad {
                // No dwell, no consent: a person's word is enough. Nor does it speak of health.
                _ if placed.is_drained() => leaving.push((region, placed, Reason::Ordered)),
                Some(reason) => leaving.push((region, placed, reason)),
                None if placed.writes == Some(Writes::Elsewhere) => {
                    leaving.push((region, placed, Reason::WriterElsewhere));
                }
                None if placed.wanted == Some(placed.allowed()) => {}
                None if placed.share.serves() && placed.held_out.is_some() => {
                    change(region, placed, placed.allowed(), Reason::Ordered);
                }
                None if !placed.share.serves() => {
                    // Taken out by configuration: as any other leaving, but by people's will.
                    leaving.push((region, placed, Reason::Configured));
                }
                None => change(region, placed, placed.share, Reason::Configured),
            }
        } else if placed.wanted.is_none() {
            change(region, placed, placed.share, Reason::Configured);
        } else if placed.allowed().serves() {
            let allowed = placed.allowed();
            match placed.verdict {
                _ if !placed.may_serve() => block(region, allowed, Obstacle::WriterElsewhere),
                Verdict::Healthy if placed.for_ms >= u64::from(rules.return_after_ms) => {
                    match inputs.dissent(ActionKind::Return, placed, allowed) {
                        Some(by) => block(region, allowed, by),
                        None => {
                            serving += 1;
                            answering += usize::from(placed.answers());
                            written_beside |= placed.writes == Some(Writes::Here);
                            change(region, placed, allowed, Reason::Recovered);
                        }
                    }
                }
                Verdict::Healthy => block(region, allowed, Obstacle::NotHealthyLongEnough),
                _ => block(region, allowed, Obstacle::NotHealthy),
            }
        }
    }

    // More than half of what serves can't well fail at one moment; our own view of it can.
    let of_health = |reason: Reason| matches!(reason, Reason::Down | Reason::CutOff);
    let bad = leaving.iter().filter(|(_, _, reason)| of_health(*reason)).count();
    let most_look_bad = bad * 2 > serving && serving > 1;
    // Those whom health takes out go first: whoever leaves because people or the files say so must
    // leave enough behind that answer.
    leaving.sort_by_key(|(_, _, reason)| !of_health(*reason));
    for (region, placed, reason) in leaving {
        let of_health = of_health(reason);
        let answers = placed.answers();
        // One that may be shut already is not counted, and may yet be the one that answers.
        let left = if answers { answering.saturating_sub(1) } else { answering };
        let may_answer = !matches!(placed.verdict, Verdict::Down | Verdict::CutOff);
        let too_few = serving <= fewest || (may_answer && !of_health && left < fewest);
        if reason == Reason::WriterElsewhere && !written_beside {
            // Whoever can but read is better than nobody.
            block(region, Weight::ZERO, Obstacle::NobodyWrites);
        } else if too_few && !broken(Breakage::LastRegionDrained) {
            block(region, Weight::ZERO, Obstacle::FewestInService);
        } else if of_health && most_look_bad && !broken(Breakage::LastRegionDrained) {
            block(region, Weight::ZERO, Obstacle::MostLookBad);
        } else if of_health
            && placed.for_ms < u64::from(rules.dwell_ms)
            && !broken(Breakage::NoDwell)
        {
            block(region, Weight::ZERO, Obstacle::Dwell);
        } else if of_health
            && let Some(by) = inputs.dissent(ActionKind::Drain, placed, Weight::ZERO)
        {
            block(region, Weight::ZERO, by);
        } else {
            serving -= 1;
            answering -= usize::from(answers);
            change(region, placed, Weight::ZERO, reason);
        }
    }
    plan.blocked.append(&mut blocked);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(verdict: Verdict, for_ms: u64, wanted: u8) -> Placed {
        let wanted = Some(Weight(wanted));
        Placed::new(Weight(100), wanted, verdict, for_ms)
    }

    fn rules() -> Rules {
        Rules { dwell_ms: 2000, return_after_ms: 60_000, fewest_in_service: 1 }
    }

    fn inputs_of(places: &[Placed]) -> Inputs {
        let regions = places
            .iter()
            .enumerate()
            .map(|(n, place)| (format!("r{n}").parse().expect("valid"), place.clone()))
            .collect();
        let services = BTreeMap::from([("web".parse().expect("valid"), regions)]);
        Inputs { rules: rules(), autonomy: BTreeMap::new(), services }
    }

    fn plan_of(places: &[Placed]) -> Plan {
        plan(&inputs_of(places))
    }

    /// Changes and obstacles, shortly: `r0→0`, `r1!Dwell`.
    fn words(places: &[Placed]) -> Vec<String> {
        words_of(&plan_of(places))
    }

    fn words_of(plan: &Plan) -> Vec<String> {
        let changes = plan.changes.iter().map(|c| format!("{}→{}", c.region, c.to));
        let blocked = plan.blocked.iter().map(|b| format!("{}!{:?}", b.region, b.by));
        changes.chain(blocked).collect()
    }

    const WELL: Verdict = Verdict::Healthy;

    #[test]
    fn a_region_that_is_down_for_the_dwell_goes_to_zero() {
        let well = placed(WELL, 0, 100);
        let down = |for_ms| placed(Verdict::Down, for_ms, 100);
        assert_eq!(words(&[well.clone(), well.clone(), down(1999)]), ["r2!Dwell"]);
        assert_eq!(words(&[well.clone(), well.clone(), down(2000)]), ["r2→0"]);
        let cut_off = placed(Verdict::CutOff, 2000, 100);
        assert_eq!(words(&[well.clone(), cut_off, well.clone()]), ["r1→0"]);
        for verdict in [Verdict::Unknown, Verdict::Degraded { failed_permille: 999 }] {
            assert!(words(&[well.clone(), placed(verdict, 99_999, 100)]).is_empty());
        }
    }

    #[test]
    fn the_last_in_service_stays_whatever_is_said_of_it() {
        let out = placed(Verdict::Down, 99_999, 0);
        let last = placed(Verdict::Down, 99_999, 100);
        let words = words(&[out.clone(), last, out.clone()]);
        assert!(words.contains(&"r1!FewestInService".to_owned()), "{words:?}");
    }

    #[test]
    fn when_most_look_bad_at_once_nothing_moves() {
        let well = placed(WELL, 0, 100);
        let down = placed(Verdict::Down, 9000, 100);
        assert_eq!(
            words(&[down.clone(), well.clone(), down.clone()]),
            ["r0!MostLookBad", "r2!MostLookBad"]
        );
        let out = placed(Verdict::Down, 9000, 0);
        assert_eq!(
            words(&[out, down, well])[0],
            "r1→0",
            "one of two that are left is not most of them"
        );
    }

    #[test]
    fn a_region_comes_back_only_after_it_was_healthy_for_long_enough() {
        let well = placed(WELL, 0, 100);
        let out = |verdict, for_ms| placed(verdict, for_ms, 0);
        assert_eq!(words(&[well.clone(), out(WELL, 60_000)]), ["r1→100"]);
        assert_eq!(words(&[well.clone(), out(WELL, 59_999)]), ["r1!NotHealthyLongEnough"]);
        let unknown = out(Verdict::Unknown, 99_999);
        assert_eq!(words(&[well.clone(), unknown]), ["r1!NotHealthy"]);
    }

    #[test]
    fn one_that_returns_makes_room_for_one_that_leaves() {
        let returning = placed(WELL, 60_000, 0);
        let leaving = placed(Verdict::Down, 2000, 100);
        assert_eq!(words(&[returning, leaving]), ["r0→100", "r1→0"]);
    }

    #[test]
    fn whose_gate_may_be_shut_is_not_counted_upon_when_people_want_another_out() {
        let doubtful = Placed { gate_in_doubt: true, ..placed(WELL, 0, 100) };
        let out = Placed { share: Weight::ZERO, ..placed(WELL, 0, 100) };
        assert_eq!(words(&[doubtful.clone(), out.clone()]), ["r1!FewestInService"]);
        assert_eq!(words(&[placed(WELL, 0, 100), out]), ["r1→0"]);
        // What fails is taken out all the same: that makes nothing worse.
        let down = placed(Verdict::Down, 2000, 100);
        assert_eq!(words(&[doubtful, down]), ["r1→0"]);
    }

    #[test]
    fn new_services_and_changed_shares_follow_the_files() {
        let new = Placed { wanted: None, ..placed(Verdict::Unknown, 0, 0) };
        let changed = Placed { share: Weight(50), ..placed(WELL, 0, 100) };
        let taken_out = Placed { share: Weight::ZERO, ..placed(WELL, 0, 100) };
        assert_eq!(words(&[new, changed, taken_out]), ["r0→100", "r1→50", "r2→0"]);
    }

    #[test]
    fn the_files_do_not_take_out_the_only_one_that_answers() {
        let taken_out = Placed { share: Weight::ZERO, ..placed(WELL, 0, 100) };
        let down = placed(Verdict::Down, 0, 100);
        for places in [[taken_out.clone(), down.clone()], [down, taken_out]] {
            let changes = plan_of(&places).changes;
            assert!(changes.is_empty(), "{changes:?}");
        }
    }

    fn drained(place: Placed) -> Placed {
        let held = HeldOut { by: "ada".to_owned(), reason: "patching".to_owned(), permille: 0 };
        Placed { held_out: Some(held), ..place }
    }

    #[test]
    fn what_a_person_drained_leaves_at_once_and_stays_out() {
        let well = placed(WELL, 0, 100);
        assert_eq!(words(&[well.clone(), drained(well.clone())]), ["r1→0"]);
        let down = drained(placed(Verdict::Down, 0, 100));
        assert_eq!(words(&[well.clone(), down]), ["r1→0"], "no dwell: a person has said so");
        let out = placed(WELL, 99_999, 0);
        assert_eq!(words(&[well.clone(), drained(out)]), [""; 0]);
    }

    #[test]
    fn a_drain_leaves_enough_behind_that_answer() {
        let well = placed(WELL, 0, 100);
        let down = placed(Verdict::Down, 0, 100);
        assert_eq!(words(&[drained(well.clone())]), ["r0!FewestInService"]);
        assert_eq!(
            words(&[drained(well.clone()), down.clone()]),
            ["r1!Dwell", "r0!FewestInService"],
            "the other one doesn't answer"
        );
        assert_eq!(words(&[drained(well.clone()), drained(well)]), ["r0→0", "r1!FewestInService"]);
        assert_eq!(words(&[drained(down), placed(WELL, 0, 100)]), ["r0→0"]);
    }

    #[test]
    fn without_consent_health_moves_nothing_and_people_are_asked_or_told() {
        let well = placed(WELL, 0, 100);
        let down = placed(Verdict::Down, 9000, 100);
        let back = placed(WELL, 60_000, 0);
        let words_at = |level: Autonomy, said: Option<bool>| {
            let place = |place: &Placed, to| {
                let said = said.map(|yes| Said { to: Weight(to), yes });
                Placed { said, ..place.clone() }
            };
            let places = [well.clone(), place(&down, 0), place(&back, 100)];
            let mut inputs = inputs_of(&places);
            inputs.autonomy = [ActionKind::Drain, ActionKind::Return].map(|k| (k, level)).into();
            words_of(&plan(&inputs))
        };
        let blocked = |by: &str| [format!("r1!{by}"), format!("r2!{by}")];
        let mut observed = words_at(Autonomy::Observe, Some(true));
        observed.sort();
        assert_eq!(observed, blocked("Autonomy(Observe)"), "a yes to what is not asked");
        let mut asked = words_at(Autonomy::Approve, None);
        asked.sort();
        assert_eq!(asked, blocked("Autonomy(Approve)"));
        let mut refused = words_at(Autonomy::Approve, Some(false));
        refused.sort();
        assert_eq!(refused, blocked("NotApproved"));
        assert_eq!(words_at(Autonomy::Approve, Some(true)), ["r2→100", "r1→0"]);
        assert_eq!(words_at(Autonomy::Auto, None), ["r2→100", "r1→0"]);
    }

    fn beside(writes: Writes, place: Placed) -> Placed {
        Placed { writes: Some(writes), ..place }
    }

    #[test]
    fn a_service_that_writes_beside_the_writer_follows_it() {
        let (well, out) = (placed(WELL, 99_999, 100), placed(WELL, 99_999, 0));
        let (here, there) = (Writes::Here, Writes::Elsewhere);
        let three = [here, there, there].map(|writes| beside(writes, well.clone()));
        assert_eq!(words(&three), ["r1→0", "r2→0"]);
        let still =
            [beside(here, well.clone()), beside(there, out.clone()), beside(there, out.clone())];
        assert_eq!(words(&still), ["r1!WriterElsewhere", "r2!WriterElsewhere"]);
        let moved =
            [beside(there, well.clone()), beside(here, out.clone()), beside(there, out.clone())];
        assert_eq!(words(&moved), ["r1→100", "r0→0", "r2!WriterElsewhere"]);
    }

    #[test]
    fn while_nobody_knows_the_writer_a_service_beside_it_stays_as_it_is() {
        let unknown = |wanted| beside(Writes::Unknown, placed(WELL, 99_999, wanted));
        assert_eq!(words(&[unknown(100), unknown(0)]), ["r1!WriterElsewhere"]);
        assert_eq!(words(&[unknown(100), unknown(100)]), [""; 0]);
    }

    #[test]
    fn one_that_can_but_read_stays_while_nobody_serves_beside_the_writer() {
        let down = beside(Writes::Here, placed(Verdict::Down, 9000, 100));
        let reads = beside(Writes::Elsewhere, placed(WELL, 99_999, 100));
        assert_eq!(words(&[down, reads]), ["r0→0", "r1!NobodyWrites"]);
    }

    fn any_placed() -> impl Strategy<Value = Placed> {
        let verdict = prop_oneof![
            Just(Verdict::Healthy),
            Just(Verdict::Down),
            Just(Verdict::CutOff),
            Just(Verdict::Unknown),
            Just(Verdict::Degraded { failed_permille: 300 }),
        ];
        let wanted = proptest::option::of(prop_oneof![Just(0_u8), Just(100), Just(50)]);
        let share = prop_oneof![4 => Just(100_u8), 1 => Just(0)];
        let writes = prop_oneof![
            6 => Just(None),
            1 => Just(Some(Writes::Here)),
            1 => Just(Some(Writes::Elsewhere)),
            1 => Just(Some(Writes::Unknown)),
        ];
        (share, wanted, verdict, 0_u64..120_000, writes).prop_map(
            |(share, wanted, verdict, for_ms, writes)| {
                let wanted = wanted.map(Weight);
                Placed { writes, ..Placed::new(Weight(share), wanted, verdict, for_ms) }
            },
        )
    }

    proptest! {
        #[test]
        fn nobody_is_brought_in_where_its_writes_go_nowhere(
            places in proptest::collection::vec(any_placed(), 1..6)
        ) {
            for change in plan_of(&places).changes {
                let n: usize = change.region.as_str()[1..].parse().expect("a number");
                let out = places[n].wanted == Some(Weight::ZERO);
                prop_assert!(!out || !change.to.serves() || places[n].may_serve());
            }
        }

        #[test]
        fn no_plan_takes_the_last_region_out(places in proptest::collection::vec(any_placed(), 1..6)) {
            let mut serving: Vec<bool> = places.iter().map(Placed::in_service).collect();
            let before = serving.iter().filter(|serves| **serves).count();
            for change in plan_of(&places).changes {
                let n: usize = change.region.as_str()[1..].parse().expect("a number");
                serving[n] = change.to.serves();
            }
            let after = serving.iter().filter(|serves| **serves).count();
            prop_assert!(after >= before.min(1), "{before} in service, then {after}");
        }

        #[test]
        fn a_plan_is_a_function_of_its_inputs_also_after_they_were_kept(
            places in proptest::collection::vec(any_placed(), 1..6)
        ) {
            let first = plan_of(&places);
            let kept = serde_json::to_string(&places).expect("serialisable");
            let read: Vec<Placed> = serde_json::from_str(&kept).expect("the same");
            let again = plan_of(&read);
            prop_assert_eq!(first, again);
        }

        #[test]
        fn nobody_is_taken_out_by_health_without_a_verdict_that_says_so(
            places in proptest::collection::vec(any_placed(), 1..6)
        ) {
            for change in plan_of(&places).changes {
                let n: usize = change.region.as_str()[1..].parse().expect("a number");
                let writes = places[n].writes == Some(Writes::Elsewhere);
                if !change.to.serves() && places[n].share.serves() && !writes {
                    prop_assert!(matches!(places[n].verdict, Verdict::Down | Verdict::CutOff));
                    prop_assert!(places[n].for_ms >= 2000);
                }
            }
        }
    }
}
