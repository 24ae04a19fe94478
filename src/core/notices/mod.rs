//! Notices that wait to be sent: a bounded queue, and through which Region's topic each goes next.
//!
//! Sent by the leader, through its own Region's topic and then, each time that one fails, through the
//! next one's: a Region that is out is what there is to tell. At least once: what was not
//! acknowledged is sent again with the same key. Nothing waits for the queue, and what is told to
//! nobody for long enough is given up and said so.
//!
//! A leader that is deposed goes on sending what it had to tell: telling needs no fence. What only
//! it knew is lost with it; what waits for a person its successor tells again, with the same key.

mod hear;
mod watch;

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::notice::{Notice, NoticeLevel, TopicArn};
use crate::domain::{Fleet, Moment, RegionId};

use super::call::{Outbox, Outcome, Purpose, Request};
use super::note::Note;

pub(super) use watch::Sight;
use watch::Watch;

/// Limit of one call.
const CALL_MS: u32 = 2_500;

/// Calls under way at once.
const UNDER_WAY_MAX: usize = 2;

/// Notices that wait at most. More at once is a flood that nobody reads: the oldest give way.
const WAITING_MAX: usize = 64;

/// Notices whose end is remembered.
const REMEMBERED_MAX: usize = 256;

/// Wait after every topic has failed.
const AGAIN: Duration = Duration::from_secs(10);

/// A notice that reached no topic for this long is given up: it tells of what was long ago.
const GIVE_UP: Duration = Duration::from_secs(15 * 60);

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits, and why it was not taken last.
    Waits(Option<String>),
    /// The topic in this Region has taken it.
    Sent(RegionId),
    /// No topic has taken it, and it is not tried any more.
    GivenUp(String),
}

#[derive(Debug, Clone)]
struct Waiting {
    id: u64,
    notice: Notice,
    since: Moment,
    next_at: Moment,
    tries: usize,
    /// The topic's Region, while a call is under way.
    via: Option<RegionId>,
    last: Option<String>,
}

/// See the file's opening.
#[derive(Debug, Clone, Default)]
pub(super) struct Notices {
    waiting: VecDeque<Waiting>,
    ended: VecDeque<(String, Fate)>,
    ids: u64,
    watch: Watch,
}

impl Notices {
    /// Another leadership looks anew. What waits is still sent.
    pub(super) fn forget(&mut self) {
        self.watch = Watch::default();
    }

    /// Puts a notice in the queue, unless one of its key waits or was sent.
    pub(super) fn add(&mut self, now: Moment, notice: Notice, out: &mut Outbox) {
        match self.fate(&notice.key) {
            Some(Fate::Waits(_) | Fate::Sent(_)) => return,
            Some(Fate::GivenUp(_)) => self.ended.retain(|(key, _)| *key != notice.key),
            None => {}
        }
        if self.waiting.len() == WAITING_MAX {
            let idle = self.waiting.iter().position(|it| it.via.is_none()).unwrap_or(0);
            if let Some(dropped) = self.waiting.remove(idle) {
                self.give_up(dropped, "too many waited".to_owned(), out);
            }
        }
        self.ids += 1;
        let (id, tries, via, last) = (self.ids, 0, None, None);
        let waiting = Waiting { id, notice, since: now, next_at: now, tries, via, last };
        self.waiting.push_back(waiting);
    }

    /// What became of the notice with this key; none of one that was never there, or long ago.
    pub(super) fn fate(&self, key: &str) -> Option<Fate> {
        let waits = self.waiting.iter().find(|it| it.notice.key == key);
        let waits = waits.map(|it| Fate::Waits(it.last.clone()));
        waits.or_else(|| {
            self.ended.iter().rev().find(|(of, _)| of == key).map(|(_, fate)| fate.clone())
        })
    }

    /// Sends what is due.
    pub(super) fn drive(&mut self, now: Moment, fleet: &Fleet, own: &RegionId, out: &mut Outbox) {
        let topics = topics(fleet, own);
        let mut under_way = self.waiting.iter().filter(|it| it.via.is_some()).count();
        for waiting in &mut self.waiting {
            if under_way >= UNDER_WAY_MAX || topics.is_empty() {
                return;
            }
            if waiting.via.is_some() || waiting.next_at > now {
                continue;
            }
            let topic = topics[waiting.tries % topics.len()].clone();
            waiting.via = Some(topic.region().clone());
            under_way += 1;
            let (fleet, notice) = (fleet.name.to_string(), Box::new(waiting.notice.clone()));
            let request = Request::SendNotice { topic, fleet, notice };
            out.call(now, CALL_MS, Purpose::Notice { id: waiting.id }, request);
        }
    }

