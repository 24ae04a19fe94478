//! What people are told on the whole controller: at least once, through another Region's topic where
//! one fails, and of what they must see to.

use super::runs::{order, see_through, start};
use super::*;
use crate::world::fault::AwsService;
use crate::world::sns::Published;

/// Everything that was told, with the subject's text.
fn told(sim: &Sim) -> Vec<(String, Published)> {
    let published = sim.world().sns.published();
    published.map(|it| (it.message.subject.clone().unwrap_or_default(), it.clone())).collect()
}

fn subjects(sim: &Sim) -> Vec<String> {
    told(sim).into_iter().map(|(subject, _)| subject).collect()
}

fn count(sim: &Sim, what: &str) -> usize {
    subjects(sim).iter().filter(|subject| subject.contains(what)).count()
}

fn until_told(sim: &mut Sim, what: &str) {
    let limit = sim.now() + Duration::from_secs(120);
    assert!(sim.run_until_that(limit, |sim| count(sim, what) > 0), "{:#?}", subjects(sim));
    assert_eq!(sim.violations(), []);
}

/// All calls to SNS in a Region fail, with or without effect.
fn break_sns(sim: &mut Sim, region: Option<&RegionId>, treatment: Treatment) {
    let scope =
        Scope { service: Some(AwsService::Sns), region: region.cloned(), ..Scope::default() };
    let (percent, times) = (Percent::ALL, None);
    sim.strike(&Fault::Wire { rule: Rule { scope, treatment, percent, times } });
}

#[test]
fn a_region_that_is_lost_and_comes_back_is_told_once_each() {
    let mut sim = sim(21);
    settle(&mut sim);
    until_told(&mut sim, "leads, epoch 1");
    let lost = follower(&sim);
    sim.strike(&Fault::Lose { region: lost.clone() });
    until_told(&mut sim, &format!("{lost} is "));
    sim.run_until(sim.now() + Duration::from_secs(60));
    sim.strike(&Fault::Restore { region: lost.clone() });
    until_told(&mut sim, &format!("{lost} is well again"));
    sim.run_until(sim.now() + Duration::from_secs(60));
    let bad = count(&sim, &format!("{lost} is down")) + count(&sim, &format!("{lost} is cut off"));
    assert_eq!(
        (bad, count(&sim, &format!("{lost} is well again"))),
        (1, 1),
        "{:#?}",
        subjects(&sim)
    );
    let leader = region(sim.leaders()[0].0.as_str());
    for (subject, published) in told(&sim) {
        assert_eq!(*published.topic.region(), leader, "{subject}: the leader's own topic");
        assert_eq!(published.message.attributes["level"], "infrastructure", "{subject}");
        assert_eq!(published.message.attributes["fleet"], "demo");
    }
}

#[test]
fn one_service_that_fails_is_its_own_trouble() {
    let mut sim = sim(22);
    settle(&mut sim);
    let (at, service) = (follower(&sim), Some("web".parse().expect("valid")));
    sim.strike(&Fault::Kill { region: at.clone(), service });
    until_told(&mut sim, &format!("{at} fails: web"));
    let (_, published) = told(&sim).pop().expect("just told");
    assert_eq!(published.message.attributes["level"], "application");
}

#[test]
fn where_a_topic_fails_another_regions_takes_it() {
    let mut sim = sim(23);
    settle(&mut sim);
    let leader = region(sim.leaders()[0].0.as_str());
    break_sns(&mut sim, Some(&leader), Treatment::ErrorBefore);
    let lost = follower(&sim);
    sim.strike(&Fault::Lose { region: lost.clone() });
    until_told(&mut sim, &format!("{lost} is "));
    let (_, published) = told(&sim).pop().expect("just told");
    assert!(![&leader, &lost].contains(&published.topic.region()), "{published:?}");
}

