//! The fleet's agents as child processes of this one.
//!
//! Each holds the reading end of a pipe as its stdin and ends when that ends: the system closes the
//! pipe however this process dies, so nothing outlives it. An agent that ends by itself is reported
//! and stays down, since hiding a crash would defeat a rehearsal.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::launch::Launcher;
use super::shared::Shared;
use super::{LocalError, Sink};
use crate::domain::{AgentId, RegionId};

/// How long an agent may take to say where it listens.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// How long an agent may take to end once its stdin has. Then it is killed.
const END_LIMIT: Duration = Duration::from_secs(3);

/// How an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "condition")]
pub enum AgentCondition {
    /// It runs.
    Running {
        /// Its process.
        pid: u32,
        /// Its HTTP interface.
        url: String,
        /// Where it answers for gates.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gates: Option<String>,
    },
    /// It was killed on purpose, or not started yet.
    Stopped,
    /// It ended by itself.
    Ended {
        /// How.
        how: String,
    },
}

/// Why an agent can't be started or killed.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is none of that name.
    #[error("there is no agent {agent} in this fleet; it has {known}")]
    Unknown {
        /// Who was meant.
        agent: AgentId,
        /// Who is there.
        known: String,
    },
    /// It runs already.
    #[error("agent {0} runs already: kill it first")]
    Running(AgentId),
    /// It doesn't run.
    #[error("agent {0} does not run: start it first")]
    NotRunning(AgentId),
    /// It didn't come up.
    #[error("agent {agent} did not start: {why}. Its log is {}", log.display())]
    NotStarted {
        /// Which.
        agent: AgentId,
        /// What is known.
        why: String,
        /// What it wrote to stderr.
        log: PathBuf,
    },
}

/// All agents of the fleet.
pub(super) struct Agents {
    launcher: Launcher,
    shared: Arc<Shared>,
    sink: Sink,
    places: Arc<BTreeMap<AgentId, RegionId>>,
    conditions: Arc<Mutex<BTreeMap<AgentId, AgentCondition>>>,
    /// Those with a process. Locked while one is started or killed: one at a time.
    runs: tokio::sync::Mutex<BTreeMap<AgentId, Run>>,
}

/// Where the agents answer for gates, as long as they run. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct GateUrls {
    places: Arc<BTreeMap<AgentId, RegionId>>,
    conditions: Arc<Mutex<BTreeMap<AgentId, AgentCondition>>>,
}

impl GateUrls {
    /// Of a Region's agent; none while it doesn't run.
    pub(super) fn of(&self, region: &RegionId) -> Option<String> {
        let (agent, _) = self.places.iter().find(|(_, place)| *place == region)?;
        match locked(&self.conditions).get(agent)? {
            AgentCondition::Running { gates, .. } => gates.clone(),
            AgentCondition::Stopped | AgentCondition::Ended { .. } => None,
        }
    }
}

/// An agent's process, as whoever started it sees it.
struct Run {
    order: oneshot::Sender<Order>,
    watcher: JoinHandle<()>,
}

/// How a process is to end.
enum Order {
    /// As `kill -9` does it.
    Kill,
    /// By the end of its stdin; killed if that doesn't help.
    End,
}

impl Agents {
    pub(super) fn new(
        launcher: Launcher,
        shared: Arc<Shared>,
        sink: Sink,
        places: Arc<BTreeMap<AgentId, RegionId>>,
    ) -> Self {
        let stopped = places.keys().map(|agent| (agent.clone(), AgentCondition::Stopped));
        let conditions = Arc::new(Mutex::new(stopped.collect()));
        let runs = tokio::sync::Mutex::default();
        Self { launcher, shared, sink, places, conditions, runs }
    }

    /// Where they answer for gates.
    pub(super) fn gate_urls(&self) -> GateUrls {
        GateUrls { places: self.places.clone(), conditions: self.conditions.clone() }
    }

    /// Creates the fleet's tables and checks, as an operator does before the first agent is started.
    pub(super) async fn init(&self) -> Result<(), LocalError> {
        self.launcher.init().await
    }

    /// Every agent's Region.
    pub(super) fn places(&self) -> &BTreeMap<AgentId, RegionId> {
        &self.places
    }

    /// How every agent is.
    pub(super) fn conditions(&self) -> BTreeMap<AgentId, AgentCondition> {
        locked(&self.conditions).clone()
    }

    /// Whether every agent runs.
    pub(super) fn all_run(&self) -> bool {
        let conditions = locked(&self.conditions);
        conditions.values().all(|condition| matches!(condition, AgentCondition::Running { .. }))
    }

    /// Starts every agent.
    pub(super) async fn start_all(&self) -> Result<(), AgentError> {
        for agent in self.places.keys() {
            self.start(agent).await?;
        }
        Ok(())
    }

