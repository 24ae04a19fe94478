//! A run's score: verdicts, story and figures.

use std::process::ExitCode;

use serde::Serialize;

use super::cast::Cast;
use super::figures::Figures;
use super::judge::{Verdict, judge};
use super::scenario::{Run, Scenario, Stage};
use super::story::Story;
use super::timeline::{Line, tell};

/// A run, judged. As JSON it is what its fields say; as text see [`Score::text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    /// The scenario's title.
    pub title: String,
    /// Where it ran.
    pub stage: Stage,
    /// The simulator's seed.
    pub seed: Option<u64>,
    /// Who played which part.
    pub cast: Cast,
    /// Whether every expectation held.
    pub held: bool,
    /// Each expectation's.
    pub verdicts: Vec<Verdict>,
    /// The story since the first fault.
    pub timeline: Vec<Line>,
    /// The figures.
    pub figures: Figures,
}

/// Judges a run. Pure: the same run has the same score.
#[must_use]
pub fn score(scenario: &Scenario, run: &Run) -> Score {
    let story = Story::read(scenario, run);
    let verdicts = judge(scenario, run, &story);
    Score {
        title: scenario.title.clone(),
        stage: run.stage,
        seed: run.seed,
        cast: run.cast.clone(),
        held: verdicts.iter().all(|verdict| verdict.held),
        verdicts,
        timeline: tell(&story),
        figures: Figures::of(&story),
    }
}

impl Score {
    /// 0 when every expectation held, 1 when one fell short. (A chaos file that can't be run at all
    /// is the caller's 2.)
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
