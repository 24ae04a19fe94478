//! From `chaos/*.toml` to a [`Scenario`].
//!
//! Unknown keys are refused, and so is what could never be judged: a limit that lies behind the end
//! of the run, a drill without a fault, an expectation that is switched off. Which Regions exist is
//! not known here: see [`Scenario::check`].

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;

use super::demand::Expect;
use super::problem::Gathered;
use super::raw::{RawAct, RawExpect, RawFile};
use super::scenario::{Act, Scenario, Stage};
use super::words::seconds;
use crate::config::{Place, Problem};

/// Wait for a steady start when the file sets none. An election takes a lease, and the first
/// reports a few seconds: half a minute is several times that.
const SETTLE_MS_DEFAULT: u32 = 30_000;

impl Scenario {
    /// Reads a chaos file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let text = fs::read_to_string(path).map_err(|error| {
            vec![Problem {
                place: Place { file: path.display().to_string(), position: None },
                what: format!("the file can't be read: {error}"),
                remedy: "give the path of a chaos file".to_owned(),
            }]
        })?;
        Self::parse(path, &text)
    }

    /// Reads a chaos file's text. `path` is for messages and for the folder to which `regions`
    /// refers.
    ///
    /// # Errors
    /// Everything that is wrong with it; what isn't TOML or isn't of the right type hides the rest.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Gathered::new(path.display().to_string(), text);
        match toml::from_str::<RawFile>(text) {
            Ok(raw) => {
                let scenario = validated(path, raw, &mut problems);
                let found = problems.into_vec();
                if found.is_empty() { Ok(scenario) } else { Err(found) }
            }
            Err(error) => {
                problems.add_toml(&error);
                Err(problems.into_vec())
            }
        }
    }
}

fn validated(path: &Path, raw: RawFile, problems: &mut Gathered<'_>) -> Scenario {
    for (key, text) in [("title", &raw.title), ("about", &raw.about)] {
        if text.get_ref().trim().is_empty() {
            problems.add(&text.span(), format!("`{key}` is empty"), "say it in a line");
        }
    }
    let run_ms = raw.run_s.get_ref().0;
    if run_ms == 0 {
        problems.add(&raw.run_s.span(), "`run_s` is 0", "give the drill some time");
    }
    let on = match raw.on {
        None => BTreeSet::from([Stage::Sim, Stage::Local]),
        Some(on) => {
            if on.get_ref().is_empty() {
                problems.add(
                    &on.span(),
                    "`on` is empty",
                    "write [\"sim\", \"local\"] or one of them",
                );
            }
            on.into_inner()
        }
    };
    let acts = acts(raw.at, run_ms, problems);
    let expects = expects(raw.expect, run_ms, problems);
    Scenario {
        file: path.display().to_string(),
        title: raw.title.into_inner(),
        about: raw.about.into_inner().trim().to_owned(),
        regions: raw
            .regions
            .map(|folder| path.parent().unwrap_or_else(|| Path::new("")).join(folder)),
        settle_ms: raw.settle_s.map_or(SETTLE_MS_DEFAULT, |settle| settle.0),
        run_ms,
        on,
        distances: raw.distances.unwrap_or_default(),
        loss_budget_ms: raw.loss_budget_s.map(|budget| budget.0),
        by_role: raw.by_role,
        acts,
        expects,
    }
}

fn acts(raw: Vec<Spanned<RawAct>>, run_ms: u32, problems: &mut Gathered<'_>) -> Vec<Act> {
    if raw.is_empty() {
        problems.add(&(0..0), "the drill has no fault", "add an [[at]] entry");
    }
    let mut spans = Vec::new();
    let mut acts = Vec::new();
    for act in raw {
        let span = act.span();
        let act = act.into_inner();
        let at_ms = act.s.get_ref().0;
        spans.push((act.s.span(), at_ms));
        if let Some(deed) =
            only(act.deeds(), &span, "fault or order, such as lose = \"@follower\"", problems)
        {
            acts.push(Act { at_ms, deed, position: problems.position(&span) });
        }
    }
    acts.sort_by_key(|act| act.at_ms);
    let fault = acts.iter().find(|act: &&Act| act.deed.is_fault()).or(acts.first());
    let first_ms = fault.map_or(0, |act| act.at_ms);
    for (span, at_ms) in spans {
        let late_ms = at_ms.saturating_sub(first_ms);
        if late_ms > run_ms {
            problems.add(
                &span,
                format!(
                    "this happens {} after the first fault, behind the end of the run",
                    seconds(late_ms)
                ),
                "do it sooner or raise `run_s`",
            );
        }
    }
    acts
}

