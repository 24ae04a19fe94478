//! One promotion at a time.
//!
//! Source: PROTOCOL rule 18. RDS takes no epoch, so an unresolved request blocks every other: the
//! same one may be asked again (by a successor that finishes it), another cluster or another target
//! not before what became of it was read back.

use crate::domain::{Moment, RegionId};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct OnePromotion {
    unresolved: Option<(String, RegionId)>,
}

impl Judge for OnePromotion {
    fn name(&self) -> &'static str {
        "one promotion at a time"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        match fact {
            Fact::PromotionSent { cluster, to } => {
                let sent = (cluster.clone(), to.clone());
                match &self.unresolved {
                    Some(before) if *before != sent => Err(format!(
                        "a promotion of {cluster} to {to} was sent while that of {} to {} was \
                         unresolved",
                        before.0, before.1
                    )),
                    _ => {
                        self.unresolved = Some(sent);
                        Ok(())
                    }
                }
            }
            Fact::PromotionResolved { cluster } => {
                self.unresolved.take_if(|(of, _)| of == cluster);
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
        case.broken(sent("users", "a"));
        case.fine(Fact::PromotionResolved { cluster: "users".to_owned() });
        case.broken(sent("users", "a"));
        case.fine(Fact::PromotionResolved { cluster: "orders".to_owned() });
        case.fine(sent("users", "a"));
    }
}
