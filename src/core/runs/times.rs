//! How long steps take: for those who wait, and for nothing else.
//!
//! Told by the wall clocks of the leaders that logged them. A clock that was set in between makes a
//! figure wrong, and no decision.

use crate::runbook::{Event, Outcome, Run};

use super::Runs;

/// Milliseconds since 1970 of an RFC 3339 text.
pub(super) fn unix_ms(at: &str) -> Option<i64> {
    at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// From when to when the last attempt of a step lasted, or the last question; no end while it goes on.
fn last(run: &Run, step: usize) -> Option<(i64, Option<i64>)> {
    let mut span = None;
    for entry in run.log().iter().filter(|entry| entry.event.step() == Some(step)) {
        let at = unix_ms(entry.at.as_deref()?)?;
        match entry.event {
            Event::Began { .. } | Event::Asked { .. } | Event::UndoBegan { .. } => {
                span = Some((at, None));
            }
            Event::Noted { .. } => {}
            _ => span = span.map(|(began, ended)| (began, Some(ended.unwrap_or(at)))),
        }
    }
    span
}

fn ms(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// How long a step took, or has taken by now, in milliseconds; none before it begins.
pub(super) fn took_ms(run: &Run, step: usize, now_unix_ms: Option<i64>) -> Option<u64> {
    let (began, ended) = last(run, step)?;
    Some(ms(began, ended.or(now_unix_ms)?))
}

/// How long a step usually takes, in milliseconds: the median of what it took in other runs of the
/// same runbook that are kept, or what the runbook says.
pub(super) fn usual_ms(name: &str, run: &Run, step: usize, runs: &Runs) -> Option<u64> {
    let spec = &run.procedure().steps[step];
    let others = runs.iter().filter(|(other, kept)| {
        *other != name && kept.run.procedure().book == run.procedure().book
    });
    let mut known: Vec<u64> = others
        .filter_map(|(_, kept)| {
            let same = kept.run.procedure().index(&spec.id)?;
            let done = kept.run.log().iter().rev().any(|entry| {
                matches!(&entry.event,
                    Event::Ended { step, outcome: Outcome::Done { .. }, .. } if *step == same)
            });
            if !done {
                return None;
            }
            let (began, ended) = last(&kept.run, same)?;
            Some(ms(began, ended?))
        })
        .collect();
    known.sort_unstable();
    let declared = spec.usual_s.map(|usual_s| u64::from(usual_s) * 1000);
    known.get(known.len() / 2).copied().or(declared)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Kept;
    use super::*;
    use crate::runbook::{Entry, Library, RunId};

    /// A switchover whose first step began and was done at these seconds.
    fn run(name: &str, began_s: u32, done_s: Option<u32>) -> Run {
        let arguments: BTreeMap<String, String> =
            [("database", "orders"), ("from", "r1"), ("to", "r2")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let procedure = Library::shipped().bind("switch-database", &arguments).expect("fits");
        let mut run = Run::new(RunId(name.to_owned()), procedure).expect("it is shipped");
        let mut log = |s: u32, event| {
            let at = format!("2026-01-01T00:00:{s:02}Z");
            run.append(Entry::at(at, event)).expect("it is due");
        };
        log(began_s, Event::Began { step: 0, attempt: 1 });
        if let Some(done_s) = done_s {
            let outcome = Outcome::Done { output: None };
            log(done_s, Event::Ended { step: 0, attempt: 1, outcome });
        }
        run
    }

    fn kept(name: &str, run: Run) -> (String, Kept) {
        let (reason, at) = (String::new(), String::new());
        (name.to_owned(), Kept { by: None, reason, at, run })
    }

    #[test]
    fn what_goes_on_is_counted_to_now_and_what_is_over_to_its_end() {
        let now = unix_ms("2026-01-01T00:00:30Z");
        assert_eq!(took_ms(&run("a", 10, None), 0, now), Some(20_000));
        assert_eq!(took_ms(&run("a", 10, Some(14)), 0, now), Some(4000));
        assert_eq!(took_ms(&run("a", 10, Some(14)), 1, now), None);
        assert_eq!(took_ms(&run("a", 40, None), 0, now), Some(0), "a clock that is behind");
    }

    #[test]
    fn what_other_runs_took_counts_before_what_the_runbook_says() {
        let own = run("own", 10, None);
        let declared = own.procedure().steps[0].usual_s.map(|s| u64::from(s) * 1000);
        assert!(declared.is_some());
        assert_eq!(usual_ms("own", &own, 0, &Runs::new()), declared);
        let runs: Runs = [
            kept("own", own.clone()),
            kept("a", run("a", 10, Some(12))),
            kept("b", run("b", 10, Some(19))),
            kept("c", run("c", 10, Some(17))),
            kept("d", run("d", 10, None)),
        ]
        .into();
        assert_eq!(usual_ms("own", &own, 0, &runs), Some(7000));
    }
}
