//! The command line: arguments to validated commands, and what they print.
//!
//! Each command has a file: its raw arguments as clap reads them, then the same validated against
//! the fleet, then the work. To add one: a file, a line in [`Command`], a line in [`Cli::carry_out`].
//! Nothing is decided here that an agent decides; and only here is anything written to stdout.

mod agent;
mod check;
mod database;
mod drill;
mod failure;
mod fleet;
mod init;
mod local;
mod order;
mod outside;
mod preflight;
mod process;
mod runbook;
mod screen;
mod sim;
mod status;
#[cfg(test)]
mod testing;
mod up;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use screen::Screen;

/// A multi-region active-active failover controller for AWS.
///
/// One agent in each Region probes every Region; a leader elected by a majority of seats moves
/// traffic with Route 53. Every command reads the fleet from a folder (--regions) and AWS
/// credentials from where the AWS CLI finds them.
#[derive(Debug, Parser)]
#[command(name = "regent", version, max_term_width = 100)]
#[command(after_help = "Try it on loopback, with nothing to install: regent up\n\
Exit codes: 0 done; 1 it could not be done; 2 the arguments or the fleet's files are wrong.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print JSON, for programs. An error is JSON on stdout too
    // Last in every help, however many commands there are.
    #[arg(long, global = true, display_order = 1000)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Args),
    Init(init::Args),
    Agent(agent::Args),
    Status(status::Args),
    Preflight(preflight::Args),
    Drain(order::DrainArgs),
    Undrain(order::UndrainArgs),
    Pause(order::PauseArgs),
    Resume(order::ResumeArgs),
    Autonomy(order::AutonomyArgs),
    Approve(order::ApproveArgs),
    Reject(order::RejectArgs),
    Switchover(database::SwitchoverArgs),
    Failover(database::FailoverArgs),
    Runbook(runbook::Args),
    Drill(drill::Args),
    Sim(sim::Args),
    Up(up::Args),
    Local(local::Args),
}

impl Cli {
    fn carry_out(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        match self.command {
            Command::Check(args) => check::run(&args, screen),
            Command::Init(args) => init::run(&args, screen),
            Command::Agent(args) => agent::run(&args, screen),
            Command::Status(args) => status::run(&args, screen),
            Command::Preflight(args) => preflight::run(&args, screen),
            Command::Drain(args) => args.run(screen),
            Command::Undrain(args) => args.run(screen),
            Command::Pause(args) => args.run(screen),
            Command::Resume(args) => args.run(screen),
            Command::Autonomy(args) => args.run(screen),
            Command::Approve(args) => args.run(screen),
            Command::Reject(args) => args.run(screen),
            Command::Switchover(args) => args.run(screen),
            Command::Failover(args) => args.run(screen),
            Command::Runbook(args) => runbook::run(args, screen),
            Command::Drill(args) => drill::run(&args, screen),
            Command::Sim(args) => sim::run(&args, screen),
            Command::Up(args) => up::run(&args, screen),
            Command::Local(args) => local::run(args, screen),
        }
    }
}

/// Carries out a command line, of which the first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut stdout = std::io::stdout();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            let mut screen = Screen::new(&mut stdout, cli.json);
            let result = cli.carry_out(&mut screen);
            failure::end(result, &mut screen, &mut std::io::stderr())
        }
        Err(error) => {
            // Asking for help is no error. Nobody may be there to read it.
            let _ = error.print();
            if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
                let text = error.render().to_string();
                let what = text.trim().trim_start_matches("error: ").to_owned();
                let failure = Failure::Arguments(what);
                // As above.
                let _ = failure.show_json(&mut Screen::new(&mut stdout, true));
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::BAD_INPUT))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        let mut cli = Cli::command().term_width(100);
        insta::assert_snapshot!("help", cli.render_long_help());
        let names: Vec<String> =
            cli.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        cli.build();
        for name in names.iter().filter(|name| *name != "help") {
            let command = cli.find_subcommand_mut(name).expect("just listed");
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{name} has no example:\n{help}");
            insta::assert_snapshot!(format!("help_{name}"), help);
            for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
                let help = below.render_long_help();
                insta::assert_snapshot!(format!("help_{name}_{}", below.get_name()), help);
            }
        }
    }

    #[test]
    fn json_may_stand_before_or_behind_the_command() {
        for line in [["regent", "--json", "check"], ["regent", "check", "--json"]] {
            assert!(Cli::try_parse_from(line).expect("valid").json);
        }
    }
}
