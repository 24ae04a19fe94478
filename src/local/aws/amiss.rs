//! Calls that are treated amiss: the bytes, or the want of bytes, of each treatment.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};

use super::refusal::{Dialect, Refusal};
use crate::local::serve::Reply;
use crate::world::wire::Treatment;

/// What a proxy or a captive portal says with status 200: of no protocol of AWS.
const GARBAGE: &str = "<html><head><title>Welcome</title></head><body>Please log in</body></html>";

/// What goes back to the caller of a call under this treatment, and with which status. `answer` is
/// the right answer of a call that was carried out.
pub(super) fn reply(
    treatment: Option<Treatment>,
    answer: Option<Response<Bytes>>,
    dialect: Dialect,
) -> (Reply, Option<u16>) {
    let refused = |refusal: Refusal| answered(refusal.response(dialect));
    match (treatment, answer) {
        (None | Some(Treatment::Delay { .. }), Some(answer)) => answered(answer),
        (Some(Treatment::Truncate), Some(answer)) => {
            let status = answer.status().as_u16();
            (Reply::Truncated(answer), Some(status))
        }
        (Some(Treatment::Throttle), _) => refused(Refusal::Throttled),
        (Some(Treatment::ErrorBefore | Treatment::ErrorAfter), _) => refused(Refusal::Failed),
        (Some(Treatment::GarbageBefore | Treatment::GarbageAfter), _) => {
            let mut response = Response::new(Bytes::from_static(GARBAGE.as_bytes()));
            *response.status_mut() = StatusCode::OK;
            answered(response)
        }
        (Some(Treatment::CutBefore | Treatment::CutAfter), _)
        // Nothing was carried out, so there is nothing to answer with.
        | (None | Some(Treatment::Delay { .. } | Treatment::Truncate), None) => (Reply::Reset, None),
    }
}

fn answered(response: Response<Bytes>) -> (Reply, Option<u16>) {
    let status = response.status().as_u16();
    (Reply::Answer(response.map(Full::new)), Some(status))
}
