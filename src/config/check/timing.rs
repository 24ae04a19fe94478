//! Rules on `[timing]` and `[rules]`.
//!
//! PROTOCOL.md's rules 7 and 8 are sums of these numbers; a fleet whose sums don't add up would
//! elect nobody, or could start a call that outlives the lease.

use super::super::problem::{Findings, Place};
use super::super::raw;
use super::super::source::Source;
use crate::domain::fleet::{Rules, Timing};

/// Renewals that fit into a lease: two may be lost in a row.
const RENEWALS_IN_LEASE: u64 = 3;

/// The least margin, as a part of the lease: one in twenty. Undisciplined clocks drift by far less;
/// hypervisors that step a guest's clock rate do not.
const MARGIN_PART_MIN: u64 = 20;

/// What the least margin has on top, however short the lease: a process may lose its processor this
/// long between reading the clock and sending.
const MARGIN_PAUSE_MS: u64 = 50;

/// One sample is noise, in either direction.
const STREAK_MIN: u16 = 2;

/// A table of numbers in a file.
struct Settings<'s> {
    source: &'s Source,
    table: &'static str,
}

impl Settings<'_> {
    /// `key = value`, saying when the file leaves it to the default.
    fn show(&self, key: &str, value: impl Into<u64>) -> String {
        let note = if self.source.has(&[self.table, key]) { "" } else { " (the default)" };
        format!("{key} = {}{note}", value.into())
    }

    /// The first of the keys that the file has.
    fn place(&self, keys: &[&str]) -> Place {
        let key = keys.iter().find(|key| self.source.has(&[self.table, key]));
        self.source.place(&[self.table, key.unwrap_or(&"")])
    }
}

/// Checks `[timing]`. What is about databases is of no account in a fleet that has none.
pub(super) fn timing(
    raw: &raw::Timing,
    has_databases: bool,
    source: &Source,
    findings: &mut Findings,
) -> Timing {
    let settings = Settings { source, table: "timing" };
    streaks(raw, &settings, findings);
    if !zeros(raw, &settings, findings) {
        lease(raw, has_databases, &settings, findings);
        probing(raw, &settings, findings);
    }
    Timing {
        lease_ms: raw.lease_ms,
        lease_margin_ms: raw.lease_margin_ms,
        renew_ms: raw.renew_ms,
        stand_spread_ms: raw.stand_spread_ms,
        table_call_ms: raw.table_call_ms,
        record_call_ms: raw.record_call_ms,
        probe_interval_ms: raw.probe_interval_ms,
        burst_interval_ms: raw.burst_interval_ms,
        down_after: raw.down_after,
        up_after: raw.up_after,
        report_ms: raw.report_ms,
        gather_ms: raw.gather_ms,
        stale_ms: raw.stale_ms,
        zone_audit_ms: raw.zone_audit_ms,
        signals_ms: raw.signals_ms,
        database_call_ms: raw.database_call_ms,
        database_read_ms: raw.database_read_ms,
    }
}

fn streaks(raw: &raw::Timing, settings: &Settings<'_>, findings: &mut Findings) {
    for (key, value) in [("down_after", raw.down_after), ("up_after", raw.up_after)] {
        if value < STREAK_MIN {
            findings.refuse(
                settings.place(&[key]),
                format!("{} lets a single probe decide", settings.show(key, value)),
                format!("make it at least {STREAK_MIN}"),
            );
        }
    }
}

/// Refuses times of nothing, and says whether there were any.
fn zeros(raw: &raw::Timing, settings: &Settings<'_>, findings: &mut Findings) -> bool {
    let all = [
        ("lease_ms", raw.lease_ms),
        ("renew_ms", raw.renew_ms),
        ("stand_spread_ms", raw.stand_spread_ms),
        ("table_call_ms", raw.table_call_ms),
        ("record_call_ms", raw.record_call_ms),
        ("probe_interval_ms", raw.probe_interval_ms),
        ("burst_interval_ms", raw.burst_interval_ms),
        ("report_ms", raw.report_ms),
        ("gather_ms", raw.gather_ms),
        ("stale_ms", raw.stale_ms),
        ("zone_audit_ms", raw.zone_audit_ms),
        ("signals_ms", raw.signals_ms),
        ("database_call_ms", raw.database_call_ms),
        ("database_read_ms", raw.database_read_ms),
    ];
    let mut found = false;
    for (key, _) in all.into_iter().filter(|(_, value)| *value == 0) {
        found = true;
        findings.refuse(
            settings.place(&[key]),
            format!("{key} = 0 leaves no time"),
            "give it some, or remove the line for the default",
        );
    }
    found
}

