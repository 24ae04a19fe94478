//! Route 53 in another account's name: a client for each role, whose credentials are fetched early.
//!
//! STS is asked in the agent's own Region. A session lasts an hour and is replaced long before that; when
//! STS can't be had, or refuses, the session that is left goes on being used until shortly before its
//! end. So a role that is taken away is noticed at once where Route 53 refuses what is signed with
//! it, and otherwise within the hour.
//!
//! Not a provider inside the SDK: there a refusal of STS would look like a request that was not sent.

use std::error::Error;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_route53::Client;
use aws_sdk_route53::config::{Credentials, ProvideCredentials as _};
use aws_smithy_types::error::metadata::ErrorMetadata;
use tokio::sync::Mutex;

use super::connect::ROUTE53_REGION;
use crate::domain::CallFailure;
use crate::domain::role::{Assumer, ZoneRole};
use crate::ports::Answer;
use crate::telemetry::clock::Stopwatch;

/// How long a session lasts: all that a role assumed by a role may have (IAM User Guide, "Roles terms
/// and concepts", role chaining), and agents run under roles.
const SESSION: Duration = Duration::from_secs(60 * 60);

/// A session older than this is replaced if it can be: two thirds of it are left for a Region's STS to
/// come back.
const REPLACED_AFTER: Duration = Duration::from_secs(20 * 60);

/// A session older than this is not used any more: clocks differ, and a call takes its time.
const USED_FOR: Duration = Duration::from_secs(58 * 60);

/// Between two tries to replace a session that can still be used.
const TRIED_EVERY: Duration = Duration::from_secs(60);

/// What STS says when asking again changes nothing (STS API Reference, `AssumeRole` and "Common errors").
const LASTING: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "RegionDisabledException",
    "ValidationError",
    "MalformedPolicyDocument",
];

/// See the module's opening.
#[derive(Debug)]
pub(super) struct Role {
    config: SdkConfig,
    role: ZoneRole,
    assumer: Assumer,
    session: Mutex<Option<Session>>,
}

#[derive(Debug)]
struct Session {
    client: Client,
    since: Stopwatch,
    /// When its replacement was last tried.
    tried: Stopwatch,
}

impl Role {
    pub(super) fn new(config: SdkConfig, role: ZoneRole, assumer: Assumer) -> Self {
        Self { config, role, assumer, session: Mutex::new(None) }
    }

    /// A client that signs with the role's credentials.
    pub(super) async fn client(&self, limit: Duration) -> Answer<Client> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_mut() {
            let age = session.since.elapsed();
            let due = age >= REPLACED_AFTER && session.tried.elapsed() >= TRIED_EVERY;
            if !due && age < USED_FOR {
                return Ok(session.client.clone());
            }
            session.tried = Stopwatch::start();
        }
        let began = Stopwatch::start();
        match self.assume(limit).await {
            Ok(credentials) => {
                let config = aws_sdk_route53::config::Builder::from(&self.config)
                    .region(Region::from_static(ROUTE53_REGION))
                    .credentials_provider(credentials);
                let client = Client::from_conf(config.build());
                let tried = Stopwatch::start();
                *session = Some(Session { client: client.clone(), since: began, tried });
                Ok(client)
            }
            Err(failure) => match session.as_ref() {
                Some(session) if session.since.elapsed() < USED_FOR => {
                    tracing::warn!(%failure, "going on with the session that is left");
                    Ok(session.client.clone())
                }
                _ => Err(failure),
            },
        }
    }

    /// Lets the next call begin a new session: Route 53 has refused this one for good.
    pub(super) async fn forget(&self) {
        *self.session.lock().await = None;
    }

    async fn assume(&self, limit: Duration) -> Answer<Credentials> {
        let Self { role, assumer, .. } = self;
        let place = format!("AssumeRole of {} in {}", role.arn, assumer.region);
        let mut provider = AssumeRoleProvider::builder(role.arn.as_str())
            .configure(&self.config)
            .region(Region::new(assumer.region.as_str().to_owned()))
            .session_name(&assumer.session)
            .session_length(SESSION);
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id.as_str());
        }
        let provider = provider.build().await;
        match tokio::time::timeout(limit, provider.provide_credentials()).await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => Err(sorted(&place, &error)),
            Err(_) => Err(CallFailure::transient(format!("{place}: no answer within {limit:?}"))),
        }
    }
}

/// What a refusal of STS means for the call that it was for, which was not sent.
fn sorted(place: &str, error: &(dyn Error + 'static)) -> CallFailure {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(refusal) = inner.downcast_ref::<ErrorMetadata>()
            && let Some(code) = refusal.code()
        {
            let what = format!("{place}: {code}: {}", refusal.message().unwrap_or("no message"));
            return if LASTING.contains(&code) {
                CallFailure::permanent(what)
            } else {
                CallFailure::transient(what)
            };
        }
        words = inner.to_string();
        cause = inner.source();
    }
    CallFailure::transient(format!("{place}: {words}"))
}
