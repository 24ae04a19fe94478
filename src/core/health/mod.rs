//! From single probes to verdicts.
//!
//! `cell` turns one observer's probes of one target into an opinion and says when to probe next,
//! and `aside` keeps what else the probes showed, for people; `matrix` keeps the opinions of all
//! observers and which of them are fresh; `ballots` counts their votes, `signals` turns what AWS says
//! of a Region into evidence beside them, and `verdict` judges a target by the agreement among all.

pub(super) mod aside;
mod ballots;
pub(super) mod cell;
#[cfg(test)]
mod laws;
pub(super) mod matrix;
mod signals;
pub(super) mod verdict;

pub use ballots::Ballots;
pub use signals::signals_of;
pub use verdict::{Judged, Row, Verdict, Vote};
