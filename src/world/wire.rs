//! Faults on the wire: what happens to single calls between a caller and AWS.
//!
//! A network that is cut says nothing ([`super::network`]); here are the ways in which something
//! comes back, or breaks off, that is not the answer. Each says whether the call takes its effect,
//! since that is what its caller can't see. Which bytes a treatment is, is for whoever serves the
//! endpoints; without bytes, as in the simulator, a treatment is no more than its effect and what
//! the caller may conclude.
//!
//! Chance is drawn from a generator of its own, and only for calls that a rule is about: a rule that
//! concerns nobody shifts no other draw.

use std::fmt;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::fault::AwsService;
use super::generator;
use crate::domain::{AgentId, RegionId};

/// What becomes of a call that a rule strikes. "Before" and "after" are before and after the call
/// takes its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// It is refused for the caller's rate, with the service's own code.
    Throttle,
    /// It is held up on its way, and takes its effect late: also when its sender has given up.
    Delay {
        /// For how long, in milliseconds.
        ms: u32,
    },
    /// The connection breaks, and nothing was done.
    CutBefore,
    /// The connection breaks, and it was done.
    CutAfter,
    /// It is answered with a server error, and nothing was done.
    ErrorBefore,
    /// It is answered with a server error, and it was done.
    ErrorAfter,
    /// It is done, and the answer breaks off half way.
    Truncate,
    /// Something that is no answer of AWS comes back with status 200, and nothing was done.
    GarbageBefore,
    /// Something that is no answer of AWS comes back with status 200, and it was done.
    GarbageAfter,
}

impl Treatment {
    /// Each of them, with a delay of this length.
    #[must_use]
    pub const fn all(delay_ms: u32) -> [Self; 9] {
        [
            Self::Throttle,
            Self::Delay { ms: delay_ms },
            Self::CutBefore,
            Self::CutAfter,
            Self::ErrorBefore,
            Self::ErrorAfter,
            Self::Truncate,
            Self::GarbageBefore,
            Self::GarbageAfter,
        ]
    }

    /// Whether the call is carried out.
    #[must_use]
    pub const fn takes_effect(self) -> bool {
        match self {
            Self::Delay { .. } | Self::CutAfter | Self::ErrorAfter => true,
            Self::Truncate | Self::GarbageAfter => true,
            Self::Throttle | Self::CutBefore | Self::ErrorBefore | Self::GarbageBefore => false,
        }
    }

    /// Its name, as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Delay { .. } => "delay",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
            Self::ErrorBefore => "error-before",
            Self::ErrorAfter => "error-after",
            Self::Truncate => "truncate",
            Self::GarbageBefore => "garbage-before",
            Self::GarbageAfter => "garbage-after",
        }
    }

    /// The treatment of this name. A delay has a length, and nothing else has one.
    ///
    /// # Errors
    /// What is wrong and what to do, in a sentence.
    pub fn named(name: &str, delay_ms: Option<u32>) -> Result<Self, String> {
        let found = Self::all(delay_ms.unwrap_or_default())
            .into_iter()
            .find(|treatment| treatment.name() == name);
        match (found, delay_ms) {
            (None, _) => {
                let known = Self::all(0).map(Self::name).join(", ");
                Err(format!("there is no treatment {name:?}; use one of {known}"))
            }
            (Some(Self::Delay { .. }), None | Some(0)) => {
                Err("a delay needs its length; give it in milliseconds".to_owned())
            }
            (Some(delay @ Self::Delay { .. }), Some(_)) => Ok(delay),
            (Some(_), Some(_)) => Err(format!("{name} has no length; leave the milliseconds out")),
            (Some(treatment), None) => Ok(treatment),
        }
    }
}

/// Which calls: those of which all that is named here is true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The caller's name.
    pub caller: Option<AgentId>,
    /// The Region of the endpoint. Route 53's control plane is in none.
    pub region: Option<RegionId>,
    /// The service.
    pub service: Option<AwsService>,
    /// The operation, such as `PutItem`.
    pub operation: Option<String>,
}

impl Scope {
    fn holds(&self, call: &Call<'_>) -> bool {
        self.caller.as_ref().is_none_or(|caller| caller.as_str() == call.caller)
            && self.region.as_ref().is_none_or(|region| Some(region) == call.region)
            && self.service.is_none_or(|service| service == call.service)
            && self.operation.as_ref().is_none_or(|operation| operation == call.operation)
    }

