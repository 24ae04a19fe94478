//! The SDK's clients: how they are configured, and one for each Region.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_smithy_http_client::Builder as HttpClientBuilder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;

use super::call::{CONNECT_TIMEOUT, Failed};
use super::roles::Role;
use super::{Board, Capacity, Databases, HealthChecks, Notices, Seats, Signals, Zones};
use crate::domain::fleet::Tables;
use crate::domain::role::{Assumer, ZoneRole};
use crate::domain::{FailureClass, Fleet, RegionId, ZoneId};
use crate::ports::Answer;
use crate::telemetry::clock::Stopwatch;

/// The Region whose name stands in the signature of Route 53's requests, and where its control
/// plane is (AWS General Reference, "Amazon Route 53 endpoints and quotas").
pub(super) const ROUTE53_REGION: &str = "us-east-1";

/// The variable with DynamoDB's URL where each Region has one of its own, such as that of an interface
/// endpoint: [`REGION_PLACE`] in it stands for the Region. `AWS_ENDPOINT_URL_DYNAMODB` can name only
/// one URL for all Regions.
const DYNAMODB_URL: &str = "REGENT_ENDPOINT_URL_DYNAMODB";

/// See [`DYNAMODB_URL`].
const REGION_PLACE: &str = "{region}";

/// How long an unused connection is kept. Seats and the board are called every second or two,
/// so that theirs stay warm. An idle one is dropped before the far side may do so: a request sent
/// into a closing connection has an unknown outcome.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The version of the SDK's defaults, by name: an update of a crate then changes no behaviour that
/// the adapters rely on.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// AWS as one fleet sees it: gives out the adapters. They share connections and credentials; to
/// clone one is cheap.
#[derive(Debug, Clone)]
pub struct Aws(Arc<Clients>);

/// What the adapters share.
#[derive(Debug)]
pub(super) struct Clients {
    config: SdkConfig,
    /// See [`DYNAMODB_URL`].
    dynamodb_url: Option<String>,
    dynamodb: Mutex<BTreeMap<RegionId, aws_sdk_dynamodb::Client>>,
    elb: Mutex<BTreeMap<RegionId, aws_sdk_elasticloadbalancingv2::Client>>,
    cloudwatch: Mutex<BTreeMap<RegionId, aws_sdk_cloudwatch::Client>>,
    rds: Mutex<BTreeMap<RegionId, aws_sdk_rds::Client>>,
    autoscaling: Mutex<BTreeMap<RegionId, aws_sdk_autoscaling::Client>>,
    quotas: Mutex<BTreeMap<RegionId, aws_sdk_servicequotas::Client>>,
    sns: Mutex<BTreeMap<RegionId, aws_sdk_sns::Client>>,
    pub(super) route53: aws_sdk_route53::Client,
    /// Of zones in other accounts.
    roles: BTreeMap<ZoneId, Role>,
    pub(super) tables: Tables,
}

impl Aws {
    /// Loads AWS's ordinary configuration: environment, profile, single sign-on, the roles of
    /// containers and instances. `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_DYNAMODB`,
    /// `AWS_ENDPOINT_URL_ROUTE_53`, `AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2`,
    /// `AWS_ENDPOINT_URL_CLOUDWATCH`, `AWS_ENDPOINT_URL_RDS`, `AWS_ENDPOINT_URL_AUTO_SCALING`,
    /// `AWS_ENDPOINT_URL_SERVICE_QUOTAS` and `AWS_ENDPOINT_URL_SNS` redirect the calls, for all Regions alike;
    /// `REGENT_ENDPOINT_URL_DYNAMODB`, with `{region}` in it, redirects DynamoDB's Region by Region.
    ///
    /// Nothing is called here but what finding the Region takes, and nothing fails: credentials
    /// are looked up when the first call needs them. The SDK's STS endpoints are always regional,
    /// so a Region that is out takes no other Region's credentials with it.
    ///
    /// `assumer` is who assumes the roles of zones in other accounts; somebody who stands for no agent
    /// if none, in the Region of the configuration.
    pub async fn connect(fleet: &Fleet, assumer: Option<Assumer>) -> Self {
        let config = aws_config::defaults(behavior())
            .http_client(http_client())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            // Requests and answers are small, and each call has its limit: a second watch over
            // bytes a second could only end one for a reason that nobody chose.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .load()
            .await;
        let assumer = assumer.unwrap_or_else(|| {
            let region = config.region().and_then(|region| region.as_ref().parse().ok());
            let first = || fleet.seats.first().expect("a fleet has seats").clone();
            Assumer::new(&fleet.name, "operator", region.unwrap_or_else(first))
        });
        let roles = roles(fleet, &config, &assumer);
        Self::over(config, std::env::var(DYNAMODB_URL).ok(), fleet.tables.clone(), roles)
    }