    /// Starts an agent as a new run, and returns once it listens.
    pub(super) async fn start(&self, agent: &AgentId) -> Result<(), AgentError> {
        let region = self.place(agent)?;
        let mut runs = self.runs.lock().await;
        if runs.get(agent).is_some_and(|run| !run.watcher.is_finished()) {
            return Err(AgentError::Running(agent.clone()));
        }
        let log = self.launcher.log_of(agent);
        let failed =
            |why: String| AgentError::NotStarted { agent: agent.clone(), why, log: log.clone() };
        let stderr = OpenOptions::new().create(true).append(true).open(&log);
        let stderr = stderr.map_err(|error| failed(format!("its log can't be opened: {error}")))?;
        let mut child = spawn(self.launcher.agent(agent, region), stderr.into())
            .map_err(|error| failed(error.to_string()))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdin = stdin.expect("its stdin is a pipe");
        let mut lines = BufReader::new(stdout.expect("its stdout is a pipe")).lines();
        let pid = child.id().ok_or_else(|| failed("it ended at once".to_owned()))?;
        let First { listening: url, gates } = first(&mut lines).await.map_err(failed)?;
        self.set(agent, AgentCondition::Running { pid, url, gates });

        let (order, ordered) = oneshot::channel();
        let (conditions, shared, sink) =
            (self.conditions.clone(), self.shared.clone(), self.sink.clone());
        let agent = agent.clone();
        let name = agent.clone();
        let watcher = tokio::spawn(async move {
            let condition = watch(child, stdin, lines, ordered).await;
            if let AgentCondition::Ended { how } = &condition {
                let log = log.display();
                sink(&format!("agent {name} ended by itself: {how}; its log is {log}"));
            }
            locked(&conditions).insert(name, condition);
            shared.touch();
        });
        runs.insert(agent, Run { order, watcher });
        Ok(())
    }

    /// Kills an agent's process as `kill -9` does, and returns once it is gone.
    pub(super) async fn kill(&self, agent: &AgentId) -> Result<(), AgentError> {
        self.place(agent)?;
        let mut runs = self.runs.lock().await;
        let run = runs.remove(agent).filter(|run| !run.watcher.is_finished());
        let Some(run) = run else { return Err(AgentError::NotRunning(agent.clone())) };
        run.end(Order::Kill).await;
        Ok(())
    }

    /// Ends every agent, and returns once all are gone.
    pub(super) async fn end_all(&self) {
        let runs = std::mem::take(&mut *self.runs.lock().await);
        // All are told before any is waited for.
        let ending: Vec<_> =
            runs.into_values().map(|run| tokio::spawn(run.end(Order::End))).collect();
        for ending in ending {
            // It fails only with the runtime, which ends the processes too.
            let _ = ending.await;
        }
    }

    fn place(&self, agent: &AgentId) -> Result<&RegionId, AgentError> {
        self.places.get(agent).ok_or_else(|| AgentError::Unknown {
            agent: agent.clone(),
            known: super::words::list(self.places.keys()),
        })
    }

    fn set(&self, agent: &AgentId, condition: AgentCondition) {
        locked(&self.conditions).insert(agent.clone(), condition);
        self.shared.touch();
    }
}

impl Run {
    async fn end(self, order: Order) {
        // The process may have ended by itself meanwhile, and the watcher with it.
        let _ = self.order.send(order);
        let _ = self.watcher.await;
    }
}

/// A map of finished values: a panic elsewhere can't leave it half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(mut command: Command, stderr: Stdio) -> std::io::Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true).spawn()
}

/// The agent's first line.
#[derive(Deserialize)]
struct First {
    listening: String,
    gates: Option<String>,
}

/// Where the agent listens, as its first line says.
async fn first(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<First, String> {
    let line = match tokio::time::timeout(READY_LIMIT, lines.next_line()).await {
        Ok(Ok(Some(line))) => line,
        Ok(Ok(None)) => return Err("it ended before it said where it listens".to_owned()),
        Ok(Err(error)) => return Err(format!("its output can't be read: {error}")),
        Err(_) => {
            let limit = READY_LIMIT.as_secs();
            return Err(format!("it did not say where it listens within {limit} s"));
        }
    };
    serde_json::from_str(&line)
        .map_err(|_| format!("its first line is not {{\"listening\":\"http://…\"}} but {line:?}"))
}

/// Waits for the process to end, or ends it; reads its output meanwhile, so that it never blocks.
/// When nobody can give orders any more, it is killed.
async fn watch(
    mut child: Child,
    stdin: ChildStdin,
    mut lines: Lines<BufReader<ChildStdout>>,
    mut ordered: oneshot::Receiver<Order>,
) -> AgentCondition {
    let mut reading = true;
    let order = loop {
        tokio::select! {
            ended = child.wait() => {
                let how = ended.map_or_else(|error| error.to_string(), |how| how.to_string());
                return AgentCondition::Ended { how };
            }
            order = &mut ordered => break order.unwrap_or(Order::Kill),
            line = lines.next_line(), if reading => {
                reading = matches!(line, Ok(Some(_)));
            }
        }
    };
    drop(stdin);
    let by_itself = match order {
        Order::End => tokio::time::timeout(END_LIMIT, child.wait()).await.is_ok(),
        Order::Kill => false,
    };
    if !by_itself {
        // It may have ended just now; and to wait for one's own child does not fail.
        let _ = child.kill().await;
    }
    AgentCondition::Stopped
}

#[cfg(test)]
mod tests;
