//! A hand edit of records in a chaos file, with parts that are still to be given out.

use serde::Deserialize;

use super::cast::{Cast, RegionRef};
use crate::world::fault::Fault;

/// What somebody does in Route 53's console; see [`Fault::Edit`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditRef {
    /// The record's name.
    pub name: String,
    /// Of weighted records, whose; without it, all that has the name.
    pub of: Option<RegionRef>,
    /// Its weight from now on; without one it is deleted.
    pub weight: Option<u8>,
}

impl EditRef {
    /// The edit, with the parts given out.
    #[must_use]
    pub fn cast(&self, cast: &Cast) -> Fault {
        Fault::Edit {
            name: self.name.clone(),
            of: self.of.as_ref().map(|region| cast.region(region).to_string()),
            weight: self.weight,
        }
    }
}
