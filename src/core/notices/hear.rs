//! From what the brain notes by itself to what people are told of it.
//!
//! Only what somebody may have to act on: the rest stands in the log.

use crate::core::note::Note;
use std::collections::BTreeSet;

use crate::core::Brain;
use crate::domain::drift::Course;
use crate::domain::notice::{Notice, NoticeLevel};
use crate::domain::preflight::Severity;
use crate::domain::{AgentId, Fleet, Moment};

use super::{Sight, notice};

/// The notice that a note is worth.
fn of(now: Moment, fleet: &Fleet, agent: &AgentId, note: &Note) -> Option<Notice> {
    let infra = NoticeLevel::Infrastructure;
    let tell = |level, key: &str, subject: String, body: String| {
        Some(notice(fleet, level, key, &subject, body))
    };
    // Noted when it changes: each time is a matter of its own.
    let each = |key: String| format!("{key}/{agent}/{}", now.as_ms());
    match note {
        Note::Elected { epoch, seats } => {
            let seats: Vec<&str> = seats.iter().map(|seat| seat.as_str()).collect();
            let body = format!("By the seats in {}.", seats.join(", "));
            tell(infra, &format!("leader/{epoch}"), format!("{agent} leads, epoch {epoch}"), body)
        }
        Note::SeatLost { seat, why } => {
            let key = each(format!("seat/{seat}"));
            let body = format!("{why}. The fleet survives the loss of fewer others now.");
            tell(infra, &key, format!("the seat in {seat} counts for nothing"), body)
        }
        Note::ZoneHeld { zone, why } => {
            let key = each(format!("zone/{zone}"));
            tell(infra, &key, format!("nothing is done in zone {zone}"), why.clone())
        }
        Note::Drift { key, course: Course::Stopped, what } => {
            let (what, subject) = (what.join("\n"), format!("{key} is edited again and again"));
            let body = format!("It is left as it is now:\n{what}\n\nregent status");
            tell(NoticeLevel::Application, &each(format!("drift/{key}")), subject, body)
        }
        _ => None,
    }
}

impl Brain {
    /// Finds what is new to tell, and sends what waits.
    pub(in crate::core) fn tell_people(&mut self, now: Moment) {
        if self.fleet.topics.is_empty() {
            return;
        }
        if self.election.leading().is_some() {
            let agent = &self.identity.agent;
            let heard: Vec<Notice> =
                self.out.notes().filter_map(|note| of(now, &self.fleet, agent, note)).collect();
            for notice in heard {
                self.notices.add(now, notice, &mut self.out);
            }
        }
        self.notices.drive(now, &self.fleet, &self.identity.region, &mut self.out);
    }

    /// Looks at what people are told of. Called when verdicts were judged anew.
    pub(in crate::core) fn watch_for_people(&mut self, now: Moment) {
        let (Some(entry), Some(epoch)) = (self.journal.in_force(), self.election.leading()) else {
            return;
        };
        if self.fleet.topics.is_empty() {
            return;
        }
        let found = self.preflight.iter().flat_map(|preflight| &preflight.findings);
        let stops = found.filter(|finding| finding.severity == Severity::Stops);
        let mut pages: BTreeSet<String> = stops.map(|finding| finding.what.clone()).collect();
        for (database, shown) in self.databases_shown(now) {
            pages.extend(shown.findings.iter().map(|what| format!("{database}: {what}")));
        }
        let (fleet, state, standings) = (&self.fleet, &entry.state, &self.standings);
        let sight = Sight { fleet, epoch, state, standings, pages };
        for notice in self.notices.watch.look(now, &sight) {
            self.notices.add(now, notice, &mut self.out);
        }
    }
}
