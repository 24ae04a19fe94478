//! Asking people for approval of a change of weight.
//!
//! An ask stands in the control state for as long as there is reason to ask: it survives its
//! leader, is shown by `regent status`, and is answered by an order. One that nobody answers
//! expires; the time is counted by the leader that sees it wait, anew by each.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::order::AskId;
use crate::domain::steering::{Answer, Ask, Steering};
use crate::domain::{Moment, RegionId, ServiceId, Weight};

use super::explain::{Blocked, Cause, Change, Obstacle};
use super::planner::Said;

/// Names an ask after what is asked.
fn id(service: &ServiceId, region: &RegionId, to: Weight) -> AskId {
    let what = if to.serves() { "return" } else { "drain" };
    AskId(format!("{what}:{service}:{region}"))
}

/// What was said to a change of this service's weight in this Region.
pub(super) fn said(steering: &Steering, service: &ServiceId, region: &RegionId) -> Option<Said> {
    let ask = |to: u8| steering.asks.get(&id(service, region, Weight(to)));
    let said = |ask: &Ask| match ask.answer {
        Answer::Waiting => None,
        Answer::Approved { .. } => Some(Said { to: ask.to, yes: true }),
        Answer::Rejected { .. } | Answer::Expired => Some(Said { to: ask.to, yes: false }),
    };
    // A Region either serves, and may be asked about leaving, or not, and about returning.
    ask(0).and_then(said).or_else(|| ask(1).and_then(said))
}

/// Drops what was asked about these changes: they are made.
pub(super) fn settle(steering: &mut Steering, changes: &[Change]) {
    for change in changes {
        for to in [Weight::ZERO, Weight(1)] {
            steering.asks.remove(&id(&change.service, &change.region, to));
        }
    }
}

/// Since when this leader has seen each ask wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    since: BTreeMap<AskId, Moment>,
    limit: Duration,
}

impl Patience {
    pub(super) fn new(approval_ms: u32) -> Self {
        Self { since: BTreeMap::new(), limit: Duration::from_millis(u64::from(approval_ms)) }
    }

    /// Another leader's patience is not this one's.
    pub(super) fn forget(&mut self) {
        self.since.clear();
    }

    /// When the first of those that wait will have expired.
    pub(super) fn next_end(&self) -> Moment {
        self.since.values().min().map_or(Moment::NEVER, |since| *since + self.limit)
    }

