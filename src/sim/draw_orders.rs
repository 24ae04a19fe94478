//! How a seed draws what people order while troubles last: mostly sense, and not always.

use std::collections::BTreeMap;

use rand::RngExt as _;

use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::order::{AskId, Verb};
use crate::runbook::Library;
use crate::world::fault::AwsService;
use crate::world::wire::{Percent, Rule, Scope, Treatment};

use super::draw::Dealer;
use super::plan::{Episode, Trouble, database, region};

impl Dealer {
    /// What a person may order at any moment, sense or not.
    pub(super) fn order(&mut self) -> Verb {
        if self.rng.random_bool(0.5) {
            return self.order_about_runs();
        }
        let (service, region) = self.served();
        let reason = "a person's reason".to_owned();
        let action = [ActionKind::Drain, ActionKind::Return][self.rng.random_range(0..2)];
        let what = if action == ActionKind::Drain { "drain" } else { "return" };
        let ask = AskId(format!("{what}:{service}:{region}"));
        let service = self.rng.random_bool(0.5).then_some(service);
        match self.rng.random_range(0..8) {
            0 | 1 => Verb::Drain { region, service, reason },
            2 => Verb::Undrain { region, service },
            3 => Verb::Pause { reason },
            4 => Verb::Resume,
            5 => {
                let to = self.rng.random_range(0..=4);
                Verb::SetAutonomy { action, to: Autonomy::ALL.get(to).copied(), reason }
            }
            6 => Verb::Reject { ask, reason },
            _ => Verb::Approve { ask },
        }
    }

    /// Orders about runbooks. Of what is drawn here some is about runs that there are.
    fn order_about_runs(&mut self) -> Verb {
        let reason = "a person's reason".to_owned();
        let starts = self.runs == 0 || self.rng.random_bool(0.4);
        let number = self.rng.random_range(1..=self.runs.max(1));
        let run = format!("run{number}");
        let steps =
            ["survivors", "gate", "records", "dns", "consent", "switch", "promote", "settled"];
        let step = steps[self.rng.random_range(0..steps.len())].to_owned();
        match self.rng.random_range(0..6) {
            _ if starts => {
                self.runs += 1;
                let (run, procedure) = (format!("run{}", self.runs), self.procedure());
                Verb::Start { run, reason, procedure }
            }
            0 => Verb::Retry { run, step },
            1 => Verb::Skip { run, step, reason },
            2 => Verb::Abort { run, reason },
            3 => Verb::Reject { ask: AskId(format!("run:{run}:consent")), reason },
            _ => Verb::Approve { ask: AskId(format!("run:{run}:consent")) },
        }
    }

    /// A shipped runbook, bound to something; not always to what makes sense.
    fn procedure(&mut self) -> String {
        let (from, to) = (self.any_region().to_string(), self.any_region().to_string());
        let about_region = || [("region".to_owned(), from.clone())].into();
        let about_database = || {
            let database = database().to_string();
            let names = ["database", "from", "to"].map(str::to_owned);
            names.into_iter().zip([database, from.clone(), to.clone()]).collect()
        };
        let (book, mut arguments): (_, BTreeMap<String, String>) = match self.rng.random_range(0..5)
        {
            0 | 1 => ("evacuate-region", about_region()),
            2 => ("return-region", about_region()),
            3 => ("switch-database", about_database()),
            _ => ("fail-database-over", about_database()),
        };
        match book {
            "evacuate-region" => drop(arguments.insert("bake".to_owned(), "5s".to_owned())),
            "return-region" => drop(arguments.insert("soak".to_owned(), "5s".to_owned())),
            _ => {}
        }
        let bound = Library::shipped().bind(book, &arguments);
        let procedure = bound.expect("these are the runbook's parameters");
        serde_json::to_string(&procedure).expect("plain")
    }

    /// People who move a database's writer while RDS is slow: they give up on one target, and try
    /// another one.
    pub(super) fn deal_moves(&mut self) {
        let writer = region(1);
        let mut at_ms = 0;
        let reason = || "a person's reason".to_owned();
        for _ in 0..self.rng.random_range(2..=4) {
            at_ms += self.rng.random_range(500..self.length_ms / 4);
            let to = region(self.rng.random_range(2..=3));
            self.runs += 1;
            let run = format!("run{}", self.runs);
            let book = ["fail-database-over", "fail-database-over", "switch-database"]
                [self.rng.random_range(0..3)];
            let values = [database().to_string(), writer.to_string(), to.to_string()];
            let names = ["database", "from", "to"].map(str::to_owned);
            let bound = Library::shipped().bind(book, &names.into_iter().zip(values).collect());
            let procedure = serde_json::to_string(&bound.expect("its parameters")).expect("plain");
            let start = Verb::Start { run: run.clone(), reason: reason(), procedure };
            let approve = Verb::Approve { ask: AskId(format!("run:{run}:consent")) };
            let abort = Verb::Abort { run: run.clone(), reason: reason() };
            let gives_up_ms = self.rng.random_range(10_000..40_000);
            for (after_ms, order) in
                [(0, start), (self.rng.random_range(3000..9000), approve), (gives_up_ms, abort)]
            {
                let trouble = Trouble::Order { replica: self.any_region(), order };
                self.episodes.push(Episode { at_ms: at_ms + after_ms, for_ms: 0, trouble });
            }
            at_ms += gives_up_ms;
        }
        let ms = self.rng.random_range(2000..120_000);
        let operation = ["FailoverGlobalCluster", "SwitchoverGlobalCluster"]
            [usize::from(self.rng.random_bool(0.3))];
        let rule = Rule {
            scope: Scope {
                service: Some(AwsService::Rds),
                operation: Some(operation.to_owned()),
                ..Scope::default()
            },
            treatment: Treatment::Delay { ms },
            percent: Percent::ALL,
            times: Some(2),
        };
        let for_ms = self.length_ms;
        self.episodes.push(Episode { at_ms: 0, for_ms, trouble: Trouble::Wire { rule } });
    }
}
