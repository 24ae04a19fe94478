//! What happens to the world, in words for people.

use std::fmt::Display;

use crate::domain::{GlobalClusterId, RegionId, ServiceId};
use crate::world::fault::Fault;
use crate::world::log::Happening;

/// Things in a row, with commas between.
pub(super) fn list<T: Display>(things: impl IntoIterator<Item = T>) -> String {
    things.into_iter().map(|thing| thing.to_string()).collect::<Vec<_>>().join(", ")
}

/// A fault as a sentence without its end.
#[must_use]
pub fn fault(fault: &Fault) -> String {
    match fault {
        Fault::Lose { region } => format!("{region} is lost"),
        Fault::Restore { region } => format!("{region} is back"),
        Fault::Slow { region, service, delay_ms } => {
            format!("{} slow ({delay_ms} ms)", subject(region, service.as_ref()))
        }
        Fault::Fail { region, service } => {
            format!("{} failing (503)", subject(region, service.as_ref()))
        }
        Fault::Kill { region, service } => {
            format!("{} dead (connections refused)", subject(region, service.as_ref()))
        }
        Fault::Mend { region, service } => {
            format!("{} well again", subject(region, service.as_ref()))
        }
        Fault::Cut { from, to, both: false } => format!("nothing gets from {from} to {to}"),
        Fault::Cut { from, to, both: true } => format!("{from} and {to} are cut off each other"),
        Fault::Heal => "every cut is healed".to_owned(),
        Fault::KillAgent { agent } => format!("agent {agent} is killed"),
        Fault::StartAgent { agent } => format!("agent {agent} is started"),
        Fault::Targets { region, service, unhealthy } => {
            let whose = service.as_ref().map_or("every service", ServiceId::as_str);
            match unhealthy {
                0 => format!("every target of {whose} in {region} is well again"),
                1 => format!("one target of {whose} in {region} fails its checks"),
                _ => format!("{unhealthy} targets of {whose} in {region} fail their checks"),
            }
        }
        Fault::Alarm { region, alarm, state } => format!("alarm {alarm} in {region} is {state}"),
        Fault::Edit { name, weight: Some(weight), .. } => {
            format!("{name} is edited: weight {weight}")
        }
        Fault::Edit { name, .. } => format!("{name} is deleted by hand"),
        Fault::Throttle { service, on } => {
            let does = if *on { "throttles every call" } else { "throttles no longer" };
            format!("{service} {does}")
        }
        Fault::ControlPlane { down: true } => "Route 53's control plane is down".to_owned(),
        Fault::ControlPlane { down: false } => "Route 53's control plane is back".to_owned(),
        Fault::Propagation { stuck: true } => "changes of records stay PENDING".to_owned(),
        Fault::Propagation { stuck: false } => "changes of records move again".to_owned(),
        Fault::Role { denied: true } => "access to the hosted zones is denied".to_owned(),
        Fault::Role { denied: false } => "access to the hosted zones is given again".to_owned(),
        Fault::Lag { region, cluster, extra_ms: 0 } => {
            format!("{} lags no more", secondary(region, cluster.as_ref()))
        }
        Fault::Lag { region, cluster, extra_ms } => {
            format!("{} lags by {extra_ms} ms more", secondary(region, cluster.as_ref()))
        }
        Fault::Key { region, cluster, taken } => {
            let word = if *taken { "has lost its key" } else { "has its key back" };
            format!("{} {word}", secondary(region, cluster.as_ref()))
        }
        Fault::Wire { rule } => format!("on the wire: {rule}"),
        Fault::MendWire { scope } => format!("on the wire: {scope} is well again"),
    }
}

/// What befell a database, as a sentence without its end; none of anything else.
#[must_use]
pub fn of_a_database(happening: &Happening) -> Option<String> {
    Some(match happening {
        Happening::WriterMoving { cluster, from, to, allow_data_loss } => {
            let kind = if *allow_data_loss { "a failover" } else { "a switchover" };
            format!("{kind} of {cluster} from {from} to {to} has begun")
        }
        Happening::WriterMoved { cluster, to, .. } => format!("{cluster} is written in {to}"),
        Happening::WriterStays { cluster, writer } => {
            format!("the move of {cluster} was given up: it is written in {writer}")
        }
        Happening::WritesLost { cluster, by, writes } => {
            let count = writes.len();
            format!("{cluster} has lost {count} writes that {by} had taken")
        }
        _ => return None,
    })
}

fn secondary(region: &RegionId, cluster: Option<&GlobalClusterId>) -> String {
    match cluster {
        Some(cluster) => format!("the cluster of {cluster} in {region}"),
        None => format!("every database cluster in {region}"),
    }
}

fn subject(region: &RegionId, service: Option<&ServiceId>) -> String {
    match service {
        Some(service) => format!("{service} in {region} is"),
        None => format!("everything in {region} is"),
    }
}
