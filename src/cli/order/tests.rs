//! What orders print.

use super::*;
use crate::cli::testing::printed;
use crate::core::explain::Cause;
use crate::core::genesis::genesis;
use crate::domain::Weight;
use crate::domain::steering::HandledOrder;

fn wish(verb: Verb) -> Wish {
    let fleet = crate::cli::testing::fleet();
    Wish { fleet, by: "ada".to_owned(), wait: Duration::from_secs(1), follow: Duration::ZERO, verb }
}

fn drain() -> Verb {
    let region = "r1".parse().expect("valid");
    Verb::Drain { region, service: None, reason: "patching".to_owned() }
}

/// An order that was handled by a state in which `r1` has this weight.
fn given(verb: &Verb, weight: u8, refused: Option<&str>) -> Given {
    let wish = wish(verb.clone());
    let mut state = genesis(&wish.fleet, "init".parse().expect("valid"), String::new(), || 7).state;
    let regions = [("r1".parse().expect("valid"), Weight(weight))].into();
    state.wanted.insert("web".parse().expect("valid"), regions);
    let order = Order {
        id: OrderId::drawn(1),
        by: wish.by,
        at: String::new(),
        after: StateName::GENESIS,
        verb: wish.verb,
    };
    let refused = refused.map(str::to_owned);
    state.cause = Cause::Ordered { order: order.clone(), refused: refused.clone() };
    Given { handled: HandledOrder { order, state: state.name, refused }, state }
}

#[test]
fn it_says_what_was_done_and_what_is_still_to_come() {
    let told = |weight| {
        let (text, result) =
            printed(false, |screen| show(&wish(drain()), &given(&drain(), weight, None), screen));
        result.expect("carried out");
        text
    };
    assert_eq!(
        told(0),
        "done: drain r1 (patching) (control state 0.0)\n  web in r1: weight 0; clients follow \
         within its TTL\n"
    );
    assert!(told(100).contains("still at weight 100. `regent status` says"), "{}", told(100));
}

#[test]
fn a_refusal_is_a_failure_and_says_why() {
    let refused = given(&drain(), 100, Some("it is paused"));
    let (text, result) = printed(false, |screen| show(&wish(drain()), &refused, screen));
    assert!(matches!(result, Err(Failure::Shown)));
    assert_eq!(text, "refused: it is paused\n");
    let (text, _) = printed(true, |screen| show(&wish(drain()), &refused, screen));
    let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(told["refused"], "it is paused");
    assert_eq!(told["ordered"], "drain r1 (patching)");
}
