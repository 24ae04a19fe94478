//! What `init` does not make for gates, and the operator provides: the way from Route 53's checkers
//! to the agents.

use std::net::IpAddr;

use serde::Serialize;

use crate::domain::gate::GateEndpoint;
use crate::domain::{Fleet, RegionId};

/// What one is to provide in a Region.
#[derive(Debug, Serialize)]
pub(super) struct Provided {
    region: RegionId,
    /// Behind it stands a public load balancer, or an address, that leads to the agents' gate port.
    endpoint: String,
    /// The list of the checkers' ranges that its security group admits.
    admits: String,
}

/// What one is to provide in each Region with a gate. Nothing without gates.
pub(super) fn provided(fleet: &Fleet) -> Vec<Provided> {
    let endpoints = fleet.gates.iter().flat_map(|gates| &gates.endpoints);
    let provided = endpoints.map(|(region, endpoint)| Provided {
        region: region.clone(),
        endpoint: endpoint.to_string(),
        admits: format!("com.amazonaws.{region}.{}", prefix_list(endpoint)),
    });
    provided.collect()
}

/// The end of the name of AWS's list of the checkers' ranges. An endpoint that is named is asked
/// over IPv4 alone (Route 53 Developer Guide, "Values that you specify when you create or update
/// health checks", specify endpoint by domain name; the lists: "Configuring router and firewall
/// rules for Amazon Route 53 health checks").
fn prefix_list(endpoint: &GateEndpoint) -> &'static str {
    match endpoint.address {
        Some(IpAddr::V6(_)) => "ipv6.route53-healthchecks",
        Some(IpAddr::V4(_)) | None => "route53-healthchecks",
    }
}

/// All of it, for people.
pub(super) fn told(fleet: &Fleet) -> Vec<String> {
    let mut told = vec!["you provide for the gates, in each Region:".to_owned()];
    for Provided { region, endpoint, admits } in provided(fleet) {
        told.push(format!("  {region}: a public load balancer or address behind {endpoint}"));
        told.push(format!(
            "  {:1$}  that leads to its agents' --gates port",
            "",
            region.as_str().len()
        ));
        told.push(format!(
            "  {:1$}  and admits the prefix list {admits}",
            "",
            region.as_str().len()
        ));
    }
    told.extend(OF_ALL.map(str::to_owned));
    told
}

const OF_ALL: [&str; 3] = [
    "  Route 53's checkers ask from the internet, from those lists' addresses (ROUTE53_HEALTHCHECKS",
    "  in ip-ranges.json). Of several agents in a Region any may answer, each by what it read",
    "  itself.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::gated_fleet;

    #[test]
    fn each_region_with_a_gate_has_its_lines() {
        let mut fleet = gated_fleet();
        let gates = fleet.gates.as_mut().expect("there");
        let last = gates.endpoints.values_mut().next_back().expect("three");
        last.address = Some("2001:db8::1".parse().expect("valid"));
        insta::assert_snapshot!(told(&fleet).join("\n"), @r"
        you provide for the gates, in each Region:
          r1: a public load balancer or address behind https://gate.r1.example.net:443
              that leads to its agents' --gates port
              and admits the prefix list com.amazonaws.r1.route53-healthchecks
          r2: a public load balancer or address behind https://gate.r2.example.net:443
              that leads to its agents' --gates port
              and admits the prefix list com.amazonaws.r2.route53-healthchecks
          r3: a public load balancer or address behind https://gate.r3.example.net:443 at 2001:db8::1
              that leads to its agents' --gates port
              and admits the prefix list com.amazonaws.r3.ipv6.route53-healthchecks
          Route 53's checkers ask from the internet, from those lists' addresses (ROUTE53_HEALTHCHECKS
          in ip-ranges.json). Of several agents in a Region any may answer, each by what it read
          itself.
        ");
    }
}
