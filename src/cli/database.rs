//! `regent switchover` and `regent failover`: a database's writer to another Region.
//!
//! Both are runs of a shipped runbook, with its checks, its log and its page for people. What a
//! person says on the command line stands for the question that the runbook asks.

use std::time::Duration;

use super::order::{BreakGlass, OrderArgs, READING_MAX};
use super::runbook::{books, plan, run};
use super::{Failure, Screen, outside, process, status};
use crate::domain::observation::DatabaseReport;
use crate::domain::{DatabaseId, Fleet, RegionId};
use crate::runbook::Arguments;
use crate::telemetry::clock::Stopwatch;

/// The step that asks a person, in all of these runbooks.
const CONSENT: &str = "consent";

/// Time between two looks at what the leader says.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Limit of one call to RDS.
const CALL_LIMIT: Duration = Duration::from_secs(3);

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
    glass: BreakGlass,
    #[command(flatten)]
    order: OrderArgs,
}

impl SwitchoverArgs {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { database, to, reason, glass, order } = self;
        let change = Change { fleet: order.fleet()?, database, to, glass, order };
        change.carry_out("switch-database", screen, |change, screen| {
            let (writer, _) = change.writer()?;
            let from = writer.ok_or_else(|| {
                Failure::Failed(anyhow::anyhow!(
                    "RDS shows no writer of {} now: look again in a minute, or `regent failover`",
                    change.database
                ))
            })?;
            change.execute("switch-database", Some(from), reason, screen)
        })
    }
}

/// Promote a database's copy in another Region because the writer's Region is lost. Loses data.
///
/// Runs the runbook fail-database-over; see `regent runbook show fail-database-over`. Without
/// --allow-data-loss it says what would be lost, and does nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  regent failover orders --to us-east-1 --allow-data-loss --reason 'Ireland is lost'\n  \
regent failover orders --to us-east-1 --allow-data-loss --force --reason 'no writer, and no figures'"
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
    /// Promote though the rules forbid it: a copy that is never to be the writer or that can't be
    /// read, a database that is not in the state expected. Runs the runbook force-database-over.
    /// Never past a request that may still land, and never without a majority of seats
    #[arg(long, requires = "allow_data_loss")]
    force: bool,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    glass: BreakGlass,
    #[command(flatten)]
    order: OrderArgs,
}

impl FailoverArgs {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { database, to, allow_data_loss, force, reason, glass, order } = self;
        let change = Change { fleet: order.fleet()?, database, to, glass, order };
        let book = if force { "force-database-over" } else { "fail-database-over" };
        change.carry_out(book, screen, |change, screen| {
            let (from, report) = change.writer()?;
            let loss = change.loss(&report);
            screen.line(&loss)?;
            if !allow_data_loss {
                return Err(Failure::Arguments(format!(
                    "{loss}. Add --allow-data-loss if that is better than to wait; `regent \
                     switchover` loses nothing, and needs a writer that answers"
                )));
            }
            if from.is_none() && !force {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "RDS shows no writer of {} now ({}): look again in a minute. If it stays so, \
                     --force promotes all the same",
                    change.database,
                    report.trouble.as_deref().unwrap_or("a move may be under way")
                )));
            }
            change.execute(book, from.filter(|_| !force), reason, screen)
        })
    }
}

/// A change of writer.
struct Change {
    fleet: Fleet,
    database: DatabaseId,
    to: RegionId,
    glass: BreakGlass,
    order: OrderArgs,
}

