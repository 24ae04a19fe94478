//! Which record sets of one name and type are answered.
//!
//! From the Route 53 Developer Guide, "How Amazon Route 53 chooses records when health checking is
//! configured": a record without a health check is always healthy; weights of zero are considered
//! only when every record with a non-zero weight is unhealthy; when no record is healthy, all are
//! taken to be. And from "Weighted routing": a share is the weight over the sum of the weights, and
//! with all weights zero all are answered equally.

use rand::{Rng, RngExt as _};

use super::record::{ModelRecordSet, ModelRouting};

/// Most multivalue records in an answer (Route 53 Developer Guide, "Multivalue answer routing").
const MULTIVALUE_RECORDS_MAX: usize = 8;

/// A record set and whether it is healthy.
pub(super) type Candidate<'r> = (&'r ModelRecordSet, bool);

/// The record sets to answer with, of all of one name and type; none of none. More than one only
/// for multivalue answers.
pub(super) fn choose<'r>(
    candidates: &[Candidate<'r>],
    rng: &mut impl Rng,
) -> Vec<&'r ModelRecordSet> {
    let healthy: Vec<_> = candidates.iter().filter(|(_, healthy)| *healthy).map(|c| c.0).collect();
    let all: Vec<_> = candidates.iter().map(|c| c.0).collect();
    let pool = if healthy.is_empty() { &all } else { &healthy };
    match all.first().map(|record| &record.routing) {
        None => Vec::new(),
        Some(ModelRouting::Simple) => all,
        Some(ModelRouting::Weighted { .. }) => by_weight(pool, rng).into_iter().collect(),
        Some(ModelRouting::Failover { .. }) => {
            let secondary = |r: &&ModelRecordSet| {
                matches!(r.routing, ModelRouting::Failover { primary: false, .. })
            };
            pool.iter().copied().min_by_key(secondary).into_iter().collect()
        }
        // The model doesn't know where an asker stands: every healthy Region is as near.
        Some(ModelRouting::Latency { .. }) => vec![pool[rng.random_range(0..pool.len())]],
        Some(ModelRouting::Multivalue { .. }) => {
            let first = rng.random_range(0..pool.len());
            let turned = pool.iter().cycle().skip(first).copied();
            turned.take(pool.len().min(MULTIVALUE_RECORDS_MAX)).collect()
        }
    }
}

/// One of those with a non-zero weight, each with its share; if there is none, any.
fn by_weight<'r>(pool: &[&'r ModelRecordSet], rng: &mut impl Rng) -> Option<&'r ModelRecordSet> {
    let weight = |record: &ModelRecordSet| match &record.routing {
        ModelRouting::Weighted { weight, .. } => u32::from(weight.0),
        _ => 0,
    };
    let sum: u32 = pool.iter().map(|record| weight(record)).sum();
    if sum == 0 {
        return pool.get(rng.random_range(0..pool.len().max(1))).copied();
    }
    let mut drawn = rng.random_range(0..sum);
    pool.iter().copied().find(|record| {
        let weight = weight(record);
        let found = drawn < weight;
        drawn = drawn.saturating_sub(weight);
        found
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{failover, weighted};
    use super::*;

    fn rng(seed: u64) -> impl Rng {
        crate::world::generator(seed, "test")
    }

    fn sets(weights: &[u8]) -> Vec<ModelRecordSet> {
        weights
            .iter()
            .enumerate()
            .map(|(i, w)| weighted("www.example.com", &format!("r{i}"), *w, "192.0.2.1"))
            .collect()
    }

    fn drawn(weights: &[u8], healthy: &[bool], seed: u64) -> usize {
        let sets = sets(weights);
        let candidates: Vec<_> = sets.iter().zip(healthy.iter().copied()).collect();
        let chosen = choose(&candidates, &mut rng(seed));
        assert_eq!(chosen.len(), 1);
        sets.iter().position(|set| set == chosen[0]).expect("one of them")
    }

    proptest! {
        #[test]
        fn only_the_best_tier_that_exists_is_answered(
            tier in prop::collection::vec((prop_oneof![Just(0), 0..=255_u8], any::<bool>()), 1..6),
            seed: u64,
        ) {
            let (weights, healthy): (Vec<u8>, Vec<bool>) = tier.iter().copied().unzip();
            let (weight, was_healthy) = tier[drawn(&weights, &healthy, seed)];
            let any = |f: fn(&(u8, bool)) -> bool| tier.iter().any(f);
            if any(|(w, h)| *w > 0 && *h) {
                prop_assert!(weight > 0 && was_healthy, "a healthy record with a weight exists");
            } else if any(|(_, h)| *h) {
                prop_assert!(was_healthy, "a healthy record exists");
            } else if any(|(w, _)| *w > 0) {
                prop_assert!(weight > 0, "all unhealthy are as all healthy");
            }
        }
    }

    #[test]
    fn shares_are_the_weights_over_their_sum() {
        for (weights, shares) in [
            (&[1, 3][..], &[0.25, 0.75][..]),
            (&[0, 0, 0], &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]),
            (&[255, 0], &[1.0, 0.0]),
        ] {
            let draws = 4000_u32;
            let mut counts = vec![0_u32; weights.len()];
            for seed in 0..draws {
                counts[drawn(weights, &vec![true; weights.len()], u64::from(seed))] += 1;
            }
            for (count, share) in counts.iter().zip(shares) {
                let off = f64::from(*count) / f64::from(draws) - share;
                assert!(off.abs() < 0.03, "{weights:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn of_a_failover_pair_the_primary_answers_unless_only_the_secondary_is_healthy() {
        let pair = [
            failover("www.example.com", "b", false, "192.0.2.2"),
            failover("www.example.com", "a", true, "192.0.2.1"),
        ];
        for (secondary, primary, expected) in
            [(true, true, 1), (true, false, 0), (false, true, 1), (false, false, 1)]
        {
            let chosen = choose(&[(&pair[0], secondary), (&pair[1], primary)], &mut rng(1));
            assert_eq!(chosen, [&pair[expected]], "{secondary} {primary}");
        }
    }
}
