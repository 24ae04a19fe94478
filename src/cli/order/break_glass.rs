//! Standing for the seats from the command line, when every agent is dead.
//!
//! The same brain as an agent's runs in this process, as a candidate like any other: it waits until
//! a majority of seats has shown no life for a whole lease, takes them, finds the person's order on
//! the board and carries it out. What it leaves behind any agent goes on with. It probes for the
//! steps that look at endpoints, votes on nothing and decides nothing by itself. Where an agent still leads, that one carries the order out; where
//! no majority of seats answers nobody may, and what is left is the page to follow by hand.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::super::{Failure, Screen, outside, process, runbook};
use crate::agent::{Agent, AgentError, Window};
use crate::core::Identity;
use crate::core::view::{Inner, View};
use crate::domain::observation::ZoneStage;
use crate::domain::{AgentId, BootId, Epoch, Fleet, RegionId};
use crate::runbook::Arguments;
use crate::telemetry::clock::Stopwatch;
use crate::telemetry::{Metrics, logs};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Leases that it may take to be elected: one that is waited for, and some in which others try too.
const LEASES_MAX: u32 = 4;

/// How much longer than a lease seats may be silent before they are taken for out of reach.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// How long a change of records is waited for: Route 53 takes up to a minute as a rule ("How Route 53
/// works: propagation").
const RECORDS_MAX: Duration = Duration::from_secs(120);

/// How long it may take to read how a database is, once somebody leads.
pub(in crate::cli) const READING_MAX: Duration = Duration::from_secs(30);

/// An argument of commands that can be carried out without any agent.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct BreakGlass {
    /// With every agent dead: stand for the seats from here, carry it out, and let go. Without a
    /// majority of seats it refuses, and prints the page to follow by hand
    #[arg(long)]
    pub(in crate::cli) break_glass: bool,
}

/// The page to follow by hand, should there be no other way: a runbook and its arguments.
pub(in crate::cli) type Page<'p> = (&'p str, Arguments);

impl BreakGlass {
    /// Does the work; with the glass broken, under a leadership of this process's own if nobody else
    /// leads.
    pub(in crate::cli) fn carry_out(
        self,
        fleet: &Fleet,
        by: &str,
        page: Page<'_>,
        screen: &mut Screen<'_>,
        work: impl FnOnce(&mut Screen<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !self.break_glass {
            return work(screen);
        }
        let stand_in = StandIn::begin(fleet, by)?;
        screen.line(format_args!(
            "standing for the seats from here, as {}: whoever may still lead is waited for first",
            stand_in.name
        ))?;
        match stand_in.stand(fleet)? {
            Stood::Leads(epoch) => {
                screen.line(format_args!("this command leads now (epoch {epoch})"))?;
                let result = work(screen).and_then(|()| stand_in.settle(screen));
                stand_in.end();
                let lease_s = fleet.timing.lease_ms.div_ceil(1000);
                screen.line(format_args!(
                    "this command leads no more; agents that come back take over within {lease_s} s"
                ))?;
                result
            }
            Stood::Follows(leader) => {
                stand_in.end();
                screen
                    .line(format_args!("{leader} is alive and leads: it carries the order out"))?;
                work(screen)
            }
            Stood::Refused(why) => {
                stand_in.end();
                let (book, arguments) = page;
                let page = runbook::page(book, &arguments, fleet)?;
                screen.line(format_args!("{}\n", page.trim_end()))?;
                Err(Failure::Failed(anyhow!(
                    "{why}. Nobody may lead without a majority, and nothing was done. By hand: \
                     `regent runbook show {book} --manual`"
                )))
            }
        }
    }
}

/// How standing ended.
enum Stood {
    /// This process leads.
    Leads(Epoch),
    /// That agent leads, and is alive.
    Follows(AgentId),
    /// Nobody can.
    Refused(String),
}

/// A brain that stands, on threads of its own.
struct StandIn {
    name: AgentId,
    runtime: Runtime,
    window: Window,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), AgentError>>,
}

