//! What holds where a file says nothing.
//!
//! Each value carries its argument. They belong together: `check` refuses combinations that are
//! unsafe, and a test there keeps these acceptable to it.

use crate::domain::fleet::{AddressFamily, ConnectionPolicy, Protocol};
use crate::domain::gate::GateScope;

/// A dead leader's work is taken over after about this long. It must hold several renewals over
/// oceans (some 250 ms each), so that a lost one costs nothing.
pub const LEASE_MS: u32 = 5_000;

/// A tenth of the lease. Clocks that nobody disciplines differ by less than a tenth of a percent;
/// the rest covers a process that was not scheduled between reading its clock and sending.
pub const LEASE_MARGIN_MS: u32 = 500;

/// Four renewals fit into what the margin leaves of the lease. Sooner costs more writes to every
/// seat and makes nothing faster that people notice.
pub const RENEW_MS: u32 = 1_000;

/// More than one round trip around the world, so that two candidates that began together seldom
/// take each other's seats; small beside the lease.
pub const STAND_SPREAD_MS: u32 = 600;

/// Three round trips between the farthest Regions. A slower table is as good as none, and the next
/// round asks again.
pub const TABLE_CALL_MS: u32 = 1_000;

/// Route 53 has one control plane, in us-east-1, and answers a change in under a second as a rule.
/// Leaves room for a slow one and still fits into a lease.
pub const RECORD_CALL_MS: u32 = 2_500;

/// With the burst that confirms a first failure, one second keeps detection under two seconds at a
/// cost of one small request a second for each observer and target.
pub const PROBE_INTERVAL_MS: u32 = 1_000;

/// Above the round trip of most pairs of Regions, so that confirming probes are separate samples,
/// and far below the interval.
pub const BURST_INTERVAL_MS: u32 = 150;

/// At 5 % of packets lost, three losses in a row come about once in 8,000 probes, and a second
/// observer must see them too.
pub const DOWN_AFTER: u16 = 3;

/// One lucky probe must not clear a suspicion.
pub const UP_AFTER: u16 = 3;

/// A change is reported at once; between changes a report only shows that its agent lives.
pub const REPORT_MS: u32 = 2_000;

/// Half a second is what a reader adds to the time to detect; reading is cheap.
pub const GATHER_MS: u32 = 500;

/// Three reports: one may be lost and one late before an observer's word stops counting.
pub const STALE_MS: u32 = 6_000;

/// Route 53 allows some five requests a second for an account (Route 53 Developer Guide, "Quotas"):
/// two readings a minute for each zone leave nearly all of them to whoever acts.
pub const ZONE_AUDIT_MS: u32 = 30_000;

/// RDS answers within a second or two as a rule, and a failover must be called in a Region far away.
/// As long as Route 53's, for the same reason: it must end within the lease. A move whose answer
/// comes later is read back.
pub const DATABASE_CALL_MS: u32 = 2_500;

/// CloudWatch has a new point each minute and RDS shows a move within seconds: four readings a
/// minute see both soon enough, far below the request rates of either.
pub const DATABASE_READ_MS: u32 = 15_000;

/// Five times the age that the newest point of CloudWatch has on the day that everything is well: a
/// minute's point begins a minute before it ends and comes a minute late. Below it, failovers would
/// wait for a person because of the measurement alone.
pub const LOSS_BUDGET_MS: u32 = 300_000;

/// One that follows is what a failover needs.
pub const SECONDARIES_WANTED: u16 = 1;

/// A load balancer checks its targets every 5 s at most (Elastic Load Balancing API Reference,
/// "CreateTargetGroup"), so that asking more often tells little more. `DescribeTargetHealth` is free,
/// and an account may make 10 such requests a second in a Region ("Request throttling for the
/// Elastic Load Balancing API"): ten services take one. Alarms are read every third time, in one
/// request for all: at $0.01 per 1,000 requests (CloudWatch pricing) that is under $1 a month for
/// each agent, where most alarms are evaluated once a minute.
pub const SIGNALS_MS: u32 = 10_000;

/// Moving traffic can be undone, so two seconds suffice to let a restart or a blip pass.
pub const DWELL_MS: u32 = 2_000;

/// Being slow to return costs little, since the others serve; returning to a Region that fails again
/// costs users twice. A minute also lets resolvers forget the move before it.
pub const RETURN_AFTER_MS: u32 = 60_000;

/// Never nothing.
pub const FEWEST_IN_SERVICE: u16 = 1;

/// What most frameworks and charts call it.
pub const PROBE_PATH: &str = "/healthz";

/// Any 2xx is healthy; a redirect is not, since it says nothing of what stands behind it.
pub const PROBE_STATUS: &str = "200-299";

/// What browsers and most HTTP clients do: the server chooses.
pub const PROBE_PROTOCOL: Protocol = Protocol::Auto;

/// A kept connection goes on working when a load balancer accepts no new ones, when its name no
/// longer resolves, when a certificate has expired: everything that a new client stumbles over. So
/// each probe is a new client, at the price of a handshake.
pub const PROBE_CONNECTION: ConnectionPolicy = ConnectionPolicy::Fresh;

/// An address that this machine has no route to is passed over, so asking for all of them is right
/// on machines with either family.
pub const PROBE_FAMILY: AddressFamily = AddressFamily::Any;

/// What stands behind a redirect may be in another Region, whose health is not asked for.
pub const PROBE_REDIRECTS_MAX: u8 = 0;

/// Not above the interval, so that probes of one target don't pile up. A probe is a new connection:
/// a round trip each for TCP, TLS 1.3 and the request, 780 ms in all between Europe and Australia
/// (docs/timing.md).
pub const PROBE_TIMEOUT_MS: u32 = 1_000;

/// A health page is small. Whatever is longer is cut off here, not kept in memory.
pub const PROBE_BODY_BYTES_MAX: u32 = 65_536;

/// Route 53 advises 60 s or less for records that move on failure, and an alias to a load balancer
/// has 60 s (Route 53 API Reference, "ResourceRecordSet").
pub const TTL_S: u32 = 60;

/// One calculated check for each Region and one of each other Region's endpoint: six and three in a
/// fleet of three, however many services it has. All of a Region's services share one fate then.
pub const GATE_SCOPE: GateScope = GateScope::Region;

/// The fewest that keep one Region from shutting another alone.
pub const GATE_CLOSERS: u16 = 2;

/// The faster of the two that Route 53 has.
pub const GATE_INTERVAL_S: u8 = 10;

/// One request changes a checker's mind. Noise shuts nothing: more than 18 % of the checkers must
/// read a token that only a closed gate shows.
pub const GATE_FAILURE_THRESHOLD: u8 = 1;

/// Time to look at why the seats can't be read, before a shut Region opens by itself.
pub const GATE_HOLD_MS: u32 = 600_000;
