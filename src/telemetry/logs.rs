//! Logs: lines on stderr, readable or JSON.
//!
//! Stdout belongs to what a command prints; logs go to stderr, and whoever runs the process
//! (systemd, a container runtime) carries them on. No files and no rotation here.
//!
//! Everything that one agent says is said within its [`agent_span`], so that every line carries the
//! Region and the agent, also when several agents share a process. `epoch` and `decision` are
//! fields of the events or spans that have them.

use std::io::IsTerminal as _;

use tracing::{Span, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::domain::{AgentId, RegionId};

/// What is logged when nobody says otherwise: what the agent does, and what libraries complain of.
pub const FILTER_DEFAULT: &str = "warn,regent=info";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For a person at a terminal.
    #[default]
    Readable,
    /// One JSON object a line, for log stores: the event's fields at the top, the spans' under
    /// `spans`, outermost first.
    Json,
}

/// A filter that can't be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log filter {filter:?} is not valid: {why}; it must be a list such as \"{FILTER_DEFAULT}\""
)]
pub struct InvalidFilter {
    filter: String,
    why: String,
}

/// Sends this process's logs to stderr; false when they were set up already, which then stays as it
/// was.
///
/// `filter` has the syntax of `RUST_LOG`, a list of `target=level` and levels; none stands for
/// [`FILTER_DEFAULT`]. The environment is not read here: that is the command line's to do.
///
/// # Errors
/// When the filter can't be read.
pub fn init(format: Format, filter: Option<&str>) -> Result<bool, InvalidFilter> {
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = subscriber(format, parse(filter)?, colour, std::io::stderr);
    Ok(subscriber.try_init().is_ok())
}

/// The span of everything that one agent does.
///
/// It is of the highest level, so that no filter that lets any line through takes it away.
#[must_use]
pub fn agent_span(region: &RegionId, agent: &AgentId) -> Span {
    tracing::error_span!("agent", %region, %agent)
}

fn parse(filter: Option<&str>) -> Result<EnvFilter, InvalidFilter> {
    let filter = filter.unwrap_or(FILTER_DEFAULT);
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| InvalidFilter { filter: filter.to_owned(), why: error.to_string() })
}

fn subscriber<W>(
    format: Format,
    filter: EnvFilter,
    colour: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        Format::Readable => Box::new(builder.with_ansi(colour).finish()),
        Format::Json => Box::new(
            builder
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(true)
                .finish(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer that keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, filter: Option<&str>, say: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber =
            subscriber(format, parse(filter).expect("valid"), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, say);
        let bytes = kept.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    fn span() -> Span {
        agent_span(&"eu-west-1".parse().expect("valid"), &"eu-west-1.a".parse().expect("valid"))
    }

    fn say() {
        let _within = span().entered();
        tracing::info!(epoch = 7, decision = "7.3", "Region taken out");
        tracing::debug!("too fine");
    }

    #[test]
    fn a_json_line_carries_region_agent_epoch_and_decision() {
        let text = logged(Format::Json, None, say);
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["message"], "Region taken out");
        assert_eq!(line["epoch"], 7);
        assert_eq!(line["decision"], "7.3");
        assert_eq!(line["spans"][0]["region"], "eu-west-1");
        assert_eq!(line["spans"][0]["agent"], "eu-west-1.a");
    }

    #[test]
    fn a_readable_line_carries_them_too_and_no_colours_for_a_file() {
        let text = logged(Format::Readable, None, say);
        for part in ["region=eu-west-1", "agent=eu-west-1.a", "epoch=7", "decision=\"7.3\""] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_filter_changes_what_is_logged_but_not_the_span() {
        assert!(logged(Format::Readable, Some("debug"), say).contains("too fine"));
        assert!(logged(Format::Readable, Some("warn"), say).is_empty());
        let text = logged(Format::Readable, Some("warn"), || {
            let _within = span().entered();
            tracing::warn!("lease lost");
        });
        assert!(text.contains("region=eu-west-1"), "{text}");
    }

    #[test]
    fn a_filter_that_is_none_is_refused_with_an_example() {
        let error = parse(Some("regent=loud")).expect_err("no such level").to_string();
        assert!(error.contains("regent=loud") && error.contains(FILTER_DEFAULT), "{error}");
    }

    #[test]
    fn setting_up_twice_does_no_harm() {
        init(Format::Readable, None).expect("a valid filter");
        assert!(!init(Format::Json, None).expect("a valid filter"), "the first stays");
    }
}