#[test]
fn what_may_have_been_told_is_told_again_with_the_same_key() {
    let mut sim = sim(24);
    settle(&mut sim);
    break_sns(&mut sim, None, Treatment::CutAfter);
    let at = follower(&sim);
    sim.strike(&Fault::Kill { region: at.clone(), service: None });
    sim.run_until(sim.now() + Duration::from_secs(60));
    let keys: Vec<String> = told(&sim)
        .into_iter()
        .filter(|(subject, _)| subject.contains(&format!("{at} is down")))
        .map(|(_, published)| published.message.attributes["key"].clone())
        .collect();
    assert!(keys.len() > 3, "every topic was tried, again and again: {keys:?}");
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn a_run_is_told_when_it_starts_when_it_is_stuck_and_when_it_ends() {
    let mut sim = sim(25);
    settle(&mut sim);
    let left = follower(&sim);
    let others = sim.fleet().regions.clone().into_iter().find(|region| *region != left);
    sim.strike(&Fault::Kill { region: others.clone().expect("three"), service: None });
    sim.run_until(sim.now() + Duration::from_secs(20));
    order(&mut sim, start("evacuate-region", &[("region", left.as_str()), ("bake", "5s")]));
    until_told(&mut sim, "run evacuate-region is started");
    until_told(&mut sim, "run evacuate-region is stuck");
    let stuck = told(&sim).into_iter().find(|(subject, _)| subject.contains("is stuck"));
    let body = stuck.expect("just told").1.message.body;
    assert!(body.contains("regent runbook retry evacuate-region survivors"), "{body}");
    sim.strike(&Fault::Mend { region: others.expect("three"), service: None });
    sim.run_until(sim.now() + Duration::from_secs(30));
    let (run, step) = ("evacuate-region".to_owned(), "survivors".to_owned());
    order(&mut sim, crate::domain::order::Verb::Retry { run, step });
    sim.run_until(sim.now() + Duration::from_secs(5));
    see_through(&mut sim, "evacuate-region", false);
    until_told(&mut sim, "run evacuate-region is done");
}

#[test]
fn a_step_that_notifies_waits_until_a_topic_has_taken_it() {
    let mut sim = sim(26);
    settle(&mut sim);
    let text = "+++\nname = \"tell\"\ntitle = \"Tell\"\nsummary = \"s\"\n[[steps]]\nid = \"say\"\n\
                kind = \"notify\"\nlevel = \"third_party\"\nsubject = \"the payment provider is down\"\n\
                text = \"Nothing is to be done.\"\ntimeout_s = \"5m\"\non_failure = \"skip\"\n+++\n\
                ## say\nIt tells.\n### How to see that it worked\nSo.\n### By hand\n```sh\ntrue\n```\n";
    let (library, problems) =
        crate::runbook::Library::read(vec![("tell.md".to_owned(), text.to_owned())]);
    assert!(problems.is_empty(), "{problems:?}");
    let procedure = library.bind("tell", &std::collections::BTreeMap::new()).expect("it has none");
    break_sns(&mut sim, None, Treatment::Throttle);
    let verb = crate::domain::order::Verb::Start {
        run: "tell".to_owned(),
        reason: "a test".to_owned(),
        procedure: serde_json::to_string(&procedure).expect("plain"),
    };
    order(&mut sim, verb);
    sim.run_until(sim.now() + Duration::from_secs(60));
    let waits = super::runs::runs(&sim).remove("tell").expect("it was started");
    assert!(!waits.over, "{waits:#?}");
    sim.strike(&Fault::MendWire { scope: Scope::default() });
    let run = see_through(&mut sim, "tell", false);
    assert_eq!(run.status, "done", "{run:#?}");
    assert!(run.steps[0].told.as_deref().unwrap_or("").starts_with("sent through the topic in"));
    let said = told(&sim).into_iter().find(|(subject, _)| subject.contains("payment provider"));
    let said = said.expect("it was told").1.message;
    assert_eq!(said.attributes["level"], "third_party");
    assert_eq!(said.attributes["key"], "demo/run/tell/say/forward");
}
