//! What somebody else did to records that were as they should be.
//!
//! A zone that was found in step, and is found otherwise while nothing else is wanted, has been changed
//! by somebody: a person in the console, another tool. That is told, with a diff. Weights and deleted
//! records are put right if the fleet is to correct them; whatever else a record says (its target, its
//! TTL, its health check) is told and left, since a person may well mean it, and `init` attaches checks.
//!
//! Never a fight: a name that was put right [`CORRECTIONS_MAX`] times within [`WINDOW`] is left as it
//! is, and people are asked. That lasts until the fleet itself wants other weights for that name,
//! somebody pauses and resumes, or another agent leads.
//!
//! A new leader can't tell an edit from what its predecessor left half done: whatever it finds at first
//! is brought to what is committed (decision 4), but for what its predecessor said that it keeps.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::domain::fleet::Drift as Policy;
use crate::domain::observation::{Course, DriftReport};
use crate::domain::record::{RecordKey, RecordSet, Routing};
use crate::domain::{Moment, RegionId, Weight};

use super::call::Outbox;
use super::kept::Kept;
use super::note::Note;

/// Corrections of a name within [`WINDOW`] before people are asked. Somebody who doesn't know of the
/// fleet tries twice, wonders, and asks; a script goes on for ever.
const CORRECTIONS_MAX: usize = 3;

/// See [`CORRECTIONS_MAX`].
const WINDOW: Duration = Duration::from_secs(600);

/// For how long an edit is told of that was put right, or that is not the fleet's to put right.
const TOLD_FOR: Duration = Duration::from_secs(3600);

type Shares = BTreeMap<RegionId, Weight>;

/// A name's records when they were last found in step.
#[derive(Debug, Clone)]
struct Settled {
    shares: Shares,
    records: Vec<RecordSet>,
}

/// See the file's opening.
#[derive(Debug, Clone, Default)]
pub(super) struct Drift {
    settled: BTreeMap<RecordKey, Settled>,
    corrected: BTreeMap<RecordKey, VecDeque<Moment>>,
    told: BTreeMap<RecordKey, (Moment, Course, Vec<String>)>,
    /// What the last leader kept, of names that were not looked at yet.
    inherited: Kept,
}

/// What is to be done about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Bring it to what is wanted, with these records that were deleted.
    Bring(Vec<RecordSet>),
    /// Leave it alone.
    Leave,
}

impl Settled {
    /// As these records would be if nobody had given them another weight. Of one that was deleted nobody
    /// knows any more what it said.
    fn as_wanted(shares: &Shares, present: &[&RecordSet]) -> Self {
        let records = present.iter().map(|record| {
            let mut record = (*record).clone();
            let id = record.routing.set_identifier().and_then(|id| id.parse().ok());
            if let Some(wanted) = id.and_then(|id| shares.get(&id)) {
                match &mut record.routing {
                    Routing::Weighted { weight, .. } => *weight = *wanted,
                    Routing::Failover { primary, .. } => *primary = wanted.serves(),
                    Routing::Simple | Routing::Other { .. } => {}
                }
            }
            record
        });
        Self { shares: shares.clone(), records: records.collect() }
    }
}

impl Drift {
    /// Begins with what the last leader kept.
    pub(super) fn inherit(&mut self, kept: &Kept) {
        self.inherited.clone_from(kept);
    }

