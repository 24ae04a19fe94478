//! What a name server answers.
//!
//! Authoritative answers for the zones of the model, with wildcards, aliases, and CNAMEs followed
//! within their zone. Delegations are not modelled: an NS record below the apex is plain data.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rand::Rng;

use super::choose::{Candidate, choose};
use super::health_check::HealthChecks;
use super::owner::OwnerName;
use super::record::{Key, ModelRecordSet, ModelRecordType, Records, of_name, of_type};
use super::zone::Zone;
use crate::domain::ZoneId;
use crate::domain::record::{DnsName, RecordData};

/// Time to live of an alias to a load balancer (Route 53 Developer Guide, "Choosing between alias
/// and non-alias records").
pub const ALIAS_TTL_S: u32 = 60;

/// Most CNAMEs and aliases followed for one answer; a loop of them ends here.
const HOPS_MAX: usize = 8;

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The name exists; without a record, it has none of the type that was asked for.
    NoError,
    /// The name doesn't exist.
    NxDomain,
    /// The name is in none of the zones.
    Refused,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it went.
    pub outcome: Outcome,
    /// The records: CNAMEs that were followed, then those of the type that was asked for.
    pub records: Vec<AnswerRecord>,
    /// The zone's SOA, with the time to live of a negative answer, when there is no record of the
    /// type that was asked for at the end.
    pub soa: Option<AnswerRecord>,
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRecord {
    /// The name.
    pub name: OwnerName,
    /// The type.
    pub rtype: ModelRecordType,
    /// Seconds for which it may be kept.
    pub ttl_s: u32,
    /// The value, as Route 53 writes it.
    pub value: String,
}

impl Answer {
    /// Every address in the answer.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.records
            .iter()
            .filter(|record| matches!(record.rtype, ModelRecordType::A | ModelRecordType::Aaaa))
            .filter_map(|record| record.value.parse().ok())
            .collect()
    }

    /// Seconds for which a resolver may keep the answer: the shortest of its records'.
    #[must_use]
    pub fn ttl_s(&self) -> u32 {
        self.records.iter().chain(&self.soa).map(|record| record.ttl_s).min().unwrap_or(0)
    }

    pub(super) fn refused() -> Self {
        Self { outcome: Outcome::Refused, records: Vec::new(), soa: None }
    }
}

/// What answering a question takes.
pub(super) struct Answerer<'a, R> {
    pub(super) id: &'a ZoneId,
    pub(super) zone: &'a Zone,
    /// Addresses behind names outside the zone.
    pub(super) targets: &'a BTreeMap<DnsName, Vec<IpAddr>>,
    pub(super) checks: &'a HealthChecks,
    pub(super) rng: &'a mut R,
}

