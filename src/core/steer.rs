//! What an order makes of what people have ordered before: a pure function of the two.
//!
//! It refuses what makes no sense, with the reason and what would. Whether a Region *can* leave is
//! not its matter: the planner takes a drained Region out as soon as its rules allow.

use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::order::{AskId, Order, Verb};
use crate::domain::steering::{Answer, HandledOrder, HeldOut, Pause, Steering};
use crate::domain::{Fleet, RegionId, ServiceId, StateName};

use super::explain::State;
use super::runs::{self, Runs};

/// How far the fleet may go with an action: as a person has set it, or as configured.
#[must_use]
pub fn autonomy(fleet: &Fleet, steering: &Steering, action: ActionKind) -> Autonomy {
    steering.autonomy.get(&action).copied().unwrap_or_else(|| fleet.consent.of(action))
}

/// Handles an order: carries it out if it may be, and keeps what became of it under the name of the
/// state that does so.
#[must_use]
pub fn handle(fleet: &Fleet, state: &State, order: &Order, name: StateName) -> Handling {
    let steering = &state.steering;
    let mut runs = None;
    let outcome = if steering.handled.too_old(order) {
        Err("it was given before too many others to be sure that it was not handled: look again, \
             and give it again"
            .to_owned())
    } else if let Some(outcome) = runs::orders::apply(fleet, &state.runs, order) {
        outcome.map(|changed| {
            runs = Some(changed);
            steering.clone()
        })
    } else {
        apply(fleet, steering, order)
    };
    let (mut steered, refused) = match outcome {
        Ok(steered) => (steered, None),
        Err(why) => (steering.clone(), Some(why)),
    };
    // The run keeps its procedure; here it would only take room.
    let order = order.clone().without_procedure();
    steered.handled.keep(HandledOrder { order, state: name, refused: refused.clone() });
    Handling { steering: steered, runs, refused }
}

/// What an order comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handling {
    /// What people have ordered, with this.
    pub steering: Steering,
    /// The runs, if it changes them.
    pub runs: Option<Runs>,
    /// Why it was not carried out; none if it was.
    pub refused: Option<String>,
}

/// Carries an order out.
///
/// # Errors
/// Why it was not, in words for the one who gave it.
pub fn apply(fleet: &Fleet, steering: &Steering, order: &Order) -> Result<Steering, String> {
    let mut steered = steering.clone();
    match &order.verb {
        Verb::Drain { region, service, reason } => {
            paused_not(steering)?;
            for service in services_at(fleet, region, service.as_ref())? {
                let held = HeldOut { by: order.by.clone(), reason: reason.clone(), permille: 0 };
                steered.held_out.entry(service).or_default().insert(region.clone(), held);
            }
        }
        Verb::Undrain { region, service } => {
            let mut found = false;
            for service in services_at(fleet, region, service.as_ref())? {
                let Some(regions) = steered.held_out.get_mut(&service) else { continue };
                found |= regions.remove(region).is_some();
                if regions.is_empty() {
                    steered.held_out.remove(&service);
                }
            }
            if !found {
                return Err(format!("nobody has drained {region}: there is nothing to undo"));
            }
        }
        Verb::Pause { reason } => {
            if let Some(pause) = &steering.pause {
                return Err(format!("{} has paused it already ({})", pause.by, pause.reason));
            }
            let (by, reason, at) = (order.by.clone(), reason.clone(), order.at.clone());
            steered.pause = Some(Pause { by, reason, at });
        }
        Verb::Resume => {
            if steered.pause.take().is_none() {
                return Err("it is not paused".to_owned());
            }
        }
        Verb::SetAutonomy { action, to, .. } => match to {
            Some(level) => drop(steered.autonomy.insert(*action, *level)),
            None => drop(steered.autonomy.remove(action)),
        },
        Verb::Start { .. } | Verb::Retry { .. } | Verb::Skip { .. } | Verb::Abort { .. } => {
            return Err("this is about a run, and not for here".to_owned());
        }
        Verb::Approve { ask } => {
            answer(&mut steered, ask, Answer::Approved { by: order.by.clone() })?;
        }
        Verb::Reject { ask, reason } => {
            let (by, reason) = (order.by.clone(), reason.clone());
            answer(&mut steered, ask, Answer::Rejected { by, reason })?;
        }
    }
    Ok(steered)
}

fn paused_not(steering: &Steering) -> Result<(), String> {
    match &steering.pause {
        None => Ok(()),
        Some(pause) => Err(format!(
            "it is paused by {} ({}), and nothing would come of it: `regent resume` first",
            pause.by, pause.reason
        )),
    }
}

/// The services that an order about a Region is about.
fn services_at(
    fleet: &Fleet,
    region: &RegionId,
    service: Option<&ServiceId>,
) -> Result<Vec<ServiceId>, String> {
    let serves = |id: &ServiceId| {
        fleet.services.get(id).is_some_and(|spec| spec.regions.contains_key(region))
    };
    match service {
        Some(service) if serves(service) => Ok(vec![service.clone()]),
        Some(service) => Err(format!("the fleet has no service {service} in {region}")),
        None => {
            let all: Vec<ServiceId> =
                fleet.services.keys().filter(|id| serves(id)).cloned().collect();
            if all.is_empty() {
                return Err(format!("the fleet has no services in {region}"));
            }
            Ok(all)
        }
    }
}