fn lease(raw: &raw::Timing, has_databases: bool, settings: &Settings<'_>, findings: &mut Findings) {
    let (lease, margin) = (u64::from(raw.lease_ms), u64::from(raw.lease_margin_ms));
    let renew = u64::from(raw.renew_ms);
    let shown = |key, value| settings.show(key, value);

    let margin_min = lease / MARGIN_PART_MIN + MARGIN_PAUSE_MS;
    if margin < margin_min || margin > lease / 2 {
        let why = if margin < margin_min {
            "does not cover the drift of two clocks over"
        } else {
            "leaves less than half of"
        };
        findings.refuse(
            settings.place(&["lease_margin_ms", "lease_ms"]),
            format!("{} {why} {}", shown("lease_margin_ms", margin), shown("lease_ms", lease)),
            format!("make it {margin_min} to {}", lease / 2),
        );
    }

    let usable = lease.saturating_sub(margin);
    let usable_min = RENEWALS_IN_LEASE * renew;
    if usable < usable_min {
        findings.refuse(
            settings.place(&["lease_ms", "renew_ms", "lease_margin_ms"]),
            format!(
                "{} is not well above {}: less {}, two lost renewals would cost the lease",
                shown("lease_ms", lease),
                shown("renew_ms", renew),
                shown("lease_margin_ms", margin),
            ),
            format!("make it at least {}", usable_min + margin),
        );
        // The limit of a call is a sum of the same numbers.
        return;
    }

    let call_end = usable - renew;
    let calls = [("table_call_ms", raw.table_call_ms), ("record_call_ms", raw.record_call_ms)];
    let of_databases = has_databases.then_some(("database_call_ms", raw.database_call_ms));
    for (key, value) in calls.into_iter().chain(of_databases) {
        if u64::from(value) >= call_end {
            findings.refuse(
                settings.place(&[key, "lease_ms", "renew_ms", "lease_margin_ms"]),
                format!(
                    "{} is so long that no call could be sure to end within the lease: \
                     {} less {} and {} leaves {call_end}",
                    shown(key, u64::from(value)),
                    shown("lease_ms", lease),
                    shown("lease_margin_ms", margin),
                    shown("renew_ms", renew),
                ),
                format!("make it less than {call_end}, or the lease longer"),
            );
        }
    }
}

fn probing(raw: &raw::Timing, settings: &Settings<'_>, findings: &mut Findings) {
    let (interval, burst) = (raw.probe_interval_ms, raw.burst_interval_ms);
    if burst > interval {
        findings.refuse(
            settings.place(&["burst_interval_ms", "probe_interval_ms"]),
            format!(
                "{} is above {}: the burst that confirms a failure would be the slower one",
                settings.show("burst_interval_ms", burst),
                settings.show("probe_interval_ms", interval),
            ),
            format!("make it at most {interval}"),
        );
    }
    // One report may be lost, and the one after it waits for the next reading.
    let stale_above = 2 * u64::from(raw.report_ms) + u64::from(raw.gather_ms);
    if u64::from(raw.stale_ms) <= stale_above {
        findings.refuse(
            settings.place(&["stale_ms", "report_ms", "gather_ms"]),
            format!(
                "{} is not above twice {} and {}: one lost report would make an observer stale",
                settings.show("stale_ms", raw.stale_ms),
                settings.show("report_ms", raw.report_ms),
                settings.show("gather_ms", raw.gather_ms),
            ),
            format!("make it more than {stale_above}"),
        );
    }
}