    /// Whether every call of the other one is also of this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        fn wider<T: PartialEq>(this: &Option<T>, other: &Option<T>) -> bool {
            this.is_none() || this == other
        }
        wider(&self.caller, &other.caller)
            && wider(&self.region, &other.region)
            && wider(&self.service, &other.service)
            && wider(&self.operation, &other.operation)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.as_deref().unwrap_or("every call"))?;
        if let Some(caller) = &self.caller {
            write!(f, " of {caller}")?;
        }
        if let Some(service) = self.service {
            write!(f, " to {service}")?;
        }
        if let Some(region) = &self.region {
            write!(f, " in {region}")?;
        }
        Ok(())
    }
}

/// A part of a hundred, from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// Every one.
    pub const ALL: Self = Self(100);
}

impl TryFrom<u8> for Percent {
    type Error = String;
    fn try_from(percent: u8) -> Result<Self, String> {
        if (1..=100).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(format!("{percent} is no usable share; give 1 to 100 (percent)"))
        }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

/// A rule: these calls, so often, are treated so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which calls.
    pub scope: Scope,
    /// What becomes of them.
    pub treatment: Treatment,
    /// How many of a hundred.
    pub percent: Percent,
    /// How often at most; without end if none.
    pub times: Option<u32>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.scope)?;
        match self.treatment {
            Treatment::Throttle => write!(f, "throttled")?,
            Treatment::Delay { ms } => write!(f, "held up for {ms} ms")?,
            Treatment::CutBefore => write!(f, "the connection breaks before the effect")?,
            Treatment::CutAfter => write!(f, "the connection breaks after the effect")?,
            Treatment::ErrorBefore => write!(f, "a server error and no effect")?,
            Treatment::ErrorAfter => write!(f, "a server error after the effect")?,
            Treatment::Truncate => write!(f, "the answer breaks off after the effect")?,
            Treatment::GarbageBefore => write!(f, "garbage and no effect")?,
            Treatment::GarbageAfter => write!(f, "garbage after the effect")?,
        }
        if self.percent != Percent::ALL {
            write!(f, ", {} in 100", self.percent.0)?;
        }
        match self.times {
            Some(1) => write!(f, ", once"),
            Some(times) => write!(f, ", {times} times"),
            None => Ok(()),
        }
    }
}

/// A call as it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Who sent it.
    pub caller: &'a str,
    /// The Region of the endpoint, if it is in one.
    pub region: Option<&'a RegionId>,
    /// The service.
    pub service: AwsService,
    /// The operation.
    pub operation: &'a str,
}

/// The rules in force.
#[derive(Debug)]
pub struct Wire {
    /// In the order in which they were given, each with how often it struck.
    rules: Vec<(Rule, u32)>,
    chance: Pcg64Mcg,
}

