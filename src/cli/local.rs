//! `regent local`: breaks and mends the fleet that `regent up` runs.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::{Failure, Screen, process};
use crate::domain::control::Weights;
use crate::domain::signal::{AlarmName, AlarmState};
use crate::domain::{AgentId, GlobalClusterId, InvalidName, RegionId, ServiceId};
use crate::local::{AgentCondition, State, WriteCount, control, env_file, words};
use crate::world::apps::Condition;
use crate::world::fault::{AwsService, Fault};
use crate::world::network::Place;
use crate::world::wire::{Percent, Rule, Scope, Treatment};

/// Break and mend the fleet that `regent up` runs.
///
/// Only the model on this machine is touched, never AWS.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent local lose eu-west-1\n  \
regent local slow us-east-1 --service web --delay-ms 900\n  \
regent local cut eu-west-1 us-east-1 --both\n  \
regent local wire cut-after --operation PutItem --percent 30\n  regent local state")]
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
        /// A Region, "outside" (clients, people), "checkers" (Route 53's health checkers) or
        /// "global" (its control plane)
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
    /// Take Route 53's control plane away, or give it back: answers and health checks go on
    ControlPlane { is: UpOrDown },
    /// Keep accepted changes of records from the name servers, or let them go there
    Propagation { is: StuckOrMoving },
    /// Deny everybody's access to the hosted zones and their roles, or give it back
    Role { is: GivenOrDenied },
    /// Make load-balancer targets fail their checks
    Targets {
        #[command(flatten)]
        of: Of,
        /// How many; 0 mends all
        #[arg(long, value_name = "COUNT")]
        unhealthy: u32,
    },
    /// Give a CloudWatch alarm a state
    Alarm {
        region: RegionId,
        alarm: AlarmName,
        /// OK, ALARM or INSUFFICIENT_DATA
        state: AlarmState,
    },
    /// Make the database clusters of a Region lag behind their writers
    Lag {
        #[command(flatten)]
        of: Kept,
        /// By how much more; 0 mends it
        #[arg(long, value_name = "N")]
        extra_ms: u32,
    },
    /// Take the encryption key of the database clusters of a Region away: they stop
    TakeKey(Kept),
    /// Give it back
    GiveKey(Kept),
    /// Treat single calls to AWS amiss
    ///
    /// Rules add up until they are mended; the first that strikes a call decides. "Before" and
    /// "after" are before and after the call takes its effect.
    Wire {
        /// throttle, delay, cut-before, cut-after, error-before, error-after, truncate,
        /// garbage-before, garbage-after
        treatment: String,
        #[command(flatten)]
        calls: Calls,
        /// How long a call is held up, for "delay"
        #[arg(long, value_name = "N")]
        delay_ms: Option<u32>,
        /// How many of a hundred calls
        #[arg(long, value_name = "N", default_value = "100", value_parser = percent)]
        percent: Percent,
        /// How often at most
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        times: Option<u32>,
    },
    /// Take back the rules of `wire` that are about no other calls than these; all if none are named
    MendWire(Calls),
    /// Show what is broken, who leads and what is served
    State,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UpOrDown {
    Up,
    Down,
}

/// Whether changes of records get to the name servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StuckOrMoving {
    /// They stay PENDING
    Stuck,
    /// They become INSYNC
    Moving,
}

/// Whether something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GivenOrDenied {
    Given,
    Denied,
}

/// What runs in a Region.
#[derive(Debug, Clone, clap::Args)]
struct Of {
    region: RegionId,
    /// One service; all of the Region's if not given
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceId>,
}

/// What is kept in a Region.
#[derive(Debug, Clone, clap::Args)]
struct Kept {
    region: RegionId,
    /// Of one global cluster; of every one that has a member there if not given
    #[arg(long, value_name = "GLOBAL-CLUSTER")]
    cluster: Option<GlobalClusterId>,
}

