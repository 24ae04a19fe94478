//! The arguments of each order, and the order that they make.

use std::time::Duration;

use super::super::{Failure, Screen};
use super::break_glass::BreakGlass;
use super::{OrderArgs, Wish, run};
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::order::{AskId, Verb};
use crate::domain::{Fleet, RegionId, ServiceId};
use crate::runbook::Arguments;

/// How long a drain is watched until the weights follow, once it is handled: a commit takes well under
/// a second.
const FOLLOW: Duration = Duration::from_secs(3);

/// The same for one who leads only for this: a new leader looks around first.
const FOLLOW_TO_THE_END: Duration = Duration::from_secs(60);

impl OrderArgs {
    fn wish(&self, verb: Verb, follow: Duration) -> Result<Wish, Failure> {
        let fleet = self.fleet.load()?;
        let wait = Duration::from_secs(u64::from(self.wait));
        Ok(Wish { fleet, by: self.by.clone(), wait, follow, verb })
    }

    /// Who orders it.
    pub(in crate::cli) fn by(&self) -> &str {
        &self.by
    }

    /// The fleet that it is about.
    pub(in crate::cli) fn fleet(&self) -> Result<Fleet, Failure> {
        self.fleet.load()
    }

    /// Gives an order, and prints what became of it.
    pub(in crate::cli) fn give(&self, verb: Verb, screen: &mut Screen<'_>) -> Result<(), Failure> {
        run(&self.wish(verb, FOLLOW)?, screen)
    }
}

/// Take a Region out of service and keep it out, whatever its health.
///
/// Its weight goes to 0 as soon as the rules allow: never below fewest_in_service, and not when the
/// others don't answer. It stays out until `regent undrain`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  regent drain eu-west-1 --reason 'patching the load balancer'\n  \
                        regent drain eu-west-1 --service web --reason 'bad deploy'\n  \
                        regent drain eu-west-1 --break-glass --reason 'no agent is left'"
)]
pub(in crate::cli) struct DrainArgs {
    /// Which Region
    region: RegionId,
    /// Only this service of it
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceId>,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    glass: BreakGlass,
    #[command(flatten)]
    order: OrderArgs,
}

impl DrainArgs {
    pub(in crate::cli) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { region, service, reason, glass, order } = self;
        let fleet = order.fleet()?;
        let named = [
            ("region", Some(region.to_string())),
            ("service", service.as_ref().map(ServiceId::to_string)),
        ];
        let arguments: Arguments =
            named.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?))).collect();
        let follow = if glass.break_glass { FOLLOW_TO_THE_END } else { FOLLOW };
        let wish = order.wish(Verb::Drain { region, service, reason }, follow)?;
        let page = ("evacuate-region", arguments);
        glass.carry_out(&fleet, order.by(), page, screen, |screen| run(&wish, screen))
    }
}

/// Let a drained Region come back into service.
///
/// It comes back as one that has recovered does: once it has been healthy for return_after_ms.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent undrain eu-west-1")]
pub(in crate::cli) struct UndrainArgs {
    /// Which Region
    region: RegionId,
    /// Only this service of it
    #[arg(long, value_name = "SERVICE")]
    service: Option<ServiceId>,
    #[command(flatten)]
    order: OrderArgs,
}

impl UndrainArgs {
    pub(in crate::cli) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { region, service, order } = self;
        order.give(Verb::Undrain { region, service }, screen)
    }
}

/// Stop all acting: no weight and no record is changed until `regent resume`.
///
/// For work by hand on the records. Probing, reports and the election go on, so that `regent status`
/// stays true. A batch that is under way at this moment may still arrive.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent pause --reason 'editing records by hand'")]
pub(in crate::cli) struct PauseArgs {
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    order: OrderArgs,
}

impl PauseArgs {
    pub(in crate::cli) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        self.order.give(Verb::Pause { reason: self.reason }, screen)
    }
}

/// Go on acting after `regent pause`.
///
/// Whatever differs from what is wanted by then is put right, hand edits included.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent resume")]
pub(in crate::cli) struct ResumeArgs {
    #[command(flatten)]
    order: OrderArgs,
}

impl ResumeArgs {
    pub(in crate::cli) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        self.order.give(Verb::Resume, screen)
    }
}

/// Set how far the fleet goes by itself with a kind of action.
///
/// Levels: observe (watch), recommend (say what it would do), approve (ask, and act when a person
/// has approved), auto (act). Holds at once, also in the middle of an incident.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent autonomy drain approve --reason 'peak season'\n  \
                        regent autonomy drain as-configured --reason 'peak season is over'")]
pub(in crate::cli) struct AutonomyArgs {
    /// Of which action: drain, return, switchover, failover or scale
    action: ActionKind,
    /// observe, recommend, approve, auto, or as-configured
    #[arg(value_parser = level)]
    level: Level,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    order: OrderArgs,
}

/// A level, or that of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level(Option<Autonomy>);

/// The word for the level that the files say.
const AS_CONFIGURED: &str = "as-configured";

fn level(text: &str) -> Result<Level, String> {
    if text == AS_CONFIGURED {
        return Ok(Level(None));
    }
    let level = text.parse().map(|level| Level(Some(level)));
    level.map_err(|error: crate::domain::autonomy::NoSuchWord| format!("{error}, {AS_CONFIGURED}"))
}

impl AutonomyArgs {
    pub(in crate::cli) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { action, level, reason, order } = self;
        order.give(Verb::SetAutonomy { action, to: level.0, reason }, screen)
    }
}

/// Let something go ahead that waits for approval.
///
/// `regent status` shows what waits, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent approve drain:web:eu-west-1")]
pub(in crate::cli) struct ApproveArgs {
    /// What: its name in `regent status`
    ask: String,
    #[command(flatten)]
    order: OrderArgs,
}

impl ApproveArgs {
    pub(in crate::cli) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        self.order.give(Verb::Approve { ask: AskId(self.ask) }, screen)
    }
}

/// Refuse something that waits for approval.
///
/// It is not asked again for as long as what it is about lasts.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  regent reject drain:web:eu-west-1 --reason 'known, and harmless'"
)]
pub(in crate::cli) struct RejectArgs {
    /// What: its name in `regent status`
    ask: String,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    order: OrderArgs,
}

impl RejectArgs {
    pub(in crate::cli) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { ask, reason, order } = self;
        order.give(Verb::Reject { ask: AskId(ask), reason }, screen)
    }
}
