//! A model of Route 53's hosted zones: the control plane's API and the answers of its name servers.
//!
//! One account. A batch of changes is judged at the moment of the call and listed from then on;
//! name servers answer with it after a drawn delay, and a longer one later the change is INSYNC.
//! Batches reach the name servers in the order in which they were accepted. Requests are throttled
//! as AWS does; answers are not.
//!
//! What it doesn't do: private zones, delegation sets, deletion of zones and health checks,
//! delegations, and routing by the place of the asker.

mod answer;
mod batch;
mod by_hand;
mod choose;
mod error;
mod health_check;
mod list;
mod owner;
mod record;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod throttle;
mod value;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

pub use answer::{ALIAS_TTL_S, Answer, AnswerRecord, Outcome};
pub use batch::{RECORDS_MAX, SET_IDENTIFIER_CHARS_MAX, TTL_S_MAX, VALUE_CHARS_MAX};
pub use error::Route53Error;
pub use health_check::{
    ANSWER_MAX, BODY_BYTES_MAX, CHECKERS, CHECKS_MAX, CHECKS_PAGE_MAX, CHILDREN_MAX, CONNECT_MAX,
    CheckConfig, CheckInfo, CheckPage, CheckUpdate, CheckerReport, Due, EndpointConfig,
    FAILURE_THRESHOLD_DEFAULT, FAILURE_THRESHOLD_MAX, HealthChecks, INTERVALS_S, Met, Observation,
    Spoken, Subject, TCP_CONNECT_MAX,
};
pub use list::{RECORD_SETS_PAGE_MAX, RecordPage, RecordStart, ZONES_PAGE_MAX, ZonePage};
pub use owner::OwnerName;
pub use record::{
    Action, ModelChange, ModelRecordSet, ModelRecordType, ModelRouting, UnknownRouting,
};
pub use throttle::{REQUESTS_BURST, REQUESTS_PER_SECOND};
pub use value::strings as txt_strings;
pub use zone::{NAME_SERVERS, ZoneInfo};

use self::answer::Answerer;
use self::batch::Bench;
use self::throttle::Throttle;
use self::zone::{UnderWay, Zone};
use super::generator;
use crate::domain::record::{ChangeId, ChangeStatus, DnsName, RecordChange};
use crate::domain::{Moment, ZoneId};

/// How long a change takes to be INSYNC unless set otherwise. As a rule within 60 s (Route 53
/// Developer Guide, "Adding, changing, or deleting records", checking the status of changes); most
/// are well below that.
const PROPAGATION_DEFAULT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(20));

/// Letters of the IDs that AWS gives out.
const ID_LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A change as the API tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeInfo {
    /// Its ID.
    pub id: ChangeId,
    /// How far it has got.
    pub status: ChangeStatus,
    /// When it was accepted.
    pub submitted_at: Moment,
    /// The comment that came with it.
    pub comment: Option<String>,
}

/// An accepted batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The change.
    pub info: ChangeInfo,
    /// The batch in regent's words, for the log: an UPSERT is the DELETE of what it replaced and a
    /// CREATE; record sets beyond those words are left out.
    pub changes: Vec<RecordChange>,
}

#[derive(Debug)]
struct Change {
    insync_at: Moment,
    submitted_at: Moment,
    comment: Option<String>,
}

/// Route 53.
#[derive(Debug)]
pub struct Route53 {
    zones: BTreeMap<ZoneId, Zone>,
    changes: BTreeMap<ChangeId, Change>,
    /// Changes that are not INSYNC yet.
    pending: BTreeSet<(Moment, ChangeId)>,
    /// Whether nothing gets to the name servers.
    stuck: bool,
    /// The data plane of health checks: their requests and what came of them.
    pub health_checks: HealthChecks,
    alias_targets: BTreeMap<DnsName, Vec<IpAddr>>,
    throttle: Throttle,
    prior_request: bool,
    down: bool,
    propagation: (Duration, Duration),
    ids: Pcg64Mcg,
    delays: Pcg64Mcg,
    answers: Pcg64Mcg,
}

