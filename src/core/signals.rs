//! Reading what AWS says of this agent's own Region: target health, alarms, and where no traffic is
//! meant to be, the requests that still come.
//!
//! Only the own Region's are read: another Region's load balancer is reached through the very
//! network whose failure is to be told from the Region's. Each signal is read at its own pace, and
//! one that can't be read delays no other. A reading is kept until three more should have come;
//! then it is stale and left out of what is shown and published, so that nobody judges by it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::signal::{
    AlarmName, AlarmState, Arriving, RequestsPerTarget, ServiceSignals, TargetGroupArn,
    TargetHealth,
};
use crate::domain::{CallFailure, Fleet, Moment, RegionId, ServiceId};

use super::Brain;
use super::call::{Outbox, Outcome, Purpose, Refusal, Request, Response};
use super::note::Note;

/// Alarms are read once for so many readings of target health: most are evaluated once a minute,
/// and a reading costs money.
const TURNS_FOR_ALARMS: u32 = 3;

/// Between two readings of the requests that still come: as often as the load balancer tells.
const REQUESTS_EVERY: Duration = Duration::from_secs(60);

/// A reading is stale when so many that should have followed it have not.
const MISSED_MAX: u32 = 3;

/// Time limit of a reading, in milliseconds. Nothing waits for it; a throttled account answers late.
const CALL_MS: u32 = 3000;

/// Longest account of a failure in a report, in characters: it is written every two seconds.
const TROUBLE_CHARS_MAX: usize = 120;

const ANOTHER_KIND: &str = "an answer of another kind";

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signal {
    Targets(ServiceId),
    Requests(ServiceId),
    Alarms,
}

/// One thing that is read again and again.
#[derive(Debug, Clone)]
struct Reading<T> {
    every: Duration,
    /// None while a call is under way.
    next_at: Option<Moment>,
    last: Option<(Moment, T)>,
    trouble: Option<String>,
}

impl<T> Reading<T> {
    fn new(first_at: Moment, every: Duration) -> Self {
        Self { every, next_at: Some(first_at), last: None, trouble: None }
    }

    fn due(&self, now: Moment) -> bool {
        self.next_at.is_some_and(|at| at <= now)
    }

    fn stale_at(&self) -> Option<Moment> {
        self.last.as_ref().map(|(at, _)| *at + self.every * MISSED_MAX)
    }

    fn fresh(&self, now: Moment) -> Option<&T> {
        let (_, value) = self.last.as_ref()?;
        self.stale_at().is_some_and(|at| now < at).then_some(value)
    }

    fn ended(&mut self, now: Moment, outcome: Result<T, String>) {
        self.next_at = Some(now + self.every);
        match outcome {
            Ok(value) => {
                self.last = Some((now, value));
                self.trouble = None;
            }
            Err(why) => self.trouble = Some(why.chars().take(TROUBLE_CHARS_MAX).collect()),
        }
    }
}

/// A service of this Region with something to read.
#[derive(Debug, Clone)]
struct Watch {
    targets: Option<(TargetGroupArn, Reading<TargetHealth>)>,
    /// Read only while the service is drained here: each reading costs money.
    requests: Option<Reading<Option<RequestsPerTarget>>>,
    alarms: BTreeSet<AlarmName>,
    complaining_since: Option<Moment>,
}

/// This agent's readings.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    region: RegionId,
    services: BTreeMap<ServiceId, Watch>,
    /// One reading for the alarms of all services; none when there are no alarms.
    alarms: Option<Reading<BTreeMap<AlarmName, AlarmState>>>,
    shown: BTreeMap<ServiceId, ServiceSignals>,
}

impl Signals {
    pub(super) fn new(now: Moment, region: &RegionId, fleet: &Fleet) -> Self {
        let every = Duration::from_millis(u64::from(fleet.timing.signals_ms));
        let placed: Vec<_> = fleet
            .services
            .iter()
            .filter_map(|(service, spec)| Some((service, spec.regions.get(region)?)))
            .filter(|(_, place)| place.target_group.is_some() || !place.alarms.is_empty())
            .collect();
        let count = u32::try_from(placed.len()).unwrap_or(u32::MAX).max(1);
        // Spread over the interval: an account may make only so many requests at once.
        let offsets = (0u32..).map(|turn| every * turn / count);
        let services: BTreeMap<ServiceId, Watch> = placed
            .into_iter()
            .zip(offsets)
            .map(|((service, place), offset)| {
                let reading = || Reading::new(now + offset, every);
                let watch = Watch {
                    targets: place.target_group.clone().map(|group| (group, reading())),
                    requests: place
                        .target_group
                        .is_some()
                        .then(|| Reading::new(now + REQUESTS_EVERY + offset, REQUESTS_EVERY)),
                    alarms: place.alarms.clone(),
                    complaining_since: None,
                };
                (service.clone(), watch)
            })
            .collect();
        let any_alarms = services.values().any(|watch| !watch.alarms.is_empty());
        let alarms = any_alarms.then(|| Reading::new(now, every * TURNS_FOR_ALARMS));
        Self { region: region.clone(), services, alarms, shown: BTreeMap::new() }
    }

