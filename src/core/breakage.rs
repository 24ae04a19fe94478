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
    UpsertRecords "upsert-records"
        "A batch deletes what was read and creates what is new, the fence among it.",
    UnknownTakenAsFailed "unknown-taken-as-failed"
        "A call whose answer was lost may have taken effect.",
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
