//! Faults on the wire in a chaos file, with parts that are still to be given out.

use serde::Deserialize;

use super::cast::{AgentRef, Cast, RegionRef};
use crate::local::operations;
use crate::world::fault::AwsService;
use crate::world::wire::{Percent, Rule, Scope, Treatment};

/// Which calls to AWS; see [`Scope`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawScope")]
pub struct ScopeRef {
    /// Those of this agent.
    pub caller: Option<AgentRef>,
    /// Those to this Region's endpoint.
    pub region: Option<RegionRef>,
    /// Those to this service.
    pub service: Option<AwsService>,
    /// Those of this operation.
    pub operation: Option<String>,
}

impl ScopeRef {
    /// The scope, with the parts given out.
    #[must_use]
    pub fn cast(&self, cast: &Cast) -> Scope {
        Scope {
            caller: self.caller.as_ref().map(|caller| cast.agent(caller)),
            region: self.region.as_ref().map(|region| cast.region(region)),
            service: self.service,
            operation: self.operation.clone(),
        }
    }
}

/// A rule; see [`Rule`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawWire")]
pub struct WireRef {
    /// Which calls.
    pub scope: ScopeRef,
    /// What becomes of them.
    pub treatment: Treatment,
    /// How many of a hundred.
    pub percent: Percent,
    /// How often at most.
    pub times: Option<u32>,
}

impl WireRef {
    /// The rule, with the parts given out.
    #[must_use]
    pub fn cast(&self, cast: &Cast) -> Rule {
        let Self { scope, treatment, percent, times } = self;
        Rule { scope: scope.cast(cast), treatment: *treatment, percent: *percent, times: *times }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScope {
    caller: Option<AgentRef>,
    region: Option<RegionRef>,
    service: Option<AwsService>,
    operation: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWire {
    treatment: String,
    delay_ms: Option<u32>,
    percent: Option<Percent>,
    times: Option<u32>,
    caller: Option<AgentRef>,
    region: Option<RegionRef>,
    service: Option<AwsService>,
    operation: Option<String>,
}

impl TryFrom<RawScope> for ScopeRef {
    type Error = String;
    fn try_from(raw: RawScope) -> Result<Self, String> {
        let RawScope { caller, region, service, operation } = raw;
        if service == Some(AwsService::Route53) && region.is_some() {
            return Err("Route 53 has one endpoint for all Regions; leave `region` out".to_owned());
        }
        if let Some(operation) = &operation {
            operations::check(service, operation).map_err(|error| error.to_string())?;
        }
        Ok(Self { caller, region, service, operation })
    }
}

impl TryFrom<RawWire> for WireRef {
    type Error = String;
    fn try_from(raw: RawWire) -> Result<Self, String> {
        let RawWire { treatment, delay_ms, percent, times, caller, region, service, operation } =
            raw;
        let treatment = Treatment::named(&treatment, delay_ms)?;
        if times == Some(0) {
            return Err("`times` is 0; leave it out or the entry away".to_owned());
        }
        let scope = RawScope { caller, region, service, operation }.try_into()?;
        Ok(Self { scope, treatment, percent: percent.unwrap_or(Percent::ALL), times })
    }
}