    /// Takes in whether a topic has taken one.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        id: u64,
        outcome: &Outcome,
        out: &mut Outbox,
    ) {
        let Some(at) = self.waiting.iter().position(|it| it.id == id) else { return };
        let waiting = &mut self.waiting[at];
        let Some(via) = waiting.via.take() else { return };
        let Err(refusal) = outcome else {
            let key = waiting.notice.key.clone();
            out.note(Note::NoticeSent { level: waiting.notice.level, via: via.clone() });
            self.waiting.remove(at);
            return self.remember(key, Fate::Sent(via));
        };
        waiting.tries += 1;
        let what = format!("through {via}: {refusal}");
        out.note(Note::NoticeFailed { level: waiting.notice.level, what: what.clone() });
        waiting.last = Some(what.clone());
        // Another Region's topic at once; after all of them, a pause.
        let round_is_over = waiting.tries.is_multiple_of(fleet.topics.len().max(1));
        waiting.next_at = if round_is_over { now + AGAIN } else { now };
        if now.since(waiting.since) >= GIVE_UP
            && let Some(waiting) = self.waiting.remove(at)
        {
            self.give_up(waiting, what, out);
        }
    }

    fn give_up(&mut self, waiting: Waiting, why: String, out: &mut Outbox) {
        let Notice { level, key, subject, .. } = waiting.notice;
        out.note(Note::NoticeGivenUp { level, subject, why: why.clone() });
        self.remember(key, Fate::GivenUp(why));
    }

    fn remember(&mut self, key: String, fate: Fate) {
        if self.ended.len() == REMEMBERED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((key, fate));
    }

    /// When something is next to be sent.
    pub(super) fn next_wake(&self) -> Moment {
        let idle = self.waiting.iter().filter(|it| it.via.is_none());
        idle.map(|it| it.next_at).min().unwrap_or(Moment::NEVER)
    }
}

/// The topics in the order in which they are tried: the own Region's first.
fn topics(fleet: &Fleet, own: &RegionId) -> Vec<TopicArn> {
    let (own, others): (Vec<_>, Vec<_>) =
        fleet.topics.values().cloned().partition(|topic| topic.region() == own);
    own.into_iter().chain(others).collect()
}

/// A notice of the fleet's own, with the fleet's name in front.
fn notice(fleet: &Fleet, level: NoticeLevel, key: &str, subject: &str, body: String) -> Notice {
    let subject = format!("[{}] {subject}", fleet.name);
    Notice { level, key: format!("{}/{key}", fleet.name), subject, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::call::{Command, Refusal, Response};
    use crate::core::testing::probed_fleet;
    use crate::domain::CallFailure;

    fn fleet(regions: &[&str]) -> Fleet {
        let topic = |region: &&str| {
            let arn = format!("arn:aws:sns:{region}:123456789012:t").parse().expect("valid");
            (region.parse().expect("valid"), arn)
        };
        Fleet { topics: regions.iter().map(topic).collect(), ..probed_fleet(1) }
    }

    fn one(key: &str) -> Notice {
        let (subject, body) = ("s".to_owned(), "b".to_owned());
        Notice { level: NoticeLevel::Application, key: key.to_owned(), subject, body }
    }

    /// The Regions of the topics that something is sent through.
    fn sent(notices: &mut Notices, now: Moment, fleet: &Fleet) -> Vec<String> {
        let mut out = Outbox::default();
        notices.drive(now, fleet, &"r2".parse().expect("valid"), &mut out);
        let commands = out.take().into_iter();
        commands
            .filter_map(|command| match command {
                Command::Call { request: Request::SendNotice { topic, .. }, .. } => {
                    Some(topic.region().to_string())
                }
                _ => None,
            })
            .collect()
    }

    fn fails(notices: &mut Notices, now: Moment, fleet: &Fleet, id: u64) {
        let outcome = Err(Refusal::Failed(CallFailure::unknown("cut off")));
        notices.answered(now, fleet, id, &outcome, &mut Outbox::default());
    }

    #[test]
    fn the_own_regions_topic_comes_first_and_the_next_one_when_it_fails() {
        let (fleet, now) = (fleet(&["r1", "r2", "r3"]), Moment::from_ms(1));
        let mut notices = Notices::default();
        notices.add(now, one("a"), &mut Outbox::default());
        for region in ["r2", "r1", "r3"] {
            assert_eq!(sent(&mut notices, now, &fleet), [region]);
            fails(&mut notices, now, &fleet, 1);
        }
        assert_eq!(sent(&mut notices, now, &fleet), [""; 0], "all have failed: a pause");
        assert_eq!(notices.next_wake(), now + AGAIN);
        assert_eq!(sent(&mut notices, now + AGAIN, &fleet), ["r2"]);
        notices.answered(now + AGAIN, &fleet, 1, &Ok(Response::Done), &mut Outbox::default());
        assert_eq!(notices.fate("a"), Some(Fate::Sent("r2".parse().expect("valid"))));
    }

    #[test]
    fn a_key_is_told_once_and_again_only_when_it_was_given_up() {
        let (fleet, now) = (fleet(&["r1"]), Moment::from_ms(1));
        let mut notices = Notices::default();
        for _ in 0..2 {
            notices.add(now, one("a"), &mut Outbox::default());
        }
        assert_eq!(sent(&mut notices, now, &fleet).len(), 1);
        assert_eq!(sent(&mut notices, now, &fleet).len(), 0, "it is under way");
        fails(&mut notices, now + GIVE_UP, &fleet, 1);
        assert!(matches!(notices.fate("a"), Some(Fate::GivenUp(_))), "{notices:?}");
        notices.add(now, one("a"), &mut Outbox::default());
        assert_eq!(sent(&mut notices, now, &fleet).len(), 1);
    }

    #[test]
    fn a_flood_is_bounded_and_the_oldest_give_way() {
        let (fleet, now) = (fleet(&["r1"]), Moment::from_ms(1));
        let mut notices = Notices::default();
        for n in 0..WAITING_MAX + 10 {
            notices.add(now, one(&n.to_string()), &mut Outbox::default());
        }
        assert_eq!(notices.waiting.len(), WAITING_MAX);
        assert!(matches!(notices.fate("9"), Some(Fate::GivenUp(_))));
        assert_eq!(notices.fate("10"), Some(Fate::Waits(None)));
        assert_eq!(sent(&mut notices, now, &fleet).len(), UNDER_WAY_MAX);
    }
}
