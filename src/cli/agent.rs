//! `regent agent`: the process that runs in each Region.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::ValueEnum;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::Instrument as _;

use super::fleet::FleetArgs;
use super::process;
use super::{Failure, Screen, outside};
use crate::agent::{Agent, Window};
use crate::api;
use crate::core::Identity;
use crate::core::view::{Inner, View};
use crate::domain::role::Assumer;
use crate::domain::{AgentId, BootId, Fleet, RegionId};
use crate::telemetry::{Metrics, logs};

/// Run the agent of a Region: probe, report, stand for election, and lead when elected.
///
/// The first line on stdout is JSON: {"listening":"http://…"}, where /metrics, /healthz, /readyz
/// and /v1/fleet are. Logs go to stderr. SIGTERM and Ctrl-C end it; its lease then runs out and
/// another agent takes over.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent agent --region eu-west-1 --log-format json")]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
    /// The Region that it runs in: one of the fleet's
    #[arg(long, value_name = "REGION")]
    region: RegionId,
    /// Its name, unlike every other agent's. The Region's code if not given
    #[arg(long = "agent", value_name = "NAME")]
    name: Option<AgentId>,
    /// Where to serve metrics and the agent's view; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9180")]
    listen: SocketAddr,
    /// Where to answer Route 53's health checkers, if the fleet has gates: an address that they
    /// reach, directly or through a load balancer. Not the operators' interface; see docs/gates.md
    #[arg(long, value_name = "ADDRESS")]
    gates: Option<SocketAddr>,
    /// How a line of the log looks
    #[arg(long, value_enum, default_value_t = LogFormat::Readable)]
    log_format: LogFormat,
    /// What is logged, such as "warn,regent=debug" [default: warn,regent=info]
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", hide_env_values = true)]
    log: Option<String>,
    /// While there is a file at this path the agent is switched off: it probes and reports, and
    /// neither leads nor changes anything. Works without a quorum: `touch` it in each Region
    #[arg(
        long,
        value_name = "FILE",
        env = "REGENT_OFF_SWITCH",
        hide_env_values = true,
        default_value = "/etc/regent/off"
    )]
    off_switch: PathBuf,
    /// End when stdin ends: for whoever runs it as a child
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Readable,
    /// One JSON object a line
    Json,
}

impl From<LogFormat> for logs::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Readable => Self::Readable,
            LogFormat::Json => Self::Json,
        }
    }
}

/// The agent's first words.
#[derive(Serialize)]
struct Listening {
    listening: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gates: Option<String>,
}

/// Who the agent is, once that is known to make sense in this fleet.
fn identity(args: &Args, fleet: &Fleet, boot: BootId) -> Result<Identity, Failure> {
    if !fleet.regions.contains(&args.region) {
        let known: Vec<&str> = fleet.regions.iter().map(RegionId::as_str).collect();
        return Err(Failure::Arguments(format!(
            "--region {}: the fleet {} has no such Region; it has {}",
            args.region,
            fleet.name,
            known.join(", ")
        )));
    }
    let own = || AgentId::try_from(args.region.to_string());
    let agent = match &args.name {
        Some(name) => name.clone(),
        None => own().map_err(|error| Failure::Arguments(error.to_string()))?,
    };
    Ok(Identity { agent, region: args.region.clone(), boot })
}

/// Runs it until it is asked to stop.
pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    logs::init(args.log_format.into(), args.log.as_deref())
        .map_err(|error| Failure::Arguments(error.to_string()))?;
    let fleet = args.fleet.load()?;
    let identity = identity(args, &fleet, BootId(process::draw()?))?;
    let span = logs::agent_span(&identity.region, &identity.agent);
    process::serve(work(args, fleet, identity, screen).instrument(span))
}

