//! What became of a request on its way out: how often it was sent, and whether it ever had a
//! connection to be sent on.
//!
//! The SDK's errors don't tell. A time limit that strikes while connecting to a dead Region and one
//! that strikes while DynamoDB is writing are the same error; yet after the first it is *certain*
//! that nothing happened. The SDK does keep a handle on the connection that each attempt got (to
//! retire it after an error); an empty handle proves that nothing was sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Watches one call. A clone goes into the SDK; it outlives a call that is cut off.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// Attempts that were handed to the connector.
    attempts: u32,
    /// The last attempt's handle; none when the SDK kept none.
    connection: Option<CaptureSmithyConnection>,
}

impl Witness {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Two plain fields: a panic elsewhere can't leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attempts that went as far as the connector.
    pub(super) fn attempts(&self) -> u32 {
        self.seen().attempts
    }

    /// False only when it is certain that not a byte of the request left: no attempt reached the
    /// connector, or the only one never got a connection.
    pub(super) fn maybe_sent(&self) -> bool {
        let seen = self.seen();
        match seen.attempts {
            0 => false,
            1 => seen.connection.as_ref().is_none_or(|handle| handle.get().is_some()),
            _ => true,
        }
    }
}

#[dyn_dispatch_hint]
impl Intercept for Witness {
    fn name(&self) -> &'static str {
        "Witness"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut seen = self.seen();
        seen.attempts += 1;
        seen.connection = config.load::<CaptureSmithyConnection>().cloned();
        Ok(())
    }

    /// The SDK reads an empty body as an answer in which every field is missing: a swap would have
    /// "succeeded", and a seat would be "absent". No operation used here answers so.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        if answer.status().is_success() && answer.body().bytes().is_some_and(<[u8]>::is_empty) {
            return Err("the body of the answer is empty".into());
        }
        Ok(())
    }
}
