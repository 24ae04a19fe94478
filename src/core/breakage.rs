//! Deliberate faults, so that the checkers are checked.
//!
//! Each breakage leaves out one rule of the brain. A process is broken in one way, from its start,
//! by name; the simulator and the model must then find a violation. Without the feature `breakages`
//! [`broken`] is a constant, and what shipped code does is as if this file weren't there.
//!
//! To add one: a line in the list below, and `if broken(Breakage::…)` where its rule is kept.

/// Declares the breakages: name, and the rule that is left out.
macro_rules! breakages {
    ($($variant:ident $name:literal $rule:literal,)*) => {
        /// A rule that is left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Breakage {
            $(#[doc = $rule] $variant,)*
        }

        impl Breakage {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The rule that it leaves out.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }
        }
    };
}

breakages! {
    StandAtOnce "stand-at-once"
        "A candidate waits a lease on each unchanged seat before it takes it.",
    SharedWait "shared-wait"
        "Each seat of the majority was waited for by itself.",
    QuorumOfOneLess "quorum-of-one-less"
        "A leader holds a majority of the seats.",
    EpochNotRaised "epoch-not-raised"
        "A take's epoch is above every epoch read and every epoch tried.",
    BeatReused "beat-reused"
        "A beat is never reused.",
    SwapOnEpoch "swap-on-epoch"
        "A swap is conditional on the beat last read, not on holder and epoch.",
    EmptyIsFree "empty-is-free"
        "A seat that is missing counts for nothing: empty is not free.",
    RecreatedCounts "recreated-counts"
        "A seat that was made anew counts for nothing.",
    GoneBackCounts "gone-back-counts"
        "A seat that has gone back counts for nothing.",
    LeaseFromAck "lease-from-ack"
        "The lease runs from the start of the round that was acknowledged, not from its end.",
    NoMargin "no-margin"
        "The lease's holder takes a margin off for drift.",
    OldAckCounts "old-ack-counts"
        "An acknowledgement counts only for the round that sent it.",
    LeaseNotChecked "lease-not-checked"
        "A leader whose lease has ended acts no more.",
    CallsPastLease "calls-past-lease"
        "No call is started that could still be under way when the lease ends.",
    NameReused "name-reused"
        "A state's name never has two contents.",
    MinorityCommits "minority-commits"
        "A state is committed when a majority of seats shows it.",
    ActBeforeRecommit "act-before-recommit"
        "A new leader acts only upon what it has committed under its own epoch.",
    OldestAdopted "oldest-adopted"
        "A new leader adopts the newest state among its majority.",
    NothingAdopted "nothing-adopted"
        "A new leader goes on from what it adopts.",
    AttemptReused "attempt-reused"
        "Every attempt at a zone has a fresh number.",
    UnfencedBatch "unfenced-batch"
        "A batch swaps the zone's fence.",
    ChangeBeforeClaim "change-before-claim"
        "A leader changes weights only after it has claimed the zone.",
    HigherFenceTaken "higher-fence-taken"
        "A fence above the leader's epoch is not touched.",
    LastRegionDrained "last-region-drained"
        "A plan leaves the fewest Regions in service, and acts not when most look bad.",
    NoDwell "no-dwell"
        "A Region leaves only after its failure has lasted the dwell.",
    StaleTakenAsFresh "stale-taken-as-fresh"
        "A report whose number has not risen for its time is not believed.",
    UpsertRecords "upsert-records"
        "A batch deletes what was read and creates what is new, the fence among it.",
    UnknownTakenAsFailed "unknown-taken-as-failed"
        "A call whose answer was lost may have taken effect.",
    OrderRepeated "order-repeated"
        "A person's order is carried out once.",
    AttemptsForgotten "attempts-forgotten"
        "A leader that goes on after a pause remembers the attempts that it has used.",
    ConsentNotNeeded "consent-not-needed"
        "What is to be approved waits until somebody has approved it.",
    PauseIgnored "pause-ignored"
        "While people have paused it, the fleet changes nothing.",
    MoveBeforeCommit "move-before-commit"
        "A step of a run is carried out only once its beginning is committed.",
    MoveUnchecked "move-unchecked"
        "A writer's move is asked for only of a member that can take it.",
    OtherTargetTooSoon "other-target-too-soon"
        "While a writer's move may still land, none to another Region is asked for.",
    GateBeforeCommit "gate-before-commit"
        "A gate closes by what is committed, never by what is only proposed.",
    GateStaysShut "gate-stays-shut"
        "An agent that can't confirm what it read opens its gates after the holding time.",
    GateOfPart "gate-of-part"
        "A gate closes only when all that it stands for is taken out by our own decision.",
    ShutIsCountedOn "shut-is-counted-on"
        "A Region that may still be shut isn't counted on when people take another one out.",
    PairNotSwapped "pair-not-swapped"
        "A failover pair whose primary is out of service leads to the other Region.",
    PairLedFromOutside "pair-led-from-outside"
        "Only a Region in service is made a failover pair's primary.",
    PairInTwoBatches "pair-in-two-batches"
        "A failover pair's two records change in one batch.",
}

#[cfg(feature = "breakages")]
mod chosen {
    use std::sync::OnceLock;

    use super::Breakage;

    static CHOSEN: OnceLock<Breakage> = OnceLock::new();

    /// Breaks this process, for good.
    ///
    /// # Errors
    ///
    /// It is broken already.
    pub fn break_it(breakage: Breakage) -> Result<(), Breakage> {
        CHOSEN.set(breakage)
    }

    /// Whether this rule is left out.
    pub(crate) fn broken(breakage: Breakage) -> bool {
        CHOSEN.get() == Some(&breakage)
    }
}

#[cfg(feature = "breakages")]
pub use chosen::break_it;
#[cfg(feature = "breakages")]
pub(crate) use chosen::broken;

/// Whether this rule is left out: never.
#[cfg(not(feature = "breakages"))]
pub(crate) const fn broken(_: Breakage) -> bool {
    false
}
