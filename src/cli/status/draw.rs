//! From what was read to the picture. Pure: the moment is an argument.

use std::collections::BTreeMap;

use super::read::{self, Reading};
use super::{Status, ZoneShown};
use crate::core::explain::State;
use crate::core::health::Row;
use crate::core::view::{self, ObserverSource, SeatSource, Sources};
use crate::domain::digest::Digest;
use crate::domain::zone::{self, Wanted, weight_in};
use crate::domain::{AgentId, Fleet, RegionId, Report, ServiceId, StateRef, ZoneRead};

/// Draws the picture of what was read at `now_unix_ms`, by this machine's wall clock.
pub(super) fn draw(fleet: &Fleet, reading: &Reading, now_unix_ms: i64) -> Status {
    let mut troubles = Vec::new();
    let state = state(fleet, reading, &mut troubles);
    let reports = newest(fleet, reading, &mut troubles);
    let zones = zone::wanted(fleet)
        .into_iter()
        .map(|wanted| zone_shown(fleet, wanted, reading, &mut troubles))
        .collect();
    let view = view::draw(Sources {
        fleet,
        at: wall(now_unix_ms),
        seats: seats(fleet, reading, state.as_ref(), &mut troubles),
        state: state.as_ref(),
        observers: reports
            .values()
            .map(|report| observer(fleet, report, now_unix_ms, &mut troubles))
            .collect(),
        actual: actual(fleet, reading),
        troubles: Vec::new(),
    });
    Status::new(view::View { troubles, ..view }, zones)
}

fn wall(unix_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.0}")
}

pub(super) fn state(fleet: &Fleet, reading: &Reading, troubles: &mut Vec<String>) -> Option<State> {
    let agreed = read::agreed(&reading.seats, fleet.seat_majority())?;
    let mut read = None;
    for (region, document) in &reading.documents {
        match document.clone().map_err(|failure| failure.to_string()).and_then(|document| {
            let document = document.ok_or("there is no such document")?;
            parse(fleet, &agreed, &document)
        }) {
            Ok(state) => read = Some(state),
            Err(why) => {
                troubles.push(format!("control state {} in {region}: {why}", agreed.name));
            }
        }
    }
    // A seat that was made anew counts for nothing, not even for this.
    let state = read?;
    let held = reading.seats.iter().filter(|(region, seat)| {
        matches!(seat, Ok(Some(seat)) if seat.committed == agreed
            && state.seats.get(*region) == Some(&seat.incarnation))
    });
    (held.count() >= fleet.seat_majority()).then_some(state)
}

fn parse(fleet: &Fleet, reference: &StateRef, document: &str) -> Result<State, String> {
    if Digest::of(document.as_bytes()) != reference.digest {
        return Err("the document is not the one that the seat points to".to_owned());
    }
    let state: State = serde_json::from_str(document)
        .map_err(|error| format!("the document can't be read: {error}"))?;
    if state.fleet != fleet.name {
        return Err(format!("it is the fleet {}'s: the tables are not this fleet's", state.fleet));
    }
    Ok(state)
}

fn seats(
    fleet: &Fleet,
    reading: &Reading,
    state: Option<&State>,
    troubles: &mut Vec<String>,
) -> Vec<SeatSource> {
    let source = |region: &RegionId| {
        let (seat, trouble) = match reading.seats.get(region) {
            None => (None, Some("it was not asked".to_owned())),
            Some(Err(failure)) => {
                troubles.push(format!("seat in {region}: {failure}"));
                (None, Some(format!("it can't be read ({})", failure.class)))
            }
            Some(Ok(None)) => {
                (None, Some("there is none: `regent init` says what can be done".to_owned()))
            }
            Some(Ok(Some(seat))) => {
                let known = state.and_then(|state| state.seats.get(region));
                let anew = known.is_some_and(|incarnation| *incarnation != seat.incarnation);
                let trouble = anew.then(|| {
                    "it was deleted and made anew: what it had promised is lost".to_owned()
                });
                (Some(seat.clone()), trouble)
            }
        };
        SeatSource { region: region.clone(), seat, trouble }
    };
    fleet.seats.iter().map(source).collect()
}

