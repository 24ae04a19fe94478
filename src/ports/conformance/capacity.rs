//! What capacity must do: show a group with its limits, raise it, and refuse what they forbid.

use super::{Ground, LIMIT, Verdict, cases, fails, same, well};
use crate::domain::FailureClass;
use crate::domain::capacity::{ScalingGroup, ScalingGroupId};

cases! {
    "a group is shown with its limits" => shown,
    "a group that is not there is an error, and in another Region is another" => no_group,
    "a number that is set is wanted at once, and its instances come" => raised,
    "a number outside the limits is a conflict, and changes nothing" => outside,
}

/// How often a case looks whether instances are in service.
const LOOKS_MAX: usize = 600;

async fn read(ground: &dyn Ground, group: &ScalingGroupId) -> Result<ScalingGroup, String> {
    well("reading a group", ground.capacity().group(group, LIMIT).await)
}

async fn shown(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let group = ground.make_scaling_group(&here, "shown", (1, 2, 4)).await;
    let seen = read(ground, &group).await?;
    same("the limits", &(seen.min, seen.desired, seen.max), &(1, 2, 4))
}

async fn no_group(ground: &dyn Ground) -> Verdict {
    let (here, there) = ground.regions();
    let group = ground.make_scaling_group(&here, "here", (1, 1, 2)).await;
    let elsewhere = ScalingGroupId { region: there, ..group };
    fails("reading", ground.capacity().group(&elsewhere, LIMIT).await, FailureClass::Permanent)?;
    let none = ScalingGroupId { region: here, name: "none-such".parse().expect("valid") };
    fails("reading", ground.capacity().group(&none, LIMIT).await, FailureClass::Permanent)
}

async fn raised(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let group = ground.make_scaling_group(&here, "raised", (1, 1, 4)).await;
    // Twice: it may be repeated, and no cooldown holds it up.
    for desired in [3, 3, 2, 3] {
        well("setting", ground.capacity().set_desired(&group, desired, LIMIT).await)?;
        same("wanted", &read(ground, &group).await?.desired, &desired)?;
    }
    for _ in 0..LOOKS_MAX {
        if read(ground, &group).await?.in_service == 3 {
            return Ok(());
        }
        ground.let_pass().await;
    }
    Err("instances that never come into service".to_owned())
}

async fn outside(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let group = ground.make_scaling_group(&here, "outside", (1, 2, 3)).await;
    for desired in [4, 0, u32::try_from(i32::MAX).expect("positive")] {
        let set = ground.capacity().set_desired(&group, desired, LIMIT).await;
        fails("setting", set, FailureClass::Conflict)?;
    }
    same("wanted", &read(ground, &group).await?.desired, &2)
}
