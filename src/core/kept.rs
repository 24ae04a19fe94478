//! What the last leader left as somebody else had made it.
//!
//! With `drift = "keep"` a hand edit is left. A new leader can't tell an edit from what its predecessor
//! left half done; but the predecessor has published what it keeps, and against which weights. Where the
//! fleet still wants those, the edit is kept on; where it wants others, its own change comes first.
//!
//! Of reports that contradict each other the one of the highest epoch counts. Nothing depends on it but
//! whether an edit is put right once.

use std::collections::BTreeMap;

use crate::domain::observation::Course;
use crate::domain::record::RecordKey;
use crate::domain::{Epoch, RegionId, Report, Weight};

/// Names that are kept, with the weights that the fleet wants for them.
pub(super) type Kept = BTreeMap<RecordKey, BTreeMap<RegionId, Weight>>;

/// See the file's opening.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptBefore {
    epoch: Epoch,
    names: Kept,
}

impl KeptBefore {
    /// Takes in what a leader says.
    pub(super) fn hear(&mut self, report: &Report) {
        let Some(leading) = report.leading.as_ref().filter(|it| it.epoch >= self.epoch) else {
            return;
        };
        let told = leading.zones.values().flat_map(|zone| &zone.drift);
        let kept = told.filter(|told| told.course == Course::Kept);
        let names: Kept = kept.map(|told| (told.key.clone(), told.against.clone())).collect();
        if names != self.names {
            (self.epoch, self.names) = (leading.epoch, names);
        }
    }

    /// What is kept.
    pub(super) fn names(&self) -> &Kept {
        &self.names
    }
}