/// Checks `[rules]`, but for what needs the Regions' files.
///
/// A dwell of 0 is allowed: the streak and the agreement of observers still stand before an action,
/// and moving traffic can be undone. A return sooner than the dwell is not: a Region that fails
/// again and again would be let in faster than it is taken out.
pub(super) fn rules(raw: &raw::Rules, source: &Source, findings: &mut Findings) -> Rules {
    let settings = Settings { source, table: "rules" };
    let return_min = raw.dwell_ms.max(1);
    if raw.return_after_ms < return_min {
        findings.refuse(
            settings.place(&["return_after_ms", "dwell_ms"]),
            format!(
                "{} with {} lets a flapping Region return as fast as it is taken out",
                settings.show("return_after_ms", raw.return_after_ms),
                settings.show("dwell_ms", raw.dwell_ms),
            ),
            format!("make it at least {return_min}, better ten times that"),
        );
    }
    if raw.fewest_in_service == 0 {
        findings.refuse(
            settings.place(&["fewest_in_service"]),
            "fewest_in_service = 0 would let an action leave nothing that answers",
            "make it at least 1",
        );
    }
    Rules {
        dwell_ms: raw.dwell_ms,
        return_after_ms: raw.return_after_ms,
        fewest_in_service: raw.fewest_in_service,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{each_is_refused, said};

    #[test]
    fn lease_margins_and_calls_must_fit_together() {
        each_is_refused(&[
            (
                &[("fleet.toml", "[timing]", "[timing]\nlease_ms = 1500")],
                "fleet.toml:12:12: lease_ms = 1500 is not well above renew_ms = 1000 (the default): less lease_margin_ms = 500 (the default), two lost renewals would cost the lease; make it at least 3500",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\nrenew_ms = 2000")],
                "fleet.toml:12:12: lease_ms = 5000 (the default) is not well above renew_ms = 2000: less lease_margin_ms = 500 (the default), two lost renewals would cost the lease; make it at least 6500",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\nlease_margin_ms = 200")],
                "fleet.toml:12:19: lease_margin_ms = 200 does not cover the drift of two clocks over lease_ms = 5000 (the default); make it 300 to 2500",
            ),
            (
                &[(
                    "fleet.toml",
                    "[timing]",
                    "[timing]\nlease_margin_ms = 2501\nrenew_ms = 500\nrecord_call_ms = 1000",
                )],
                "fleet.toml:12:19: lease_margin_ms = 2501 leaves less than half of lease_ms = 5000 (the default); make it 300 to 2500",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\nrecord_call_ms = 3500")],
                "fleet.toml:12:18: record_call_ms = 3500 is so long that no call could be sure to end within the lease: lease_ms = 5000 (the default) less lease_margin_ms = 500 (the default) and renew_ms = 1000 (the default) leaves 3500; make it less than 3500, or the lease longer",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\ntable_call_ms = 3500")],
                "fleet.toml:12:17: table_call_ms = 3500 is so long that no call could be sure to end within the lease: lease_ms = 5000 (the default) less lease_margin_ms = 500 (the default) and renew_ms = 1000 (the default) leaves 3500; make it less than 3500, or the lease longer",
            ),
        ]);
    }

    #[test]
    fn times_of_nothing_and_single_samples_are_refused() {
        each_is_refused(&[
            (
                &[("fleet.toml", "[timing]", "[timing]\nrenew_ms = 0")],
                "fleet.toml:12:12: renew_ms = 0 leaves no time; give it some, or remove the line for the default",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\nstand_spread_ms = 0")],
                "fleet.toml:12:19: stand_spread_ms = 0 leaves no time; give it some, or remove the line for the default",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\ndown_after = 1")],
                "fleet.toml:12:14: down_after = 1 lets a single probe decide; make it at least 2",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\nup_after = 1")],
                "fleet.toml:12:12: up_after = 1 lets a single probe decide; make it at least 2",
            ),
        ]);
    }

    #[test]
    fn a_burst_is_quicker_than_its_interval_and_a_report_fresher_than_stale() {
        each_is_refused(&[
            (
                &[("fleet.toml", "[timing]", "[timing]\nburst_interval_ms = 1001")],
                "fleet.toml:12:21: burst_interval_ms = 1001 is above probe_interval_ms = 1000 (the default): the burst that confirms a failure would be the slower one; make it at most 1000",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\nstale_ms = 4500")],
                "fleet.toml:12:12: stale_ms = 4500 is not above twice report_ms = 2000 (the default) and gather_ms = 500 (the default): one lost report would make an observer stale; make it more than 4500",
            ),
            (
                &[("fleet.toml", "[timing]", "[timing]\nreport_ms = 2750")],
                "fleet.toml:12:13: stale_ms = 6000 (the default) is not above twice report_ms = 2750 and gather_ms = 500 (the default): one lost report would make an observer stale; make it more than 6000",
            ),
        ]);
    }

    #[test]
    fn rules_never_allow_nothing_nor_a_return_before_the_dwell() {
        each_is_refused(&[
            (
                &[("fleet.toml", "[rules]", "[rules]\nfewest_in_service = 0")],
                "fleet.toml:13:21: fewest_in_service = 0 would let an action leave nothing that answers; make it at least 1",
            ),
            (
                &[("fleet.toml", "[rules]", "[rules]\nreturn_after_ms = 1999")],
                "fleet.toml:13:19: return_after_ms = 1999 with dwell_ms = 2000 (the default) lets a flapping Region return as fast as it is taken out; make it at least 2000, better ten times that",
            ),
            (
                &[("fleet.toml", "[rules]", "[rules]\ndwell_ms = 60001")],
                "fleet.toml:13:12: return_after_ms = 60000 (the default) with dwell_ms = 60001 lets a flapping Region return as fast as it is taken out; make it at least 60001, better ten times that",
            ),
            (
                &[("fleet.toml", "[rules]", "[rules]\ndwell_ms = 0\nreturn_after_ms = 0")],
                "fleet.toml:14:19: return_after_ms = 0 with dwell_ms = 0 lets a flapping Region return as fast as it is taken out; make it at least 1, better ten times that",
            ),
        ]);
    }

    #[test]
    fn no_dwell_at_all_is_allowed() {
        assert_eq!(said(&[("fleet.toml", "[rules]", "[rules]\ndwell_ms = 0")]), [""; 0]);
    }
}
