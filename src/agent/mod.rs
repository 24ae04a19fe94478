//! The one loop that drives a brain: gather events, call `step`, carry out commands.
//!
//! Everything that decides is in `core`; everything that reaches out is behind a port. What is left
//! here is plumbing with three promises to the brain: one answer to each call by its deadline, a
//! tick when it asks for one, and events in the order in which they came.

mod carry;
mod preflight;
mod reaction;
mod told;
mod webhooks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::core::explain::Reason;
use crate::core::gates::Position;
use crate::core::note::{Note, StepDown};
use crate::core::view::{Inner, View};
use crate::core::{Brain, CallId, Command, Event, Identity, ProbeId, Request};
use crate::domain::{AgentId, Fleet, Moment, Sample, Target};
pub use crate::ports::Outside;
use crate::probe::{Endpoint, InvalidEndpoint, InvalidUserAgent, NoRoots, Prober, Trust};
use crate::telemetry::clock::{self, Stopwatch};
use crate::telemetry::metrics::Metrics;

pub use webhooks::HttpWebhooks;

use preflight::Rounds;
use reaction::{ANSWERED, CHANGED, DECIDED, INSYNC, Reaction};

/// Events that may wait for the brain. It takes microseconds for each; a fuller queue means that
/// the machine stands still, and then senders wait.
const EVENTS_MAX: usize = 1024;

/// Longest the loop sleeps without a tick: how soon it notices that the clock ran on while the
/// machine was suspended, since a timer may not count that.
const TICK_MAX: Duration = Duration::from_millis(500);

/// How often the brain is told the wall clock, for the dates that people read.
const WALL_CLOCK_EVERY: Duration = Duration::from_secs(60);

/// Why an agent can't run, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A service's endpoint can't be probed as it is described.
    #[error("service {} in {}: {error}", target.service, target.region)]
    Endpoint {
        /// Which.
        target: Target,
        /// What is wrong.
        error: InvalidEndpoint,
    },
    /// The agent's name can't stand in a request.
    #[error(transparent)]
    UserAgent(#[from] InvalidUserAgent),
    /// There are TLS endpoints and no certificates to check them by.
    #[error(transparent)]
    NoRoots(#[from] NoRoots),
    /// Another agent of this name is alive.
    #[error(
        "an agent named {0} is running already: two with one identity would overwrite each other's \
         reports. Stop the other, or give this one another name with --agent"
    )]
    SecondSelf(AgentId),
}

/// A question to a running agent.
#[derive(Debug)]
enum Question {
    View(oneshot::Sender<View>),
    Inner(oneshot::Sender<(Inner, Moment)>),
}

/// A way to ask a running agent what it sees. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Window {
    questions: mpsc::Sender<Question>,
    gates: watch::Receiver<Position>,
}

impl Window {
    /// What the agent says of other Regions' gates. Kept where it can be read without asking the
    /// loop; it says itself when it lapses.
    #[must_use]
    pub fn gates(&self) -> watch::Receiver<Position> {
        self.gates.clone()
    }

    /// The fleet as the agent sees it; none once the agent has stopped.
    pub async fn view(&self) -> Option<View> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question::View(answer)).await.ok()?;
        answered.await.ok()
    }

    /// What the agent knows of itself; none once it has stopped.
    pub async fn inner(&self) -> Option<Inner> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question::Inner(answer)).await.ok()?;
        answered.await.ok().map(|(inner, _)| inner)
    }
}

/// An agent that is ready to run.
pub struct Agent {
    identity: Identity,
    fleet: Fleet,
    seed: u64,
    outside: Outside,
    prober: Arc<Prober>,
    endpoints: BTreeMap<Target, Arc<Endpoint>>,
    metrics: Arc<Metrics>,
    questions: mpsc::Receiver<Question>,
    gates: watch::Sender<Position>,
    off_switch: Option<PathBuf>,
    stands_in: bool,
}

impl Agent {
    /// Makes an agent and a window into it. `seed` spreads its elections and probes and should be
    /// drawn afresh for each run.
    ///
    /// # Errors
    /// When an endpoint can't be probed as described.
    pub fn new(
        identity: Identity,
        fleet: Fleet,
        seed: u64,
        outside: Outside,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Window), AgentError> {
        let mut endpoints = BTreeMap::new();
        for (service, spec) in &fleet.services {
            for (region, placement) in &spec.regions {
                let target = Target { region: region.clone(), service: service.clone() };
                match Endpoint::new(&placement.url, &spec.probe) {
                    Ok(endpoint) => {
                        metrics.expect_target(&target);
                        endpoints.insert(target, Arc::new(endpoint));
                    }
                    Err(error) => return Err(AgentError::Endpoint { target, error }),
                }
            }
        }
        for region in &fleet.regions {
            metrics.expect_decisions(region, Reason::ALL.map(Reason::label).into_iter());
        }
        for zone in fleet.zones.keys() {
            metrics.expect_zone(zone);
        }
        metrics.expect_step_downs(StepDown::ALL.map(StepDown::label).into_iter());
        metrics.expect_reactions([DECIDED, CHANGED, INSYNC, ANSWERED].into_iter());
        let any_tls = endpoints.values().any(|endpoint| endpoint.may_need_tls());
        let trust = if any_tls { Trust::of_system()? } else { Trust::nobody() };
        let version = env!("CARGO_PKG_VERSION");
        let user_agent = format!("regent/{version} (probe; {}; {})", fleet.name, identity.agent);
        let prober = Arc::new(Prober::new(&user_agent, trust)?);
        let (sender, questions) = mpsc::channel(16);
        let (shown, gates) = watch::channel(Position::open());
        let agent = Self {
            identity,
            fleet,
            seed,
            outside,
            prober,
            endpoints,
            metrics,
            questions,
            gates: shown,
            off_switch: None,
            stands_in: false,
        };
        Ok((agent, Window { questions: sender, gates }))
    }

