//! A model of AWS, the network between Regions, and the applications.
//!
//! Pure, seeded and deterministic: time is an argument and chance comes from generators that are
//! seeded once, one for each part, so that a new draw in one part does not shift another. It knows
//! nothing of regent: it speaks the AWS services' own operations, so that `local` can serve it to
//! the unmodified SDKs in real time while `sim` runs the very same model in virtual time.
//!
//! Every operation takes effect at the moment of the call. Distance, loss and delay are the
//! caller's to apply, from what [`network::Network::path`] says at the moment of sending and again
//! at that of answering: a request that arrives and whose answer is cut is thereby natural.

pub mod apps;
pub mod autoscaling;
pub mod client;
pub mod cloudwatch;
pub mod distances;
pub mod dynamo;
pub mod elb;
pub mod fault;
pub mod log;
pub mod network;
mod outfit;
pub mod quotas;
pub mod rds;
pub mod roles;
pub mod route53;
pub mod sns;
#[cfg(test)]
pub(crate) mod testing;
pub mod wire;

use std::time::Duration;

use rand_pcg::Pcg64Mcg;

use crate::domain::digest::Digest;
use crate::domain::{Moment, RegionId, Weight};

use apps::{Apps, Condition};
use autoscaling::Autoscaling;
use cloudwatch::{CloudWatch, Stats};
use dynamo::Dynamo;
use elb::Elb;
use fault::{AwsService, Fault};
use log::{Happening, Log};
use network::Network;
use quotas::Quotas;
use rds::Rds;
use roles::Roles;
use route53::Route53;
use sns::Sns;
use wire::{Percent, Rule, Scope, Treatment, Wire};

/// The generator of one part of the world: of the world's seed and the part's name.
#[must_use]
pub fn generator(seed: u64, part: &str) -> Pcg64Mcg {
    use rand::SeedableRng as _;
    let digest = Digest::of(format!("{seed}/{part}").as_bytes()).to_string();
    let state = u128::from_str_radix(&digest, 16).expect("a digest is hexadecimal");
    Pcg64Mcg::from_seed(state.to_le_bytes())
}

/// A whole world.
#[derive(Debug)]
pub struct World {
    /// Who can reach whom.
    pub network: Network,
    /// What happens to single calls to AWS.
    pub wire: Wire,
    /// DynamoDB in every Region.
    pub dynamo: Dynamo,
    /// The one Route 53.
    pub route53: Route53,
    /// The applications.
    pub apps: Apps,
    /// The load balancers in every Region.
    pub elb: Elb,
    /// CloudWatch in every Region.
    pub cloudwatch: CloudWatch,
    /// Aurora in every Region.
    pub rds: Rds,
    /// Auto Scaling in every Region.
    pub autoscaling: Autoscaling,
    /// The account's quotas.
    pub quotas: Quotas,
    /// SNS in every Region.
    pub sns: Sns,
    /// Roles of other accounts.
    pub roles: Roles,
    /// What happened.
    pub log: Log,
}

impl World {
    /// A world with these Regions, all well, with empty tables, zones and log.
    #[must_use]
    pub fn new(seed: u64, regions: impl IntoIterator<Item = RegionId>) -> Self {
        let regions: Vec<RegionId> = regions.into_iter().collect();
        Self {
            network: Network::default(),
            cloudwatch: CloudWatch::new(regions.iter().cloned()),
            elb: Elb::default(),
            rds: Rds::default(),
            autoscaling: Autoscaling::default(),
            quotas: Quotas::default(),
            sns: Sns::default(),
            wire: Wire::new(seed),
            dynamo: Dynamo::new(seed, regions),
            route53: Route53::new(seed),
            apps: Apps::default(),
            roles: Roles::default(),
            log: Log::default(),
        }
    }

    /// Lets happen what is due by now. To be called before every operation.
    pub fn advance(&mut self, now: Moment) {
        self.dynamo.advance(now, &self.network);
        self.route53.advance(now);
        let at_unix_ms = self.cloudwatch.unix_ms(now);
        for elb::Publication { region, metric, value } in self.elb.advance(now, &self.apps) {
            self.cloudwatch.put(now, &region, metric, at_unix_ms, Stats::of(value));
        }
        for rds::Publication { at, region, metric, value } in self.rds.advance(now, &self.network) {
            let at_unix_ms = self.cloudwatch.unix_ms(at);
            self.cloudwatch.put(at, &region, metric, at_unix_ms, Stats::of(value));
        }
        for (at, happening) in self.rds.happenings() {
            // What a call brought is told when time next goes on, behind what came in between.
            self.log.add(at.max(self.log.newest()), happening);
        }
        self.cloudwatch.advance(now);
    }