    /// What is to be asked, given what consent is missing for; none if nothing changes.
    pub(super) fn ask(
        &mut self,
        now: Moment,
        steering: &Steering,
        blocked: &[Blocked],
        why: impl Fn(&Blocked) -> String,
        at: &str,
    ) -> Option<(Steering, Cause)> {
        let mut steered = steering.clone();
        let still: BTreeMap<AskId, &Blocked> = blocked
            .iter()
            .map(|block| (id(&block.service, &block.region, block.to), block))
            .collect();
        let reasonless = |id: &AskId, ask: &Ask| still.get(id).is_none_or(|b| b.to != ask.to);
        let withdrawn: Vec<AskId> = steered
            .asks
            .iter()
            .filter(|(id, ask)| reasonless(id, ask))
            .map(|(id, _)| id.clone())
            .collect();
        steered.asks.retain(|id, _| !withdrawn.contains(id));
        self.since
            .retain(|id, _| steered.asks.get(id).is_some_and(|ask| ask.answer == Answer::Waiting));
        let mut expired = Vec::new();
        for (id, ask) in &mut steered.asks {
            if ask.answer == Answer::Waiting {
                let since = *self.since.entry(id.clone()).or_insert(now);
                if now >= since + self.limit {
                    ask.answer = Answer::Expired;
                    self.since.remove(id);
                    expired.push(id.clone());
                }
            }
        }
        let mut asked = Vec::new();
        for (id, block) in still {
            let wanted =
                matches!(block.by, Obstacle::Autonomy(crate::domain::autonomy::Autonomy::Approve));
            if wanted && !steered.asks.contains_key(&id) {
                let (service, region) = (block.service.clone(), block.region.clone());
                let (why, at) = (why(block), at.to_owned());
                let answer = Answer::Waiting;
                let ask = Ask { service, region, to: block.to, why, at, answer };
                steered.asks.insert(id.clone(), ask);
                self.since.insert(id.clone(), now);
                asked.push(id);
            }
        }
        let nothing = asked.is_empty() && expired.is_empty() && withdrawn.is_empty();
        (!nothing).then_some((steered, Cause::Asked { asked, expired, withdrawn }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::autonomy::Autonomy;

    fn block(to: u8, by: Obstacle) -> Blocked {
        let (service, region) = ("web".parse().expect("valid"), "r1".parse().expect("valid"));
        Blocked { service, region, to: Weight(to), by }
    }

    fn turn(
        patience: &mut Patience,
        now_ms: u64,
        steering: &mut Steering,
        blocked: &[Blocked],
    ) -> Option<Cause> {
        let why = |block: &Blocked| block.to_string();
        let now = Moment::from_ms(now_ms);
        let (steered, cause) = patience.ask(now, steering, blocked, why, "now")?;
        *steering = steered;
        Some(cause)
    }

    fn asked(cause: Option<Cause>) -> [usize; 3] {
        match cause {
            Some(Cause::Asked { asked, expired, withdrawn }) => {
                [asked.len(), expired.len(), withdrawn.len()]
            }
            None => [0; 3],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_asks_once_and_takes_it_back_when_there_is_no_more_reason() {
        let (mut patience, mut steering) = (Patience::new(1000), Steering::default());
        let wants = [block(0, Obstacle::Autonomy(Autonomy::Approve))];
        assert_eq!(asked(turn(&mut patience, 0, &mut steering, &wants)), [1, 0, 0]);
        assert_eq!(asked(turn(&mut patience, 10, &mut steering, &wants)), [0; 3]);
        let dwells = [block(0, Obstacle::Dwell)];
        assert_eq!(asked(turn(&mut patience, 20, &mut steering, &dwells)), [0; 3]);
        assert_eq!(asked(turn(&mut patience, 30, &mut steering, &[])), [0, 0, 1]);
        assert!(steering.is_empty());
    }

    #[test]
    fn what_nobody_answers_expires_and_is_not_asked_again_for_the_same_reason() {
        let (mut patience, mut steering) = (Patience::new(1000), Steering::default());
        let wants = [block(0, Obstacle::Autonomy(Autonomy::Approve))];
        turn(&mut patience, 0, &mut steering, &wants);
        assert_eq!(patience.next_end(), Moment::from_ms(1000));
        assert_eq!(asked(turn(&mut patience, 1000, &mut steering, &wants)), [0, 1, 0]);
        let service = &wants[0].service;
        let answer = said(&steering, service, &wants[0].region);
        assert_eq!(answer, Some(Said { to: Weight::ZERO, yes: false }));
        let refused = [block(0, Obstacle::NotApproved)];
        assert_eq!(asked(turn(&mut patience, 5000, &mut steering, &refused)), [0; 3]);
    }

    #[test]
    fn a_new_leader_waits_anew() {
        let (mut patience, mut steering) = (Patience::new(1000), Steering::default());
        let wants = [block(0, Obstacle::Autonomy(Autonomy::Approve))];
        turn(&mut patience, 0, &mut steering, &wants);
        patience.forget();
        assert_eq!(asked(turn(&mut patience, 1500, &mut steering, &wants)), [0; 3]);
        assert_eq!(patience.next_end(), Moment::from_ms(2500));
    }

    #[test]
    fn the_answer_to_another_weight_is_no_answer() {
        let (mut patience, mut steering) = (Patience::new(1000), Steering::default());
        let back = |to| [block(to, Obstacle::Autonomy(Autonomy::Approve))];
        turn(&mut patience, 0, &mut steering, &back(100));
        assert_eq!(asked(turn(&mut patience, 1, &mut steering, &back(50))), [1, 0, 1]);
        settle(
            &mut steering,
            &[Change {
                service: "web".parse().expect("valid"),
                region: "r1".parse().expect("valid"),
                from: None,
                to: Weight(50),
                reason: crate::core::explain::Reason::Recovered,
            }],
        );
        assert!(steering.is_empty());
    }
}
