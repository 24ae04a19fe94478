//! One promotion of a database at a time.
//!
//! Source: PROTOCOL rule 18. RDS takes no epoch, so an unresolved request blocks every other: the
//! same one may be asked again (by a successor that finishes it), another target not before what
//! became of it is certain. Judged by the truth: by requests that can still land.

use std::collections::BTreeMap;

use crate::domain::{Moment, RegionId};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct OnePromotion {
    /// By cluster.
    unresolved: BTreeMap<String, RegionId>,
}

impl Judge for OnePromotion {
    fn name(&self) -> &'static str {
        "one promotion at a time"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        match fact {
            Fact::PromotionSent { cluster, to } => {
                match self.unresolved.entry(cluster.clone()).or_insert_with(|| to.clone()) {
                    before if before == to => Ok(()),
                    before => Err(format!(
                        "a promotion of {cluster} to {to} was sent while one to {before} could land"
                    )),
                }
            }
            Fact::PromotionResolved { cluster } => {
                self.unresolved.remove(cluster);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    #[test]
    fn another_promotion_before_the_first_is_resolved_is_caught() {
        let sent = |cluster: &str, to: &str| Fact::PromotionSent {
            cluster: cluster.to_owned(),
            to: to.parse().expect("valid"),
        };
        let mut case = Case::of(OnePromotion::default());
        case.fine(sent("orders", "a"));
        case.fine(sent("orders", "a"));
        case.broken(sent("orders", "b"));
        case.fine(sent("users", "b"));
        case.fine(Fact::PromotionResolved { cluster: "users".to_owned() });
        case.broken(sent("orders", "b"));
        case.fine(Fact::PromotionResolved { cluster: "orders".to_owned() });
        case.fine(sent("orders", "b"));
    }
}