impl<R: Rng> Answerer<'_, R> {
    pub(super) fn answer(mut self, name: &OwnerName, rtype: ModelRecordType) -> Answer {
        let mut records = Vec::new();
        let mut asked = name.clone();
        for _ in 0..HOPS_MAX {
            let Some(owner) = owner_of(&self.zone.served, &asked, &self.zone.name) else {
                return self.negative(Outcome::NxDomain, records);
            };
            let found = self.values(&owner, rtype, 0);
            if !found.is_empty() {
                records.extend(found.into_iter().map(|(ttl_s, value)| AnswerRecord {
                    name: asked.clone(),
                    rtype,
                    ttl_s,
                    value,
                }));
                return Answer { outcome: Outcome::NoError, records, soa: None };
            }
            let cname = self.values(&owner, ModelRecordType::Cname, 0).into_iter().next();
            let Some((ttl_s, value)) = cname.filter(|_| rtype != ModelRecordType::Cname) else {
                return self.negative(Outcome::NoError, records);
            };
            let target = value.parse::<OwnerName>();
            records.push(AnswerRecord { name: asked, rtype: ModelRecordType::Cname, ttl_s, value });
            match target {
                Ok(target) if target.is_within(&self.zone.name) => asked = target,
                _ => break,
            }
        }
        Answer { outcome: Outcome::NoError, records, soa: None }
    }

    /// Times to live and values of the record sets that are chosen among those of a name and type.
    fn values(
        &mut self,
        owner: &OwnerName,
        rtype: ModelRecordType,
        hops: usize,
    ) -> Vec<(u32, String)> {
        let zone = self.zone;
        let candidates: Vec<Candidate<'_>> = of_type(&zone.served, owner, rtype)
            .map(|record| (record, self.is_healthy(record, 0)))
            .collect();
        let mut values = Vec::new();
        for record in choose(&candidates, self.rng) {
            match &record.data {
                RecordData::Plain { ttl_s, values: own } => {
                    values.extend(own.iter().map(|value| (*ttl_s, value.clone())));
                }
                RecordData::Alias { target_zone, target_name, .. } => {
                    if target_zone != self.id.as_str() {
                        let addresses = self.targets.get(target_name).into_iter().flatten();
                        let of_type = addresses.filter(|address| match rtype {
                            ModelRecordType::A => address.is_ipv4(),
                            ModelRecordType::Aaaa => address.is_ipv6(),
                            _ => false,
                        });
                        values.extend(of_type.map(|ip| (ALIAS_TTL_S, ip.to_string())));
                    } else if hops < HOPS_MAX {
                        values.extend(self.values(&target_name.into(), rtype, hops + 1));
                    }
                }
            }
        }
        values
    }

    /// Its health check and, for an alias that evaluates its target's health, the target (Route 53
    /// Developer Guide, "What happens when you associate a health check with an alias record?"). A
    /// group of records in the zone is healthy when one of them is; a target outside when it has an
    /// address.
    fn is_healthy(&self, record: &ModelRecordSet, hops: usize) -> bool {
        if record.health_check.as_deref().is_some_and(|id| !self.checks.is_healthy(id)) {
            return false;
        }
        match &record.data {
            RecordData::Alias { target_zone, target_name, evaluate_target_health: true } => {
                if target_zone == self.id.as_str() {
                    hops < HOPS_MAX
                        && of_type(&self.zone.served, &target_name.into(), record.rtype)
                            .any(|target| self.is_healthy(target, hops + 1))
                } else {
                    self.targets.get(target_name).is_some_and(|addresses| !addresses.is_empty())
                }
            }
            _ => true,
        }
    }

    /// An answer without the records that were asked for. Its SOA's time to live is the smaller of
    /// the record's own and of its last field (RFC 2308, section 5).
    fn negative(&self, outcome: Outcome, records: Vec<AnswerRecord>) -> Answer {
        let apex = &self.zone.name;
        let rtype = ModelRecordType::Soa;
        let soa = of_type(&self.zone.served, apex, rtype).next().and_then(|record| {
            let RecordData::Plain { ttl_s, values } = &record.data else { return None };
            let value = values.first()?.clone();
            let least = value.rsplit(' ').next().and_then(|field| field.parse().ok());
            let ttl_s = least.map_or(*ttl_s, |least: u32| least.min(*ttl_s));
            Some(AnswerRecord { name: apex.clone(), rtype, ttl_s, value })
        });
        Answer { outcome, records, soa }
    }
}