/// The newest report of each agent over all replicas. Within a run the number tells; of two runs,
/// the wall clock of the agent, since there is no time to watch which number rises.
fn newest<'r>(
    fleet: &Fleet,
    reading: &'r Reading,
    troubles: &mut Vec<String>,
) -> BTreeMap<&'r AgentId, &'r Report> {
    let mut newest: BTreeMap<&AgentId, &Report> = BTreeMap::new();
    for (replica, answer) in &reading.reports {
        let reports = match answer {
            Ok(reports) => reports,
            Err(failure) => {
                troubles.push(format!("reports in {replica}: {failure}"));
                continue;
            }
        };
        for report in reports.iter().filter(|report| report.fleet == fleet.name) {
            let known = newest.entry(&report.agent).or_insert(report);
            let later = if known.boot == report.boot {
                report.seq > known.seq
            } else {
                written_ms(report) > written_ms(known)
            };
            if later {
                *known = report;
            }
        }
    }
    newest
}

fn written_ms(report: &Report) -> Option<i64> {
    report.at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

fn observer<'r>(
    fleet: &Fleet,
    report: &'r Report,
    now_unix_ms: i64,
    troubles: &mut Vec<String>,
) -> ObserverSource<'r> {
    let stale_ms = u64::from(fleet.timing.stale_ms);
    let age_ms = written_ms(report).map(|written_ms| now_unix_ms.saturating_sub(written_ms));
    let ahead_ms = age_ms.and_then(|age_ms| u64::try_from(age_ms.saturating_neg()).ok());
    let far_ahead = ahead_ms.is_some_and(|ahead_ms| ahead_ms >= stale_ms);
    if far_ahead {
        troubles.push(format!(
            "the clock of agent {} is ahead of this machine's by more than {} s, so that its \
             report's age can't be told: it is not counted here",
            report.agent,
            stale_ms / 1000
        ));
    }
    let age_ms = age_ms.map(|age_ms| u64::try_from(age_ms).unwrap_or(0)).filter(|_| !far_ahead);
    ObserverSource {
        row: Row {
            agent: &report.agent,
            region: &report.region,
            cells: &report.cells,
            signals: &report.signals,
            age_ms: age_ms.unwrap_or(0),
        },
        age_ms,
        fresh: age_ms.is_some_and(|age_ms| age_ms < stale_ms),
        off: report.off,
        probing: report.probing.clone(),
        gates: report.gates.clone(),
        preflight: report.preflight.clone(),
        leading: report.leading.as_ref(),
    }
}

fn zone_shown(
    fleet: &Fleet,
    wanted: Wanted,
    reading: &Reading,
    troubles: &mut Vec<String>,
) -> ZoneShown {
    let Wanted { zone, name, fence: fence_name, .. } = wanted;
    let (fence, trouble) = match reading.zones.get(&zone) {
        None => (None, Some("it was not asked".to_owned())),
        Some(Err(failure)) => {
            troubles.push(format!("zone {zone}: {failure}"));
            (None, Some(format!("it can't be read ({})", failure.class)))
        }
        Some(Ok(ZoneRead { fence: None, .. })) => {
            let why = format!("it has no fence ({fence_name} TXT): `regent init` makes one");
            (None, Some(why))
        }
        Some(Ok(ZoneRead { fence: Some(record), .. })) => {
            match crate::domain::Fence::in_record(record) {
                None => (None, Some(format!("what stands at {fence_name} TXT is not a fence"))),
                Some(fence) => {
                    let foreign = (fence.fleet != fleet.name)
                        .then(|| format!("its fence is the fleet {}'s", fence.fleet));
                    (Some(fence), foreign)
                }
            }
        }
    };
    ZoneShown { zone, name, fence, trouble }
}

fn actual(fleet: &Fleet, reading: &Reading) -> BTreeMap<(ServiceId, RegionId), u8> {
    let mut actual = BTreeMap::new();
    for (service, spec) in &fleet.services {
        let Some(Ok(read)) = reading.zones.get(&spec.zone) else { continue };
        for region in spec.regions.keys() {
            if let Some(weight) = weight_in(read, spec, region) {
                actual.insert((service.clone(), region.clone()), weight.0);
            }
        }
    }
    actual
}
