//! Groups that are raised, refused, and short of room.

use super::*;

fn region() -> RegionId {
    "r1".parse().expect("valid")
}

fn id() -> ScalingGroupId {
    ScalingGroupId { region: region(), name: "web".parse().expect("valid") }
}

/// A group of 2 to 6 with 3 instances.
fn autoscaling() -> Autoscaling {
    let mut autoscaling = Autoscaling::default();
    autoscaling.add(Moment::ZERO, id(), (2, 3, 6)).expect("they fit");
    autoscaling
}

fn set(model: &mut Autoscaling, now: Moment, desired: u32) -> Result<(), AutoscalingError> {
    model.set_desired(now, &region(), "web", desired, false)
}

fn counts(model: &Autoscaling, now: Moment) -> (u32, u32) {
    let group = model.group(&id()).expect("added");
    (group.desired, group.in_service(now))
}

#[test]
fn instances_that_are_wanted_come_after_a_while_and_not_before() {
    let mut model = autoscaling();
    assert_eq!(counts(&model, Moment::ZERO), (3, 3));
    set(&mut model, Moment::ZERO, 5).expect("within the limits");
    let almost = Moment::ZERO + LAUNCH - Duration::from_millis(1);
    assert_eq!(counts(&model, almost), (5, 3));
    assert_eq!(counts(&model, Moment::ZERO + LAUNCH), (5, 5));
}

#[test]
fn what_was_set_before_is_not_launched_twice() {
    let mut model = autoscaling();
    set(&mut model, Moment::ZERO, 5).expect("within the limits");
    let later = Moment::ZERO + Duration::from_secs(40);
    set(&mut model, later, 5).expect("the same again");
    assert_eq!(counts(&model, Moment::ZERO + LAUNCH), (5, 5), "it did not begin anew");
    set(&mut model, later, 4).expect("fewer");
    assert_eq!(counts(&model, Moment::ZERO + LAUNCH), (4, 4));
}

#[test]
fn a_number_outside_the_limits_and_a_group_that_is_not_there_are_refused() {
    let mut model = autoscaling();
    for (desired, part) in [(7, "above max value 6"), (1, "below min value 2")] {
        let error = set(&mut model, Moment::ZERO, desired).expect_err("outside");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.code(), "ValidationError");
    }
    let error = model.set_desired(Moment::ZERO, &region(), "api", 3, false).expect_err("none");
    assert_eq!(error.code(), "ValidationError");
    assert_eq!(counts(&model, Moment::ZERO), (3, 3));
    assert!(model.add(Moment::ZERO, id(), (3, 2, 6)).is_err());
}

#[test]
fn a_cooldown_is_kept_by_those_who_honour_it() {
    let mut model = autoscaling();
    set(&mut model, Moment::ZERO, 4).expect("within the limits");
    let soon = Moment::ZERO + Duration::from_secs(1);
    let error = model.set_desired(soon, &region(), "web", 5, true).expect_err("too soon");
    assert_eq!(error, AutoscalingError::ScalingActivityInProgress);
    set(&mut model, soon, 5).expect("it is not honoured");
    model.set_desired(soon + COOLDOWN, &region(), "web", 6, true).expect("it is over");
}

#[test]
fn where_there_is_no_room_instances_wait_until_there_is() {
    let mut model = autoscaling();
    model.set_full(Moment::ZERO, &region(), true);
    set(&mut model, Moment::ZERO, 5).expect("within the limits");
    let late = Moment::ZERO + LAUNCH * 100;
    assert_eq!(counts(&model, late), (5, 3));
    model.set_full(late, &region(), false);
    assert_eq!(counts(&model, late), (5, 3));
    assert_eq!(counts(&model, late + LAUNCH), (5, 5));
}
