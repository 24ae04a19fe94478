//! Quotas: what the account may run, by its own quota or by everybody's, and what it runs by CloudWatch.

use std::collections::BTreeMap;

use super::{AMPLE, aws};
use crate::domain::RegionId;
use crate::domain::capacity::Vcpus;
use crate::domain::signal::MetricId;
use crate::local::testing::Stage;
use crate::ports::Capacity as _;
use crate::world::cloudwatch::Stats;

#[tokio::test]
async fn vcpus_are_what_the_quota_says_or_what_everybody_has() {
    let stage = Stage::start().await;
    let capacity = aws(&stage.url).capacity();
    let region: RegionId = "r1".parse().expect("valid");
    let asked = || capacity.vcpus(&region, AMPLE);
    assert_eq!(asked().await, Ok(Vcpus { most: 256, used: None }));

    let dimensions = [
        ("Class", "Standard/OnDemand"),
        ("Resource", "vCPU"),
        ("Service", "EC2"),
        ("Type", "Resource"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let metric = MetricId {
        namespace: "AWS/Usage".to_owned(),
        name: "ResourceCount".to_owned(),
        dimensions: BTreeMap::from(dimensions),
    };
    stage.visit(|world, now| {
        world.cloudwatch.set_delay(std::time::Duration::ZERO);
        world.set_unix_ms_at_zero(crate::telemetry::clock::wall_unix_ms());
        let unix_ms = world.cloudwatch.unix_ms(now) - 600_000;
        world.cloudwatch.put(now, &region, metric, unix_ms, Stats::of(48.0));
        world.quotas.set_vcpus(&region, None);
    });
    assert_eq!(asked().await, Ok(Vcpus { most: 5, used: Some(48) }));
    let nowhere: RegionId = "r9".parse().expect("valid");
    assert!(capacity.vcpus(&nowhere, std::time::Duration::from_secs(2)).await.is_err());
}
