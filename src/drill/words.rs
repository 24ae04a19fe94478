//! How a drill's report words things: durations, faults, kinds of client.

use crate::domain::{GlobalClusterId, RegionId};
use crate::world::fault::Fault;
use crate::world::log::ClientKind;

/// A length of time as people say it: `8 s`, `2.5 s`.
pub(super) fn seconds(ms: impl Into<u64>) -> String {
    let ms = ms.into();
    let fraction = format!("{:03}", ms % 1000);
    match fraction.trim_end_matches('0') {
        "" => format!("{} s", ms / 1000),
        digits => format!("{}.{digits} s", ms / 1000),
    }
}

/// A kind of client.
pub(super) const fn client(kind: ClientKind) -> &'static str {
    match kind {
        ClientKind::Orderly => "orderly",
        ClientKind::KeepsAlive => "kept-alive",
        ClientKind::IgnoresTtl => "TTL-ignoring",
    }
}

/// What was done to the world.
pub(super) fn fault(fault: &Fault) -> String {
    let spot = |region, service: &Option<_>| match service {
        None => format!("every service in {region}"),
        Some(service) => format!("{service} in {region}"),
    };
    match fault {
        Fault::Lose { region } => format!("Region {region} is lost: nothing gets in or out"),
        Fault::Restore { region } => format!("Region {region} is back"),
        Fault::Slow { region, service, delay_ms } => {
            format!("{} answers {} late", spot(region, service), seconds(*delay_ms))
        }
        Fault::Fail { region, service } => format!("{} answers 503", spot(region, service)),
        Fault::Kill { region, service } => {
            format!("{} refuses connections", spot(region, service))
        }
        Fault::Mend { region, service } => {
            format!("{} answers as it should again", spot(region, service))
        }
        Fault::Cut { from, to, both: true } => {
            format!("the link between {from} and {to} is cut, both ways")
        }
        Fault::Cut { from, to, both: false } => format!("the link from {from} to {to} is cut"),
        Fault::Heal => "every cut link is whole again".to_owned(),
        Fault::KillAgent { agent } => format!("agent {agent} is killed"),
        Fault::StartAgent { agent } => format!("agent {agent} is started"),
        Fault::Targets { region, service, unhealthy: 0 } => {
            format!("the targets of {} are well again", spot(region, service))
        }
        Fault::Targets { region, service, unhealthy } => {
            format!("{unhealthy} targets of {} fail their checks", spot(region, service))
        }
        Fault::Alarm { region, alarm, state } => {
            format!("alarm {alarm} in {region} becomes {state}")
        }
        Fault::Edit { name, of, weight } => {
            let whose = of.as_ref().map(|of| format!("'s record for {of}")).unwrap_or_default();
            match weight {
                Some(weight) => format!("somebody edits {name}{whose}: weight {weight}"),
                None => format!("somebody deletes {name}{whose}"),
            }
        }
        Fault::Throttle { service, on } => {
            format!("{service} {}", if *on { "throttles every call" } else { "answers again" })
        }
        Fault::ControlPlane { down: true } => {
            "Route 53's control plane is down: no record can be edited".to_owned()
        }
        Fault::ControlPlane { down: false } => "Route 53's control plane is back".to_owned(),
        Fault::Propagation { stuck: true } => {
            "changes of records reach the name servers no more, and stay PENDING".to_owned()
        }
        Fault::Propagation { stuck: false } => {
            "changes of records reach the name servers again".to_owned()
        }
        Fault::Role { denied: true } => {
            "access to the hosted zones is denied: neither role nor records are to be had"
                .to_owned()
        }
        Fault::Role { denied: false } => "access to the hosted zones is given again".to_owned(),
        Fault::Lag { region, cluster, extra_ms: 0 } => {
            format!("{} lags no more", member(region, cluster.as_ref()))
        }
        Fault::Lag { region, cluster, extra_ms } => {
            let behind = seconds(*extra_ms);
            format!("{} lags {behind} more", member(region, cluster.as_ref()))
        }
        Fault::Key { region, cluster, taken } => {
            let does = if *taken { "loses its encryption key" } else { "has its key back" };
            format!("{} {does}", member(region, cluster.as_ref()))
        }
        Fault::Wire { rule } => format!("on the wire: {rule}"),
        Fault::MendWire { scope } => format!("on the wire: {scope} is well again"),
    }
}

fn member(region: &RegionId, cluster: Option<&GlobalClusterId>) -> String {
    match cluster {
        Some(cluster) => format!("{cluster}'s cluster in {region}"),
        None => format!("every database cluster in {region}"),
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn seconds_are_written_without_needless_digits() {
        for (ms, text) in [(0, "0 s"), (8000, "8 s"), (2500, "2.5 s"), (61_040, "61.04 s")] {
            assert_eq!(seconds(ms as u32), text);
        }
    }
}