    /// Looks at a name's records before anything is planned for them.
    pub(super) fn look(
        &mut self,
        now: Moment,
        policy: Policy,
        key: &RecordKey,
        shares: &Shares,
        present: &[&RecordSet],
        out: &mut Outbox,
    ) -> Remedy {
        self.told.retain(|_, (at, course, _)| !passing(*course) || now.since(*at) < TOLD_FOR);
        let inherited = self.inherited.remove(key).filter(|_| policy == Policy::Keep);
        if inherited.as_ref() == Some(shares) && !self.settled.contains_key(key) {
            self.settled.insert(key.clone(), Settled::as_wanted(shares, present));
        }
        let Some(settled) = self.settled.get(key) else { return Remedy::Bring(Vec::new()) };
        if settled.shares != *shares {
            // The fleet wants something else: what was is no measure any more.
            self.forget(key);
            return Remedy::Bring(Vec::new());
        }
        let Diff { ours, others } = Diff::of(&settled.records, present);
        if ours.is_empty() {
            if !others.is_empty() {
                self.tell(now, key, Course::Noticed, others, out);
                // Told once; from now on this is what it is.
                let records = present.iter().map(|record| (*record).clone()).collect();
                self.settled.insert(key.clone(), Settled { shares: shares.clone(), records });
            } else if self.told.get(key).is_some_and(|(_, course, _)| !passing(*course)) {
                // Somebody has put it right.
                self.told.remove(key);
            }
            return Remedy::Bring(Vec::new());
        }
        let deleted =
            settled.records.iter().filter(|old| !present.iter().any(|new| same(old, new)));
        let deleted: Vec<RecordSet> = deleted.cloned().collect();
        let what = ours.into_iter().chain(others).collect();
        if policy == Policy::Keep {
            self.tell(now, key, Course::Kept, what, out);
            return Remedy::Leave;
        }
        let times = self.corrected.entry(key.clone()).or_default();
        while times.front().is_some_and(|at| now.since(*at) >= WINDOW) {
            times.pop_front();
        }
        let stopped = self.told.get(key).is_some_and(|(_, course, _)| *course == Course::Stopped);
        if stopped || times.len() >= CORRECTIONS_MAX {
            self.tell(now, key, Course::Stopped, what, out);
            return Remedy::Leave;
        }
        // Counted when it is put right, not each time it is looked at until then.
        self.tell(now, key, Course::Corrected, what, out);
        Remedy::Bring(deleted)
    }

    /// A name was found as wanted, or a batch that makes it so was sent.
    pub(super) fn in_step(
        &mut self,
        now: Moment,
        key: &RecordKey,
        shares: &Shares,
        present: &[&RecordSet],
    ) {
        if let Some((_, Course::Corrected, _)) = self.told.get(key)
            && self.settled.get(key).is_some_and(|settled| settled.shares == *shares)
            && !self.counted(now, key)
        {
            self.corrected.entry(key.clone()).or_default().push_back(now);
        }
        let records = present.iter().map(|record| (*record).clone()).collect();
        self.settled.insert(key.clone(), Settled { shares: shares.clone(), records });
    }

    /// Whether the edit that is told of was counted as put right.
    fn counted(&self, now: Moment, key: &RecordKey) -> bool {
        let Some((told_at, ..)) = self.told.get(key) else { return true };
        let last = self.corrected.get(key).and_then(|times| times.back());
        last.is_some_and(|last| *last >= *told_at && *last <= now)
    }

    fn forget(&mut self, key: &RecordKey) {
        self.settled.remove(key);
        self.corrected.remove(key);
        if self.told.get(key).is_some_and(|(_, course, _)| !passing(*course)) {
            self.told.remove(key);
        }
    }

    fn tell(
        &mut self,
        now: Moment,
        key: &RecordKey,
        course: Course,
        what: Vec<String>,
        out: &mut Outbox,
    ) {
        // The same edit, seen again before it could be put right, is no new one.
        let known = self.told.get(key);
        let again = known.is_some_and(|(_, before, seen)| {
            *before == course && *seen == what && (!passing(course) || !self.counted(now, key))
        });
        if again {
            return;
        }
        out.note(Note::Drift { key: key.clone(), course, what: what.clone() });
        self.told.insert(key.clone(), (now, course, what));
    }

    /// What is to be told. `wall` gives the date of a moment.
    pub(super) fn shown(&self, wall: impl Fn(Moment) -> String) -> Vec<DriftReport> {
        let one = |(key, (at, course, what)): (&RecordKey, &(Moment, Course, Vec<String>))| {
            let settled = self.settled.get(key).filter(|_| *course == Course::Kept);
            DriftReport {
                key: key.clone(),
                at: wall(*at),
                course: *course,
                what: what.clone(),
                against: settled.map(|settled| settled.shares.clone()).unwrap_or_default(),
            }
        };
        self.told.iter().map(one).collect()
    }
}

/// Whether it is over and only told for a while.
fn passing(course: Course) -> bool {
    matches!(course, Course::Corrected | Course::Noticed)
}

fn same(one: &RecordSet, other: &RecordSet) -> bool {
    one.routing.set_identifier() == other.routing.set_identifier()
}

/// How records differ from what they were.
#[derive(Debug, Default)]
struct Diff {
    /// What the fleet could put right.
    ours: Vec<String>,
    /// What is not its to decide.
    others: Vec<String>,
}

