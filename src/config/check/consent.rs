//! Rules on `[autonomy]`.

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use crate::domain::autonomy::{APPROVAL_MS, ActionKind, Consent};

/// Whoever is paged needs a minute to get to a keyboard.
const APPROVAL_MS_MIN: u32 = 60_000;

/// What was shown to a person describes the fleet of then: a day later it is another one.
const APPROVAL_MS_MAX: u32 = 86_400_000;

/// Checks `[autonomy]`.
pub(super) fn consent(raw: &raw::Consent, source: &Source, findings: &mut Findings) -> Consent {
    let approval_ms = raw.approval_ms.unwrap_or(APPROVAL_MS);
    let place = source.place(&["autonomy", "approval_ms"]);
    if approval_ms < APPROVAL_MS_MIN {
        findings.refuse(
            place,
            format!("approval_ms = {approval_ms} expires before anybody could answer"),
            format!("make it at least {APPROVAL_MS_MIN}"),
        );
    } else if approval_ms > APPROVAL_MS_MAX {
        findings.refuse(
            place,
            format!("approval_ms = {approval_ms} lets a person approve what was true long ago"),
            format!("make it at most {APPROVAL_MS_MAX}"),
        );
    }
    let levels = [
        (ActionKind::Drain, raw.drain),
        (ActionKind::Return, raw.back),
        (ActionKind::Switchover, raw.switchover),
        (ActionKind::Failover, raw.failover),
        (ActionKind::Scale, raw.scale),
    ];
    let autonomy =
        levels.into_iter().filter_map(|(action, level)| Some((action, level?))).collect();
    Consent { autonomy, approval_ms }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{each_is_refused, said};

    #[test]
    fn an_approval_waits_long_enough_to_be_answered_and_no_longer_than_it_is_true() {
        each_is_refused(&[
            (
                &[("fleet.toml", "[rules]", "[autonomy]\napproval_ms = 59999\n[rules]")],
                "fleet.toml:13:15: approval_ms = 59999 expires before anybody could answer; make it at least 60000",
            ),
            (
                &[("fleet.toml", "[rules]", "[autonomy]\napproval_ms = 86400001\n[rules]")],
                "fleet.toml:13:15: approval_ms = 86400001 lets a person approve what was true long ago; make it at most 86400000",
            ),
        ]);
    }

    #[test]
    fn levels_may_be_set_and_misspelt_ones_are_refused_with_those_that_there_are() {
        let fine = "[autonomy]\ndrain = \"approve\"\nreturn = \"observe\"\n[rules]";
        assert_eq!(said(&[("fleet.toml", "[rules]", fine)]), [""; 0]);
        let misspelt = said(&[("fleet.toml", "[rules]", "[autonomy]\ndrain = \"ask\"\n[rules]")]);
        assert!(misspelt[0].contains("fleet.toml:13:9"), "{misspelt:?}");
        assert!(misspelt[0].contains("approve"), "{misspelt:?}");
    }
}
