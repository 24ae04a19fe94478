//! What can be done to the world: the vocabulary of chaos files and of `regent local`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::network::Place;
use super::wire::{Rule, Scope};
use crate::domain::signal::{AlarmName, AlarmState};
use crate::domain::{AgentId, GlobalClusterId, RegionId, ServiceId};

/// A change of the world, for the worse or back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fault")]
pub enum Fault {
    /// Takes a Region off the network, with its applications, its AWS endpoints and its agents.
    /// Nothing is refused: packets vanish.
    Lose {
        /// Which.
        region: RegionId,
    },
    /// Puts it back, as it was.
    Restore {
        /// Which.
        region: RegionId,
    },
    /// Makes a service (or every service) of a Region answer late.
    Slow {
        /// Where.
        region: RegionId,
        /// Which; all if none.
        service: Option<ServiceId>,
        /// How late, in milliseconds.
        delay_ms: u32,
    },
    /// Makes a service (or every service) of a Region answer 503.
    Fail {
        /// Where.
        region: RegionId,
        /// Which; all if none.
        service: Option<ServiceId>,
    },
    /// Makes a service (or every service) of a Region refuse connections.
    Kill {
        /// Where.
        region: RegionId,
        /// Which; all if none.
        service: Option<ServiceId>,
    },
    /// Makes a service (or every service) of a Region answer as it should.
    Mend {
        /// Where.
        region: RegionId,
        /// Which; all if none.
        service: Option<ServiceId>,
    },
    /// Stops what goes from one place to another, or both ways.
    Cut {
        /// The sender's place.
        from: Place,
        /// The receiver's place.
        to: Place,
        /// Whether the way back is cut too.
        both: bool,
    },
    /// Undoes every cut.
    Heal,
    /// Ends an agent's process as `kill -9` does. Not the world's doing: whoever runs the agents
    /// carries it out.
    KillAgent {
        /// Which.
        agent: AgentId,
    },
    /// Starts an agent that was killed, as a new run. Carried out by whoever runs the agents.
    StartAgent {
        /// Which.
        agent: AgentId,
    },
    /// Makes AWS throttle the calls of one service, everywhere, until undone.
    Throttle {
        /// `dynamodb` or `route53`.
        service: AwsService,
        /// Whether to throttle or to stop throttling.
        on: bool,
    },
    /// Takes Route 53's control plane away, or gives it back: no record and no health check can be
    /// changed or read, while name servers answer and checkers check.
    ControlPlane {
        /// Whether it is down.
        down: bool,
    },
    /// Keeps accepted changes of records from the name servers, or lets them go there: each stays
    /// PENDING meanwhile.
    Propagation {
        /// Whether they are kept.
        stuck: bool,
    },
    /// Takes everybody's access to the hosted zones away, or gives it back: Route 53 refuses to read or
    /// change their records, and STS to give out the role of a zone in another account.
    Role {
        /// Whether it is denied.
        denied: bool,
    },
    /// Changes records in Route 53's console, as somebody does who knows of no fleet. Where the control
    /// plane does not take it, nothing happens.
    Edit {
        /// The record's name.
        name: String,
        /// The set identifier of the one that is meant; all of the name if none.
        of: Option<String>,
        /// Its weight from now on, if it is weighted; it is deleted if none.
        weight: Option<u8>,
    },
    /// Makes so many load-balancer targets of a service (or of every service) of a Region fail
    /// their checks, and the others no more. The application itself stays as it is.
    Targets {
        /// Where.
        region: RegionId,
        /// Which; all if none.
        service: Option<ServiceId>,
        /// How many; 0 mends all.
        unhealthy: u32,
    },
    /// Gives a CloudWatch alarm a state, as `SetAlarmState` does.
    Alarm {
        /// Where.
        region: RegionId,
        /// Which.
        alarm: AlarmName,
        /// What state.
        state: AlarmState,
    },
    /// Makes the database cluster (or every one) of a Region lag behind its writer by so much more.
    Lag {
        /// Where.
        region: RegionId,
        /// Of which global cluster; of all if none.
        cluster: Option<GlobalClusterId>,
        /// By how much, in milliseconds; 0 mends it.
        extra_ms: u32,
    },
    /// Takes the encryption key of the database cluster (or of every one) of a Region away, or
    /// gives it back: without it a cluster neither writes nor follows.
    Key {
        /// Where.
        region: RegionId,
        /// Of which global cluster; of all if none.
        cluster: Option<GlobalClusterId>,
        /// Whether it is taken away.
        taken: bool,
    },
    /// Treats single calls to AWS amiss, by a rule.
    Wire {
        /// Which calls, and how.
        rule: Rule,
    },
    /// Takes back the rules of [`Fault::Wire`] whose calls are all within a scope.
    MendWire {
        /// Which; of every call if it names nothing.
        scope: Scope,
    },
}

/// A modelled AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AwsService {
    /// DynamoDB, in each Region.
    Dynamodb,
    /// Route 53's control plane.
    Route53,
    /// Elastic Load Balancing, in each Region.
    Elbv2,
    /// CloudWatch, in each Region.
    Cloudwatch,
    /// RDS, in each Region.
    Rds,
    /// Auto Scaling, in each Region.
    Autoscaling,
    /// Service Quotas, in each Region.
    #[serde(rename = "service-quotas")]
    ServiceQuotas,
    /// SNS, in each Region.
    Sns,
    /// STS, in each Region.
    Sts,
}

impl fmt::Display for AwsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dynamodb => "DynamoDB",
            Self::Route53 => "Route 53",
            Self::Elbv2 => "Elastic Load Balancing",
            Self::Cloudwatch => "CloudWatch",
            Self::Rds => "RDS",
            Self::Autoscaling => "Auto Scaling",
            Self::ServiceQuotas => "Service Quotas",
            Self::Sns => "SNS",
            Self::Sts => "STS",
        })
    }
}