async fn work(
    args: &Args,
    fleet: Fleet,
    identity: Identity,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    process::allow_many_files();
    let stop = process::asked_to_stop(args.exit_with_stdin)?;
    let assumer = Assumer::new(&fleet.name, identity.agent.as_str(), identity.region.clone());
    let outside = outside::connect_as(&fleet, assumer).await?;
    let metrics = Arc::new(Metrics::new(&identity.agent, &identity.region));
    let majority = fleet.seat_majority();
    let expected =
        fleet.gates.as_ref().is_some_and(|gates| gates.endpoints.contains_key(&identity.region));
    let described = fleet.clone();
    let (name, boot) = (identity.agent.clone(), identity.boot);
    let (agent, window) =
        Agent::new(identity, fleet, process::draw()?, outside, Arc::clone(&metrics))
            .map_err(anyhow::Error::from)?;
    let agent = agent.with_off_switch(args.off_switch.clone());
    let (listener, address) = listen(args.listen, "--listen").await?;
    let gates = match args.gates {
        Some(gates) => Some(listen(gates, "--gates").await?),
        None => None,
    };
    let first = Listening {
        listening: format!("http://{address}"),
        gates: gates.as_ref().map(|(_, address)| format!("http://{address}")),
    };
    match screen.message(&first) {
        // Whoever started it need not listen.
        Ok(()) | Err(Failure::PipeClosed) => {}
        Err(failure) => return Err(failure),
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %boot, %address, "agent {name} started");

    if expected && gates.is_none() {
        tracing::warn!(
            "the fleet has a gate endpoint for this Region, and this agent does not serve it: add \
             --gates, unless another agent of the Region does"
        );
    }
    let (ended, mut end) = watch::channel(());
    if let Some((listener, address)) = gates {
        let shown = api::gate::Shown::new(&described, window.gates());
        let mut end = end.clone();
        tracing::info!(%address, "gates are answered for");
        tokio::spawn(api::gate::serve(listener, shown, async move {
            let _ = end.changed().await;
        }));
    }
    let serving = tokio::spawn(
        api::serve(listener, window, metrics, majority, async move {
            // An error says that the sender is gone: that is the end.
            let _ = end.changed().await;
        })
        .in_current_span(),
    );
    let why = async { tracing::info!("stopping: {}", stop.await) };
    let result = agent.run(why).await;
    drop(ended);
    serving
        .await
        .context("the HTTP interface ended in a panic")?
        .context("the HTTP interface broke")?;
    Ok(result.map_err(anyhow::Error::from)?)
}

async fn listen(wanted: SocketAddr, option: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = api::listen(wanted).await.with_context(|| {
        format!(
            "{wanted} can't be listened on: end what listens there, or choose another with {option}"
        )
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    Ok((listener, address))
}

#[async_trait]
impl api::Asked for Window {
    async fn view(&self) -> Option<View> {
        Self::view(self).await
    }

    async fn inner(&self) -> Option<Inner> {
        Self::inner(self).await
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::testing::fleet;
    use crate::cli::{Cli, Command};

    fn parsed(line: &[&str]) -> Args {
        match Cli::try_parse_from([&["regent", "agent"], line].concat()).expect("valid").command {
            Command::Agent(args) => args,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn an_agent_is_named_after_its_region_unless_told_otherwise() {
        let named = |line: &[&str]| {
            identity(&parsed(line), &fleet(), BootId(1)).expect("valid").agent.to_string()
        };
        assert_eq!(named(&["--region", "r1"]), "r1");
        assert_eq!(named(&["--region", "r1", "--agent", "r1.b"]), "r1.b");
    }

    #[test]
    fn a_region_that_the_fleet_lacks_is_refused_with_those_it_has() {
        let refused = identity(&parsed(&["--region", "r9"]), &fleet(), BootId(1));
        let Err(Failure::Arguments(what)) = refused else { panic!("{refused:?}") };
        assert!(what.contains("r9") && what.contains("r1, r2, r3"), "{what}");
    }

    #[test]
    fn a_name_with_a_separator_is_refused_by_the_parser() {
        let line = ["regent", "agent", "--region", "r1", "--agent", "a/b"];
        assert!(Cli::try_parse_from(line).is_err());
    }
}
