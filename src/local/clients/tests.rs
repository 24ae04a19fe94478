//! Clients between real name servers and applications of the small fleet.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::*;
use crate::local::apps::Apps;
use crate::local::dns::DnsServer;
use crate::local::{addresses, seed, testing};
use crate::world::fault::Fault;

struct Street {
    shared: Arc<Shared>,
    tally: Arc<Tally>,
    resolver: Resolver,
    _dns: DnsServer,
    _tasks: JoinSet<()>,
}

/// Two Regions' applications on their addresses, and one client of each kind.
async fn street() -> Street {
    let fleet = testing::fleet();
    let none = Duration::ZERO;
    let world = seed::world(1, &fleet, none, (none, none)).expect("a valid fleet");
    let shared = Arc::new(Shared::new(world));
    let regions: BTreeMap<RegionId, Ipv4Addr> =
        addresses::of(&BTreeSet::from(["r1", "r2"].map(testing::region))).expect("few");
    let (port, listeners): (u16, BTreeMap<RegionId, TcpListener>) =
        addresses::listen(&regions).await.expect("loopback");
    let mut tasks = JoinSet::new();
    for (region, listener) in listeners {
        let agents = Arc::new(testing::agents());
        let apps = Apps::new(shared.clone(), region, &fleet, agents);
        tasks.spawn(Arc::new(apps).serve(listener));
    }
    let dns = DnsServer::start((Ipv4Addr::LOCALHOST, 0).into(), shared.clone());
    let dns = dns.await.expect("loopback");
    let tally = Arc::new(Tally::default());
    let crowd = Crowd {
        shared: shared.clone(),
        tally: tally.clone(),
        seed: 1,
        per_kind: 1,
        dns: dns.address(),
        port,
        services: fleet.services.iter().map(|(id, spec)| (id.clone(), spec.name.clone())).collect(),
        writing: fleet
            .services
            .iter()
            .filter(|(_, spec)| fleet.written_by(spec).is_some())
            .map(|(id, _)| id.clone())
            .collect(),
        regions: regions.into_iter().map(|(region, a)| (IpAddr::V4(a), region)).collect(),
    };
    crowd.start(&mut tasks).expect("a resolver");
    let resolver = Resolver::new(dns.address()).expect("a resolver");
    Street { shared, tally, resolver, _dns: dns, _tasks: tasks }
}

impl Street {
    /// Waits until the clients' counts are so.
    async fn counts(&self, wanted: impl Fn(&[ClientCount]) -> bool) -> Vec<ClientCount> {
        loop {
            let counts = self.tally.counts();
            if wanted(&counts) {
                return counts;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn clients_of_every_kind_are_served_and_counted_as_the_log_has_it() {
    let street = street().await;
    let served_twice = |kind, counts: &[ClientCount]| {
        counts.iter().filter(|count| count.client == kind).map(|count| count.ok).sum::<u64>() >= 2
    };
    let counts = street.counts(|counts| KINDS.iter().all(|kind| served_twice(*kind, counts))).await;
    assert!(counts.iter().all(|count| count.failed == 0 && count.region.is_some()), "{counts:?}");
    let logged = street.shared.visit(|world, _| world.log.entries().len());
    let counted: u64 = counts.iter().map(|count| count.ok).sum();
    assert!(u64::try_from(logged).expect("few") >= counted);
}

#[tokio::test]
async fn clients_of_a_failing_region_say_where_and_how() {
    let street = street().await;
    for region in ["r1", "r2"] {
        let fail = Fault::Fail { region: testing::region(region), service: None };
        street.shared.alter(|world, now| world.strike(now, &fail));
    }
    street.counts(|counts| counts.iter().any(|count| count.failed > 0)).await;
    let why = street.shared.visit(|world, _| {
        world.log.entries().iter().find_map(|entry| match &entry.happening {
            Happening::Failed { region: Some(_), why, .. } => Some(why.clone()),
            _ => None,
        })
    });
    assert_eq!(why.as_deref(), Some("status 503"));
}

#[tokio::test]
async fn the_resolver_keeps_nothing_and_sees_every_answer_by_weight() {
    let street = street().await;
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let (addresses, ttl) = street.resolver.resolve("web.example.com.").await.expect("answered");
        seen.extend(addresses.iter().map(IpAddr::to_string));
        assert_eq!(ttl, Duration::from_secs(1));
    }
    let both = ["127.0.1.1", "127.0.2.1"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(both), "equal weights: one in 2^39 that this fails");
}

#[tokio::test]
async fn clients_remember_which_of_their_writes_were_acknowledged_and_by_whom() {
    let street = street().await;
    let acknowledged = || street.tally.writes().iter().map(|count| count.acknowledged).sum::<u64>();
    while acknowledged() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let take = Fault::Key { region: testing::region("r1"), cluster: None, taken: true };
    street.shared.alter(|world, now| world.strike(now, &take));
    while street.tally.writes().iter().all(|count| count.failed == 0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (wrote, why, has) = street.shared.visit(|world, _| {
        let (mut wrote, mut why) = (Vec::new(), None);
        for entry in world.log.entries() {
            match &entry.happening {
                Happening::Wrote { by, .. } => wrote.push(by.clone()),
                Happening::NotWritten { why: told, .. } => why = Some(told.clone()),
                _ => {}
            }
        }
        (wrote, why, world.rds.globals().map(|global| global.writes()).sum::<u64>())
    });
    assert!(wrote.iter().all(|by| *by == testing::region("r1")), "{wrote:?}");
    assert_eq!(why.as_deref(), Some("status 503"));
    assert!(has >= u64::try_from(wrote.len()).expect("few"), "what is acknowledged is there");
}
