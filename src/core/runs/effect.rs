//! What a step changes in the control state itself, committed together with its beginning.

use crate::domain::steering::{HeldOut, Pause, Steering};
use crate::domain::{Fleet, RegionId, ServiceId};
use crate::runbook::action::Share;
use crate::runbook::{Action, Event, Run};

/// Who holds a Region out when a run does.
fn holder(run: &Run) -> String {
    format!("run {}", run.id())
}

/// Applies what the beginning of an attempt brings about by itself.
pub(in crate::core) fn apply_effect(
    steering: &mut Steering,
    run: &Run,
    event: &Event,
    at: &str,
    fleet: &Fleet,
) {
    let action = match event {
        Event::Began { step, .. } => Some(&run.procedure().steps[*step].action),
        Event::UndoBegan { step, .. } => {
            run.procedure().steps[*step].undo.as_ref().map(|undo| &undo.action)
        }
        _ => None,
    };
    let Some(action) = action else { return };
    let of = |region: &RegionId, service: &Option<ServiceId>| -> Vec<ServiceId> {
        fleet
            .services
            .iter()
            .filter(|(_, spec)| spec.regions.contains_key(region))
            .map(|(id, _)| id.clone())
            .filter(|id| service.as_ref().is_none_or(|one| one == id))
            .collect()
    };
    let reason = run.procedure().title.clone();
    match action {
        // A gate is closed by a committed weight of 0 and opens with the first above it; so taking
        // "close the gate" back is what lets the Region in again, and opening it by itself is nothing.
        Action::OpenGate { region, service } if matches!(event, Event::UndoBegan { .. }) => {
            release(steering, region, of(region, service));
        }
        Action::CloseGate { region, service } if fleet.gates.is_some() => {
            hold(steering, run, region, of(region, service), 0, &reason);
        }
        Action::ShiftTraffic { region, service, to } => match to {
            Share::None => hold(steering, run, region, of(region, service), 0, &reason),
            Share::Permille(permille) => {
                hold(steering, run, region, of(region, service), *permille, &reason);
            }
            Share::Planned => {
                release(steering, region, of(region, service));
            }
        },
        Action::Pause { reason } => {
            let (by, reason, at) = (holder(run), reason.clone(), at.to_owned());
            steering.pause.get_or_insert(Pause { by, reason, at });
        }
        Action::Resume => steering.pause = None,
        _ => {}
    }
}

fn release(steering: &mut Steering, region: &RegionId, services: Vec<ServiceId>) {
    for service in services {
        let Some(regions) = steering.held_out.get_mut(&service) else { continue };
        regions.remove(region);
        if regions.is_empty() {
            steering.held_out.remove(&service);
        }
    }
}

fn hold(
    steering: &mut Steering,
    run: &Run,
    region: &RegionId,
    services: Vec<ServiceId>,
    permille: u16,
    reason: &str,
) {
    for service in services {
        let held = HeldOut { by: holder(run), reason: reason.to_owned(), permille };
        steering.held_out.entry(service).or_default().insert(region.clone(), held);
    }
}
