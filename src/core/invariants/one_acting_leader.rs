//! At most one leader acts at a time.
//!
//! Source: the lease. Its holder stops before anyone who waited it out can have begun.

use super::{Fact, Judge};

#[derive(Debug, Clone)]
pub(super) struct OneActingLeader;

impl Judge for OneActingLeader {
    fn name(&self) -> &'static str {
        "one acting leader"
    }

    fn judge(&mut self, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Acting(leaders) if leaders.len() > 1 => {
                let names: Vec<String> =
                    leaders.iter().map(|(agent, epoch)| format!("{agent} ({epoch})")).collect();
                Err(format!("{} act at once", names.join(" and ")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Epoch;

    #[test]
    fn two_at_once_are_one_too_many() {
        let leader = |name: &str, epoch| (name.parse().expect("valid"), Epoch(epoch));
        let judge = |leaders| OneActingLeader.judge(&Fact::Acting(leaders));
        assert!(judge(vec![leader("a", 1)]).is_ok());
        assert!(judge(vec![leader("a", 1), leader("b", 2)]).is_err());
    }
}
