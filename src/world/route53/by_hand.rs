//! What somebody does in the console who knows of no fleet.

use super::{Action, ModelChange, ModelRecordSet, ModelRouting, OwnerName, Route53};
use crate::domain::{Moment, Weight, ZoneId};

impl Route53 {
    /// Gives the weighted records of a name a weight, or deletes the name's records; of all of them the
    /// one with this set identifier, if one is given. The console says no as the API does: then nothing
    /// has happened.
    pub fn edit_by_hand(
        &mut self,
        now: Moment,
        name: &OwnerName,
        of: Option<&str>,
        weight: Option<Weight>,
    ) {
        let zones: Vec<ZoneId> = self.zones.keys().cloned().collect();
        for zone in zones {
            let meant = |record: &&ModelRecordSet| {
                record.name == *name && (of.is_none() || record.routing.set_identifier() == of)
            };
            let mut changes = Vec::new();
            for old in self.records(&zone).filter(meant) {
                let mut new = old.clone();
                let created = match (weight, &mut new.routing) {
                    (None, _) => None,
                    (Some(to), ModelRouting::Weighted { weight, .. }) => {
                        *weight = to;
                        Some(new)
                    }
                    (Some(_), _) => continue,
                };
                changes.push(ModelChange { action: Action::Delete, record: old.clone() });
                changes
                    .extend(created.map(|record| ModelChange { action: Action::Create, record }));
            }
            if !changes.is_empty() {
                let _ = self.change_record_sets(now, &zone, &changes, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::RecordData;
    use crate::world::route53::ModelRecordType;

    #[test]
    fn one_record_of_a_name_is_edited_or_deleted_and_a_name_that_is_not_there_is_no_matter() {
        let mut route53 = Route53::new(1);
        let zone: ZoneId = "Z1".parse().expect("valid");
        route53.create_zone(&zone, &"example.com".parse().expect("valid")).expect("new");
        let name: OwnerName = "www.example.com".parse().expect("valid");
        let record = |set_identifier: &str| ModelChange {
            action: Action::Create,
            record: ModelRecordSet {
                name: name.clone(),
                rtype: ModelRecordType::A,
                routing: ModelRouting::Weighted {
                    set_identifier: set_identifier.to_owned(),
                    weight: Weight(100),
                },
                data: RecordData::Plain { ttl_s: 30, values: vec!["192.0.2.1".to_owned()] },
                health_check: None,
            },
        };
        let changes = [record("a"), record("b")];
        route53.change_record_sets(Moment::ZERO, &zone, &changes, None).expect("accepted");
        let weights = |route53: &Route53| -> Vec<(String, Weight)> {
            let of = |record: &ModelRecordSet| match &record.routing {
                ModelRouting::Weighted { set_identifier, weight } => {
                    Some((set_identifier.clone(), *weight))
                }
                _ => None,
            };
            route53.records(&zone).filter_map(of).collect()
        };
        let later = Moment::from_ms(100_000);
        route53.edit_by_hand(later, &name, Some("a"), Some(Weight(7)));
        assert_eq!(weights(&route53), [("a".to_owned(), Weight(7)), ("b".to_owned(), Weight(100))]);
        route53.edit_by_hand(later, &name, Some("b"), None);
        assert_eq!(weights(&route53), [("a".to_owned(), Weight(7))]);
        route53.edit_by_hand(later, &"no.example.com".parse().expect("valid"), None, None);
        assert_eq!(weights(&route53).len(), 1);
    }
}