fn answer(steering: &mut Steering, ask: &AskId, said: Answer) -> Result<(), String> {
    let Some(asked) = steering.asks.get_mut(ask) else {
        let waiting: Vec<&str> = steering.asks.keys().map(|id| id.0.as_str()).collect();
        let waiting = if waiting.is_empty() { "nothing".to_owned() } else { waiting.join(", ") };
        return Err(format!("nothing named {ask} waits for approval; what waits: {waiting}"));
    };
    match &asked.answer {
        Answer::Waiting => {
            asked.answer = said;
            Ok(())
        }
        Answer::Approved { by } => Err(format!("{by} has approved {ask} already")),
        Answer::Rejected { by, reason } => Err(format!("{by} has rejected {ask} ({reason})")),
        Answer::Expired => Err(format!(
            "{ask} has expired: what it was about may have changed. Look again, and order it: \
             `regent drain` or `regent autonomy`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::probed_fleet;
    use crate::domain::order::OrderId;
    use crate::domain::steering::Ask;
    use crate::domain::{StateName, Weight};

    fn order(verb: Verb) -> Order {
        let by = "ada".to_owned();
        let (at, after) = ("now".to_owned(), StateName::GENESIS);
        Order { id: OrderId::drawn(1), by, at, after, verb }
    }

    fn after(steering: &Steering, verb: Verb) -> Result<Steering, String> {
        apply(&probed_fleet(2), steering, &order(verb))
    }

    fn drain(region: &str, service: Option<&str>) -> Verb {
        Verb::Drain {
            region: region.parse().expect("valid"),
            service: service.map(|service| service.parse().expect("valid")),
            reason: "patching".to_owned(),
        }
    }

    fn undrain(service: Option<&str>) -> Verb {
        let service = service.map(|service| service.parse().expect("valid"));
        Verb::Undrain { region: "r1".parse().expect("valid"), service }
    }

    #[test]
    fn a_drain_is_undone_by_an_undrain() {
        let none = Steering::default();
        let drained = after(&none, drain("r1", None)).expect("a Region of the fleet");
        assert_eq!(drained.held_out.len(), 2, "every service");
        let half = after(&drained, undrain(Some("s0"))).expect("drained");
        assert_eq!(half, after(&none, drain("r1", Some("s1"))).expect("the other one"));
        assert_eq!(after(&drained, undrain(None)).expect("drained"), none);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let none = Steering::default();
        let paused = after(&none, Verb::Pause { reason: "hand work".to_owned() }).expect("free");
        let ask = AskId("drain:s0:r1".to_owned());
        let why = |steering: &Steering, verb| after(steering, verb).expect_err("refused");
        let said = [
            why(&none, drain("r9", None)),
            why(&none, drain("r1", Some("s9"))),
            why(&none, undrain(None)),
            why(&none, Verb::Resume),
            why(&paused, Verb::Pause { reason: String::new() }),
            why(&paused, drain("r1", None)),
            why(&none, Verb::Approve { ask }),
        ];
        assert_eq!(
            said,
            [
                "the fleet has no services in r9",
                "the fleet has no service s9 in r1",
                "nobody has drained r1: there is nothing to undo",
                "it is not paused",
                "ada has paused it already (hand work)",
                "it is paused by ada (hand work), and nothing would come of it: `regent resume` first",
                "nothing named drain:s0:r1 waits for approval; what waits: nothing",
            ]
        );
    }

    #[test]
    fn an_ask_is_answered_once() {
        let id = AskId("drain:s0:r1".to_owned());
        let ask = Ask {
            service: "s0".parse().expect("valid"),
            region: "r1".parse().expect("valid"),
            to: Weight::ZERO,
            why: "down".to_owned(),
            at: String::new(),
            answer: Answer::Waiting,
        };
        let mut steering = Steering::default();
        steering.asks.insert(id.clone(), ask);
        let yes = Verb::Approve { ask: id.clone() };
        let no = Verb::Reject { ask: id.clone(), reason: "no".to_owned() };
        let approved = after(&steering, yes.clone()).expect("it waits");
        assert_eq!(approved.asks[&id].answer, Answer::Approved { by: "ada".to_owned() });
        assert_eq!(after(&approved, no), Err("ada has approved drain:s0:r1 already".to_owned()));
        steering.asks.get_mut(&id).expect("there").answer = Answer::Expired;
        assert!(after(&steering, yes).expect_err("too late").contains("has expired"));
    }

    #[test]
    fn a_person_s_level_stands_above_the_files() {
        let fleet = probed_fleet(1);
        let none = Steering::default();
        assert_eq!(autonomy(&fleet, &none, ActionKind::Drain), Autonomy::Auto);
        let set = |to| Verb::SetAutonomy { action: ActionKind::Drain, to, reason: String::new() };
        let observing = after(&none, set(Some(Autonomy::Observe))).expect("always");
        assert_eq!(autonomy(&fleet, &observing, ActionKind::Drain), Autonomy::Observe);
        assert_eq!(after(&observing, set(None)), Ok(none));
    }
}
