//! A world of one zone for this model's tests.

use std::time::Duration;

use super::record::{Action, ModelChange, ModelRecordSet, ModelRecordType, ModelRouting};
use super::{Accepted, CheckConfig, Route53, Route53Error, Subject};
use crate::domain::record::RecordData;
use crate::domain::{Moment, Weight, ZoneId};

pub(super) struct World {
    pub(super) route53: Route53,
    pub(super) zone: ZoneId,
    pub(super) now: Moment,
}

impl World {
    pub(super) fn new() -> Self {
        let mut route53 = Route53::new(7);
        let zone: ZoneId = "Z1".parse().expect("valid");
        route53.create_zone(&zone, &"example.com".parse().expect("valid")).expect("new");
        Self { route53, zone, now: Moment::from_ms(1000) }
    }

    /// Makes a health check that always reads so.
    pub(super) fn check(&mut self, healthy: bool) -> String {
        let children = std::collections::BTreeSet::new();
        let subject = Subject::Calculated { threshold: u16::from(!healthy), children };
        let config = CheckConfig { subject, inverted: false, disabled: false };
        let reference = format!("always {healthy}");
        self.route53.create_health_check(self.now, &reference, config).expect("valid").id
    }

    /// Sends a batch, a second after the one before.
    pub(super) fn change(&mut self, changes: &[ModelChange]) -> Result<Accepted, Route53Error> {
        self.now = self.now + Duration::from_secs(1);
        self.route53.change_record_sets(self.now, &self.zone, changes, None)
    }

    pub(super) fn create(&mut self, records: &[ModelRecordSet]) {
        let changes: Vec<_> = records.iter().cloned().map(create).collect();
        self.change(&changes).expect("a valid batch");
    }

    /// The messages of a batch that must be refused, which must change nothing.
    pub(super) fn refusal(&mut self, changes: &[ModelChange]) -> Vec<String> {
        let before = self.listing();
        let error = self.change(changes).expect_err("must be refused");
        assert_eq!(self.listing(), before);
        match error {
            Route53Error::InvalidChangeBatch { messages } => messages,
            other => panic!("not an invalid batch: {other:?}"),
        }
    }

    pub(super) fn listing(&self) -> Vec<ModelRecordSet> {
        self.route53.records(&self.zone).cloned().collect()
    }
}

pub(super) fn create(record: ModelRecordSet) -> ModelChange {
    ModelChange { action: Action::Create, record }
}

pub(super) fn delete(record: ModelRecordSet) -> ModelChange {
    ModelChange { action: Action::Delete, record }
}

pub(super) fn upsert(record: ModelRecordSet) -> ModelChange {
    ModelChange { action: Action::Upsert, record }
}

pub(super) fn plain(name: &str, rtype: ModelRecordType, values: &[&str]) -> ModelRecordSet {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    ModelRecordSet {
        name: name.parse().expect("valid"),
        rtype,
        routing: ModelRouting::Simple,
        data: RecordData::Plain { ttl_s: 300, values },
        health_check: None,
    }
}

pub(super) fn a(name: &str, value: &str) -> ModelRecordSet {
    plain(name, ModelRecordType::A, &[value])
}

pub(super) fn cname(name: &str, value: &str) -> ModelRecordSet {
    plain(name, ModelRecordType::Cname, &[value])
}

pub(super) fn weighted(name: &str, id: &str, weight: u8, value: &str) -> ModelRecordSet {
    let routing = ModelRouting::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) };
    ModelRecordSet { routing, ..a(name, value) }
}

pub(super) fn failover(name: &str, id: &str, primary: bool, value: &str) -> ModelRecordSet {
    let routing = ModelRouting::Failover { set_identifier: id.to_owned(), primary };
    ModelRecordSet { routing, ..a(name, value) }
}

pub(super) fn alias(name: &str, zone: &str, target: &str, evaluate: bool) -> ModelRecordSet {
    let data = RecordData::Alias {
        target_zone: zone.to_owned(),
        target_name: target.parse().expect("valid"),
        evaluate_target_health: evaluate,
    };
    ModelRecordSet { data, ..a(name, "192.0.2.0") }
}
