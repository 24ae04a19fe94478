//! `regent drill run`: rehearse a failure, and be told what held.

mod compare;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};

use self::compare::CompareArgs;
use super::fleet::FleetArgs;
use super::process::serve;
use super::{Failure, Screen};
use crate::config::{self, Problems};
use crate::drill::{NotRun, Run, Scenario, Stage, run_on_local, run_on_sim, score};
use crate::local;
use crate::world::distances::Distances;

/// Rehearse failures: chaos files on the simulator or on the fleet on loopback.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent drill run chaos/region-loss.toml --on sim --seed 7")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(RunArgs),
    Compare(CompareArgs),
}

/// Run a chaos file, and score it.
///
/// On the simulator it takes milliseconds and is the same for the same seed; on the fleet on
/// loopback it takes as long as it says, with real processes and the AWS SDKs. The report has the
/// timeline, the times to detect, decide, act and recover, and what clients saw.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent drill run chaos/region-loss.toml\n  \
regent drill run chaos/leader-loss.toml --on local\n\n\
Exit codes: 0 every expectation held; 1 one fell short, or the drill could not be run; 2 the file or \
the fleet's files are wrong.")]
struct RunArgs {
    /// The chaos file
    file: PathBuf,
    /// Where to run it
    #[arg(long, value_enum, default_value_t = On::Sim)]
    on: On,
    /// The simulator's seed, or that of the local fleet's draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How far apart everything is: near, or life (70 to 260 ms between Regions, and a TTL of 60 s);
    /// what the file says if not given
    #[arg(long, value_name = "HOW")]
    distances: Option<Distances>,
    #[command(flatten)]
    fleet: FleetArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    /// The simulator, in virtual time
    Sim,
    /// Processes on loopback, in real time
    Local,
}

impl From<On> for Stage {
    fn from(on: On) -> Self {
        match on {
            On::Sim => Self::Sim,
            On::Local => Self::Local,
        }
    }
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match &args.command {
        Command::Run(args) => rehearse(args, screen),
        Command::Compare(args) => compare::run(args, screen),
    }
}

fn rehearse(args: &RunArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut scenario =
        Scenario::load(&args.file).map_err(|found| Failure::Files(Problems(found)))?;
    if let Some(distances) = args.distances {
        scenario.distances = distances;
    }
    let scenario = scenario;
    let loaded = match &scenario.regions {
        Some(folder) => config::load_dir(folder)?,
        None => args.fleet.load_files()?,
    };
    scenario.check(&loaded.fleet).map_err(|found| Failure::Files(Problems(found)))?;
    let stage = Stage::from(args.on);
    if !scenario.on.contains(&stage) {
        let may: Vec<String> = scenario.on.iter().map(ToString::to_string).collect();
        return Err(Failure::Arguments(format!(
            "{} is not to be run on {stage}: it says on = [{}]",
            scenario.file,
            may.join(", ")
        )));
    }
    let run = match args.on {
        On::Sim => run_on_sim(&scenario, loaded.fleet, args.seed),
        On::Local => on_local(&scenario, loaded, args.seed)?,
    }
    .map_err(|error| Failure::Failed(error.into()))?;
    show(&scenario, &run, screen)
}

fn on_local(
    scenario: &Scenario,
    loaded: config::Loaded,
    seed: u64,
) -> Result<Result<Run, NotRun>, Failure> {
    in_a_folder(loaded, seed, scenario.distances, |options, _| {
        serve(async { Ok(run_on_local(scenario, options).await) })
    })
}

/// Runs this with options for a fleet on loopback and a folder of its own, which is gone afterwards.
fn in_a_folder<T>(
    loaded: config::Loaded,
    seed: u64,
    distances: Distances,
    run: impl FnOnce(local::Options, &Path) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let binary = std::env::current_exe().context("this program's own file can't be found")?;
    let folder = std::env::temp_dir().join(format!("regent-drill-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} can't be created", folder.display()))?;
    let sink: local::Sink = Arc::new(|_: &str| {});
    let mut options = local::Options::new(loaded, folder.join("local.env"), binary, sink);
    options.seed = seed;
    options.distances = distances;
    let done = run(options, &folder);
    // What an interrupted fleet may have left; a folder that is gone already is as good.
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn show(scenario: &Scenario, run: &Run, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let score = score(scenario, run);
    screen.document(&score)?;
    screen.line(score.text().trim_end())?;
    if score.exit_code() == ExitCode::SUCCESS { Ok(()) } else { Err(Failure::Shown) }
}
