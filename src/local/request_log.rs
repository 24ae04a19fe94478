//! The log of requests to the AWS endpoints: one JSON object a line, for people who ask what was
//! asked, by whom, and what became of it.
//!
//! One task writes. A request waits when that task falls behind, rather than being left out.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::sync::mpsc;

use crate::domain::Moment;
use crate::world::network::Place;
use crate::world::wire::Treatment;

/// Lines that may wait to be written.
const WAITING_MAX: usize = 1024;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It never arrived, and had no effect.
    CutOnTheWayThere,
    /// It arrived and took its effect; the answer was lost.
    CutOnTheWayBack,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was sent, in seconds of the world's time.
    pub at_s: f64,
    /// Who sent it: an agent's name, `operator`, or an access key that nobody has.
    pub caller: String,
    /// Where the caller stands; none when nobody knows.
    pub place: Option<Place>,
    /// `dynamodb` or `route53`, as the signature names it.
    pub service: String,
    /// The Region in the signature.
    pub region: String,
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// The HTTP status, also of an answer that was lost; none for a request that never arrived.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub ms: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// How it was treated amiss once it had arrived, if it was. "Answered" then means that this is
    /// what came back, be it a broken connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amiss: Option<Treatment>,
}

impl Line {
    /// A moment in seconds.
    #[must_use]
    pub fn seconds(at: Moment) -> f64 {
        // Exact far beyond any run's length, and the nearest number to write with three digits.
        at.as_ms() as f64 / 1000.0
    }
}

/// The log's near end. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct RequestLog {
    lines: mpsc::Sender<Line>,
}

impl RequestLog {
    /// Creates the file, and the future that writes to it until every near end is gone.
    pub(super) async fn create(
        path: &Path,
    ) -> io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        let file = File::create(path).await?;
        let (lines, waiting) = mpsc::channel(WAITING_MAX);
        let path = path.display().to_string();
        let writing = async move {
            if let Err(error) = write(file, waiting).await {
                tracing::warn!("the request log {path} ends here: {error}");
            }
        };
        Ok((Self { lines }, writing))
    }

    /// Adds a line. After the writer has ended, lines are lost: it has said so.
    pub(super) async fn add(&self, line: Line) {
        let _ = self.lines.send(line).await;
    }
}

async fn write(file: File, mut waiting: mpsc::Receiver<Line>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    while let Some(line) = waiting.recv().await {
        let mut text = serde_json::to_vec(&line).expect("plain fields can be written as JSON");
        text.push(b'\n');
        file.write_all(&text).await?;
        if waiting.is_empty() {
            file.flush().await?;
        }
    }
    file.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_line_is_in_the_file_once_the_writer_has_ended() {
        let dir = tempfile::tempdir().expect("a folder of our own");
        let path = dir.path().join("requests.jsonl");
        let (log, writing) = RequestLog::create(&path).await.expect("writable");
        let line = |ms| Line {
            at_s: Line::seconds(Moment::from_ms(1128)),
            caller: "eu-west-1".to_owned(),
            place: Some(Place::Global),
            service: "route53".to_owned(),
            region: "us-east-1".to_owned(),
            operation: "GetChange".to_owned(),
            status: Some(200),
            ms,
            outcome: Outcome::CutOnTheWayBack,
            amiss: None,
        };
        let writer = tokio::spawn(writing);
        for ms in 0..3 {
            log.add(line(ms)).await;
        }
        drop(log);
        writer.await.expect("it ends by itself");
        let text = std::fs::read_to_string(&path).expect("there");
        assert!(text.contains(r#""at_s":1.128,"#), "{text}");
        assert!(text.contains(r#""outcome":"cut-on-the-way-back""#), "{text}");
        let lines: Vec<Line> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines, [line(0), line(1), line(2)]);
    }
}
