//! Telling another system, and hearing whether it objects.
//!
//! It is told at least once: again after an answer that was lost, by a successor too. Each document
//! carries a key, the same for one attempt, by which the receiver drops what it knows.

use std::time::Duration;

use serde_json::json;

use crate::core::call::{Outcome, Refusal, Request, Response};
use crate::domain::Moment;
use crate::domain::webhook::Reply;
use crate::runbook::Run;

use super::World;
use super::doing::Look;

/// Limit of one call. Whoever listens should answer at once, and do what takes longer afterwards.
pub(super) const CALL_MS: u32 = 2_000;

/// Time before it is told again after an answer that was none.
const AGAIN: Duration = Duration::from_secs(5);

/// How far the telling is.
#[derive(Debug, Clone, Default)]
pub(super) enum Hook {
    /// Nothing was sent yet.
    #[default]
    Unsent,
    /// No answer has come yet.
    UnderWay,
    /// It answered, or could not be told.
    Answered { at: Moment, reply: Result<Reply, String> },
}

impl Hook {
    pub(super) fn answered(now: Moment, outcome: Outcome) -> Self {
        let reply = match outcome {
            Ok(Response::Posted(reply)) => Ok(reply),
            Ok(_) => Err("an answer of another kind".to_owned()),
            Err(Refusal::Failed(failure)) => Err(failure.what),
            Err(refusal @ Refusal::Found(_)) => Err(refusal.to_string()),
        };
        Self::Answered { at: now, reply }
    }

    /// What was said last, in words.
    pub(super) fn said(&self) -> Option<String> {
        let Self::Answered { reply, .. } = self else { return None };
        Some(match reply {
            Ok(reply) => words(reply),
            Err(what) => what.clone(),
        })
    }

    /// How it stands.
    pub(super) fn look(
        &self,
        now: Moment,
        may_veto: bool,
        request: impl FnOnce() -> Request,
    ) -> Look {
        match self {
            Self::Unsent => Look::Send(Box::new(request())),
            Self::UnderWay => Look::Wait("told, and no answer yet".to_owned()),
            Self::Answered { reply: Ok(reply), .. } if reply.agrees() => {
                Look::Done(Some(words(reply)))
            }
            Self::Answered { reply: Ok(reply), .. } if may_veto && reply.objects() => {
                Look::Failed(format!("vetoed: {}", words(reply)))
            }
            Self::Answered { at, .. } if now.since(*at) >= AGAIN => Look::Send(Box::new(request())),
            Self::Answered { .. } => {
                Look::Wait(format!("{}; it is told again", self.said().unwrap_or_default()))
            }
        }
    }
}

fn words(Reply { status, said }: &Reply) -> String {
    if said.is_empty() {
        format!("answered {status}")
    } else {
        format!("answered {status}: {said}")
    }
}

/// What is sent: the run, the step, and what it is about.
pub(super) fn request(
    world: &World<'_>,
    (run, step, back): (&Run, usize, bool),
    url: &str,
    may_veto: bool,
) -> Request {
    let (procedure, state) = (run.procedure(), &run.steps()[step]);
    let spec = &procedure.steps[step];
    let attempt = if back { state.undo_attempt } else { state.attempt };
    let kept = world.runs.get(&run.id().0);
    let id = run.id();
    let way = if back { "back" } else { "forward" };
    let body = json!({
        "fleet": world.fleet.name.as_str(),
        "run": id.0,
        "runbook": procedure.book,
        "title": procedure.title,
        "arguments": procedure.arguments,
        "by": kept.and_then(|kept| kept.by.as_ref()),
        "reason": kept.map(|kept| &kept.reason),
        "step": spec.id,
        "attempt": attempt,
        "way": way,
        "may_veto": may_veto,
    });
    let key = format!("{}/{id}/{}/{way}/{attempt}", world.fleet.name, spec.id);
    Request::PostWebhook { url: url.to_owned(), key, body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CallFailure;

    fn looked(hook: &Hook, now: Moment, may_veto: bool) -> String {
        let request =
            || Request::PostWebhook { url: String::new(), key: String::new(), body: String::new() };
        match hook.look(now, may_veto, request) {
            Look::Done(told) => format!("done: {}", told.unwrap_or_default()),
            Look::Failed(why) => format!("failed: {why}"),
            Look::Wait(why) => format!("waits: {why}"),
            Look::Unknown(why) => format!("unknown: {why}"),
            Look::Send(_) => "sends".to_owned(),
        }
    }

    fn reply(status: u16, said: &str) -> Hook {
        let reply = Reply { status, said: said.to_owned() };
        Hook::answered(Moment::from_ms(1000), Ok(Response::Posted(reply)))
    }

    #[test]
    fn a_yes_goes_on_a_no_counts_where_it_may_and_all_else_is_told_again() {
        let soon = Moment::from_ms(1500);
        let later = Moment::from_ms(1000) + AGAIN;
        assert_eq!(looked(&Hook::Unsent, soon, true), "sends");
        assert_eq!(looked(&Hook::UnderWay, later, true), "waits: told, and no answer yet");
        assert_eq!(looked(&reply(204, ""), soon, true), "done: answered 204");
        for status in [409, 423] {
            let vetoed = reply(status, "a freeze");
            let failed = format!("failed: vetoed: answered {status}: a freeze");
            assert_eq!(looked(&vetoed, later, true), failed);
            assert_eq!(looked(&vetoed, later, false), "sends");
        }
        assert_eq!(looked(&reply(500, ""), soon, true), "waits: answered 500; it is told again");
        assert_eq!(looked(&reply(302, ""), later, true), "sends");
        let lost = Err(Refusal::Failed(CallFailure::unknown("cut off")));
        let lost = Hook::answered(Moment::from_ms(1000), lost);
        assert_eq!(looked(&lost, soon, true), "waits: cut off; it is told again");
        assert_eq!(looked(&lost, later, true), "sends");
    }
}