fn expects(raw: Vec<Spanned<RawExpect>>, run_ms: u32, problems: &mut Gathered<'_>) -> Vec<Expect> {
    if raw.is_empty() {
        problems.add(&(0..0), "the drill expects nothing", "add an [[expect]] entry");
    }
    let mut expects = Vec::new();
    for expect in raw {
        let span = expect.span();
        let mut expect = expect.into_inner();
        let name = expect.name.take();
        let kind = "expectation, such as nothing-moves = true";
        let Some(demand) = only(expect.demands(), &span, kind, problems) else { continue };
        if let Some(limit_ms) = demand.limit_ms().filter(|limit_ms| *limit_ms > run_ms) {
            problems.add(
                &span,
                format!(
                    "{} lies behind the end of the run ({})",
                    seconds(limit_ms),
                    seconds(run_ms)
                ),
                "lower the limit or raise `run_s`",
            );
        }
        expects.push(Expect {
            name: name.unwrap_or_else(|| demand.to_string()),
            demand,
            position: problems.position(&span),
        });
    }
    expects
}

/// The only one of these; else a problem.
fn only<T>(
    mut found: Vec<T>,
    span: &Range<usize>,
    kind: &str,
    problems: &mut Gathered<'_>,
) -> Option<T> {
    match found.len() {
        1 => found.pop(),
        0 => {
            problems.add(span, "this entry is empty", format!("give it one {kind}"));
            None
        }
        count => {
            problems.add(span, format!("this entry has {count} kinds"), "make an entry of each");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Position;
    use crate::domain::autonomy::{ActionKind, Autonomy};
    use crate::drill::fixture;
    use crate::drill::{
        AgentRef, Argument, Deed, Demand, OrderRef, PlaceRef, QuestionRef, RegionRef, ScopeRef,
        SpotRef, StartRef, WireRef,
    };
    use crate::world::distances::Distances;
    use crate::world::fault::AwsService;
    use crate::world::log::ClientKind;
    use crate::world::wire::{Percent, Treatment};
    use std::collections::BTreeMap;

    const HEAD: &str = "title = \"T\"\nabout = \"A\"\nrun_s = 30\n";
    const ACT: &str = "[[at]]\ns = 0\nheal = true\n";
    const EXPECT: &str = "[[expect]]\nnothing-moves = true\n";

    fn parse(text: &str) -> Result<Scenario, Vec<Problem>> {
        Scenario::parse(Path::new("chaos/x.toml"), text)
    }

    fn deed(line: &str) -> Deed {
        let text = format!("{HEAD}[[at]]\ns = 0.5\n{line}\n{EXPECT}");
        let mut scenario = parse(&text).expect("a good file");
        assert_eq!(scenario.acts[0].at_ms, 500);
        scenario.acts.remove(0).deed
    }

    #[test]
    fn every_fault_can_be_written() {
        let us = || RegionRef::Named(fixture::id("us-east-1"));
        let web = || Some(fixture::id("web"));
        let calls = || ScopeRef { caller: None, region: None, service: None, operation: None };
        for (line, expected) in [
            ("lose = \"us-east-1\"", Deed::Lose(us())),
            ("restore = \"@leader\"", Deed::Restore(RegionRef::Leader)),
            (
                "slow = { region = \"us-east-1\", delay_ms = 900 }",
                Deed::Slow { region: us(), service: None, delay_ms: 900 },
            ),
            (
                "fail = { region = \"us-east-1\", service = \"web\" }",
                Deed::Fail(SpotRef { region: us(), service: web() }),
            ),
            (
                "kill = { region = \"@other\" }",
                Deed::Kill(SpotRef { region: RegionRef::Follower, service: None }),
            ),
            (
                "mend = { region = \"us-east-1\" }",
                Deed::Mend(SpotRef { region: us(), service: None }),
            ),
            (
                "cut = { from = \"outside\", to = \"us-east-1\" }",
                Deed::Cut { from: PlaceRef::Outside, to: PlaceRef::Region(us()), both: false },
            ),
            ("heal = true", Deed::Heal),
            ("kill-agent = \"@leading\"", Deed::KillAgent(AgentRef::Leading)),
            ("lose = \"@writer\"", Deed::Lose(RegionRef::Writer)),
            ("order = \"pause\"", Deed::Order(OrderRef::Pause)),
            (
                "order = { drain = { region = \"@follower\", service = \"web\" } }",
                Deed::Order(OrderRef::Drain { region: RegionRef::Follower, service: web() }),
            ),
            (
                "order = { autonomy = { action = \"failover\", to = \"auto\" } }",
                Deed::Order(OrderRef::Autonomy {
                    action: ActionKind::Failover,
                    to: Some(Autonomy::Auto),
                }),
            ),
            (
                "order = { approve = { runbook = \"fail-database-over\", step = \"consent\" } }",
                Deed::Order(OrderRef::Approve(QuestionRef {
                    runbook: "fail-database-over".to_owned(),
                    step: "consent".to_owned(),
                })),
            ),
            (
                "order = { abort = { runbook = \"evacuate-region\" } }",
                Deed::Order(OrderRef::Abort { runbook: "evacuate-region".to_owned() }),
            ),
            (
                "order = { start = { runbook = \"evacuate-region\", set = { region = \"@leader\", \
                 bake = \"9s\" } } }",
                Deed::Order(OrderRef::Start(StartRef {
                    runbook: "evacuate-region".to_owned(),
                    set: BTreeMap::from([
                        ("region".to_owned(), Argument::Part(RegionRef::Leader)),
                        ("bake".to_owned(), Argument::Text("9s".to_owned())),
                    ]),
                })),
            ),
            ("kill-agent = \"@leader\"", Deed::KillAgent(AgentRef::Leader)),
            ("start-agent = \"a.1\"", Deed::StartAgent(AgentRef::Named(fixture::id("a.1")))),
            ("control-plane = \"down\"", Deed::ControlPlane { down: true }),
            ("propagation = \"stuck\"", Deed::Propagation { stuck: true }),
            ("role = \"denied\"", Deed::Role { denied: true }),
            (
                "throttle = { service = \"route53\", on = true }",
                Deed::Throttle { service: AwsService::Route53, on: true },
            ),
            (
                "lag = { region = \"us-east-1\", cluster = \"orders\", extra_ms = 9000 }",
                Deed::Lag { region: us(), cluster: Some(fixture::id("orders")), extra_ms: 9000 },
            ),
            (
                "take-key = { region = \"us-east-1\" }",
                Deed::Key { region: us(), cluster: None, taken: true },
            ),
            (
                "give-key = { region = \"us-east-1\" }",
                Deed::Key { region: us(), cluster: None, taken: false },
            ),
            (
                "wire = { treatment = \"delay\", delay_ms = 900, caller = \"@leader\", \
                 operation = \"PutItem\", percent = 30, times = 2 }",
                Deed::Wire(WireRef {
                    scope: ScopeRef {
                        caller: Some(AgentRef::Leader),
                        operation: Some("PutItem".to_owned()),
                        ..calls()
                    },
                    treatment: Treatment::Delay { ms: 900 },
                    percent: Percent::try_from(30).expect("a share"),
                    times: Some(2),
                }),
            ),
            (
                "mend-wire = { region = \"us-east-1\" }",
                Deed::MendWire(ScopeRef { region: Some(us()), ..calls() }),
            ),
            ("mend-wire = {}", Deed::MendWire(calls())),
        ] {
            assert_eq!(deed(line), expected, "{line}");
        }
    }

    #[test]
    fn every_expectation_can_be_written() {
        let region = RegionRef::Follower;
        for (line, expected) in [
            (
                "leader = { one = true, within_s = 15 }",
                Demand::Leader { one: true, within_ms: 15_000 },
            ),
            (
                "drained = { region = \"@follower\", within_s = 8 }",
                Demand::Drained {
                    region: region.clone(),
                    service: None,
                    after_ms: 0,
                    within_ms: 8000,
                },
            ),
            (
                "serving = { region = \"@follower\", service = \"web\", within_s = 8.5 }",
                Demand::Serving { region, service: Some(fixture::id("web")), within_ms: 8500 },
            ),
            (
                "drained = { region = \"@leader\", after_s = 10, within_s = 25 }",
                Demand::Drained {
                    region: RegionRef::Leader,
                    service: None,
                    after_ms: 10_000,
                    within_ms: 25_000,
                },
            ),
            ("served = { after_s = 5 }", Demand::Served { region: None, after_ms: 5000 }),
            ("nothing-moves = true", Demand::NothingMoves),
            ("no-new-leader = true", Demand::NoNewLeader),
            (
                "client-errors = { after_s = 3, max = 2 }",
                Demand::ClientErrors { kind: ClientKind::Orderly, after_ms: 3000, max: 2 },
            ),
            (
                "client-errors = { kind = \"ignores_ttl\", after_s = 3, max = 2 }",
                Demand::ClientErrors { kind: ClientKind::IgnoresTtl, after_ms: 3000, max: 2 },
            ),
            ("first-action = { within_s = 5 }", Demand::FirstAction { within_ms: 5000 }),
            ("never-empty = true", Demand::NeverEmpty),
            ("epochs-rise = true", Demand::EpochsRise),
        ] {
            let scenario = parse(&format!("{HEAD}{ACT}[[expect]]\n{line}\n")).expect("good");
            assert_eq!(scenario.expects[0].demand, expected, "{line}");
        }
    }

    #[test]
    fn acts_are_put_in_order_and_regions_is_relative_to_the_file() {
        let text = format!(
            "regions = \"../regions\"\non = [\"sim\"]\nsettle_s = 5\ndistances = \"life\"\n{HEAD}\
             [[at]]\ns = 9\nheal = true\n[[at]]\ns = 2\nlose = \"@leader\"\n{EXPECT}"
        );
        let scenario = parse(&text).expect("good");
        assert_eq!(scenario.acts.iter().map(|act| act.at_ms).collect::<Vec<_>>(), [2000, 9000]);
        assert_eq!(scenario.regions.as_deref(), Some(Path::new("chaos/../regions")));
        assert_eq!(
            (scenario.settle_ms, scenario.run_ms, scenario.length_ms()),
            (5000, 30_000, 32_000)
        );
        assert_eq!(scenario.on, BTreeSet::from([Stage::Sim]));
        assert_eq!(scenario.distances, Distances::Life);
    }

    #[test]
    fn a_bad_file_is_told_with_line_and_column_and_what_to_do() {
        // (what stands between the header and an expectation, line, column, what, what to do)
        let table = [
            ("tittle = 1\n", 4, 1, "unknown key `tittle`", "expected one of `title`"),
            ("[[at]]\ns = 0\nloose = \"x\"\n", 6, 1, "unknown key `loose`", "`lose`"),
            ("[[at]]\ns = 0\nlose = \"a b\"\n", 6, 8, "Region \"a b\" is not valid", "@leader"),
            ("[[at]]\ns = 0\nlose = \"@boss\"\n", 6, 8, "no part \"@boss\"", "@follower"),
            ("[[at]]\ns = -1\nheal = true\n", 5, 5, "-1 is no usable time", "from 0 to"),
            ("[[at]]\ns = 90000\nheal = true\n", 5, 5, "90000 is no usable time", "from 0 to"),
            ("[[at]]\ns = 0\nheal = false\n", 6, 8, "`false` says nothing", "leave the entry out"),
            (
                "[[at]]\ns = 0\nwire = { treatment = \"lose\" }\n",
                6,
                8,
                "there is no treatment",
                "cut-after",
            ),
            (
                "[[at]]\ns = 0\nmend-wire = { operation = \"PutItems\" }\n",
                6,
                13,
                "PutItems is no operation",
                "PutItem",
            ),
            ("[[at]]\ns = 0\n", 4, 1, "this entry is empty", "one fault"),
            ("[[at]]\nheal = true\n", 4, 1, "missing key `s`", "add it"),
            ("[[at]]\ns = 0\nheal = true\nlose = \"a\"\n", 4, 1, "2 kinds", "an entry of each"),
            ("", 1, 1, "the drill has no fault", "add an [[at]]"),
            (
                "[[at]]\ns = 1\nheal = true\n[[at]]\ns = 40\nheal = true\n",
                8,
                5,
                "39 s after the first fault",
                "raise `run_s`",
            ),
            (
                "[[at]]\ns = 0\nslow = { region = \"a\", delay = 3 }\n",
                6,
                24,
                "unknown key `delay`",
                "`delay_ms`",
            ),
            (
                "[[at]]\ns = 0\nheal = true\n[[expect]]\nfirst-action = { within_s = 31 }\n",
                7,
                1,
                "31 s lies behind the end of the run (30 s)",
                "raise `run_s`",
            ),
            (
                "[[at]]\ns = 0\nheal = true\n[[expect]]\nname = \"x\"\n",
                7,
                1,
                "empty",
                "expectation",
            ),
            (
                "[[at]]\ns = 0\norder = { start = { runbook = \"evacuate\" } }\n",
                6,
                9,
                "no runbook \"evacuate\"",
                "there are evacuate-region",
            ),
            ("[[at]]\ns = 0\norder = { stop = { runbook = \"x\" } }\n", 6, 11, "stop", "pause"),
            ("[[at]\n", 4, 6, "", ""),
        ];
        for (middle, line, column, what, remedy) in table {
            let problems = parse(&format!("{HEAD}{middle}{EXPECT}")).expect_err(middle);
            let [problem] = problems.as_slice() else { panic!("{middle}: {problems:?}") };
            assert_eq!(
                problem.place.position,
                Some(Position { line, column }),
                "{middle}: {problem}"
            );
            assert!(problem.what.contains(what), "{middle}: {problem}");
            assert!(problem.remedy.contains(remedy), "{middle}: {problem}");
            assert!(problem.to_string().starts_with(&format!("chaos/x.toml:{line}:{column}: ")));
        }
    }

    #[test]
    fn problems_of_several_entries_are_told_together() {
        let text = format!("title = \"\"\nabout = \"A\"\nrun_s = 0\non = []\n{EXPECT}");
        let problems = parse(&text).expect_err("four things are wrong");
        let lines: Vec<_> = problems
            .iter()
            .filter_map(|problem| problem.place.position)
            .map(|at| at.line)
            .collect();
        assert_eq!(lines, [1, 1, 3, 4], "{problems:?}");
    }

    #[test]
    fn a_file_that_is_not_there_is_said_without_a_place() {
        let problems = Scenario::load(Path::new("no/such.toml")).expect_err("absent");
        assert!(problems[0].to_string().starts_with("no/such.toml: the file can't be read"));
    }

    #[test]
    fn regions_and_services_that_the_fleet_does_not_have_are_refused() {
        let text = format!(
            "{HEAD}[[at]]\ns = 0\nlose = \"mars\"\n[[at]]\ns = 0\nlose = \"us-east-1\"\n\
             [[expect]]\ndrained = {{ region = \"@leader\", service = \"wob\", within_s = 1 }}\n"
        );
        let scenario = parse(&text).expect("the form is good");
        let problems = scenario.check(&fixture::fleet()).expect_err("two names are unknown");
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "chaos/x.toml:4:1: the fleet demo has no Region mars; name one of eu-west-1, \
                 us-east-1, us-west-2, or a part",
                "chaos/x.toml:10:1: the fleet demo has no service wob; name one of web",
            ]
        );
    }

    #[test]
    fn the_shipped_files_are_good() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let fleet = crate::config::load_dir(&root.join("regions")).expect("shipped").fleet;
        let folder = root.join("chaos");
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder).expect("shipped") {
            let path = entry.expect("readable").path();
            let scenario = Scenario::load(&path).expect("a good file");
            scenario.check(&fleet).expect("fits the shipped fleet");
            names.insert(path.file_stem().expect("named").to_string_lossy().into_owned());
        }
        for name in ["region-loss", "leader-loss", "link-cut", "brief-blip", "gray-failure"] {
            assert!(names.contains(name), "{name} is missing");
        }
    }
}