impl Diff {
    fn of(before: &[RecordSet], after: &[&RecordSet]) -> Self {
        let mut diff = Self::default();
        let name = |record: &RecordSet| {
            record.routing.set_identifier().unwrap_or("its simple record").to_owned()
        };
        for old in before {
            let Some(new) = after.iter().find(|new| same(old, new)) else {
                diff.ours.push(format!("{} was deleted", name(old)));
                continue;
            };
            match (&old.routing, &new.routing) {
                (Routing::Weighted { weight: old, .. }, Routing::Weighted { weight, .. })
                    if old != weight =>
                {
                    diff.ours.push(format!("{}: weight {old}→{weight}", name(new)));
                }
                (
                    Routing::Failover { primary: old, .. },
                    Routing::Failover { primary: now, .. },
                ) if old != now => {
                    let now = if *now { "primary" } else { "secondary" };
                    diff.ours.push(format!("{}: made the {now}", name(new)));
                }
                (old, now) if old != now => {
                    diff.others.push(format!("{}: another routing policy", name(new)));
                }
                _ => {}
            }
            if old.health_check != new.health_check {
                let check = |record: &RecordSet| {
                    record.health_check.clone().unwrap_or_else(|| "none".to_owned())
                };
                let (old, now) = (check(old), check(new));
                diff.others.push(format!("{}: health check {old}→{now}", name(new)));
            }
            if old.data != new.data {
                diff.others.push(format!("{}: {}→{}", name(new), old.data, new.data));
            }
        }
        for new in after.iter().filter(|new| !before.iter().any(|old| same(old, new))) {
            diff.others.push(format!("{} was added", name(new)));
        }
        diff
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::weighted_record;
    use crate::domain::record::RecordData;

    struct Bench {
        drift: Drift,
        out: Outbox,
        now: Moment,
        shares: Shares,
    }

    fn shares(r2: u8) -> Shares {
        [("r1", 100), ("r2", r2)]
            .map(|(region, weight)| (region.parse().expect("valid"), Weight(weight)))
            .into()
    }

    impl Bench {
        fn new() -> Self {
            let (drift, out) = (Drift::default(), Outbox::default());
            let mut bench =
                Self { drift, out, now: Moment::from_ms(1_000_000), shares: shares(100) };
            bench.settle();
            bench
        }

        fn right() -> Vec<RecordSet> {
            vec![weighted_record("r1", 100), weighted_record("r2", 100)]
        }

        fn settle(&mut self) {
            let records = Self::right();
            let records: Vec<&RecordSet> = records.iter().collect();
            self.drift.in_step(self.now, &records[0].key, &self.shares, &records);
        }

        fn look(&mut self, policy: Policy, records: &[RecordSet]) -> Remedy {
            self.now = self.now + Duration::from_secs(30);
            let key = weighted_record("r1", 1).key;
            let records: Vec<&RecordSet> = records.iter().collect();
            self.drift.look(self.now, policy, &key, &self.shares, &records, &mut self.out)
        }

        fn told(&self) -> Vec<(Course, String)> {
            let shown = self.drift.shown(|at| at.as_ms().to_string());
            shown.into_iter().map(|one| (one.course, one.what.join("; "))).collect()
        }
    }

    fn edited() -> Vec<RecordSet> {
        vec![weighted_record("r1", 100), weighted_record("r2", 7)]
    }

    const BRING: Remedy = Remedy::Bring(Vec::new());

    #[test]
    fn an_edit_is_put_right_a_few_times_and_then_left_for_people_to_decide() {
        let mut bench = Bench::new();
        for _ in 0..CORRECTIONS_MAX {
            assert_eq!(bench.look(Policy::Correct, &edited()), BRING);
            assert_eq!(bench.look(Policy::Correct, &edited()), BRING, "it takes more than a look");
            assert_eq!(bench.told(), [(Course::Corrected, "r2: weight 100→7".to_owned())]);
            bench.settle();
        }
        assert_eq!(bench.look(Policy::Correct, &edited()), Remedy::Leave);
        assert_eq!(bench.told(), [(Course::Stopped, "r2: weight 100→7".to_owned())]);
        // It stays left, however long ago the corrections are.
        bench.now = bench.now + WINDOW + WINDOW;
        assert_eq!(bench.look(Policy::Correct, &edited()), Remedy::Leave);
        let notes = bench.out.take().len();
        assert_eq!(notes, CORRECTIONS_MAX + 1, "each is told once");
        // Until the fleet itself wants something else.
        bench.shares = shares(0);
        assert_eq!(bench.look(Policy::Correct, &edited()), BRING);
        assert_eq!(bench.told(), []);
    }

    #[test]
    fn edits_long_apart_are_each_put_right() {
        let mut bench = Bench::new();
        for _ in 0..3 * CORRECTIONS_MAX {
            assert_eq!(bench.look(Policy::Correct, &edited()), BRING);
            bench.settle();
            bench.now = bench.now + WINDOW;
        }
    }

    #[test]
    fn what_is_to_be_kept_is_left_and_told_until_somebody_puts_it_right() {
        let mut bench = Bench::new();
        assert_eq!(bench.look(Policy::Keep, &edited()), Remedy::Leave);
        assert_eq!(bench.told(), [(Course::Kept, "r2: weight 100→7".to_owned())]);
        assert_eq!(bench.look(Policy::Keep, &edited()), Remedy::Leave);
        assert_eq!(bench.look(Policy::Keep, &Bench::right()), BRING);
        assert_eq!(bench.told(), []);
        bench.shares = shares(0);
        assert_eq!(
            bench.look(Policy::Keep, &edited()),
            BRING,
            "the fleet's own change comes first"
        );
    }

    #[test]
    fn a_deleted_record_is_made_again_as_it_was() {
        let mut bench = Bench::new();
        let left = [weighted_record("r1", 100)];
        let remedy = bench.look(Policy::Correct, &left);
        assert_eq!(remedy, Remedy::Bring(vec![weighted_record("r2", 100)]));
        assert_eq!(bench.told(), [(Course::Corrected, "r2 was deleted".to_owned())]);
    }

    #[test]
    fn targets_and_health_checks_are_told_of_and_never_put_back() {
        let mut bench = Bench::new();
        let mut records = Bench::right();
        records[0].health_check = Some("abc".to_owned());
        records[1].data = RecordData::Plain { ttl_s: 300, values: vec!["192.0.2.9".to_owned()] };
        assert_eq!(bench.look(Policy::Correct, &records), BRING);
        let what = "r1: health check none→abc; r2: 192.0.2.1 for 60 s→192.0.2.9 for 300 s";
        assert_eq!(bench.told(), [(Course::Noticed, what.to_owned())]);
        assert_eq!(bench.look(Policy::Correct, &records), BRING, "it is what it is now");
        assert_eq!(bench.out.take().len(), 1);
        bench.now = bench.now + TOLD_FOR;
        assert_eq!(bench.look(Policy::Correct, &records), BRING);
        assert_eq!(bench.told(), [], "old news");
    }

    #[test]
    fn what_the_last_leader_kept_the_next_one_keeps_while_the_same_is_wanted() {
        let mut bench = Bench::new();
        assert_eq!(bench.look(Policy::Keep, &edited()), Remedy::Leave);
        let told = bench.drift.shown(|at| at.as_ms().to_string());
        let kept: Kept = told.into_iter().map(|told| (told.key, told.against)).collect();
        let succeed = |bench: &mut Bench| {
            bench.drift = Drift::default();
            bench.drift.inherit(&kept);
        };
        succeed(&mut bench);
        assert_eq!(bench.look(Policy::Keep, &edited()), Remedy::Leave);
        assert_eq!(bench.told(), [(Course::Kept, "r2: weight 100→7".to_owned())]);
        assert_eq!(bench.look(Policy::Keep, &Bench::right()), BRING);
        succeed(&mut bench);
        assert_eq!(bench.look(Policy::Correct, &edited()), BRING, "the files say otherwise now");
        succeed(&mut bench);
        bench.shares = shares(0);
        assert_eq!(bench.look(Policy::Keep, &edited()), BRING, "the fleet wants something else");
        assert_eq!(bench.told(), []);
    }

    #[test]
    fn what_a_new_leader_finds_is_nobody_s_edit() {
        let mut bench = Bench::new();
        bench.drift = Drift::default();
        assert_eq!(bench.look(Policy::Keep, &edited()), BRING);
        assert_eq!(bench.told(), []);
    }
}
