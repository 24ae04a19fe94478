//! `regent up`: a whole fleet on loopback, until it is asked to stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tokio::sync::mpsc;

use super::fleet::FleetArgs;
use super::{Failure, Screen, process};
use crate::config::Loaded;
use crate::local::env_file::{self, Variables};
use crate::local::{Fleet, Options};
use crate::world::distances::Distances;

/// Start a whole fleet on this machine: AWS endpoints, name servers, applications, clients, agents.
///
/// Nothing leaves the loopback interface, and nothing needs to be installed. Regions, services and
/// rules are those of the folder; addresses are this machine's. Prints where everything is, then a
/// line whenever something happens. Ctrl-C ends all of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent up\nthen, in a second terminal:\n  \
. .regent/local.env\n  regent status\n  regent local lose eu-west-1")]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Where to write the environment for other terminals
    #[arg(long, value_name = "FILE", default_value = ".regent/local.env")]
    env: PathBuf,
    /// Where to log the requests to AWS, as JSON lines; beside the environment file if not given
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The seed of what is drawn by chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long a global table takes to replicate, give or take half of it
    #[arg(long, value_name = "N", default_value_t = 1000)]
    replication_lag_ms: u32,
    /// How far apart everything is: near, or life (70 to 260 ms between Regions, and a TTL of 60 s)
    #[arg(long, value_name = "HOW", default_value_t = Distances::Near)]
    distances: Distances,
}

/// The first document for programs: the variables of the environment file.
#[derive(Serialize)]
struct Up<'v> {
    up: &'v Variables,
}

/// A line that tells what happened, for programs.
#[derive(Serialize)]
struct Told<'l> {
    line: &'l str,
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    process::complain_only();
    let loaded = args.fleet.load_files()?;
    process::serve(work(args, loaded, screen))
}

async fn work(args: &Args, loaded: Loaded, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let stop = process::asked_to_stop(false)?;
    tokio::pin!(stop);
    // A few lines a second at most, and this end reads them as they come.
    let (said, mut lines) = mpsc::unbounded_channel::<String>();
    let sink = move |line: &str| {
        // The last words of a fleet that ends may find nobody listening.
        let _ = said.send(line.to_owned());
    };
    let binary = std::env::current_exe().context("regent can't find its own binary")?;
    let options = Options {
        seed: args.seed,
        request_log: args.log.clone(),
        distances: args.distances,
        lag: Duration::from_millis(u64::from(args.replication_lag_ms)),
        ..Options::new(loaded, args.env.clone(), binary, Arc::new(sink))
    };
    screen.line("Starting: making tables as AWS does takes some seconds.")?;
    let fleet = tokio::select! {
        started = Fleet::start(options) => started.map_err(anyhow::Error::from)?,
        _ = &mut stop => return Ok(()),
    };
    let mut result = greet(&fleet, args, screen);
    while result.is_ok() {
        result = tokio::select! {
            why = &mut stop => {
                result = screen.line(format_args!("{why}: ending everything"));
                break;
            }
            Some(line) = lines.recv() => tell(&line, screen),
        };
    }
    fleet.shutdown().await;
    result
}

fn tell(line: &str, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json() { screen.message(&Told { line }) } else { screen.line(line) }
}

fn greet(fleet: &Fleet, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json() {
        return screen.message(&Up { up: fleet.variables() });
    }
    let env = args.env.display().to_string();
    screen.line(greeting(fleet.variables(), &env))
}

/// Where everything is, and what to try.
fn greeting(variables: &Variables, env: &str) -> String {
    let of = |name: &str| variables.get(name).map_or("?", String::as_str);
    let each = |names: &str, prefix: &str| -> Vec<(String, String)> {
        let value =
            |name: &str| of(&format!("{prefix}{}", env_file::variable_part(name))).to_owned();
        of(names).split(' ').map(|name| (name.to_owned(), value(name))).collect()
    };
    let mut lines = vec!["The fleet is up, on loopback.".to_owned(), String::new()];
    for (service, url) in each("REGENT_LOCAL_SERVICES", "REGENT_LOCAL_URL_") {
        lines.push(format!("  service {service:<16}{url}"));
    }
    for (agent, url) in each("REGENT_LOCAL_REGIONS", "REGENT_LOCAL_AGENT_URL_") {
        lines.push(format!("  agent   {agent:<16}{url}/v1/fleet"));
    }
    lines.push(format!("  AWS     {:<16}{}", "every service", of("AWS_ENDPOINT_URL")));
    lines.push(format!("  env     {env}"));
    let names = each("REGENT_LOCAL_SERVICES", "REGENT_LOCAL_NAME_");
    let name = names.first().map_or("?", |(_, name)| name);
    let region = of("REGENT_LOCAL_REGIONS").split(' ').next_back().unwrap_or("REGION");
    lines.push(String::new());
    lines.push("Try, in a second terminal:".to_owned());
    lines.push(String::new());
    lines.push(format!("  . {env}"));
    lines.push("  regent status".to_owned());
    lines.push(format!(
        "  dig @{} -p {} +short {name}",
        of("REGENT_LOCAL_DNS_HOST"),
        of("REGENT_LOCAL_DNS_PORT")
    ));
    lines.push(format!("  regent local lose {region}"));
    lines.push(format!("  regent local restore {region}"));
    lines.push(String::new());
    lines.push("Ctrl-C ends everything.".to_owned());
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_tells_where_everything_is_and_what_to_try() {
        let variables: Variables = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("REGENT_LOCAL_AGENT_URL_eu_west_1", "http://127.0.0.1:2"),
            ("REGENT_LOCAL_DNS_HOST", "127.0.0.1"),
            ("REGENT_LOCAL_DNS_PORT", "3"),
            ("REGENT_LOCAL_NAME_web", "web.demo.example"),
            ("REGENT_LOCAL_REGIONS", "eu-west-1"),
            ("REGENT_LOCAL_SERVICES", "web"),
            ("REGENT_LOCAL_URL_web", "http://web.demo.example:4/"),
        ]
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        insta::assert_snapshot!("up_greeting", greeting(&variables, ".regent/local.env"));
    }
}
