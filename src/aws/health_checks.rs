//! Health checks: their port over Route 53's control plane.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_route53::types::{self, HealthCheckConfig, HealthCheckType};

use super::call::{Call, within};
use super::connect::{Clients, ROUTE53_REGION};
use crate::domain::CallFailure;
use crate::domain::gate::GateEndpoint;
use crate::domain::health_check::{CheckFound, CheckId, CheckSight, CheckSpec, WatchSpec};
use crate::ports::{self, Answer};

/// Health checks over AWS.
#[derive(Debug, Clone)]
pub struct HealthChecks(pub(super) std::sync::Arc<Clients>);

/// Checks asked for in a page: the most that come (Route 53 API Reference, `ListHealthChecks`).
const PAGE_ITEMS: i32 = 100;

/// How a checker's report of a passed check begins. Of a string match: it found the text.
const SUCCESS: &str = "success";

/// What stands before the status in a report of an answer.
const STATUS: &str = "http status code ";

/// What a report of a text that was not found has in it.
const WITHOUT_TEXT: &str = "string";

/// What reports of no answer have in them. One wording is documented ("The health checker could not
/// establish a connection within the timeout limit."; AWS re:Post, "How do I troubleshoot unhealthy Route
/// 53 health checks?"); the others are what else stands between a checker and an answer.
const SILENT: [&str; 8] =
    ["connect", "timeout", "timed out", "in time", "refused", "resolve", "ssl", "tls"];

#[async_trait]
impl ports::HealthChecks for HealthChecks {
    async fn checks(&self, limit: Duration) -> Answer<Vec<CheckFound>> {
        within("ListHealthChecks", ROUTE53_REGION, limit, async {
            let mut found = Vec::new();
            let mut marker = None;
            loop {
                let call = Call::read("ListHealthChecks", ROUTE53_REGION, limit);
                let page = call
                    .run(
                        self.0
                            .route53
                            .list_health_checks()
                            .set_marker(marker.take())
                            .max_items(PAGE_ITEMS)
                            .customize()
                            .config_override(call.route53())
                            .interceptor(call.witness())
                            .send(),
                    )
                    .await?;
                found.extend(page.health_checks().iter().filter_map(from_sdk));
                match (page.is_truncated(), page.next_marker()) {
                    (false, _) => return Ok(found),
                    (true, Some(next)) => marker = Some(next.to_owned()),
                    (true, None) => {
                        return Err(call.senseless("cut short, without saying where to go on"));
                    }
                }
            }
        })
        .await
    }

