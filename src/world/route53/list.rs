//! Listings, page by page.

use std::ops::Bound;

use super::Route53;
use super::error::Route53Error;
use super::owner::OwnerName;
use super::record::{Key, ModelRecordSet, ModelRecordType};
use super::zone::ZoneInfo;
use crate::domain::{Moment, ZoneId};

/// Most record sets on a page; whoever asks for more gets this many (Route 53 API Reference,
/// `ListResourceRecordSets`).
pub const RECORD_SETS_PAGE_MAX: usize = 300;

/// Most zones on a page (Route 53 API Reference, `ListHostedZones`).
pub const ZONES_PAGE_MAX: usize = 100;

/// Where a page of record sets begins: with the first that is not before this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordStart {
    /// The name.
    pub name: OwnerName,
    /// The type; the first of the name if none.
    pub rtype: Option<ModelRecordType>,
    /// The set identifier; the first of the type if none.
    pub set_identifier: Option<String>,
}

/// A page of record sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPage {
    /// In the order of the reversed name, the type, and the set identifier.
    pub records: Vec<ModelRecordSet>,
    /// Where the next page begins, if there is one.
    pub next: Option<RecordStart>,
    /// How many the page could hold.
    pub items_max: usize,
}

/// A page of zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonePage {
    /// In the order that was asked for.
    pub zones: Vec<ZoneInfo>,
    /// The first zone of the next page, if there is one.
    pub next: Option<ZoneInfo>,
    /// How many the page could hold.
    pub items_max: usize,
}

impl Route53 {
    /// `ListResourceRecordSets`: what has been accepted, served or not.
    ///
    /// # Errors
    /// Throttling; no such zone; a start with a set identifier and no type; a page of no items.
    pub fn list_record_sets(
        &mut self,
        now: Moment,
        zone: &ZoneId,
        start: Option<&RecordStart>,
        items_max: Option<usize>,
    ) -> Result<RecordPage, Route53Error> {
        self.admit(now)?;
        let items_max = page_size(items_max, RECORD_SETS_PAGE_MAX)?;
        let records = &self.zone(zone)?.accepted;
        let from = match start {
            None => Bound::Unbounded,
            Some(RecordStart { rtype: None, set_identifier: Some(_), .. }) => {
                return Err(Route53Error::input(
                    "A record identifier was given without a record type",
                ));
            }
            Some(start) => Bound::Included(Key::new(
                &start.name,
                start.rtype.unwrap_or(ModelRecordType::A),
                start.set_identifier.as_deref().unwrap_or_default(),
            )),
        };
        let mut rest = records.range((from, Bound::Unbounded)).map(|(_, record)| record);
        let page = rest.by_ref().take(items_max).cloned().collect();
        let next = rest.next().map(|record| RecordStart {
            name: record.name.clone(),
            rtype: Some(record.rtype),
            set_identifier: record.routing.set_identifier().map(str::to_owned),
        });
        Ok(RecordPage { records: page, next, items_max })
    }

    /// `ListHostedZones`: by ID, from `marker` on.
    ///
    /// # Errors
    /// Throttling; a page of no items.
    pub fn list_zones(
        &mut self,
        now: Moment,
        marker: Option<&ZoneId>,
        items_max: Option<usize>,
    ) -> Result<ZonePage, Route53Error> {
        self.admit(now)?;
        let zones = self.zones.iter().map(|(id, zone)| zone.info(id));
        let from = zones.filter(|zone| marker.is_none_or(|marker| zone.id >= *marker));
        page_of_zones(from, items_max)
    }

    /// `ListHostedZonesByName`: by reversed name and then by ID, from the given ones on.
    ///
    /// # Errors
    /// Throttling; an ID without a name; a page of no items.
    pub fn list_zones_by_name(
        &mut self,
        now: Moment,
        name: Option<&OwnerName>,
        id: Option<&ZoneId>,
        items_max: Option<usize>,
    ) -> Result<ZonePage, Route53Error> {
        self.admit(now)?;
        if name.is_none() && id.is_some() {
            return Err(Route53Error::input("A hosted zone ID was given without a DNS name"));
        }
        let mut zones: Vec<_> = self.zones.iter().map(|(id, zone)| zone.info(id)).collect();
        let place = |name: &OwnerName, id: &ZoneId| (name.reversed(), id.clone());
        zones.sort_by_cached_key(|zone| place(&zone.name, &zone.id));
        let from = zones.into_iter().filter(|zone| match (name, id) {
            (None, _) => true,
            (Some(name), None) => zone.name.reversed() >= name.reversed(),
            (Some(name), Some(id)) => place(&zone.name, &zone.id) >= place(name, id),
        });
        page_of_zones(from, items_max)
    }
}

