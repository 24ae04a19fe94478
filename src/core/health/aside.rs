//! What an observer remembers of a target beside its opinion: for people, and decides nothing.

use std::collections::BTreeMap;

use crate::domain::observation::Address;
use crate::domain::{Phases, ProbeFailure, Sample};

/// An address is forgotten when it did not fail again within so many probes. As each probe takes one
/// of at most eight addresses, by then each has had its turn twice: it is well, or it is gone from
/// the name.
const PROBES_REMEMBERED: u64 = 16;

/// See the module's opening.
#[derive(Debug, Clone, Default)]
pub(in crate::core) struct Aside {
    probes: u64,
    /// Addresses that failed while another answered: how, and at which probe.
    ailing: BTreeMap<Address, (ProbeFailure, u64)>,
    phases: Option<Phases>,
    expiry_unix_s: Option<i64>,
}

impl Aside {
    /// Takes in a result.
    pub(in crate::core) fn take(&mut self, sample: &Sample) {
        self.probes += 1;
        self.expiry_unix_s = sample.certificate_expiry_unix_s.or(self.expiry_unix_s);
        if sample.failure.is_some() {
            // Nobody answers: no single address is worse than the others.
            self.ailing.clear();
            return;
        }
        self.phases = Some(sample.phases);
        if let Some(address) = sample.address {
            match sample.passed_over {
                Some(failure) => drop(self.ailing.insert(address, (failure, self.probes))),
                None => drop(self.ailing.remove(&address)),
            }
        }
        let probes = self.probes;
        self.ailing.retain(|_, (_, at)| probes - *at < PROBES_REMEMBERED);
    }

    /// Addresses that fail while others of the name answer.
    pub(in crate::core) fn ailing(&self) -> impl Iterator<Item = (Address, ProbeFailure)> {
        self.ailing.iter().map(|(address, (failure, _))| (*address, *failure))
    }

    /// What the last good probe took.
    pub(in crate::core) fn phases(&self) -> Option<Phases> {
        self.phases
    }

    /// When the certificate that was last shown expires.
    pub(in crate::core) fn expiry_unix_s(&self) -> Option<i64> {
        self.expiry_unix_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(address: &str, passed_over: bool) -> Sample {
        Sample {
            address: Some(address.parse().expect("valid")),
            passed_over: passed_over.then_some(ProbeFailure::Refused),
            ..Sample::default()
        }
    }

    fn ailing(aside: &Aside) -> Vec<String> {
        aside.ailing().map(|(address, failure)| format!("{address} {failure}")).collect()
    }

    #[test]
    fn an_address_ails_until_it_answers() {
        let mut aside = Aside::default();
        for (address, fails) in [("192.0.2.1", true), ("192.0.2.2", false), ("::1", true)] {
            aside.take(&sample(address, fails));
        }
        assert_eq!(ailing(&aside), ["192.0.2.1 connection refused", "::1 connection refused"]);
        aside.take(&sample("192.0.2.1", false));
        assert_eq!(ailing(&aside), ["::1 connection refused"]);
    }

    #[test]
    fn an_address_that_the_name_has_no_more_is_forgotten() {
        let mut aside = Aside::default();
        aside.take(&sample("192.0.2.1", true));
        for _ in 1..PROBES_REMEMBERED {
            aside.take(&sample("192.0.2.2", false));
            assert_eq!(ailing(&aside).len(), 1);
        }
        aside.take(&sample("192.0.2.2", false));
        assert!(ailing(&aside).is_empty());
    }

    #[test]
    fn when_nobody_answers_no_address_is_singled_out() {
        let mut aside = Aside::default();
        aside.take(&sample("192.0.2.1", true));
        let failure = Some(ProbeFailure::Refused);
        aside.take(&Sample { failure, ..sample("192.0.2.2", false) });
        assert!(ailing(&aside).is_empty());
        assert!(aside.phases().is_some(), "the last good probe's");
    }
}
