//! Orders of people: `drain`, `undrain`, `pause`, `resume`, `autonomy`, `approve`, `reject`.
//!
//! An order goes onto the board with the caller's own AWS identity, and the leader handles it. What
//! became of it is read from the committed control state, never from an agent. An order that nobody
//! handles in time is taken back, so that it doesn't strike hours later when it has been forgotten.

mod args;
mod break_glass;
mod give;

use std::time::Duration;

use serde::Serialize;

pub(super) use args::{
    ApproveArgs, AutonomyArgs, DrainArgs, PauseArgs, RejectArgs, ResumeArgs, UndrainArgs,
};
pub(super) use break_glass::{BreakGlass, READING_MAX};

use super::fleet::FleetArgs;
use super::{Failure, Screen, outside, process};
use crate::core::explain::State;
use crate::domain::order::Verb;
use crate::domain::{Fleet, Order, OrderId, StateName};
use crate::telemetry::clock;

use give::Given;

/// Arguments of every order.
#[derive(Debug, clap::Args)]
pub(super) struct OrderArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Who orders it, for those who read the history
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
    /// How long to wait for a leader to handle it, in seconds; it is taken back then
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u32,
}

/// An order with all that it takes to give it.
struct Wish {
    fleet: Fleet,
    by: String,
    wait: Duration,
    /// How long a drain is watched until the weights follow, once it is handled.
    follow: Duration,
    verb: Verb,
}

/// What became of an order, for programs.
#[derive(Debug, Serialize)]
struct Told<'t> {
    order: &'t OrderId,
    ordered: String,
    /// The state that handled it.
    state: StateName,
    refused: Option<&'t str>,
    /// What there still is to do or to wait for.
    then: Vec<String>,
}

fn run(wish: &Wish, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let number = process::draw()?;
    let given = process::block_on(async {
        let outside = outside::connect(&wish.fleet).await?;
        let order = |after| Order {
            id: OrderId::drawn(number),
            by: wish.by.clone(),
            at: wall(),
            after,
            verb: wish.verb.clone(),
        };
        give::give(&wish.fleet, &outside, order, wish.wait, wish.follow).await
    })?;
    show(wish, &given, screen)
}

/// The wall clock, in RFC 3339.
pub(super) fn wall() -> String {
    let at = jiff::Timestamp::from_millisecond(clock::wall_unix_ms());
    format!("{:.0}", at.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

fn show(wish: &Wish, given: &Given, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let refused = given.handled.refused.as_deref();
    let then = if refused.is_none() { then(&wish.verb, &given.state) } else { Vec::new() };
    screen.document(&Told {
        order: &given.handled.order.id,
        ordered: wish.verb.to_string(),
        state: given.handled.state,
        refused,
        then: then.clone(),
    })?;
    if let Some(why) = refused {
        screen.line(format_args!("refused: {why}"))?;
        return Err(Failure::Shown);
    }
    screen.line(format_args!("done: {} (control state {})", wish.verb, given.handled.state))?;
    for line in then {
        screen.line(format_args!("  {line}"))?;
    }
    Ok(())
}

/// What an order has come to so far, and what is still to come.
fn then(verb: &Verb, state: &State) -> Vec<String> {
    match verb {
        Verb::Drain { region, service, .. } => weights(state, service.as_ref(), region)
            .map(|(service, weight)| match weight.serves() {
                false => format!("{service} in {region}: weight 0; clients follow within its TTL"),
                true => format!(
                    "{service} in {region}: still at weight {weight}. `regent status` says what it \
                     waits for"
                ),
            })
            .collect(),
        Verb::Undrain { region, service } => weights(state, service.as_ref(), region)
            .map(|(service, weight)| match weight.serves() {
                true => format!("{service} in {region}: weight {weight}"),
                false => format!(
                    "{service} in {region}: comes back once it has been healthy for long enough"
                ),
            })
            .collect(),
        Verb::Pause { .. } => vec![
            "neither weights nor records are changed until `regent resume`; probing and the \
             election go on"
                .to_owned(),
        ],
        Verb::Start { run, .. } => vec![format!(
            "`regent status` says how it goes on and what it asks; `regent runbook abort {run}` has \
             everything undone"
        )],
        Verb::Abort { .. } => {
            vec!["what is under way is waited for; `regent status` says how far it is".to_owned()]
        }
        Verb::Retry { .. }
        | Verb::Skip { .. }
        | Verb::Resume
        | Verb::SetAutonomy { .. }
        | Verb::Approve { .. }
        | Verb::Reject { .. } => Vec::new(),
    }
}

/// The committed weight of each service that an order is about.
fn weights<'s>(
    state: &'s State,
    service: Option<&'s crate::domain::ServiceId>,
    region: &'s crate::domain::RegionId,
) -> impl Iterator<Item = (&'s crate::domain::ServiceId, crate::domain::Weight)> {
    state
        .wanted
        .iter()
        .filter(move |(id, _)| service.is_none_or(|service| service == *id))
        .filter_map(|(id, regions)| Some((id, *regions.get(region)?)))
}

#[cfg(test)]
mod tests;