fn page_of_zones(
    mut zones: impl Iterator<Item = ZoneInfo>,
    items_max: Option<usize>,
) -> Result<ZonePage, Route53Error> {
    let items_max = page_size(items_max, ZONES_PAGE_MAX)?;
    let page = zones.by_ref().take(items_max).collect();
    Ok(ZonePage { zones: page, next: zones.next(), items_max })
}

fn page_size(asked: Option<usize>, max: usize) -> Result<usize, Route53Error> {
    match asked {
        Some(0) => Err(Route53Error::input("MaxItems must be at least 1")),
        asked => Ok(asked.unwrap_or(max).min(max)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, a, weighted};
    use super::*;

    #[test]
    fn record_sets_are_listed_by_reversed_name_then_type_then_set_identifier() {
        let mut world = World::new();
        world.create(&[
            weighted("www.example.com", "us", 1, "192.0.2.2"),
            weighted("www.example.com", "eu", 1, "192.0.2.1"),
            a("b.a.example.com", "192.0.2.3"),
            a("a-b.example.com", "192.0.2.3"),
            a("*.example.com", "192.0.2.3"),
            a("a.example.com", "192.0.2.3"),
        ]);
        let names: Vec<_> = world
            .listing()
            .iter()
            .map(|r| format!("{} {} {}", r.name, r.rtype, r.routing.set_identifier().unwrap_or("")))
            .collect();
        assert_eq!(
            names,
            [
                "example.com. NS ",
                "example.com. SOA ",
                "\\052.example.com. A ",
                "a-b.example.com. A ",
                "a.example.com. A ",
                "b.a.example.com. A ",
                "www.example.com. A eu",
                "www.example.com. A us",
            ]
        );
    }

    #[test]
    fn pages_joined_are_the_whole_listing() {
        let mut world = World::new();
        world.create(&[
            weighted("www.example.com", "us", 1, "192.0.2.2"),
            weighted("www.example.com", "eu", 1, "192.0.2.1"),
            a("a.example.com", "192.0.2.3"),
        ]);
        let whole = world.listing();
        for size in 1..=whole.len() {
            let mut joined = Vec::new();
            let mut start = None;
            loop {
                let page = world
                    .route53
                    .list_record_sets(world.now, &world.zone, start.as_ref(), Some(size))
                    .expect("listed");
                assert!(page.records.len() <= size);
                joined.extend(page.records);
                start = page.next;
                world.now = world.now + std::time::Duration::from_secs(1);
                if start.is_none() {
                    break;
                }
            }
            assert_eq!(joined, whole, "pages of {size}");
        }
    }

    #[test]
    fn a_listing_can_begin_at_a_name_and_type() {
        let mut world = World::new();
        world.create(&[a("a.example.com", "192.0.2.3"), a("b.example.com", "192.0.2.3")]);
        let start = RecordStart {
            name: "a.example.com".parse().expect("valid"),
            rtype: Some(ModelRecordType::Txt),
            set_identifier: None,
        };
        let page = world
            .route53
            .list_record_sets(world.now, &world.zone, Some(&start), None)
            .expect("listed");
        assert_eq!(page.records, [a("b.example.com", "192.0.2.3")]);
    }

    #[test]
    fn zones_are_listed_by_name_from_the_name_asked_for() {
        let mut world = World::new();
        for (id, name) in [("ZB", "a.org"), ("ZA", "b.com"), ("ZC", "b.com")] {
            world
                .route53
                .create_zone(&id.parse().expect("valid"), &name.parse().expect("valid"))
                .expect("new");
        }
        let name = "b.com".parse().expect("valid");
        let page = world
            .route53
            .list_zones_by_name(world.now, Some(&name), None, Some(2))
            .expect("listed");
        assert_eq!(page.zones.iter().map(|z| z.id.as_str()).collect::<Vec<_>>(), ["ZA", "ZC"]);
        assert_eq!(page.next.map(|z| z.id.as_str().to_owned()), Some("Z1".to_owned()));
    }
}