    /// Makes the agent obey a file: while there is one at this path, it is switched off.
    #[must_use]
    pub fn with_off_switch(mut self, path: PathBuf) -> Self {
        self.off_switch = Some(path);
        self
    }

    /// Makes it stand in for agents that are all dead: see [`Brain::standing_in`].
    #[must_use]
    pub fn standing_in(mut self) -> Self {
        self.stands_in = true;
        self
    }

    /// Runs until `stop` resolves, or until something forbids to go on.
    ///
    /// A stopped agent just stops: its lease runs out, and the others take over as if it had been
    /// killed. That path is rehearsed at every stop.
    ///
    /// # Errors
    /// When another agent of the same identity is alive.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), AgentError> {
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let started = clock::now();
        let services = self.fleet.services.iter();
        let zone_of = services.map(|(service, spec)| (service.clone(), spec.zone.clone()));
        let mut reaction = Reaction::new(zone_of.collect());
        self.metrics.set_lease_length(Duration::from_millis(self.fleet.timing.lease_ms.into()));
        let fleet = Arc::new(self.fleet.clone());
        let mut rounds = Rounds::new(started);
        let mut brain = Brain::new(started, self.identity, self.fleet, self.seed);
        if self.stands_in {
            brain = brain.standing_in();
        }
        let hands = Hands {
            outside: self.outside,
            prober: self.prober,
            endpoints: self.endpoints,
            metrics: self.metrics,
            gates: self.gates,
            events: sender,
        };
        let mut wall_clock_at = started;
        let mut was_off = false;
        tokio::pin!(stop);
        loop {
            let now = clock::now();
            if now >= wall_clock_at {
                wall_clock_at = now + WALL_CLOCK_EVERY;
                let event = Event::WallClock { unix_ms: clock::wall_unix_ms() };
                hands.tell(&mut brain, &mut reaction, event)?;
            }
            if let Some(path) = &self.off_switch {
                // One that can't be looked at is taken for set: nobody makes a file unreadable to say
                // that all is well.
                let off = path.try_exists().unwrap_or(true);
                if off != was_off {
                    was_off = off;
                    hands.tell(&mut brain, &mut reaction, Event::Switched { off })?;
                }
            }
            let (outside, metrics) = (&hands.outside, &hands.metrics);
            rounds.drive(now, &brain, &fleet, outside, metrics, &hands.events);
            let wait = brain.next_wake().since(clock::now()).min(TICK_MAX);
            let event = tokio::select! {
                () = &mut stop => return Ok(()),
                Some(question) = self.questions.recv() => {
                    answer(&brain, question);
                    continue;
                }
                Some(event) = events.recv() => event,
                () = tokio::time::sleep(wait) => Event::Tick,
            };
            hands.tell(&mut brain, &mut reaction, event)?;
        }
    }
}

fn answer(brain: &Brain, question: Question) {
    let now = clock::now();
    // Who asked may have gone away meanwhile.
    match question {
        Question::View(asker) => drop(asker.send(brain.view(now))),
        Question::Inner(asker) => drop(asker.send((brain.inner(now), now))),
    }
}

/// What carries out the brain's commands.
struct Hands {
    outside: Outside,
    prober: Arc<Prober>,
    endpoints: BTreeMap<Target, Arc<Endpoint>>,
    metrics: Arc<Metrics>,
    gates: watch::Sender<Position>,
    events: mpsc::Sender<Event>,
}

impl Hands {
    /// Tells the brain, and begins all that it then wants done.
    fn tell(
        &self,
        brain: &mut Brain,
        reaction: &mut Reaction,
        event: Event,
    ) -> Result<(), AgentError> {
        let watch = Stopwatch::start();
        let commands = brain.step(clock::now(), event);
        self.metrics.observe_step(watch.elapsed());
        self.gates.send_if_modified(|shown| {
            let moved = shown != brain.gates();
            if moved {
                shown.clone_from(brain.gates());
            }
            moved
        });
        for command in commands {
            match command {
                Command::Call { call, deadline, request } => self.call(call, deadline, request),
                Command::Probe { probe, target } => self.probe(probe, target),
                Command::Note(note) => {
                    told::tell(&note, &self.metrics, brain, reaction);
                    if let Note::SecondSelf { agent } = note {
                        return Err(AgentError::SecondSelf(agent));
                    }
                }
            }
        }
        Ok(())
    }

    fn call(&self, call: CallId, deadline: Moment, request: Request) {
        let (outside, metrics) = (self.outside.clone(), self.metrics.clone());
        let events = self.events.clone();
        tokio::spawn(async move {
            let outcome = carry::carry_out(&outside, &metrics, request, deadline).await;
            // The loop may have ended.
            let _ = events.send(Event::Answered { call, outcome }).await;
        });
    }

    fn probe(&self, probe: ProbeId, target: Target) {
        let Some(endpoint) = self.endpoints.get(&target).cloned() else { return };
        let (prober, metrics) = (self.prober.clone(), self.metrics.clone());
        let events = self.events.clone();
        let waiting = Stopwatch::start();
        tokio::spawn(async move {
            let waited_ms = waiting.elapsed_ms();
            let sample = Sample { waited_ms, ..prober.probe(&endpoint).await };
            metrics.observe_probe(&target, &sample);
            told::probed(&target, &sample);
            // As above.
            let _ = events.send(Event::Probed { probe, sample }).await;
        });
    }
}
