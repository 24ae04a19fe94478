//! How long things take.

use std::time::Duration;

/// How long Aurora takes for what it does. In life these vary by engine, size and distance; a run
/// has one choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// What a secondary is behind while all is well, beyond the way between the Regions.
    pub lag: Duration,
    /// From an accepted call until anything is done.
    pub pending: Duration,
    /// How long nobody takes writes in a switchover.
    pub switchover: Duration,
    /// How long a switchover tries to bring its target level before it gives up.
    pub patience: Duration,
    /// How long giving up takes.
    pub cancelling: Duration,
    /// From an accepted failover to a new writer.
    pub failover: Duration,
    /// From when the old writer can be told that it is deposed until it takes no more writes.
    pub fencing: Duration,
    /// How long it takes to make a secondary anew from the writer.
    pub rebuild: Duration,
    /// How long a secondary hears nothing until RDS shows it as no longer connected.
    pub noticed: Duration,
}

impl Pace {
    /// As documented for recent engines, rounded up (Aurora User Guide, "Using switchover or
    /// failover in Amazon Aurora Global Database": the lag is typically below a second, a failover
    /// takes minutes, rebuilding minutes to hours). RDS names no bounds for the rest.
    pub const LIFE: Self = Self {
        lag: Duration::from_millis(150),
        pending: Duration::from_secs(5),
        switchover: Duration::from_secs(25),
        patience: Duration::from_secs(120),
        cancelling: Duration::from_secs(30),
        failover: Duration::from_secs(90),
        fencing: Duration::from_secs(10),
        rebuild: Duration::from_secs(600),
        noticed: Duration::from_secs(60),
    };

    /// For demonstrations, at which nobody waits for minutes.
    pub const QUICK: Self = Self {
        lag: Duration::from_millis(150),
        pending: Duration::from_secs(1),
        switchover: Duration::from_secs(4),
        patience: Duration::from_secs(15),
        cancelling: Duration::from_secs(2),
        failover: Duration::from_secs(8),
        fencing: Duration::from_secs(3),
        rebuild: Duration::from_secs(15),
        noticed: Duration::from_secs(10),
    };
}
