//! Roles of other accounts, as far as they let somebody at a hosted zone.
//!
//! A zone of another account can be had with a session of its role alone; a zone of the fleet's own
//! account with anybody's credentials. Policies are not modelled: access is denied as a whole, or not.

use std::collections::BTreeMap;

use crate::domain::ZoneId;
use crate::domain::digest::Digest;
use crate::domain::role::ZoneRole;

/// Letters of a session's key.
const SESSION_DIGITS: usize = 16;

/// The roles that there are.
#[derive(Debug, Default)]
pub struct Roles {
    of: BTreeMap<ZoneId, ZoneRole>,
    denied: bool,
}

/// Why a role is not given out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("User is not authorized to perform: sts:AssumeRole on resource: {arn}")]
pub struct NotAssumed {
    arn: String,
}

impl Roles {
    /// Puts a zone into another account.
    pub fn add(&mut self, zone: ZoneId, role: ZoneRole) {
        self.of.insert(zone, role);
    }

    /// Takes everybody's access to every zone away, or gives it back: roles are not given out, and
    /// sessions of before are worth nothing, as after a service control policy's denial.
    pub fn set_denied(&mut self, denied: bool) {
        self.denied = denied;
    }

    /// `AssumeRole`: the session's key.
    ///
    /// # Errors
    /// When there is no such role, it wants another external ID, or access is denied. AWS does not tell
    /// which.
    pub fn assume(&self, arn: &str, external_id: Option<&str>) -> Result<String, NotAssumed> {
        let admits = |role: &&ZoneRole| {
            let wanted = role.external_id.as_ref().map(|id| id.as_str());
            role.arn.as_str() == arn && (wanted.is_none() || wanted == external_id)
        };
        match self.of.values().find(admits) {
            Some(_) if !self.denied => Ok(session(arn)),
            _ => Err(NotAssumed { arn: arn.to_owned() }),
        }
    }

    /// Whether whoever has this session, or none, may read and change a zone.
    #[must_use]
    pub fn admits(&self, zone: &ZoneId, key: Option<&str>) -> bool {
        !self.denied
            && self.of.get(zone).is_none_or(|role| key == Some(&session(role.arn.as_str())))
    }

    /// Whether nobody may do anything.
    #[must_use]
    pub fn denied(&self) -> bool {
        self.denied
    }
}

fn session(arn: &str) -> String {
    Digest::of(arn.as_bytes()).to_string().chars().take(SESSION_DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_of_another_account_wants_its_role_and_the_role_its_external_id() {
        let arn = "arn:aws:iam::210987654321:role/dns";
        let external_id = Some("demo-7f".parse().expect("valid"));
        let (theirs, ours) = ("Z1".parse().expect("valid"), "Z2".parse().expect("valid"));
        let mut roles = Roles::default();
        roles.add(theirs, ZoneRole { arn: arn.parse().expect("valid"), external_id });
        let theirs: ZoneId = "Z1".parse().expect("valid");
        for wrong in [None, Some("demo-8f")] {
            let error = roles.assume(arn, wrong).expect_err("it wants its own");
            assert!(error.to_string().ends_with(arn), "{error}");
        }
        let key = roles.assume(arn, Some("demo-7f")).expect("right");
        assert!(roles.admits(&theirs, Some(&key)) && !roles.admits(&theirs, None));
        assert!(roles.admits(&ours, None));
        roles.set_denied(true);
        assert!(!roles.admits(&theirs, Some(&key)) && !roles.admits(&ours, None));
        assert!(roles.assume(arn, Some("demo-7f")).is_err());
    }
}
