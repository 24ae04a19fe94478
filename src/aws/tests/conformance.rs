//! The adapters under the suites of every port: over the local endpoints, and over an independent
//! emulator where there is one.

use std::time::Duration;

use async_trait::async_trait;

use crate::aws::{Aws, Board, Seats, Zones};
use crate::domain::fleet::Tables;
use crate::domain::record::DnsName;
use crate::domain::{RegionId, ZoneId};
use crate::local::testing::Stage;
use crate::ports::conformance::differences::known;
use crate::ports::conformance::{Ground, SUITES};
use crate::ports::{Observations, Records, Registers};

/// Names the emulator's URL.
const ENDPOINT: &str = "REGENT_CONFORMANCE_ENDPOINT";

struct OverTheWire {
    seats: Seats,
    board: Board,
    zones: Zones,
    regions: (RegionId, RegionId),
    zone: (ZoneId, DnsName),
}

impl OverTheWire {
    /// Fresh tables and a fresh zone behind an endpoint. `name` tells them from others'.
    async fn at(url: &str, name: &str, regions: [&str; 2]) -> Self {
        let tables = Tables { seats: format!("{name}-seats"), board: format!("{name}-board") };
        let adapters = Aws::at(url, tables);
        let zone: DnsName = format!("{name}.example").parse().expect("valid");
        let zones = adapters.zones();
        let created = zones
            .0
            .route53
            .create_hosted_zone()
            .name(zone.as_str())
            .caller_reference(name)
            .send()
            .await
            .expect("a zone");
        let id = created.hosted_zone().expect("the zone").id().trim_start_matches("/hostedzone/");
        let [here, there] = regions.map(|region| region.parse().expect("valid"));
        Self {
            seats: adapters.seats(),
            board: adapters.board(),
            zones,
            regions: (here, there),
            zone: (id.parse().expect("valid"), zone),
        }
    }
}

#[async_trait]
impl Ground for OverTheWire {
    fn registers(&self) -> &dyn Registers {
        &self.seats
    }

    fn observations(&self) -> &dyn Observations {
        &self.board
    }

    fn records(&self) -> &dyn Records {
        &self.zones
    }

    fn regions(&self) -> (RegionId, RegionId) {
        self.regions.clone()
    }

    fn zone(&self) -> (ZoneId, DnsName) {
        self.zone.clone()
    }

    async fn let_pass(&self) {
        // Cases ask again until they have waited for long enough.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_adapters_over_the_local_endpoints_conform() {
    let mut wrong = Vec::new();
    for (port, cases) in SUITES {
        for case in cases {
            // A stage each: the account's rate of calls to Route 53 would not do for all of them.
            let stage = Stage::start().await;
            let ground = OverTheWire::at(&stage.url, "c", ["r1", "r2"]).await;
            if let Err(why) = case.run(&ground).await {
                wrong.push(format!("{port}: {}: {why}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_adapters_over_an_independent_emulator_conform_but_for_what_is_known() {
    let Ok(url) = std::env::var(ENDPOINT) else {
        eprintln!("skipped: {ENDPOINT} is not set to the URL of an emulator");
        return;
    };
    // Each of its runs has to be told from those before it, which it may remember.
    let run = std::process::id();
    let mut wrong = Vec::new();
    let mut number = 0;
    for (port, cases) in SUITES {
        for case in cases {
            number += 1;
            let name = format!("c{run}-{number}");
            let ground = OverTheWire::at(&url, &name, ["eu-west-1", "us-east-1"]).await;
            match (case.run(&ground).await, known(port, case.name)) {
                (Err(why), None) => wrong.push(format!("{port}: {}: {why}", case.name)),
                (Ok(()), Some(_)) => wrong.push(format!(
                    "{port}: {}: it conforms now: take it off the list of differences",
                    case.name
                )),
                (Ok(()), None) | (Err(_), Some(_)) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
