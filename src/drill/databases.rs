//! What befell the databases in a run: where they were written, which writes clients were told of,
//! and which of those are lost.
//!
//! A client's word is what counts: a write that it was told of and that is lost is a broken promise,
//! one that it was not told of is none.

use std::collections::BTreeSet;

use serde::Serialize;

use super::story::Stamp;
use crate::domain::{GlobalClusterId, RegionId};
use crate::world::log::Happening;
use crate::world::rds::WriteId;

/// The facts about databases.
#[derive(Debug, Default)]
pub(super) struct Databases {
    /// Moves, and writes that were lost, in order.
    pub(super) events: Vec<(Stamp, Happening)>,
    /// Where each write was taken that a client was told of.
    taken: Vec<(Stamp, RegionId)>,
    acknowledged: BTreeSet<WriteId>,
    lost: BTreeSet<WriteId>,
    acknowledged_after: u64,
    failed_after: u64,
}

/// Clients' writes in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Writes {
    /// Acknowledged to a client since the first fault.
    pub acknowledged: u64,
    /// Not acknowledged, since then.
    pub failed: u64,
    /// Acknowledged to a client at any time, and lost.
    pub lost: u64,
}

impl Databases {
    /// Takes a happening in, `after` the first fault or before it.
    pub(super) fn note(&mut self, stamp: Stamp, happening: &Happening, after: bool) {
        match happening {
            Happening::Wrote { write, by, .. } => {
                self.taken.push((stamp, by.clone()));
                self.acknowledged.insert(*write);
                self.acknowledged_after += u64::from(after);
            }
            Happening::NotWritten { .. } => self.failed_after += u64::from(after),
            Happening::WritesLost { writes, .. } => {
                self.lost.extend(writes);
                self.events.push((stamp, happening.clone()));
            }
            Happening::WriterMoving { .. }
            | Happening::WriterMoved { .. }
            | Happening::WriterStays { .. } => self.events.push((stamp, happening.clone())),
            _ => {}
        }
    }

    /// The figures; none when nobody was ever told of a write.
    pub(super) fn writes(&self) -> Option<Writes> {
        if self.acknowledged.is_empty() {
            return None;
        }
        let lost = self.acknowledged.intersection(&self.lost).count();
        Some(Writes {
            acknowledged: self.acknowledged_after,
            failed: self.failed_after,
            lost: u64::try_from(lost).unwrap_or(u64::MAX),
        })
    }

    /// Where writes were taken that clients were told of, in order.
    pub(super) fn taken(&self) -> &[(Stamp, RegionId)] {
        &self.taken
    }

    /// When a database's writer came to be elsewhere, and where.
    pub(super) fn moves<'d>(
        &'d self,
        of: &'d GlobalClusterId,
    ) -> impl Iterator<Item = (Stamp, &'d RegionId)> {
        self.events.iter().filter_map(move |(stamp, happening)| match happening {
            Happening::WriterMoved { cluster, to, .. } if cluster == of => Some((*stamp, to)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Tale, scenario};
    use super::super::score::score;
    use super::*;
    use crate::domain::database::{DatabaseSpec, MoveOrder};
    use crate::drill::scenario::Run;
    use crate::world::log::ClientKind;

    fn region(name: &str) -> RegionId {
        name.parse().expect("valid")
    }

    fn wrote(write: u64) -> Happening {
        Happening::Wrote {
            service: "web".parse().expect("valid"),
            region: region("us-west-2"),
            by: region("us-east-1"),
            write: WriteId(write),
            client: ClientKind::Orderly,
        }
    }

    fn not_written(write: u64) -> Happening {
        Happening::NotWritten {
            service: "web".parse().expect("valid"),
            region: None,
            write: WriteId(write),
            client: ClientKind::Orderly,
            why: "status 504".to_owned(),
        }
    }

    /// The writer's Region is lost, and a failover loses write 2 of which a client was told, and
    /// write 3 of which nobody was.
    fn tale() -> Tale {
        let cluster: GlobalClusterId = "orders".parse().expect("valid");
        let (from, to) = (region("us-east-1"), region("us-west-2"));
        let mut tale = Tale::steady();
        tale.add(-300, wrote(1)).add(-200, wrote(2)).lose(0, "us-east-1").add(10, not_written(3));
        let by = from.clone();
        let lost = Happening::WritesLost {
            cluster: cluster.clone(),
            by,
            writes: vec![WriteId(2), WriteId(3)],
        };
        tale.add(5000, lost);
        tale.add(9000, Happening::WriterMoved { cluster, from, to }).add(9500, wrote(4));
        tale
    }

    fn run() -> Run {
        let mut run = tale().run();
        let spec = DatabaseSpec {
            global_cluster: "orders".parse().expect("valid"),
            members: std::collections::BTreeMap::new(),
            loss_budget_ms: 300_000,
            order: MoveOrder::default(),
            secondaries_wanted: 1,
        };
        run.fleet.databases.insert("orders".parse().expect("valid"), spec);
        run
    }

    fn judged(expect: &str) -> (bool, String) {
        let score = score(&scenario(expect), &run());
        (score.held, score.verdicts[0].reason.clone())
    }

    #[test]
    fn only_writes_that_a_client_was_told_of_are_broken_promises() {
        let score = score(&scenario("writes-lost = { max = 1 }"), &run());
        assert!(score.held, "{:?}", score.verdicts);
        assert_eq!(score.figures.writes, Some(Writes { acknowledged: 1, failed: 1, lost: 1 }));
        let (held, reason) = judged("writes-lost = { max = 0 }");
        assert!(!held);
        assert_eq!(reason, "1 acknowledged writes are lost");
    }

    #[test]
    fn where_nobody_wrote_nothing_was_put_to_the_test() {
        let mut tale = Tale::steady();
        tale.lose(0, "us-east-1");
        let score = score(&scenario("writes-lost = { max = 9 }"), &tale.run());
        assert!(!score.held && score.figures.writes.is_none());
    }

    #[test]
    fn a_writer_is_to_be_somewhere_by_some_time() {
        let to = |rest: &str| judged(&format!("writer = {{ database = \"orders\", {rest} }}"));
        assert!(to("within_s = 9").0);
        assert!(to("region = \"us-west-2\", within_s = 9").0);
        assert_eq!(to("within_s = 8").1, "orders is written in us-west-2 at +9 s, 1 s late");
        let (held, reason) = to("region = \"eu-west-1\", within_s = 60");
        assert!(!held, "{reason}");
    }

    #[test]
    fn moves_and_losses_stand_in_the_timeline() {
        let score = score(&scenario("writes-lost = { max = 1 }"), &run());
        let lines = score.timeline.iter().filter(|line| line.kind.label() == "database");
        let lines: Vec<&str> = lines.map(|line| line.text.as_str()).collect();
        assert_eq!(
            lines,
            ["orders has lost 2 writes that us-east-1 had taken", "orders is written in us-west-2"]
        );
    }
}