impl Wire {
    /// A wire that does nothing to anybody.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), chance: generator(seed, "wire") }
    }

    /// Adds a rule behind those in force. One of the same scope and treatment gives way to it.
    pub fn add(&mut self, rule: Rule) {
        self.rules.retain(|(old, _)| (&old.scope, old.treatment) != (&rule.scope, rule.treatment));
        self.rules.push((rule, 0));
    }

    /// Takes back every rule whose calls are all within the scope.
    pub fn mend(&mut self, scope: &Scope) {
        self.rules.retain(|(rule, _)| !scope.covers(&rule.scope));
    }

    /// The rules in force. One whose times are used up is in force no longer.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _)| rule)
    }

    /// What becomes of a call that arrives: the word of the first rule that strikes it.
    pub fn treat(&mut self, call: &Call<'_>) -> Option<Treatment> {
        let mut struck = None;
        for (index, (rule, _)) in self.rules.iter().enumerate() {
            if rule.scope.holds(call)
                && (rule.percent == Percent::ALL
                    || self.chance.random_range(0..100) < rule.percent.0)
            {
                struck = Some(index);
                break;
            }
        }
        let (rule, times) = self.rules.get_mut(struck?)?;
        let treatment = rule.treatment;
        *times = times.saturating_add(1);
        if rule.times.is_some_and(|most| *times >= most) {
            self.rules.remove(struck?);
        }
        Some(treatment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> RegionId {
        name.parse().expect("valid")
    }

    fn rule(scope: Scope, treatment: Treatment) -> Rule {
        Rule { scope, treatment, percent: Percent::ALL, times: None }
    }

    fn put<'a>(caller: &'a str, region: &'a RegionId) -> Call<'a> {
        let (service, operation) = (AwsService::Dynamodb, "PutItem");
        Call { caller, region: Some(region), service, operation }
    }

    #[test]
    fn a_rule_strikes_the_calls_that_it_names_and_no_others() {
        let (here, there) = (region("a"), region("b"));
        let change = Call {
            caller: "a",
            region: None,
            service: AwsService::Route53,
            operation: "ChangeResourceRecordSets",
        };
        let scopes = [
            (Scope { caller: Some("a".parse().expect("valid")), ..Scope::default() }, [1, 1, 0, 1]),
            (Scope { region: Some(here.clone()), ..Scope::default() }, [1, 0, 1, 0]),
            (Scope { service: Some(AwsService::Route53), ..Scope::default() }, [0, 0, 0, 1]),
            (Scope { operation: Some("PutItem".to_owned()), ..Scope::default() }, [1, 1, 1, 0]),
            (Scope::default(), [1, 1, 1, 1]),
        ];
        for (scope, expected) in scopes {
            let mut wire = Wire::new(1);
            wire.add(rule(scope.clone(), Treatment::CutAfter));
            let calls = [put("a", &here), put("a", &there), put("b", &here), change];
            let struck = calls.map(|call| i32::from(wire.treat(&call).is_some()));
            assert_eq!(struck, expected, "{scope}");
        }
    }

    #[test]
    fn a_count_runs_out_and_a_share_is_kept_to_and_drawn_alike_under_one_seed() {
        let here = region("a");
        let mut wire = Wire::new(1);
        wire.add(Rule { times: Some(2), ..rule(Scope::default(), Treatment::Throttle) });
        let struck: Vec<_> = (0..4).map(|_| wire.treat(&put("a", &here)).is_some()).collect();
        assert_eq!(struck, [true, true, false, false]);
        assert_eq!(wire.rules().count(), 0);

        let draws = |seed| {
            let mut wire = Wire::new(seed);
            let percent = Percent::try_from(30).expect("a share");
            wire.add(Rule { percent, ..rule(Scope::default(), Treatment::Throttle) });
            (0..1000).map(|_| wire.treat(&put("a", &here)).is_some()).collect::<Vec<_>>()
        };
        let share = draws(7).into_iter().filter(|struck| *struck).count();
        assert!((230..370).contains(&share), "{share} of 1000");
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn mending_takes_back_what_lies_within_and_a_second_rule_gives_way_to_the_first() {
        let here = region("a");
        let narrow = Scope { region: Some(here.clone()), ..Scope::default() };
        let other = Scope { service: Some(AwsService::Route53), ..Scope::default() };
        let mut wire = Wire::new(1);
        wire.add(rule(narrow.clone(), Treatment::CutBefore));
        wire.add(rule(other.clone(), Treatment::Throttle));
        wire.add(rule(Scope::default(), Treatment::CutAfter));
        assert_eq!(wire.treat(&put("a", &here)), Some(Treatment::CutBefore));
        wire.mend(&narrow);
        assert_eq!(wire.treat(&put("a", &here)), Some(Treatment::CutAfter));
        assert_eq!(wire.rules().count(), 2);
        wire.add(Rule { times: Some(3), ..rule(other, Treatment::Throttle) });
        assert_eq!(wire.rules().count(), 2, "a rule anew, not twice");
        wire.mend(&Scope::default());
        assert_eq!(wire.treat(&put("a", &here)), None);
    }

    #[test]
    fn every_treatment_has_its_name_and_only_a_delay_has_a_length() {
        for treatment in Treatment::all(700) {
            let delay_ms = matches!(treatment, Treatment::Delay { .. }).then_some(700);
            assert_eq!(Treatment::named(treatment.name(), delay_ms), Ok(treatment));
        }
        for (name, delay_ms, why) in [
            ("lose", None, "no treatment"),
            ("delay", None, "needs its length"),
            ("throttle", Some(1), "no length"),
        ] {
            let error = Treatment::named(name, delay_ms).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }
}