    /// Says what the wall clock shows at the world's zero.
    pub fn set_unix_ms_at_zero(&mut self, unix_ms: i64) {
        self.cloudwatch.set_unix_ms_at_zero(unix_ms);
        self.rds.set_unix_ms_at_zero(unix_ms);
    }

    /// Changes the world, and keeps it in the log. Faults of agents are only kept: whoever runs the
    /// agents carries them out.
    pub fn strike(&mut self, now: Moment, fault: &Fault) {
        self.advance(now);
        match fault {
            Fault::Lose { region } => self.network.lose(region),
            Fault::Restore { region } => self.network.restore(region),
            Fault::Slow { region, service, delay_ms } => {
                let condition = Condition::Slow { delay_ms: *delay_ms };
                self.apps.set(region, service.as_ref(), condition);
            }
            Fault::Fail { region, service } => {
                self.apps.set(region, service.as_ref(), Condition::Failing);
            }
            Fault::Kill { region, service } => {
                self.apps.set(region, service.as_ref(), Condition::Dead);
            }
            Fault::Mend { region, service } => {
                self.apps.set(region, service.as_ref(), Condition::Well);
            }
            Fault::Cut { from, to, both } => {
                self.network.cut(from, to);
                if *both {
                    self.network.cut(to, from);
                }
            }
            Fault::Heal => self.network.mend_all(),
            Fault::Throttle { service: AwsService::Dynamodb, on } => {
                self.dynamo.set_throttled(*on);
            }
            Fault::Throttle { service: AwsService::Route53, on } => {
                self.route53.set_throttled(*on);
            }
            Fault::ControlPlane { down } => self.route53.set_down(*down),
            Fault::Propagation { stuck } => self.route53.set_stuck(*stuck),
            Fault::Role { denied } => self.roles.set_denied(*denied),
            Fault::Edit { name, of, weight } => {
                // What is no name, nobody has edited.
                if let Ok(name) = name.parse() {
                    let weight = weight.map(Weight);
                    self.route53.edit_by_hand(now, &name, of.as_deref(), weight);
                }
            }
            Fault::Throttle {
                service:
                    service @ (AwsService::Elbv2
                    | AwsService::Cloudwatch
                    | AwsService::Rds
                    | AwsService::Autoscaling
                    | AwsService::ServiceQuotas
                    | AwsService::Sns
                    | AwsService::Sts),
                on,
            } => {
                // These models have no throttle of their own: the wire turns every call away.
                let scope = Scope { service: Some(*service), ..Scope::default() };
                if *on {
                    let (treatment, percent) = (Treatment::Throttle, Percent::ALL);
                    self.wire.add(Rule { scope, treatment, percent, times: None });
                } else {
                    self.wire.mend(&scope);
                }
            }
            Fault::Targets { region, service, unhealthy } => {
                self.elb.break_targets(region, service.as_ref(), *unhealthy);
            }
            Fault::Alarm { region, alarm, state } => {
                // Whoever strikes has looked whether it is there.
                let why = "set by a fault";
                let _ = self.cloudwatch.set_alarm_state(now, region, alarm.as_str(), *state, why);
            }
            Fault::Lag { region, cluster, extra_ms } => {
                let extra = Duration::from_millis(u64::from(*extra_ms));
                self.rds.set_lag(region, cluster.as_ref(), extra);
            }
            Fault::Key { region, cluster, taken } => {
                self.rds.set_broken(region, cluster.as_ref(), *taken);
            }
            Fault::Wire { rule } => self.wire.add(rule.clone()),
            Fault::MendWire { scope } => self.wire.mend(scope),
            Fault::KillAgent { .. } | Fault::StartAgent { .. } => {}
        }
        // What the fault lets through or holds back is judged from here on.
        self.advance(now);
        self.log.add(now, Happening::Fault { fault: fault.clone() });
    }
}
