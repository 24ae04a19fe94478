//! `regent local`: breaks and mends the fleet that `regent up` runs.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::{Failure, Screen, process};
use crate::domain::control::Weights;
use crate::domain::{AgentId, InvalidName, RegionId, ServiceId};
use crate::local::{AgentCondition, State, control, env_file, words};
use crate::world::apps::Condition;
use crate::world::fault::{AwsService, Fault};
use crate::world::network::Place;

/// Break and mend the fleet that `regent up` runs.
///
/// Only the model on this machine is touched, never AWS.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent local lose eu-west-1\n  \
regent local slow us-east-1 --service web --delay-ms 900\n  \
regent local cut eu-west-1 us-east-1 --both\n  regent local state")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
    /// The environment file that `regent up` wrote
    #[arg(long, value_name = "FILE", default_value = ".regent/local.env", global = true)]
    env: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take a Region off the network, with its applications, tables and agents
    Lose { region: RegionId },
    /// Put a lost Region back, as it was
    Restore { region: RegionId },
    /// Make services of a Region answer late
    Slow {
        #[command(flatten)]
        of: Of,
        /// How late
        #[arg(long, value_name = "N")]
        delay_ms: u32,
    },
    /// Make services of a Region answer 503
    Fail(Of),
    /// Make services of a Region refuse connections
    Kill(Of),
    /// Make services of a Region answer as they should
    Mend(Of),
    /// Stop what goes from one place to another
    Cut {
        /// A Region, "outside" (clients, people) or "global" (Route 53's control plane)
        #[arg(value_parser = place)]
        from: Place,
        /// As FROM
        #[arg(value_parser = place)]
        to: Place,
        /// The way back too
        #[arg(long)]
        both: bool,
    },
    /// Undo every cut
    Heal,
    /// End an agent's process at once, as kill -9 does
    KillAgent { agent: AgentId },
    /// Start an agent that was killed
    StartAgent { agent: AgentId },
    /// Make AWS throttle every call of a service, or stop throttling
    Throttle { service: Aws, switch: Switch },
    /// Show what is broken, who leads and what is served
    State,
}

/// What runs in a Region.
#[derive(Debug, Clone, clap::Args)]
struct Of {
    region: RegionId,
    /// One service; all of the Region's if not given
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Aws {
    Dynamodb,
    Route53,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn place(text: &str) -> Result<Place, InvalidName> {
    match text {
        "outside" => Ok(Place::Outside),
        "global" => Ok(Place::Global),
        region => region.parse().map(Place::Region),
    }
}

impl Action {
    /// The fault that is meant; none for `state`.
    fn fault(self) -> Option<Fault> {
        Some(match self {
            Self::State => return None,
            Self::Lose { region } => Fault::Lose { region },
            Self::Restore { region } => Fault::Restore { region },
            Self::Slow { of: Of { region, service }, delay_ms } => {
                Fault::Slow { region, service, delay_ms }
            }
            Self::Fail(Of { region, service }) => Fault::Fail { region, service },
            Self::Kill(Of { region, service }) => Fault::Kill { region, service },
            Self::Mend(Of { region, service }) => Fault::Mend { region, service },
            Self::Cut { from, to, both } => Fault::Cut { from, to, both },
            Self::Heal => Fault::Heal,
            Self::KillAgent { agent } => Fault::KillAgent { agent },
            Self::StartAgent { agent } => Fault::StartAgent { agent },
            Self::Throttle { service, switch } => {
                let service = match service {
                    Aws::Dynamodb => AwsService::Dynamodb,
                    Aws::Route53 => AwsService::Route53,
                };
                Fault::Throttle { service, on: switch == Switch::On }
            }
        })
    }
}

/// What a fault brought, for programs.
#[derive(Serialize)]
struct Struck<'f> {
    done: &'f Fault,
}

pub(super) fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let variables = env_file::read(&args.env).map_err(anyhow::Error::from)?;
    let url = variables.get(env_file::CONTROL).with_context(|| {
        format!("{} has no {}: start `regent up` again", args.env.display(), env_file::CONTROL)
    })?;
    process::block_on(async {
        match args.action.fault() {
            Some(fault) => {
                control::strike(url, &fault).await.map_err(anyhow::Error::from)?;
                screen.document(&Struck { done: &fault })?;
                screen.line(words::fault(&fault))
            }
            None => {
                let state = control::state(url).await.map_err(anyhow::Error::from)?;
                screen.document(&state)?;
                screen.line(told(&state).trim_end())
            }
        }
    })
}

/// The state for people: what is broken first.
fn told(state: &State) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: &str| {
        writeln!(text, "{what:<10}{value}").expect("writing to a String can't fail");
    };
    for region in &state.lost {
        line("lost", region.as_str());
    }
    for cut in &state.cuts {
        line("cut", &format!("from {} to {}", cut.from, cut.to));
    }
    for app in &state.apps {
        let condition = match app.condition {
            Condition::Well => continue,
            Condition::Slow { delay_ms } => format!("slow ({delay_ms} ms)"),
            Condition::Failing => "failing (503)".to_owned(),
            Condition::Dead => "dead (connections refused)".to_owned(),
        };
        line("broken", &format!("{} in {}: {condition}", app.service, app.region));
    }
    for (agent, state) in &state.agents {
        match &state.condition {
            AgentCondition::Running { .. } => {}
            AgentCondition::Stopped => line("agent", &format!("{agent} does not run")),
            AgentCondition::Ended { how } => line("agent", &format!("{agent} ended: {how}")),
        }
    }
    let leader = state
        .leader
        .as_ref()
        .map_or("nobody".to_owned(), |leader| format!("{} (epoch {})", leader.agent, leader.epoch));
    line("leads", &leader);
    let none = Weights::new();
    let wanted = state.wanted.as_ref().unwrap_or(&none);
    for (service, weights) in &state.served {
        let each = weights.iter().map(|(region, served)| {
            let wanted = wanted.get(service).and_then(|wanted| wanted.get(region));
            match wanted.filter(|wanted| *wanted != served) {
                Some(wanted) => format!("{region} {served} (wanted {wanted})"),
                None => format!("{region} {served}"),
            }
        });
        line("served", &format!("{service}: {}", each.collect::<Vec<_>>().join(", ")));
    }
    let (ok, failed) = state
        .clients
        .iter()
        .fold((0, 0), |(ok, failed), count| (ok + count.ok, failed + count.failed));
    line("clients", &format!("{ok} requests answered, {failed} failed"));
    text
}