    async fn create_check(
        &self,
        reference: &str,
        spec: &CheckSpec,
        limit: Duration,
    ) -> Answer<CheckId> {
        let call = Call::write("CreateHealthCheck", ROUTE53_REGION, limit);
        let made = call
            .run(
                self.0
                    .route53
                    .create_health_check()
                    .caller_reference(reference)
                    .health_check_config(to_sdk(spec)?)
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        match made.health_check() {
            Some(check) => Ok(CheckId(check.id().to_owned())),
            None => Err(call.senseless("no health check in it")),
        }
    }

    async fn update_check(
        &self,
        id: &CheckId,
        version: i64,
        spec: &CheckSpec,
        limit: Duration,
    ) -> Answer<()> {
        let call = Call::write("UpdateHealthCheck", ROUTE53_REGION, limit);
        let update = self
            .0
            .route53
            .update_health_check()
            .health_check_id(&id.0)
            .health_check_version(version);
        let update = match spec {
            CheckSpec::Watch(watch) => update
                .set_ip_address(watch.endpoint.address.map(|address| address.to_string()))
                .set_fully_qualified_domain_name(watch.endpoint.host.clone())
                .port(i32::from(watch.endpoint.port))
                .resource_path(&watch.path)
                .search_string(&watch.searched)
                .failure_threshold(i32::from(watch.failure_threshold))
                .inverted(true)
                .disabled(false),
            CheckSpec::Count { threshold, children } => update
                .health_threshold(i32::from(*threshold))
                .set_child_health_checks(Some(children.iter().map(|id| id.0.clone()).collect()))
                .inverted(false)
                .disabled(false),
        };
        call.run(
            update.customize().config_override(call.route53()).interceptor(call.witness()).send(),
        )
        .await?;
        Ok(())
    }

    async fn sight(&self, id: &CheckId, limit: Duration) -> Answer<CheckSight> {
        let call = Call::read("GetHealthCheckStatus", ROUTE53_REGION, limit);
        let status = call
            .run(
                self.0
                    .route53
                    .get_health_check_status()
                    .health_check_id(&id.0)
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        let observations = status.health_check_observations();
        let said = |seen: &types::HealthCheckObservation| {
            seen.status_report().and_then(|report| report.status()).map(str::to_owned)
        };
        Ok(seen(observations.iter().map(said)))
    }
}

/// What the checkers saw, by what each of them reports, if it has asked. Their words are promised
/// nowhere: what isn't recognised counts for nothing, and is handed on.
fn seen(said: impl Iterator<Item = Option<String>>) -> CheckSight {
    let mut sight = CheckSight::default();
    for said in said {
        sight.checkers += 1;
        let Some(said) = said else { continue };
        sight.asked += 1;
        let words = said.to_ascii_lowercase();
        let status = words.split_once(STATUS).map(|(_, rest)| rest);
        if words.starts_with(SUCCESS) {
            sight.found += 1;
        } else if let Some(status) = status {
            // Of an answer that is an error no text is looked at.
            let well = status.starts_with(['2', '3']);
            *(if well { &mut sight.answered } else { &mut sight.silent }) += 1;
        } else if words.contains(WITHOUT_TEXT) {
            sight.answered += 1;
        } else if SILENT.iter().any(|part| words.contains(part)) {
            sight.silent += 1;
        } else {
            sight.unclear.get_or_insert(said);
        }
    }
    sight
}

fn to_sdk(spec: &CheckSpec) -> Answer<HealthCheckConfig> {
    let builder = HealthCheckConfig::builder();
    let built = match spec {
        CheckSpec::Watch(watch) => {
            let GateEndpoint { tls, host, address, port } = &watch.endpoint;
            let kind =
                if *tls { HealthCheckType::HttpsStrMatch } else { HealthCheckType::HttpStrMatch };
            builder
                .r#type(kind)
                .set_ip_address(address.map(|address| address.to_string()))
                .set_fully_qualified_domain_name(host.clone())
                .port(i32::from(*port))
                .resource_path(&watch.path)
                .search_string(&watch.searched)
                .request_interval(i32::from(watch.interval_s))
                .failure_threshold(i32::from(watch.failure_threshold))
                .inverted(true)
                // Without a name there is none to say.
                .set_enable_sni(tls.then_some(host.is_some()))
                .build()
        }
        CheckSpec::Count { threshold, children } => builder
            .r#type(HealthCheckType::Calculated)
            .health_threshold(i32::from(*threshold))
            .set_child_health_checks(Some(children.iter().map(|id| id.0.clone()).collect()))
            .build(),
    };
    built.map_err(|error| CallFailure::permanent(format!("CreateHealthCheck: not sent: {error}")))
}

/// A check in our words; none when it is of another kind than ours.
fn from_sdk(check: &types::HealthCheck) -> Option<CheckFound> {
    let config = check.health_check_config()?;
    let inverted = config.inverted().unwrap_or(false);
    let spec = match config.r#type() {
        kind @ (HealthCheckType::HttpStrMatch | HealthCheckType::HttpsStrMatch) if inverted => {
            let tls = *kind == HealthCheckType::HttpsStrMatch;
            let port = config.port().and_then(|port| u16::try_from(port).ok());
            CheckSpec::Watch(WatchSpec {
                endpoint: GateEndpoint {
                    tls,
                    host: config.fully_qualified_domain_name().map(str::to_owned),
                    address: match config.ip_address() {
                        None => None,
                        Some(address) => Some(address.parse().ok()?),
                    },
                    port: port.unwrap_or(if tls { 443 } else { 80 }),
                },
                path: config.resource_path()?.to_owned(),
                searched: config.search_string()?.to_owned(),
                interval_s: u8::try_from(config.request_interval()?).ok()?,
                failure_threshold: u8::try_from(config.failure_threshold()?).ok()?,
            })
        }
        HealthCheckType::Calculated if !inverted => CheckSpec::Count {
            threshold: u16::try_from(config.health_threshold()?).ok()?,
            children: config.child_health_checks().iter().cloned().map(CheckId).collect(),
        },
        _ => return None,
    };
    Some(CheckFound {
        id: CheckId(check.id().to_owned()),
        version: check.health_check_version(),
        spec,
        disabled: config.disabled().unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_checkers_report_is_recognised_and_what_is_not_is_handed_on() {
        let reports = [
            None,
            Some("Success: HTTP Status Code 200, OK. Resolved IP: 192.0.2.1"),
            Some("Failure: HTTP Status Code 200, OK. The response body did not have it"),
            Some("Failure: The search string was not found in the response"),
            Some("Failure: HTTP Status Code 503, Service Unavailable"),
            Some(
                "Failure: The health checker could not establish a connection within the timeout limit.",
            ),
            Some("Failure: DNS resolution failed: could not resolve the host"),
            Some("Failure: 42"),
            Some("Unknown"),
        ];
        let sight = seen(reports.into_iter().map(|said| said.map(str::to_owned)));
        let unclear = Some("Failure: 42".to_owned());
        let expected =
            CheckSight { checkers: 9, asked: 8, found: 1, answered: 2, silent: 3, unclear };
        assert_eq!(sight, expected);
        assert!(sight.reaches() && !sight.is_cut_off());
    }

    #[test]
    fn words_that_nobody_knows_cut_no_gate_off() {
        let of = |said: &str| seen((0..16).map(|_| Some(said.to_owned())));
        let unknown = of("Failure: something new");
        assert!(!unknown.reaches() && !unknown.is_cut_off() && unknown.reads_open());
        assert!(of("Failure: Connection timed out").is_cut_off());
        assert!(of("Failure: HTTP Status Code 502, Bad Gateway").is_cut_off());
    }
}