/// Which calls to AWS; every one if nothing is given.
#[derive(Debug, Clone, clap::Args)]
struct Calls {
    /// Those of this caller: an agent, or "operator"
    #[arg(long, value_name = "NAME")]
    caller: Option<AgentId>,
    /// Those to this Region's endpoint
    #[arg(long, value_name = "REGION")]
    region: Option<RegionId>,
    /// Those to this service
    #[arg(long, value_enum)]
    service: Option<Aws>,
    /// Those of this operation, such as PutItem
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
}

impl From<Calls> for Scope {
    fn from(Calls { caller, region, service, operation }: Calls) -> Self {
        Self { caller, region, service: service.map(AwsService::from), operation }
    }
}

fn percent(text: &str) -> Result<Percent, String> {
    text.parse::<u8>().map_err(|error| error.to_string())?.try_into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Aws {
    Dynamodb,
    Route53,
    Elbv2,
    Cloudwatch,
    Rds,
    Autoscaling,
    ServiceQuotas,
    Sns,
    Sts,
}

impl From<Aws> for AwsService {
    fn from(service: Aws) -> Self {
        match service {
            Aws::Dynamodb => Self::Dynamodb,
            Aws::Route53 => Self::Route53,
            Aws::Elbv2 => Self::Elbv2,
            Aws::Cloudwatch => Self::Cloudwatch,
            Aws::Rds => Self::Rds,
            Aws::Autoscaling => Self::Autoscaling,
            Aws::ServiceQuotas => Self::ServiceQuotas,
            Aws::Sns => Self::Sns,
            Aws::Sts => Self::Sts,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn place(text: &str) -> Result<Place, InvalidName> {
    match text {
        "outside" => Ok(Place::Outside),
        "checkers" => Ok(Place::Checkers),
        "global" => Ok(Place::Global),
        region => region.parse().map(Place::Region),
    }
}

impl Action {
    /// The fault that is meant; none for `state`.
    fn fault(self) -> Result<Option<Fault>, Failure> {
        Ok(Some(match self {
            Self::State => return Ok(None),
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
            Self::Targets { of: Of { region, service }, unhealthy } => {
                Fault::Targets { region, service, unhealthy }
            }
            Self::Alarm { region, alarm, state } => Fault::Alarm { region, alarm, state },
            Self::Throttle { service, switch } => {
                Fault::Throttle { service: service.into(), on: switch == Switch::On }
            }
            Self::Lag { of: Kept { region, cluster }, extra_ms } => {
                Fault::Lag { region, cluster, extra_ms }
            }
            Self::TakeKey(Kept { region, cluster }) => Fault::Key { region, cluster, taken: true },
            Self::GiveKey(Kept { region, cluster }) => Fault::Key { region, cluster, taken: false },
            Self::ControlPlane { is } => Fault::ControlPlane { down: is == UpOrDown::Down },
            Self::Propagation { is } => Fault::Propagation { stuck: is == StuckOrMoving::Stuck },
            Self::Role { is } => Fault::Role { denied: is == GivenOrDenied::Denied },
            Self::Wire { treatment, calls, delay_ms, percent, times } => {
                let treatment =
                    Treatment::named(&treatment, delay_ms).map_err(Failure::Arguments)?;
                Fault::Wire { rule: Rule { scope: calls.into(), treatment, percent, times } }
            }
            Self::MendWire(calls) => Fault::MendWire { scope: calls.into() },
        }))
    }
}

/// What a fault brought, for programs.
#[derive(Serialize)]
struct Struck<'f> {
    done: &'f Fault,
}

pub(super) fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let fault = args.action.fault()?;
    let variables = env_file::read(&args.env).map_err(anyhow::Error::from)?;
    let url = variables.get(env_file::CONTROL).with_context(|| {
        format!("{} has no {}: start `regent up` again", args.env.display(), env_file::CONTROL)
    })?;
    process::block_on(async {
        match fault {
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
    for rule in &state.wire {
        line("wire", &rule.to_string());
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
    for targets in state.targets.iter().filter(|targets| targets.health.unhealthy() > 0) {
        line("broken", &format!("{} in {}: {}", targets.service, targets.region, targets.health));
    }
    for alarm in state.alarms.iter().filter(|alarm| alarm.state != AlarmState::Ok) {
        line("alarm", &format!("{} in {}: {}", alarm.name, alarm.region, alarm.state));
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
    for database in &state.databases {
        line("database", &database.to_string());
    }
    for writes in &state.writes {
        let WriteCount { service, acknowledged, failed } = writes;
        line("writes", &format!("{service}: {acknowledged} acknowledged, {failed} not"));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::domain::signal::{TargetHealth, ZoneHealth};
    use crate::domain::{Epoch, Moment, Weight};
    use crate::local::{AgentState, Alarm, AppState, Cut, Leader, Targets};

    fn meant(line: &str) -> Option<Fault> {
        let words = ["regent", "local"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).command {
            Command::Local(args) => args.action.fault().unwrap_or_else(|e| panic!("{e:?}")),
            _ => panic!("another command"),
        }
    }

    fn region(name: &str) -> RegionId {
        name.parse().expect("valid")
    }

    #[test]
    fn each_line_means_its_fault() {
        let (r1, web) = (region("r1"), Some("web".parse().expect("valid")));
        let agent: AgentId = "r1.b".parse().expect("valid");
        let cases = [
            ("lose r1", Fault::Lose { region: r1.clone() }),
            ("restore r1", Fault::Restore { region: r1.clone() }),
            (
                "slow r1 --service web --delay-ms 900",
                Fault::Slow { region: r1.clone(), service: web.clone(), delay_ms: 900 },
            ),
            ("fail r1", Fault::Fail { region: r1.clone(), service: None }),
            ("kill r1 --service web", Fault::Kill { region: r1.clone(), service: web }),
            ("mend r1", Fault::Mend { region: r1.clone(), service: None }),
            (
                "cut r1 outside --both",
                Fault::Cut { from: Place::Region(r1.clone()), to: Place::Outside, both: true },
            ),
            (
                "cut r1 global",
                Fault::Cut { from: Place::Region(r1), to: Place::Global, both: false },
            ),
            ("heal", Fault::Heal),
            ("kill-agent r1.b", Fault::KillAgent { agent: agent.clone() }),
            ("start-agent r1.b", Fault::StartAgent { agent: agent.clone() }),
            ("propagation stuck", Fault::Propagation { stuck: true }),
            ("role denied", Fault::Role { denied: true }),
            ("control-plane down", Fault::ControlPlane { down: true }),
            ("throttle route53 on", Fault::Throttle { service: AwsService::Route53, on: true }),
            (
                "targets r1 --service web --unhealthy 2",
                Fault::Targets {
                    region: region("r1"),
                    service: Some("web".parse().expect("valid")),
                    unhealthy: 2,
                },
            ),
            (
                "alarm r1 web-5xx ALARM",
                Fault::Alarm {
                    region: region("r1"),
                    alarm: "web-5xx".parse().expect("valid"),
                    state: AlarmState::Alarm,
                },
            ),
            (
                "lag r1 --cluster orders --extra-ms 5000",
                Fault::Lag {
                    region: region("r1"),
                    cluster: Some("orders".parse().expect("valid")),
                    extra_ms: 5000,
                },
            ),
            ("take-key r1", Fault::Key { region: region("r1"), cluster: None, taken: true }),
            ("give-key r1", Fault::Key { region: region("r1"), cluster: None, taken: false }),
            (
                "wire cut-after --caller r1.b --operation PutItem --percent 30 --times 2",
                Fault::Wire {
                    rule: Rule {
                        scope: Scope {
                            caller: Some(agent.clone()),
                            operation: Some("PutItem".to_owned()),
                            ..Scope::default()
                        },
                        treatment: Treatment::CutAfter,
                        percent: Percent::try_from(30).expect("a share"),
                        times: Some(2),
                    },
                },
            ),
            (
                "wire delay --delay-ms 900 --region r1 --service dynamodb",
                Fault::Wire {
                    rule: Rule {
                        scope: Scope {
                            region: Some(region("r1")),
                            service: Some(AwsService::Dynamodb),
                            ..Scope::default()
                        },
                        treatment: Treatment::Delay { ms: 900 },
                        percent: Percent::ALL,
                        times: None,
                    },
                },
            ),
            ("mend-wire", Fault::MendWire { scope: Scope::default() }),
            ("throttle dynamodb off", Fault::Throttle { service: AwsService::Dynamodb, on: false }),
        ];
        for (line, fault) in cases {
            assert_eq!(meant(line), Some(fault), "{line}");
        }
        assert_eq!(meant("state --env other.env"), None);
    }

    #[test]
    fn without_a_running_fleet_the_error_says_how_to_start_one() {
        let dir = tempfile::tempdir().expect("a folder of our own");
        let args = Args { action: Action::Heal, env: dir.path().join("local.env") };
        let (_, result) = crate::cli::testing::printed(false, |screen| run(args, screen));
        let Err(Failure::Failed(error)) = result else { panic!("there is no fleet") };
        assert!(error.to_string().contains("`regent up`"), "{error}");
    }

    #[test]
    fn the_state_names_what_is_broken_before_what_is_served() {
        let weights = |r2: u8| {
            let weights = [(region("r1"), Weight(100)), (region("r2"), Weight(r2))];
            Weights::from([("web".parse().expect("valid"), weights.into_iter().collect())])
        };
        let app = |name: &str, condition| AppState {
            region: region(name),
            service: "web".parse().expect("valid"),
            condition,
        };
        let targets = |name: &str, unhealthy| {
            let reasons = [("Target.Timeout".to_owned(), unhealthy)];
            let reasons = reasons.into_iter().filter(|(_, count)| *count > 0).collect();
            let zone = ZoneHealth { healthy: 2, unhealthy, aside: 0, reasons };
            let zones = [(format!("{name}a"), zone)].into();
            let service = "web".parse().expect("valid");
            Targets { region: region(name), service, health: TargetHealth { zones } }
        };
        let alarm = |name: &str, state| Alarm {
            region: region(name),
            name: "web-5xx".parse().expect("valid"),
            state,
        };
        let agent = |condition| AgentState { region: region("r1"), condition };
        let running =
            AgentCondition::Running { pid: 1, url: "http://127.0.0.1:1".to_owned(), gates: None };
        let ended = AgentCondition::Ended { how: "exit status: 1".to_owned() };
        let state = State {
            at: Moment::ZERO,
            lost: vec![region("r2")],
            wire: vec![Rule {
                scope: Scope { operation: Some("PutItem".to_owned()), ..Scope::default() },
                treatment: Treatment::CutAfter,
                percent: Percent::try_from(30).expect("a share"),
                times: None,
            }],
            cuts: vec![Cut { from: Place::Outside, to: Place::Region(region("r1")) }],
            apps: vec![
                app("r1", Condition::Well),
                app("r2", Condition::Slow { delay_ms: 900 }),
                app("r3", Condition::Dead),
            ],
            targets: vec![targets("r1", 0), targets("r2", 1)],
            alarms: vec![alarm("r1", AlarmState::Ok), alarm("r2", AlarmState::Alarm)],
            agents: [("a", running), ("b", AgentCondition::Stopped), ("c", ended)]
                .into_iter()
                .map(|(name, condition)| (name.parse().expect("valid"), agent(condition)))
                .collect(),
            leader: Some(Leader { agent: "a".parse().expect("valid"), epoch: Epoch(2) }),
            wanted: Some(weights(0)),
            served: weights(100),
            clients: Vec::new(),
            databases: Vec::new(),
            writes: Vec::new(),
            notices: Vec::new(),
            log_entries: 0,
        };
        insta::assert_snapshot!("local_state", told(&state));
    }
}