    /// The same clients with every call redirected to `endpoint_url`, signed with a made-up key and
    /// with nothing read from the environment: for endpoints on loopback, where a signature tells
    /// only the Region.
    #[must_use]
    pub fn at(endpoint_url: &str, tables: Tables) -> Self {
        Self::over(loopback(endpoint_url), None, tables, BTreeMap::new())
    }

    /// As [`at`](Self::at), with the roles of zones in other accounts.
    pub async fn at_as(endpoint_url: &str, fleet: &Fleet, assumer: &Assumer) -> Self {
        // A role's provider wants a clock, which only the loader sets.
        let clock = aws_config::ConfigLoader::default()
            .behavior_version(behavior())
            .region(Region::from_static(ROUTE53_REGION))
            .no_credentials()
            .load()
            .await
            .time_source();
        let config = loopback(endpoint_url).into_builder();
        let config = config.time_source(clock.expect("the loader sets one")).build();
        let roles = roles(fleet, &config, assumer);
        Self::over(config, None, fleet.tables.clone(), roles)
    }

    fn over(
        config: SdkConfig,
        dynamodb_url: Option<String>,
        tables: Tables,
        roles: BTreeMap<ZoneId, Role>,
    ) -> Self {
        let route53 = aws_sdk_route53::Client::from_conf(
            aws_sdk_route53::config::Builder::from(&config)
                .region(Region::from_static(ROUTE53_REGION))
                .build(),
        );
        Self(Arc::new(Clients {
            config,
            dynamodb_url,
            dynamodb: Mutex::default(),
            elb: Mutex::default(),
            cloudwatch: Mutex::default(),
            rds: Mutex::default(),
            autoscaling: Mutex::default(),
            quotas: Mutex::default(),
            sns: Mutex::default(),
            route53,
            roles,
            tables,
        }))
    }

    /// The health checks.
    #[must_use]
    pub fn health_checks(&self) -> HealthChecks {
        HealthChecks(self.0.clone())
    }

    /// The seats' tables.
    #[must_use]
    pub fn seats(&self) -> Seats {
        Seats(self.0.clone())
    }

    /// The board.
    #[must_use]
    pub fn board(&self) -> Board {
        Board(self.0.clone())
    }

    /// What AWS says of its Regions.
    #[must_use]
    pub fn signals(&self) -> Signals {
        Signals(self.0.clone())
    }

    /// The databases.
    #[must_use]
    pub fn databases(&self) -> Databases {
        Databases(self.0.clone())
    }

    /// The autoscaling groups.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        Capacity(self.0.clone())
    }

    /// The topics that people are told through.
    #[must_use]
    pub fn notices(&self) -> Notices {
        Notices(self.0.clone())
    }

    /// The hosted zones.
    #[must_use]
    pub fn zones(&self) -> Zones {
        Zones(self.0.clone())
    }
}

impl Clients {
    /// The client for a zone, in the name of its account's role if it is another's, and the time that
    /// is left of the limit.
    pub(super) async fn route53_of(
        &self,
        zone: &ZoneId,
        limit: Duration,
    ) -> Answer<(aws_sdk_route53::Client, Duration)> {
        let Some(role) = self.roles.get(zone) else { return Ok((self.route53.clone(), limit)) };
        let began = Stopwatch::start();
        let client = role.client(limit).await?;
        Ok((client, limit.saturating_sub(began.elapsed())))
    }

    /// Takes note of how a call for a zone ended: what Route 53 refuses for good may be the session.
    pub(super) async fn told<T, E>(&self, zone: &ZoneId, answer: &Result<T, Failed<E>>) {
        if let (Err(failed), Some(role)) = (answer, self.roles.get(zone))
            && failed.failure.class == FailureClass::Permanent
        {
            role.forget().await;
        }
    }