    /// Starts the readings that are due. `drained` says of a service whether no traffic is meant to
    /// come here.
    pub(super) fn drive(
        &mut self,
        now: Moment,
        drained: impl Fn(&ServiceId) -> bool,
        out: &mut Outbox,
    ) {
        for (service, watch) in &mut self.services {
            if let Some(reading) = watch.requests.as_mut().filter(|reading| reading.due(now)) {
                match &watch.targets {
                    Some((group, _)) if drained(service) => {
                        reading.next_at = None;
                        let purpose = Purpose::Signal(Signal::Requests(service.clone()));
                        let request = Request::ReadRequests { group: group.clone() };
                        out.call(now, CALL_MS, purpose, request);
                    }
                    _ => *reading = Reading::new(now + REQUESTS_EVERY, REQUESTS_EVERY),
                }
            }
            if let Some((group, reading)) = &mut watch.targets
                && reading.due(now)
            {
                reading.next_at = None;
                let purpose = Purpose::Signal(Signal::Targets(service.clone()));
                let request = Request::ReadTargetHealth { group: group.clone() };
                out.call(now, CALL_MS, purpose, request);
            }
        }
        if let Some(reading) = self.alarms.as_mut().filter(|reading| reading.due(now)) {
            reading.next_at = None;
            let names = self.services.values().flat_map(|watch| watch.alarms.clone()).collect();
            let request = Request::ReadAlarms { region: self.region.clone(), names };
            out.call(now, CALL_MS, Purpose::Signal(Signal::Alarms), request);
        }
    }

    /// Takes in the end of a reading.
    pub(super) fn answered(&mut self, now: Moment, signal: &Signal, outcome: Outcome) {
        let outcome = outcome.map_err(what);
        match signal {
            Signal::Targets(service) => {
                let watch = self.services.get_mut(service);
                let Some((_, reading)) = watch.and_then(|watch| watch.targets.as_mut()) else {
                    return;
                };
                let found = outcome.and_then(|response| match response {
                    Response::TargetHealth(health) => Ok(health),
                    _ => Err(ANOTHER_KIND.to_owned()),
                });
                reading.ended(now, found.map_err(|why| format!("target health: {why}")));
            }
            Signal::Requests(service) => {
                let watch = self.services.get_mut(service);
                let Some(reading) = watch.and_then(|watch| watch.requests.as_mut()) else { return };
                let found = outcome.and_then(|response| match response {
                    Response::Requests(requests) => Ok(requests),
                    _ => Err(ANOTHER_KIND.to_owned()),
                });
                reading.ended(now, found.map_err(|why| format!("requests: {why}")));
            }
            Signal::Alarms => {
                let Some(reading) = &mut self.alarms else { return };
                let found = outcome.and_then(|response| match response {
                    Response::Alarms(states) => Ok(states),
                    _ => Err(ANOTHER_KIND.to_owned()),
                });
                reading.ended(now, found.map_err(|why| format!("alarms: {why}")));
            }
        }
    }

