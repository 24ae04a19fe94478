//! What of the fleet's a runbook's prose may refer to, as a table.

/// What a reference belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The fleet: may stand anywhere.
    Fleet,
    /// Each seat: a block with it is repeated.
    Seat,
    /// Each service in each Region that the step is about: a block with it is repeated.
    Placement,
    /// Each cluster of each database that the step is about: a block with it is repeated.
    Cluster,
    /// What a step about a database changes.
    Target,
}

/// A reference.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its name.
    pub name: &'static str,
    /// What it belongs to.
    pub scope: Scope,
    /// What stands there, for the page about the format.
    pub about: &'static str,
}

const fn of(scope: Scope, name: &'static str, about: &'static str) -> Reference {
    Reference { name, scope, about }
}

/// The references, besides the runbook's own parameters.
pub static REFERENCES: &[Reference] = &[
    of(Scope::Fleet, "fleet", "the fleet's name"),
    of(Scope::Fleet, "seats_table", "the table with the seat, one in each Region that has one"),
    of(Scope::Fleet, "board_table", "the global table with what is published"),
    of(Scope::Fleet, "seat_count", "how many seats there are"),
    of(Scope::Fleet, "majority", "how many of them are a majority"),
    of(Scope::Fleet, "lease_s", "seconds after which a leader that can't renew has stopped"),
    of(Scope::Fleet, "audit_s", "seconds within which a leader notices a hand edit"),
    of(Scope::Seat, "seat", "a Region with a seat"),
    of(Scope::Placement, "here", "the Region's code, which is also the record's set identifier"),
    of(Scope::Placement, "this_service", "the service"),
    of(Scope::Placement, "zone", "the hosted zone's ID"),
    of(Scope::Placement, "zone_name", "the hosted zone's name"),
    of(Scope::Placement, "record", "the record's name, with its final dot"),
    of(Scope::Placement, "type", "the record's type"),
    of(Scope::Placement, "declared_weight", "its weight while all is well"),
    of(
        Scope::Placement,
        "new_weight",
        "the weight that this step gives it; a failover pair has none",
    ),
    of(
        Scope::Placement,
        "change_query",
        "the `--query`, for between double quotes, that makes the step's change batch of the records \
         as they are read, by weight or of a failover pair",
    ),
    of(
        Scope::Placement,
        "change_batch",
        "the change batch that can be made without reading; of a failover pair there is none",
    ),
    of(Scope::Placement, "fence", "the name of the zone's fence, a TXT record"),
    of(Scope::Placement, "health_url", "what agents probe"),
    of(Scope::Placement, "target_group", "the target group's ARN"),
    of(Scope::Placement, "scaling_group", "the autoscaling group's name"),
    of(
        Scope::Placement,
        "carry_percent",
        "what it must carry once the step's Region is out, in percent of its share now",
    ),
    of(Scope::Cluster, "this_database", "the database"),
    of(Scope::Cluster, "global_cluster", "the global cluster's identifier"),
    of(Scope::Cluster, "cluster_region", "the cluster's Region"),
    of(Scope::Cluster, "cluster", "the cluster's identifier"),
    of(Scope::Cluster, "cluster_arn", "the cluster's ARN"),
    of(Scope::Target, "target_region", "the Region that the step's writer is, or is to be, in"),
    of(Scope::Target, "target_arn", "the ARN of the cluster there"),
    of(Scope::Target, "target_global", "the step's global cluster"),
];

/// The reference of this name.
#[must_use]
pub fn reference(name: &str) -> Option<&'static Reference> {
    REFERENCES.iter().find(|reference| reference.name == name)
}