    /// The DynamoDB client of a Region.
    pub(super) fn dynamodb(&self, region: &RegionId) -> aws_sdk_dynamodb::Client {
        of_region(&self.dynamodb, region, |place| {
            let mut config = aws_sdk_dynamodb::config::Builder::from(&self.config).region(place);
            if let Some(url) = &self.dynamodb_url {
                config = config.endpoint_url(url.replace(REGION_PLACE, region.as_str()));
            }
            aws_sdk_dynamodb::Client::from_conf(config.build())
        })
    }

    /// The Elastic Load Balancing client of a Region.
    pub(super) fn elb(&self, region: &RegionId) -> aws_sdk_elasticloadbalancingv2::Client {
        of_region(&self.elb, region, |place| {
            let config = aws_sdk_elasticloadbalancingv2::config::Builder::from(&self.config);
            aws_sdk_elasticloadbalancingv2::Client::from_conf(config.region(place).build())
        })
    }

    /// The RDS client of a Region.
    pub(super) fn rds(&self, region: &RegionId) -> aws_sdk_rds::Client {
        of_region(&self.rds, region, |place| {
            let config = aws_sdk_rds::config::Builder::from(&self.config);
            aws_sdk_rds::Client::from_conf(config.region(place).build())
        })
    }

    /// The Auto Scaling client of a Region.
    pub(super) fn autoscaling(&self, region: &RegionId) -> aws_sdk_autoscaling::Client {
        of_region(&self.autoscaling, region, |place| {
            let config = aws_sdk_autoscaling::config::Builder::from(&self.config);
            aws_sdk_autoscaling::Client::from_conf(config.region(place).build())
        })
    }

    /// The Service Quotas client of a Region.
    pub(super) fn quotas(&self, region: &RegionId) -> aws_sdk_servicequotas::Client {
        of_region(&self.quotas, region, |place| {
            let config = aws_sdk_servicequotas::config::Builder::from(&self.config);
            aws_sdk_servicequotas::Client::from_conf(config.region(place).build())
        })
    }

    /// The SNS client of a Region.
    pub(super) fn sns(&self, region: &RegionId) -> aws_sdk_sns::Client {
        of_region(&self.sns, region, |place| {
            let config = aws_sdk_sns::config::Builder::from(&self.config);
            aws_sdk_sns::Client::from_conf(config.region(place).build())
        })
    }

    /// The CloudWatch client of a Region.
    pub(super) fn cloudwatch(&self, region: &RegionId) -> aws_sdk_cloudwatch::Client {
        of_region(&self.cloudwatch, region, |place| {
            let config = aws_sdk_cloudwatch::config::Builder::from(&self.config);
            aws_sdk_cloudwatch::Client::from_conf(config.region(place).build())
        })
    }
}

/// Everything redirected, signed with a made-up key.
fn loopback(endpoint_url: &str) -> SdkConfig {
    let key = aws_sdk_dynamodb::config::Credentials::new(
        "regent-local",
        "regent-local",
        None,
        None,
        "loopback",
    );
    SdkConfig::builder()
        .behavior_version(behavior())
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(key))
        .endpoint_url(endpoint_url)
        .http_client(http_client())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

fn roles(fleet: &Fleet, config: &SdkConfig, assumer: &Assumer) -> BTreeMap<ZoneId, Role> {
    let role = |role: &ZoneRole| Role::new(config.clone(), role.clone(), assumer.clone());
    fleet.roles.iter().map(|(zone, of)| (zone.clone(), role(of))).collect()
}

/// A Region's client, made when it is first asked for. All share one pool of connections and one
/// cache of credentials.
fn of_region<C: Clone>(
    clients: &Mutex<BTreeMap<RegionId, C>>,
    region: &RegionId,
    make: impl FnOnce(Region) -> C,
) -> C {
    // A map of finished clients: a panic elsewhere can't leave it half changed.
    let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    clients
        .entry(region.clone())
        .or_insert_with(|| make(Region::new(region.as_str().to_owned())))
        .clone()
}

/// Rustls on ring; plain HTTP where an endpoint's URL says `http`. Connections are pooled.
fn http_client() -> SharedHttpClient {
    HttpClientBuilder::new()
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}