    /// Brings [`Self::shown`] up to this moment; true when it says something else than before.
    pub(super) fn refresh(&mut self, now: Moment, out: &mut Outbox) -> bool {
        let mut changed = false;
        for (service, watch) in &mut self.services {
            let mut signals = signals_now(now, watch, self.alarms.as_ref());
            watch.complaining_since =
                signals.complains().then(|| watch.complaining_since.unwrap_or(now));
            let before = self.shown.get(service);
            // How long it has lasted is not news.
            signals.complaint_ms = before.and_then(|before| before.complaint_ms);
            let news = before.is_none_or(|before| *before != signals);
            signals.complaint_ms = watch
                .complaining_since
                .map(|since| u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX));
            if news && before.is_some() {
                let what = described(&signals);
                out.note(Note::Signals { service: service.clone(), what });
            }
            changed |= news;
            self.shown.insert(service.clone(), signals);
        }
        changed
    }

    /// What was read, as of the last refresh.
    pub(super) fn shown(&self) -> &BTreeMap<ServiceId, ServiceSignals> {
        &self.shown
    }

    pub(super) fn next_wake(&self) -> Moment {
        let targets = self.readings().filter_map(|reading| reading.next_at);
        let requests = self.services.values().filter_map(|watch| watch.requests.as_ref()?.next_at);
        let alarms = self.alarms.iter().filter_map(|reading| reading.next_at);
        targets.chain(requests).chain(alarms).min().unwrap_or(Moment::NEVER)
    }

    /// When the first of what is fresh now will be stale.
    pub(super) fn next_stale(&self, now: Moment) -> Moment {
        let targets = self.readings().filter_map(Reading::stale_at);
        let alarms = self.alarms.iter().filter_map(Reading::stale_at);
        targets.chain(alarms).filter(|at| *at > now).min().unwrap_or(Moment::NEVER)
    }

    fn readings(&self) -> impl Iterator<Item = &Reading<TargetHealth>> {
        self.services.values().filter_map(|watch| watch.targets.as_ref().map(|(_, r)| r))
    }
}

impl Brain {
    /// Starts the readings that are due.
    pub(super) fn read_signals(&mut self, now: Moment) {
        let (committed, here) = (self.journal.committed(), &self.identity.region);
        let drained = |service: &ServiceId| {
            let weights = committed.and_then(|entry| entry.state.wanted.get(service));
            weights.and_then(|weights| weights.get(here)).is_some_and(|weight| weight.0 == 0)
        };
        self.signals.drive(now, drained, &mut self.out);
    }
}

/// What is fresh of one service's signals, without how long a complaint has lasted.
fn signals_now(
    now: Moment,
    watch: &Watch,
    alarms: Option<&Reading<BTreeMap<AlarmName, AlarmState>>>,
) -> ServiceSignals {
    let mut signals = ServiceSignals::default();
    if let Some((_, reading)) = &watch.targets {
        signals.targets = reading.fresh(now).cloned();
        signals.troubles.extend(reading.trouble.clone());
    }
    if let Some(reading) = &watch.requests {
        signals.arriving = reading.fresh(now).map(|requests| arriving(*requests, &signals));
        signals.troubles.extend(reading.trouble.clone());
    }
    if let Some(reading) = alarms.filter(|_| !watch.alarms.is_empty()) {
        signals.troubles.extend(reading.trouble.clone());
        if let Some(states) = reading.fresh(now) {
            for name in &watch.alarms {
                match states.get(name) {
                    Some(state) => {
                        signals.alarms.insert(name.clone(), *state);
                    }
                    None => signals.troubles.push(format!("there is no alarm {name}")),
                }
            }
        }
    }
    signals
}

/// The requests to all targets: those that are healthy, or all when none is.
fn arriving(requests: Option<RequestsPerTarget>, signals: &ServiceSignals) -> Arriving {
    let targets = signals.targets.as_ref().map_or(1, |targets| {
        if targets.healthy() > 0 { targets.healthy() } else { targets.unhealthy() }
    });
    let Some(RequestsPerTarget { minute_unix_s, thousandths }) = requests else {
        return Arriving { minute_unix_s: None, per_minute: 0 };
    };
    let per_minute = thousandths.saturating_mul(u64::from(targets.max(1))).div_ceil(1000);
    Arriving { minute_unix_s: Some(minute_unix_s), per_minute }
}

fn described(signals: &ServiceSignals) -> String {
    let targets = signals.targets.iter().map(ToString::to_string);
    let alarms = signals.alarms.iter().map(|(name, state)| format!("alarm {name} {state}"));
    let said: Vec<String> = targets.chain(alarms).chain(signals.troubles.clone()).collect();
    if said.is_empty() { "nothing is known".to_owned() } else { said.join("; ") }
}

fn what(refusal: Refusal) -> String {
    match refusal {
        Refusal::Failed(CallFailure { class, what }) => format!("{class}: {what}"),
        Refusal::Found(_) => ANOTHER_KIND.to_owned(),
    }
}

#[cfg(test)]
mod tests;
