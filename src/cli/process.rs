//! What a command takes from the operating system: threads, signals, chance.

use std::time::Duration;

use anyhow::Context as _;
use rand::TryRng as _;
use rand::rngs::SysRng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::Failure;
use crate::telemetry::logs;

/// What is logged while a command for people runs: only what it would not say by itself.
const FILTER_OF_COMMANDS: &str = "error,regent=warn";

/// How long threads that are still busy (resolving a name, say) may hold up the end.
const END_LIMIT: Duration = Duration::from_millis(200);

/// Sets up the logs of a command for people.
pub(super) fn complain_only() {
    // Set up already, in tests: that is as good. The filter is valid.
    let _ = logs::init(logs::Format::Readable, Some(FILTER_OF_COMMANDS));
}

/// Allows this process as many open files as the operating system lets it have. A shell's default of
/// 1,024 is for programs that use select(2), and too few to probe thousands of targets at once.
pub(super) fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is refused, what is allowed has to do; a probe that gets no socket says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Runs a short command to its end, on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    complain_only();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    finish(runtime.context("no event loop could be made")?, work)
}

/// Runs something long to its end, on two threads: one that is held up (resolving a name, say)
/// must not keep a lease from being renewed.
pub(super) fn serve<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    finish(runtime.context("no threads could be made")?, work)
}

fn finish<T>(
    runtime: Runtime,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(END_LIMIT);
    result
}

/// Resolves when this process is asked to stop: SIGTERM, Ctrl-C, or, if wanted, the end of stdin.
/// Signals are caught from the call on, not only from the first poll.
pub(super) fn asked_to_stop(
    with_stdin: bool,
) -> Result<impl Future<Output = &'static str> + Send + 'static, Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("Ctrl-C can't be caught")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "Ctrl-C",
            () = stdin_ended(), if with_stdin => "stdin ended",
        }
    })
}

/// Reads on a thread of its own, which nobody waits for: a read of stdin can't be called off.
async fn stdin_ended() {
    let (ended, end) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        // What comes is of no interest; a stdin that can't be read has ended as well.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(ended);
    });
    // It is never sent to: this resolves when the thread drops its end.
    let _ = end.await;
}

/// Draws a number from the system's own random source. The one place: whoever else needs chance
/// takes a seed.
pub(super) fn draw() -> Result<u64, Failure> {
    Ok(SysRng.try_next_u64().context("the system's random source can't be read")?)
}