/// The name whose records answer for a name: itself if it or something below it has any, else the
/// wildcard below the closest name that exists (RFC 4592).
fn owner_of(records: &Records, name: &OwnerName, apex: &OwnerName) -> Option<OwnerName> {
    let exists = |name: &OwnerName| {
        let reversed = name.reversed();
        records
            .range(Key::new(name, ModelRecordType::A, "")..)
            .next()
            .is_some_and(|(key, _)| key.reversed.starts_with(&reversed))
    };
    if exists(name) {
        return Some(name.clone());
    }
    let mut closest = name.parent();
    while let Some(encloser) = closest.filter(|encloser| encloser.is_within(apex)) {
        if exists(&encloser) {
            let wildcard = encloser.wildcard();
            return of_name(records, &wildcard).next().is_some().then_some(wildcard);
        }
        closest = encloser.parent();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{World, a, alias, cname, weighted};
    use super::*;

    fn answer(world: &mut World, name: &str, rtype: ModelRecordType) -> Answer {
        world.now = world.now + Duration::from_secs(60);
        world.route53.answer(world.now, &name.parse().expect("valid"), rtype)
    }

    fn values(answer: &Answer) -> Vec<&str> {
        answer.records.iter().map(|record| record.value.as_str()).collect()
    }

    #[test]
    fn negative_answers_tell_a_missing_type_from_a_missing_name_and_carry_the_soa() {
        let mut world = World::new();
        world.create(&[a("www.deep.example.com", "192.0.2.1")]);
        for (name, outcome) in [
            ("www.deep.example.com", Outcome::NoError),
            ("deep.example.com", Outcome::NoError),
            ("nope.example.com", Outcome::NxDomain),
        ] {
            let answer = answer(&mut world, name, ModelRecordType::Txt);
            assert_eq!(answer.outcome, outcome, "{name}");
            assert!(answer.records.is_empty(), "{name}");
            assert_eq!(answer.soa.expect("negative").ttl_s, 900);
        }
        assert_eq!(answer(&mut world, "a.org", ModelRecordType::A), Answer::refused());
    }

    #[test]
    fn cnames_are_followed_within_the_zone_and_no_further() {
        let mut world = World::new();
        world.create(&[
            cname("one.example.com", "two.example.com"),
            cname("two.example.com", "www.example.com."),
            a("www.example.com", "192.0.2.1"),
            cname("out.example.com", "www.example.net"),
            cname("loop.example.com", "loop.example.com"),
        ]);
        let one = answer(&mut world, "one.example.com", ModelRecordType::A);
        assert_eq!(values(&one), ["two.example.com", "www.example.com.", "192.0.2.1"]);
        assert_eq!(one.addresses(), ["192.0.2.1".parse::<IpAddr>().expect("valid")]);
        let out = answer(&mut world, "out.example.com", ModelRecordType::A);
        assert_eq!((values(&out), &out.soa), (vec!["www.example.net"], &None));
        let itself = answer(&mut world, "one.example.com", ModelRecordType::Cname);
        assert_eq!(values(&itself), ["two.example.com"]);
        let looped = answer(&mut world, "loop.example.com", ModelRecordType::A);
        assert_eq!(looped.records.len(), HOPS_MAX);
    }

    #[test]
    fn a_wildcard_answers_for_names_that_do_not_exist_below_its_parent() {
        let mut world = World::new();
        world.create(&[
            a("*.example.com", "192.0.2.9"),
            a("www.example.com", "192.0.2.1"),
            a("x.deep.example.com", "192.0.2.2"),
        ]);
        let mut first = |name| answer(&mut world, name, ModelRecordType::A);
        let any = first("any.example.com");
        assert_eq!(values(&any), ["192.0.2.9"]);
        assert_eq!(any.records[0].name.as_str(), "any.example.com.");
        assert_eq!(values(&first("www.example.com")), ["192.0.2.1"]);
        assert_eq!(values(&first("b.a.example.com")), ["192.0.2.9"]);
        assert_eq!(first("y.deep.example.com").outcome, Outcome::NxDomain);
    }

    #[test]
    fn an_alias_answers_under_its_own_name_with_its_targets_addresses() {
        let mut world = World::new();
        let (inside, outside) = (world.zone.as_str().to_owned(), "ZELB");
        world.create(&[
            a("www.example.com", "192.0.2.1"),
            alias("in.example.com", &inside, "www.example.com", false),
            alias("out.example.com", outside, "lb.elb.amazonaws.com", false),
        ]);
        let lb = "lb.elb.amazonaws.com".parse().expect("valid");
        world.route53.set_alias_target(
            lb,
            vec!["192.0.2.7".parse().expect("valid"), "2001:db8::7".parse().expect("valid")],
        );
        let inside = answer(&mut world, "in.example.com", ModelRecordType::A);
        assert_eq!((values(&inside), inside.ttl_s()), (vec!["192.0.2.1"], 300));
        let outside = answer(&mut world, "out.example.com", ModelRecordType::A);
        assert_eq!((values(&outside), outside.ttl_s()), (vec!["192.0.2.7"], 60));
        assert_eq!(outside.records[0].name.as_str(), "out.example.com.");
    }

    #[test]
    fn a_health_check_and_the_targets_health_must_both_be_good() {
        let mut world = World::new();
        let (sick, well) = (world.check(false), world.check(true));
        let lb = |n: u8| format!("lb{n}.elb.amazonaws.com");
        let at = |id: &str, n, health: &str| {
            let mut record = weighted("www.example.com", id, 10, "192.0.2.0");
            record.data = alias("x.example.com", "ZELB", &lb(n), true).data;
            record.health_check = Some(health.to_owned());
            record
        };
        world.create(&[at("a", 1, &sick), at("b", 2, &well), at("c", 3, &well)]);
        for n in [1, 3] {
            let ip = format!("192.0.2.{n}").parse().expect("valid");
            world.route53.set_alias_target(lb(n).parse().expect("valid"), vec![ip]);
        }
        for _ in 0..20 {
            let answer = answer(&mut world, "www.example.com", ModelRecordType::A);
            assert_eq!(values(&answer), ["192.0.2.3"], "a is sick, b has no targets");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_answers() {
        let run = || {
            let mut world = World::new();
            world.create(&[
                weighted("www.example.com", "a", 1, "192.0.2.1"),
                weighted("www.example.com", "b", 1, "192.0.2.2"),
            ]);
            (0..50)
                .map(|_| answer(&mut world, "www.example.com", ModelRecordType::A).addresses())
                .collect::<Vec<_>>()
        };
        let first = run();
        assert_eq!(first, run());
        assert!(first.iter().any(|ips| *ips != first[0]), "both are answered in time");
    }
}
