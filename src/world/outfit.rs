//! The load balancers, autoscaling groups, alarms, topics, databases and roles that a fleet's
//! description names, as its operator set them up long ago: both the fleet on loopback and the
//! simulated one begin with them.

use super::World;
use super::cloudwatch::{AlarmRule, Comparison, MissingData};
use super::elb::{HealthCheck, TargetId};
use super::rds::Member;
use crate::domain::capacity::ScalingGroupId;
use crate::domain::database::DatabaseSpec;
use crate::domain::fleet::Placement;
use crate::domain::signal::{AlarmName, AlarmState, MetricId, Statistic};
use crate::domain::{Fleet, Moment, RegionId, ServiceId, Target};

/// Availability zones that targets stand in: as many as most Regions have at least.
const ZONES: [char; 3] = ['a', 'b', 'c'];

/// Targets in each zone: enough that one can be broken and another left.
const TARGETS_IN_ZONE: u8 = 2;

/// Sizes of an autoscaling group (least, wanted, most): as many instances as there are targets, and
/// room for one Region to carry what three do.
const GROUP_SIZES: (u32, u32, u32) = (2, 6, 20);

impl World {
    /// Adds what the fleet's Regions name. Checks are the quickest that AWS allows, so that nobody
    /// waits a minute for a demonstration.
    pub fn outfit(&mut self, now: Moment, fleet: &Fleet) {
        for (zone, role) in &fleet.roles {
            self.roles.add(zone.clone(), role.clone());
        }
        for topic in fleet.topics.values() {
            self.sns.add_topic(topic.clone());
        }
        for database in fleet.databases.values() {
            self.add_database(now, database);
        }
        for (service, spec) in &fleet.services {
            for (region, placement) in &spec.regions {
                self.add_targets(now, region, service, placement);
                self.add_scaling_group(now, region, placement);
                for alarm in &placement.alarms {
                    self.add_alarm(now, region, alarm, AlarmState::Ok);
                }
            }
        }
    }

    fn add_targets(
        &mut self,
        now: Moment,
        region: &RegionId,
        service: &ServiceId,
        placement: &Placement,
    ) {
        let Some(group) = &placement.target_group else { return };
        let app = Target { region: region.clone(), service: service.clone() };
        self.elb.add_group(now, group.clone(), app, HealthCheck::QUICKEST);
        for (subnet, zone) in (0u8..).zip(ZONES) {
            for host in 1..=TARGETS_IN_ZONE {
                // Addresses, as containers register themselves: of instances AWS tells no zone.
                let id = TargetId { id: format!("10.0.{subnet}.{host}"), port: 80 };
                self.elb
                    .register_in_service(group, id, &format!("{region}{zone}"))
                    .expect("the group was just added");
            }
        }
    }

    /// The group that runs it. Services may share one.
    fn add_scaling_group(&mut self, now: Moment, region: &RegionId, placement: &Placement) {
        let Some(name) = &placement.scaling_group else { return };
        let group = ScalingGroupId { region: region.clone(), name: name.clone() };
        if self.autoscaling.group(&group).is_none() {
            self.autoscaling.add(now, group, GROUP_SIZES).expect("the sizes fit each other");
        }
    }

    /// A global cluster, whose writer is where it is liked best.
    fn add_database(&mut self, now: Moment, database: &DatabaseSpec) {
        let best = database.members.iter().min_by_key(|(_, member)| member.eligibility);
        let Some((writer, _)) = best else { return };
        let members = database.members.values().map(|member| Member::new(member.cluster.clone()));
        self.rds.add(now, database.global_cluster.clone(), members, writer);
    }

    /// An alarm over errors that nobody publishes, so that it keeps the state that it is given.
    pub(crate) fn add_alarm(
        &mut self,
        now: Moment,
        region: &RegionId,
        name: &AlarmName,
        state: AlarmState,
    ) {
        let metric = MetricId {
            namespace: "Demo".to_owned(),
            name: "Errors".to_owned(),
            dimensions: [("Alarm".to_owned(), name.to_string())].into(),
        };
        let rule = AlarmRule {
            metric,
            statistic: Statistic::Sum,
            period_s: 60,
            periods: 1,
            breaches: 1,
            comparison: Comparison::GreaterThan,
            threshold: 0.0,
            missing: MissingData::Ignore,
        };
        self.cloudwatch.put_alarm(now, region, name.clone(), rule);
        self.cloudwatch
            .set_alarm_state(now, region, name.as_str(), state, "as it was set up")
            .expect("the alarm was just added");
    }
}
