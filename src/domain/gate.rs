//! Gates: what each Region's agents say to Route 53's health checkers about the *other* Regions.
//!
//! A Region's records carry a calculated health check. Its children are inverted checks of the
//! other Regions' gate endpoints, which answer with a token while the gate is closed and at no other
//! time: who is gone, has just started or can't be reached closes nothing. No record is edited and
//! no API is called for that, so that it works without a control plane.
//!
//! Here are the words and the one place where token and path are put together; when a gate is
//! closed is the brain's to say.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{FleetName, InvalidName, RegionId, ServiceId};
use super::seat::Epoch;

/// Time within which a checker's request ends: four seconds to connect, two for the status, two for
/// the body (Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is
/// healthy").
const CHECK_MS_MAX: u32 = 8_000;

/// What is shut: a Region with all that it serves, or one service of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gate {
    /// Which Region.
    pub region: RegionId,
    /// Which service of it; all of them if none.
    pub service: Option<ServiceId>,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            None => write!(f, "{}", self.region),
            Some(service) => write!(f, "{}/{service}", self.region),
        }
    }
}

impl FromStr for Gate {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Ok(match text.split_once('/') {
            None => Self { region: text.parse()?, service: None },
            Some((region, service)) => {
                Self { region: region.parse()?, service: Some(service.parse()?) }
            }
        })
    }
}

impl TryFrom<String> for Gate {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Gate> for String {
    fn from(gate: Gate) -> Self {
        gate.to_string()
    }
}

/// What stands before every gate's path.
const PATH: &str = "/gate/";

impl Gate {
    /// The path under which a gate endpoint tells of it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{PATH}{self}")
    }

    /// The gate that a path asks for.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        path.strip_prefix(PATH)?.parse().ok()
    }

    /// What health checks look for. The word after the name keeps `r1` from being found in `r1/web`,
    /// and the fleet's name one fleet's checks from being satisfied by another's agent.
    #[must_use]
    pub fn searched(&self, fleet: &FleetName) -> String {
        format!("regent-gate {fleet} {self} closed")
    }

    /// The gate of this fleet whose checks look for a text; none when the text is another fleet's,
    /// or nobody's.
    #[must_use]
    pub fn of_searched(fleet: &FleetName, searched: &str) -> Option<Self> {
        let gate = searched.strip_prefix("regent-gate ")?.strip_prefix(fleet.as_str())?;
        gate.strip_prefix(' ')?.strip_suffix(" closed")?.parse().ok()
    }

    /// What an endpoint answers: a token while the gate is closed, with the epoch of the decision for
    /// people who look, and else words that no check looks for.
    #[must_use]
    pub fn told(&self, fleet: &FleetName, closed_by: Option<Epoch>) -> String {
        match closed_by {
            Some(epoch) => format!("{} {epoch}\n", self.searched(fleet)),
            None => format!("regent-gate {fleet} {self} open\n"),
        }
    }
}

/// What shares one gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateScope {
    /// All services of a Region: it closes when every one of them is taken out there. Few checks.
    Region,
    /// Each service of a Region has its own.
    Service,
}

/// Where checkers reach the gates of a Region's agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateEndpoint {
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// The Host header, and the name to resolve when there is no address.
    pub host: Option<String>,
    /// Its address. With a name alone, checkers resolve it before each request.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
}

/// `https://host:port`, with the address behind it if there is one.
impl fmt::Display for GateEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        match (&self.host, self.address) {
            (Some(host), None) => write!(f, "{scheme}://{host}:{}", self.port),
            (Some(host), Some(address)) => {
                write!(f, "{scheme}://{host}:{} at {address}", self.port)
            }
            (None, Some(IpAddr::V6(address))) => write!(f, "{scheme}://[{address}]:{}", self.port),
            (None, Some(address)) => write!(f, "{scheme}://{address}:{}", self.port),
            (None, None) => write!(f, "{scheme}://?:{}", self.port),
        }
    }
}

/// How a fleet's gates are set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates {
    /// What shares one gate.
    pub scope: GateScope,
    /// Regions whose closed gates, together, shut another Region: two or more, so that no Region
    /// shuts another alone.
    pub closers: u16,
    /// Seconds between a checker's requests: 10 or 30.
    pub interval_s: u8,
    /// Requests in a row that change a checker's mind.
    pub failure_threshold: u8,
    /// For how long an agent that can't read the seats keeps the position that it last read.
    pub hold_ms: u32,
    /// Where each Region's gates are asked for. A Region without one closes nothing.
    pub endpoints: BTreeMap<RegionId, GateEndpoint>,
}

impl Gates {
    /// Regions whose agents can shut this one.
    pub fn observers<'a>(&'a self, of: &'a RegionId) -> impl Iterator<Item = &'a RegionId> {
        self.endpoints.keys().filter(move |region| *region != of)
    }

    /// The Region whose gates are asked for there.
    #[must_use]
    pub fn region_at(
        &self,
        host: Option<&str>,
        address: Option<IpAddr>,
        port: u16,
    ) -> Option<&RegionId> {
        let there = |at: &GateEndpoint| {
            at.host.as_deref() == host && at.address == address && at.port == port
        };
        self.endpoints.iter().find(|(_, at)| there(at)).map(|(region, _)| region)
    }

