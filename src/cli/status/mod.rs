//! `regent status`: the fleet at a glance, from the tables alone.
//!
//! Asks no agent, so that it works when every one is dead. What can't be read is named, and
//! whatever else could be read is still shown.

mod draw;
mod probes;
mod read;
mod render;
mod signals;
pub(super) mod steering;
#[cfg(test)]
pub(super) mod tests;
mod wrong;

use serde::Serialize;

use super::fleet::FleetArgs;
use super::{Failure, Screen, outside, process};
use crate::agent::Outside;
use crate::core::explain::State;
use crate::core::view::{LeaderView, View};
use crate::domain::record::DnsName;
use crate::domain::{Fence, Fleet, ZoneId};
use crate::telemetry::clock;

/// Show who serves, who leads, what is wrong and who says so.
///
/// Reads seats, reports and records itself, with the caller's AWS credentials: it works when every
/// agent is dead and when some Regions can't be reached. Exits with 1 when no majority of seats
/// could be read; what could be read is printed all the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent status\n  regent status --json | jq .wrong")]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
}

/// A hosted zone as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ZoneShown {
    zone: ZoneId,
    name: DnsName,
    /// Its fence, if it holds one.
    fence: Option<Fence>,
    /// What is wrong with it, or why it could not be read.
    trouble: Option<String>,
}

/// All that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Status {
    /// What is wrong, the worst first; empty when all is well.
    wrong: Vec<String>,
    /// Seats that could be read and count.
    seats_read: usize,
    #[serde(flatten)]
    view: View,
    zones: Vec<ZoneShown>,
}

impl Status {
    fn new(view: View, zones: Vec<ZoneShown>) -> Self {
        let seats_read = view.seats.iter().filter(|seat| seat.trouble.is_none()).count();
        let mut status = Self { wrong: Vec::new(), seats_read, view, zones };
        status.wrong = wrong::wrong(&status);
        status
    }

    fn of_majority(&self) -> bool {
        self.seats_read >= self.view.majority
    }
}

/// The committed control state, if a majority of seats shows one and its document can be read.
pub(super) async fn committed(fleet: &Fleet, outside: &Outside) -> Option<State> {
    let (seats, documents) = read::seats_and_state(fleet, outside).await;
    let reading = read::Reading { seats, documents, ..read::Reading::default() };
    draw::state(fleet, &reading, &mut Vec::new())
}

/// The leader as the tables show it, with what its report says.
pub(super) async fn leader(fleet: &Fleet, outside: &Outside) -> Option<LeaderView> {
    let reading = read::read(fleet, outside).await;
    draw::draw(fleet, &reading, clock::wall_unix_ms()).view.leader
}

/// The picture that the tables give.
pub(super) async fn view(fleet: &Fleet, outside: &Outside, now_unix_ms: i64) -> View {
    let reading = read::read(fleet, outside).await;
    draw::draw(fleet, &reading, now_unix_ms).view
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let fleet = args.fleet.load()?;
    let reading = process::block_on(async {
        let outside = outside::connect(&fleet).await?;
        Ok(read::read(&fleet, &outside).await)
    })?;
    show(&draw::draw(&fleet, &reading, clock::wall_unix_ms()), screen)
}

fn show(status: &Status, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.document(status)?;
    screen.line(render::render(status).trim_end())?;
    if status.of_majority() { Ok(()) } else { Err(Failure::Shown) }
}