impl Route53 {
    /// An account without zones.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            zones: BTreeMap::new(),
            changes: BTreeMap::new(),
            pending: BTreeSet::new(),
            stuck: false,
            health_checks: HealthChecks::new(seed),
            alias_targets: BTreeMap::new(),
            throttle: Throttle::full(),
            prior_request: false,
            down: false,
            propagation: PROPAGATION_DEFAULT,
            ids: generator(seed, "route53/ids"),
            delays: generator(seed, "route53/delays"),
            answers: generator(seed, "route53/answers"),
        }
    }

    /// Sets up a zone with its NS and SOA, served at once. Not an API request: see
    /// [`Self::create_hosted_zone`].
    ///
    /// # Errors
    /// When there is a zone of that ID.
    pub fn create_zone(&mut self, id: &ZoneId, name: &DnsName) -> Result<(), Route53Error> {
        if self.zones.contains_key(id) {
            return Err(Route53Error::HostedZoneAlreadyExists);
        }
        self.zones.insert(id.clone(), Zone::new(name.into(), format!("setup {id}"), None));
        Ok(())
    }

    /// Sets the range from which the time until a change is INSYNC is drawn.
    ///
    /// # Panics
    /// When `min` is above `max`.
    pub fn set_propagation(&mut self, min: Duration, max: Duration) {
        assert!(min <= max, "the range of propagation times is empty");
        self.propagation = (min, max);
    }

    /// Throttles every API request, until undone.
    pub fn set_throttled(&mut self, on: bool) {
        self.throttle.force(on);
    }

    /// Refuses every batch as if the one before it were still being processed, until undone.
    pub fn set_prior_request(&mut self, on: bool) {
        self.prior_request = on;
    }

    /// Keeps changes from the name servers that are not there yet, until undone: they are accepted
    /// and stay PENDING, and name servers answer as before.
    pub fn set_stuck(&mut self, on: bool) {
        self.stuck = on;
    }

    /// Takes the control plane away, until undone: every API request fails, while name servers answer
    /// and checkers check as before (Route 53 Developer Guide, "Resilience in Amazon Route 53").
    pub fn set_down(&mut self, on: bool) {
        self.down = on;
    }

    /// Sets the addresses behind a name that aliases point at and that is in none of the zones: a
    /// load balancer's. Without addresses its aliases answer with nothing.
    pub fn set_alias_target(&mut self, name: DnsName, addresses: Vec<IpAddr>) {
        self.alias_targets.insert(name, addresses);
    }

    /// The addresses behind such a name.
    #[must_use]
    pub fn alias_target(&self, name: &DnsName) -> &[IpAddr] {
        self.alias_targets.get(name).map_or(&[], Vec::as_slice)
    }

    /// Brings what is due by now to the name servers. Every operation does so by itself.
    pub fn advance(&mut self, now: Moment) {
        if self.stuck {
            return;
        }
        for zone in self.zones.values_mut() {
            zone.advance(now);
        }
        while self.pending.first().is_some_and(|(at, _)| *at <= now) {
            self.pending.pop_first();
        }
    }

    /// When something happens next by itself: a change reaches the name servers, or is INSYNC.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        if self.stuck {
            return None;
        }
        let served = self.zones.values().filter_map(|zone| zone.under_way.front());
        let insync = self.pending.first().map(|(at, _)| *at);
        served.map(|batch| batch.served_at).chain(insync).min()
    }

    /// Every accepted record set of a zone, for those who judge the world. Not an API request.
    pub fn records(&self, zone: &ZoneId) -> impl Iterator<Item = &ModelRecordSet> {
        self.zones.get(zone).into_iter().flat_map(|zone| zone.accepted.values())
    }

    /// Every record set of a zone that the name servers answer with at the last moment this model
    /// was advanced to. Not an API request.
    pub fn served(&self, zone: &ZoneId) -> impl Iterator<Item = &ModelRecordSet> {
        self.zones.get(zone).into_iter().flat_map(|zone| zone.served.values())
    }

    /// `ChangeResourceRecordSets`: the whole batch or nothing.
    ///
    /// # Errors
    /// Throttling, a prior request, no such zone, an input out of range, an unknown health check,
    /// or changes that can't be made.
    pub fn change_record_sets(
        &mut self,
        now: Moment,
        zone_id: &ZoneId,
        changes: &[ModelChange],
        comment: Option<&str>,
    ) -> Result<Accepted, Route53Error> {
        self.admit(now)?;
        let zone = self.zone(zone_id)?;
        if self.prior_request {
            return Err(Route53Error::PriorRequestNotComplete);
        }
        let bench = Bench {
            zone: zone_id,
            apex: &zone.name,
            records: &zone.accepted,
            health_checks: &self.health_checks,
        };
        let verdict = bench.judge(changes)?;
        let (served_after, insync_after) = self.draw_delays();
        let zone = self.zones.get_mut(zone_id).expect("it was found above");
        zone.accepted = verdict.records;
        let served_at = now + served_after;
        zone.under_way.push_back(UnderWay { served_at, effects: verdict.effects });
        let insync_at = zone.insync_at.max(now + insync_after);
        zone.insync_at = insync_at;
        let info = self.submit(now, insync_at, comment);
        Ok(Accepted { info, changes: verdict.log })
    }

    /// `GetChange`.
    ///
    /// # Errors
    /// Throttling; no such change.
    pub fn get_change(&mut self, now: Moment, id: &ChangeId) -> Result<ChangeInfo, Route53Error> {
        self.admit(now)?;
        match self.changes.get(id) {
            None => Err(Route53Error::NoSuchChange { id: id.0.clone() }),
            Some(change) => Ok(ChangeInfo {
                id: id.clone(),
                status: if change.insync_at <= now && !self.is_stuck(change.insync_at, id) {
                    ChangeStatus::Insync
                } else {
                    ChangeStatus::Pending
                },
                submitted_at: change.submitted_at,
                comment: change.comment.clone(),
            }),
        }
    }

    /// Whether a change is kept from being INSYNC, whose time has come.
    fn is_stuck(&self, insync_at: Moment, id: &ChangeId) -> bool {
        self.stuck && self.pending.contains(&(insync_at, id.clone()))
    }

    /// `GetHostedZone`.
    ///
    /// # Errors
    /// Throttling; no such zone.
    pub fn get_zone(&mut self, now: Moment, id: &ZoneId) -> Result<ZoneInfo, Route53Error> {
        self.admit(now)?;
        self.zone(id).map(|zone| zone.info(id))
    }

    /// `CreateHostedZone`. The zone is served at once; its change takes its time to be INSYNC.
    ///
    /// # Errors
    /// Throttling; a caller reference that was used before.
    pub fn create_hosted_zone(
        &mut self,
        now: Moment,
        name: &DnsName,
        caller_reference: &str,
        comment: Option<&str>,
    ) -> Result<(ZoneInfo, ChangeInfo), Route53Error> {
        self.admit(now)?;
        if self.zones.values().any(|zone| zone.caller_reference == caller_reference) {
            return Err(Route53Error::HostedZoneAlreadyExists);
        }
        let id: ZoneId = self.draw_id('Z').parse().expect("letters and digits");
        let comment = comment.map(str::to_owned);
        let zone = Zone::new(name.into(), caller_reference.to_owned(), comment);
        let info = zone.info(&id);
        self.zones.insert(id, zone);
        let (_, insync_after) = self.draw_delays();
        let change = self.submit(now, now + insync_after, None);
        Ok((info, change))
    }

    /// What a name server answers to a question for a name and type.
    pub fn answer(&mut self, now: Moment, name: &OwnerName, rtype: ModelRecordType) -> Answer {
        self.advance(now);
        let within = self.zones.iter().filter(|(_, zone)| name.is_within(&zone.name));
        let Some((id, zone)) = within.max_by_key(|(_, zone)| zone.name.as_str().len()) else {
            return Answer::refused();
        };
        let (targets, rng) = (&self.alias_targets, &mut self.answers);
        Answerer { id, zone, targets, checks: &self.health_checks, rng }.answer(name, rtype)
    }

    /// `CreateHealthCheck`. The same reference with the same settings gives the one that is there.
    ///
    /// # Errors
    /// Throttling; settings that are refused; a reference that stands for another check.
    pub fn create_health_check(
        &mut self,
        now: Moment,
        caller_reference: &str,
        config: CheckConfig,
    ) -> Result<CheckInfo, Route53Error> {
        self.admit(now)?;
        let id = self.draw_id('H');
        self.health_checks.create(now, caller_reference, config, id)
    }

    /// `GetHealthCheck`.
    ///
    /// # Errors
    /// Throttling; no such check.
    pub fn get_health_check(&mut self, now: Moment, id: &str) -> Result<CheckInfo, Route53Error> {
        self.admit(now)?;
        self.health_checks.get(id)
    }

    /// `ListHealthChecks`.
    ///
    /// # Errors
    /// Throttling.
    pub fn list_health_checks(
        &mut self,
        now: Moment,
        marker: Option<&str>,
        items_max: Option<usize>,
    ) -> Result<CheckPage, Route53Error> {
        self.admit(now)?;
        Ok(self.health_checks.list(marker, items_max))
    }

    /// `UpdateHealthCheck`.
    ///
    /// # Errors
    /// Throttling; no such check; another version than the caller has seen; settings that are
    /// refused.
    pub fn update_health_check(
        &mut self,
        now: Moment,
        id: &str,
        update: &CheckUpdate,
    ) -> Result<CheckInfo, Route53Error> {
        self.admit(now)?;
        self.health_checks.update(now, id, update)
    }

    /// `GetHealthCheckStatus`.
    ///
    /// # Errors
    /// Throttling; no such check; a calculated one, which has no checkers.
    pub fn health_check_status(
        &mut self,
        now: Moment,
        id: &str,
    ) -> Result<Vec<CheckerReport>, Route53Error> {
        self.admit(now)?;
        self.health_checks.status(id)
    }

    /// What every API request begins with.
    fn admit(&mut self, now: Moment) -> Result<(), Route53Error> {
        self.advance(now);
        match self.throttle.admits(now) {
            _ if self.down => Err(Route53Error::ServiceUnavailable),
            true => Ok(()),
            false => Err(Route53Error::Throttling),
        }
    }

    fn zone(&self, id: &ZoneId) -> Result<&Zone, Route53Error> {
        let missing = || Route53Error::NoSuchHostedZone { id: id.as_str().to_owned() };
        self.zones.get(id).ok_or_else(missing)
    }

    /// Time until the name servers answer with a change, and until it is INSYNC, which they all do
    /// by then.
    fn draw_delays(&mut self) -> (Duration, Duration) {
        let (min, max) = self.propagation;
        let insync = self.delays.random_range(min..=max);
        (self.delays.random_range(min / 2..=insync), insync)
    }

    fn draw_id(&mut self, kind: char) -> String {
        let letters = (0..20).map(|_| ID_LETTERS[self.ids.random_range(0..ID_LETTERS.len())]);
        std::iter::once(kind).chain(letters.map(char::from)).collect()
    }

    fn submit(&mut self, now: Moment, insync_at: Moment, comment: Option<&str>) -> ChangeInfo {
        let id = ChangeId(self.draw_id('C'));
        let comment = comment.map(str::to_owned);
        let change = Change { insync_at, submitted_at: now, comment: comment.clone() };
        self.changes.insert(id.clone(), change);
        self.pending.insert((insync_at, id.clone()));
        ChangeInfo { id, status: ChangeStatus::Pending, submitted_at: now, comment }
    }
}