    /// How many inverted children of a Region's calculated check must be healthy, that is not closed,
    /// for the Region to be answered. None when its observers are too few ever to shut it.
    #[must_use]
    pub fn health_threshold(&self, of: &RegionId) -> Option<u16> {
        let observers = u16::try_from(self.observers(of).count()).ok()?;
        (observers >= self.closers && self.closers > 0).then(|| observers + 1 - self.closers)
    }

    /// Whether one other Region alone could shut this one. An endpoint that stands for several
    /// Regions is one.
    #[must_use]
    pub fn shut_by_one(&self, of: &RegionId) -> bool {
        let Some(needed) = self.health_threshold(of) else { return false };
        let at = |region: &RegionId| &self.endpoints[region];
        let alike = |one: &RegionId| self.observers(of).filter(|two| at(one) == at(two)).count();
        let most = self.observers(of).map(alike).max().unwrap_or(0);
        self.observers(of).count() - most < usize::from(needed)
    }

    /// Longest time from the moment at which an agent's gate moves until name servers go by it.
    #[must_use]
    pub fn noticed_ms_max(&self) -> u32 {
        (u32::from(self.interval_s) * 1000 + CHECK_MS_MAX) * u32::from(self.failure_threshold)
    }

    /// For how long an agent that is not heard from may still show what it showed last, at the name
    /// servers: until it lets go, and the checkers have noticed (PROTOCOL rule 17).
    #[must_use]
    pub fn doubt_ms(&self) -> u64 {
        u64::from(self.hold_ms) + u64::from(self.noticed_ms_max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(text: &str) -> Gate {
        text.parse().expect("valid")
    }

    #[test]
    fn a_gate_survives_its_path_and_nothing_else_is_one() {
        for text in ["eu-west-1", "eu-west-1/web"] {
            assert_eq!(Gate::of_path(&gate(text).path()), Some(gate(text)));
        }
        for path in ["/gate/", "/gate", "/", "/gate/a/b/c", "/gate/a/", "/gates/a", "/gate/a b"] {
            assert_eq!(Gate::of_path(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_looked_for_tells_whose_gate_it_is() {
        let [demo, demo_2]: [FleetName; 2] =
            ["demo", "demo-2"].map(|name| name.parse().expect("valid"));
        for gate in ["r1", "r1/web"].map(gate) {
            let searched = gate.searched(&demo);
            assert_eq!(Gate::of_searched(&demo, &searched), Some(gate.clone()));
            assert_eq!(Gate::of_searched(&demo_2, &searched), None);
            assert_eq!(Gate::of_searched(&demo, &gate.searched(&demo_2)), None);
        }
        for text in ["", "closed", "regent-gate demo r1", "regent-gate demo  closed"] {
            assert_eq!(Gate::of_searched(&demo, text), None, "{text:?}");
        }
    }

    #[test]
    fn no_token_holds_what_another_gate_s_check_looks_for() {
        let fleets: [FleetName; 2] = ["demo", "demo-2"].map(|name| name.parse().expect("valid"));
        let gates = ["r1", "r1/web", "r1/web2", "r11", "r1-r1"].map(gate);
        for (one, two) in [(0, 0), (0, 1), (1, 0)] {
            for a in &gates {
                for b in &gates {
                    let token = a.told(&fleets[one], Some(Epoch(7)));
                    assert!(!a.told(&fleets[one], None).contains(&b.searched(&fleets[two])));
                    let found = token.contains(&b.searched(&fleets[two]));
                    assert_eq!(found, one == two && a == b, "{token:?} and {b}");
                }
            }
        }
    }

    #[test]
    fn the_threshold_leaves_room_for_one_closer_less_than_it_takes() {
        let endpoint = GateEndpoint { tls: true, host: None, address: None, port: 443 };
        let named = |n: usize| format!("r{n}").parse().expect("valid");
        let gates = |regions: usize, closers| Gates {
            scope: GateScope::Region,
            closers,
            interval_s: 10,
            failure_threshold: 3,
            hold_ms: 600_000,
            endpoints: (0..regions).map(|n| (named(n), endpoint.clone())).collect(),
        };
        for (regions, closers, threshold) in
            [(3, 2, Some(1)), (4, 2, Some(2)), (5, 2, Some(3)), (5, 4, Some(1)), (2, 2, None)]
        {
            let of = named(0);
            assert_eq!(gates(regions, closers).health_threshold(&of), threshold, "{regions}");
        }
        // The endpoints are one and the same here: whoever answers there shuts all.
        assert!(gates(3, 2).shut_by_one(&named(0)));
        let apart = |closers| {
            let mut gates = gates(4, closers);
            let ports = gates.endpoints.values_mut().zip(8001..);
            ports.for_each(|(endpoint, port)| endpoint.port = port);
            gates
        };
        for (closers, alone) in [(1, true), (2, false), (3, false), (4, false)] {
            assert_eq!(apart(closers).shut_by_one(&named(0)), alone, "{closers}");
        }
        // A Region that has no endpoint of its own is watched by all that have.
        assert_eq!(gates(3, 2).health_threshold(&named(9)), Some(2));
        assert_eq!(gates(3, 2).noticed_ms_max(), 54_000);
        assert_eq!(gates(3, 2).doubt_ms(), 654_000);
    }
}