impl Change {
    /// Does the work, with nobody else to lead if need be.
    fn carry_out(
        &self,
        book: &str,
        screen: &mut Screen<'_>,
        work: impl FnOnce(&Self, &mut Screen<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(spec) = self.fleet.databases.get(&self.database) else {
            let known: Vec<&str> = self.fleet.databases.keys().map(DatabaseId::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Failure::Arguments(format!(
                "the fleet {} has no database {}; it has {known}",
                self.fleet.name, self.database
            )));
        };
        let mut page = Arguments::new();
        if self.glass.break_glass {
            // For the page: as RDS shows it, or else any but the target.
            let mut others = spec.members.keys().filter(|region| **region != self.to);
            let from = self.shown_writer()?.or_else(|| others.next().cloned());
            page = self.arguments(from.filter(|_| book != "force-database-over"));
        }
        self.glass.carry_out(&self.fleet, self.order.by(), (book, page), screen, |screen| {
            work(self, screen)
        })
    }

    fn arguments(&self, from: Option<RegionId>) -> Arguments {
        let told = [
            ("database", Some(self.database.to_string())),
            ("from", from.map(|from| from.to_string())),
            ("to", Some(self.to.to_string())),
        ];
        told.into_iter().filter_map(|(name, told)| Some((name.to_owned(), told?))).collect()
    }

    /// Starts the run, and follows it.
    fn execute(
        &self,
        book: &str,
        from: Option<RegionId>,
        reason: String,
        screen: &mut Screen<'_>,
    ) -> Result<(), Failure> {
        if from.as_ref() == Some(&self.to) {
            return Err(Failure::Failed(anyhow::anyhow!(
                "{} is written in {} already: there is nothing to do",
                self.database,
                self.to
            )));
        }
        let procedure = plan::bind(&books::load(None)?, book, &self.arguments(from), &self.fleet)?;
        let name = run::start(&self.order, &procedure, reason, screen)?;
        run::follow(&self.fleet, &self.order, &name, &[CONSENT], screen)
    }

    /// What a failover would lose, in words.
    fn loss(&self, report: &DatabaseReport) -> String {
        let (database, to) = (&self.database, &self.to);
        match report.loss.get(to) {
            Some((low, high, age)) => format!(
                "a failover of {database} to {to} would lose {low} to {high} ms of writes, by \
                 figures {age} ms old"
            ),
            None => format!(
                "nobody can say what a failover of {database} to {to} would lose: there are no \
                 figures"
            ),
        }
    }

    /// Where the database is written as RDS shows it now, and what else the leader says of it. One that has just begun to
    /// lead is given time to find out.
    fn writer(&self) -> Result<(Option<RegionId>, DatabaseReport), Failure> {
        let patience = if self.glass.break_glass { READING_MAX } else { Duration::ZERO };
        let watch = Stopwatch::start();
        loop {
            let leader = process::block_on(async {
                let outside = outside::connect(&self.fleet).await?;
                Ok(status::leader(&self.fleet, &outside).await)
            })?;
            let report = leader.and_then(|leader| leader.databases.get(&self.database).cloned());
            let read = |it: &DatabaseReport| it.status.is_some() || it.trouble.is_some();
            match report {
                Some(report) if read(&report) || watch.elapsed() >= patience => {
                    // The leader looks from time to time; who has just moved it knows better.
                    let writer = self.shown_writer()?.or_else(|| report.writer.clone());
                    return Ok((writer, report));
                }
                None if watch.elapsed() >= patience => {
                    return Err(Failure::Failed(anyhow::anyhow!(
                        "no leader tells how {} is. `regent status` says who leads; with every \
                         agent dead: --break-glass",
                        self.database
                    )));
                }
                _ => process::block_on(async {
                    tokio::time::sleep(LOOK_EVERY).await;
                    Ok(())
                })?,
            }
        }
    }

    /// Where RDS shows the writer, by the first Region that answers.
    fn shown_writer(&self) -> Result<Option<RegionId>, Failure> {
        let Some(spec) = self.fleet.databases.get(&self.database) else { return Ok(None) };
        process::block_on(async {
            let outside = outside::connect(&self.fleet).await?;
            for via in spec.members.keys() {
                let shown = outside.databases.describe(via, &spec.global_cluster, CALL_LIMIT).await;
                if let Some(writer) = shown.ok().and_then(|shown| shown.writer().cloned()) {
                    return Ok(Some(writer));
                }
            }
            Ok(None)
        })
    }
}