impl StandIn {
    fn begin(fleet: &Fleet, by: &str) -> Result<Self, Failure> {
        process::complain_only();
        process::allow_many_files();
        let name = name(by)?;
        // In no Region of the fleet: its place says nothing of any of them.
        let region = RegionId::try_from("outside".to_owned()).map_err(anyhow::Error::from)?;
        let boot = BootId(process::draw()?);
        let seed = process::draw()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("no threads could be made")?;
        let outside = runtime.block_on(outside::connect(fleet))?;
        let metrics = Arc::new(Metrics::new(&name, &region));
        let span = logs::agent_span(&region, &name);
        let identity = Identity { agent: name.clone(), region, boot };
        let (agent, window) = Agent::new(identity, fleet.clone(), seed, outside, metrics)
            .map_err(anyhow::Error::from)?;
        let (stop, stopped) = oneshot::channel();
        let until = async move {
            // It resolves as well when the sender is dropped.
            let _ = stopped.await;
        };
        let ended = runtime.spawn(agent.standing_in().run(until).instrument(span));
        Ok(Self { name, runtime, window, stop, ended })
    }

    /// Waits until this process leads, or it is known why not.
    fn stand(&self, fleet: &Fleet) -> Result<Stood, Failure> {
        let lease = Duration::from_millis(u64::from(fleet.timing.lease_ms));
        let watch = Stopwatch::start();
        loop {
            let (inner, view) = self.look()?;
            let waited = watch.elapsed();
            if let (Some(epoch), true) = (inner.leading, inner.acting) {
                return Ok(Stood::Leads(epoch));
            }
            if let Some(leader) = alive(&view).filter(|leader| *leader != self.name) {
                return Ok(Stood::Follows(leader));
            }
            let (heard, majority) = (inner.seats_heard, view.majority);
            if waited > lease + SILENCE_MAX && heard < majority {
                return Ok(Stood::Refused(format!(
                    "only {heard} of {} seats answer, and it takes {majority}",
                    fleet.seats.len()
                )));
            }
            if waited > lease * LEASES_MAX + SILENCE_MAX {
                return Ok(Stood::Refused(format!(
                    "no majority of the seats could be taken within {} s (`regent status` says how \
                     each is)",
                    waited.as_secs()
                )));
            }
        }
    }

    /// Waits until the records are what is wanted, and the name servers have them.
    fn settle(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let watch = Stopwatch::start();
        loop {
            let (inner, view) = self.look()?;
            let zones = view.leader.map(|leader| leader.zones).unwrap_or_default();
            let open = zones.iter().find(|(_, zone)| zone.stage != ZoneStage::InStep);
            match open {
                None if !zones.is_empty() => {
                    return screen.line("the records are as wanted, on every name server");
                }
                _ if !inner.acting => {
                    return screen.line("somebody else leads now, and goes on with the records");
                }
                Some((zone, report)) if watch.elapsed() > RECORDS_MAX => {
                    return Err(Failure::Failed(anyhow!(
                        "zone {zone} is not as wanted after {} s: {report}",
                        RECORDS_MAX.as_secs()
                    )));
                }
                _ => {}
            }
        }
    }

    /// What it sees, a moment later.
    fn look(&self) -> Result<(Inner, View), Failure> {
        let seen = self.runtime.block_on(async {
            tokio::time::sleep(LOOK_EVERY).await;
            Some((self.window.inner().await?, self.window.view().await?))
        });
        seen.ok_or_else(|| Failure::Failed(anyhow!("the stand-in for the agents has ended")))
    }

    /// Lets go: it renews nothing any more, and its lease runs out.
    fn end(self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        let _ = self.runtime.block_on(self.ended);
        self.runtime.shutdown_timeout(LOOK_EVERY);
    }
}

/// The leader, if it has been heard from lately.
fn alive(view: &View) -> Option<AgentId> {
    let leader = &view.leader.as_ref()?.agent;
    let fresh = view.observers.iter().any(|it| it.agent == *leader && it.fresh);
    fresh.then(|| leader.clone())
}

/// How it calls itself, after whoever broke the glass.
fn name(by: &str) -> Result<AgentId, Failure> {
    let by: String =
        by.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    Ok(AgentId::try_from(format!("break-glass.{by}")).map_err(anyhow::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_breaks_the_glass_is_named_after_the_person() {
        for (by, wanted) in [("ada", "break-glass.ada"), ("Ada L.", "break-glass.Ada-L-")] {
            assert_eq!(name(by).expect("valid").as_str(), wanted);
        }
        assert!(name(&"é".repeat(99)).is_ok());
    }
}
