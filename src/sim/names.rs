//! What the modelled name servers answer to a leader that verifies.

use crate::domain::Moment;
use crate::domain::RegionId;
use crate::domain::answers::{Heard, Question};
use crate::domain::record::RecordData;
use crate::world::World;

/// Asks so often. All of a zone's name servers answer alike here.
pub(super) fn ask(world: &mut World, now: Moment, question: &Question) -> Vec<Heard> {
    let mut heard = Heard { server: "ns".to_owned(), ..Heard::default() };
    let (name, rtype) = (question.key.name.as_str(), question.key.rtype.as_str());
    let (Ok(name), Ok(rtype)) = (name.parse(), rtype.parse()) else { return vec![heard] };
    for _ in 0..question.times {
        let answer = world.route53.answer(now, &name, rtype);
        let leading = |(_, data): &(&RegionId, &RecordData)| match data {
            RecordData::Plain { values, .. } => {
                answer.records.iter().any(|record| values.contains(&record.value))
            }
            RecordData::Alias { target_name, .. } => {
                let behind = world.route53.alias_target(target_name);
                answer.addresses().iter().any(|address| behind.contains(address))
            }
        };
        match question.leads.iter().find(leading) {
            Some((region, _)) => *heard.counts.entry(region.clone()).or_default() += 1,
            None => heard.others += 1,
        }
    }
    vec![heard]
}
