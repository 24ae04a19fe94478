//! `regent switchover` and `regent failover`: a database's writer to another Region.
//!
//! Both are runs of a shipped runbook, with its checks, its log and its page for people. What a
//! person says on the command line stands for the question that the runbook asks.

use super::order::OrderArgs;
use super::runbook::{books, plan, run};
use super::{Failure, Screen, outside, process, status};
use crate::domain::observation::DatabaseReport;
use crate::domain::{DatabaseId, Fleet, RegionId};
use crate::runbook::Arguments;

/// The step that asks a person, in both runbooks.
const CONSENT: &str = "consent";

/// Move a database's writer to another Region while all is well, without loss.
///
/// Runs the runbook switch-database; see `regent runbook show switch-database`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  regent switchover orders --to us-east-1 --reason 'maintenance in Ireland'"
)]
pub(super) struct SwitchoverArgs {
    /// The database, by its name in fleet.toml
    database: DatabaseId,
    /// Where its writer is to be
    #[arg(long, value_name = "REGION")]
    to: RegionId,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    order: OrderArgs,
}

impl SwitchoverArgs {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let fleet = self.order.fleet()?;
        let (from, _) = writer(&fleet, &self.database)?;
        execute(
            "switch-database",
            &self.database,
            from,
            self.to,
            self.reason,
            &self.order,
            &fleet,
            screen,
        )
    }
}

/// Promote a database's copy in another Region because the writer's Region is lost. Loses data.
///
/// Runs the runbook fail-database-over; see `regent runbook show fail-database-over`. Without
/// --allow-data-loss it says what would be lost, and does nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  regent failover orders --to us-east-1 --allow-data-loss --reason 'Ireland is lost'"
)]
pub(super) struct FailoverArgs {
    /// The database, by its name in fleet.toml
    database: DatabaseId,
    /// Where its writer is to be
    #[arg(long, value_name = "REGION")]
    to: RegionId,
    /// Accept that what was not replicated is lost
    #[arg(long)]
    allow_data_loss: bool,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    order: OrderArgs,
}

impl FailoverArgs {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let fleet = self.order.fleet()?;
        let (from, report) = writer(&fleet, &self.database)?;
        let loss = match report.loss.get(&self.to) {
            Some((low, high, age)) => format!(
                "a failover of {} to {} would lose {low} to {high} ms of writes, by figures {age} ms \
                 old",
                self.database, self.to
            ),
            None => format!(
                "nobody can say what a failover of {} to {} would lose: there are no figures",
                self.database, self.to
            ),
        };
        screen.line(&loss)?;
        if !self.allow_data_loss {
            return Err(Failure::Arguments(format!(
                "{loss}. Add --allow-data-loss if that is better than to wait; `regent switchover` \
                 loses nothing, and needs a writer that answers"
            )));
        }
        execute(
            "fail-database-over",
            &self.database,
            from,
            self.to,
            self.reason,
            &self.order,
            &fleet,
            screen,
        )
    }
}

#[expect(clippy::too_many_arguments, reason = "what the two commands have in common")]
fn execute(
    book: &str,
    database: &DatabaseId,
    from: RegionId,
    to: RegionId,
    reason: String,
    order: &OrderArgs,
    fleet: &Fleet,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    if from == to {
        return Err(Failure::Failed(anyhow::anyhow!(
            "{database} is written in {to} already: there is nothing to do"
        )));
    }
    let arguments: Arguments = [
        ("database".to_owned(), database.to_string()),
        ("from".to_owned(), from.to_string()),
        ("to".to_owned(), to.to_string()),
    ]
    .into();
    let procedure = plan::bind(&books::load(None)?, book, &arguments, fleet)?;
    let name = run::start(order, &procedure, reason, screen)?;
    run::follow(fleet, order, &name, &[CONSENT], screen)
}

/// Where the database is written, and what else the leader says of it.
fn writer(fleet: &Fleet, database: &DatabaseId) -> Result<(RegionId, DatabaseReport), Failure> {
    if !fleet.databases.contains_key(database) {
        let known: Vec<&str> = fleet.databases.keys().map(DatabaseId::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Failure::Arguments(format!(
            "the fleet {} has no database {database}; it has {known}",
            fleet.name
        )));
    }
    let leader = process::block_on(async {
        let outside = outside::connect(fleet).await?;
        Ok(status::leader(fleet, &outside).await)
    })?;
    let report = leader.and_then(|leader| leader.databases.get(database).cloned());
    let Some(report) = report else {
        return Err(Failure::Failed(anyhow::anyhow!(
            "no leader tells how {database} is. `regent status` says who leads; by hand: `regent \
             runbook show fail-database-over --manual`"
        )));
    };
    match report.writer.clone() {
        Some(writer) => Ok((writer, report)),
        None => Err(Failure::Failed(anyhow::anyhow!(
            "RDS shows no writer of {database} now ({}): look again in a minute",
            report.trouble.as_deref().unwrap_or("a move may be under way")
        ))),
    }
}
