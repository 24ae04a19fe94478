//! What of databases is refused, and where.

use super::super::super::load_files;
use super::super::super::testing::{Edit, each_is_refused, files};
use crate::domain::database::{Eligibility, MoveOrder, WriteReach};

const ORDERS: Edit<'_> = ("fleet.toml", "", "[databases.orders]\nglobal_cluster = \"orders\"\n");
const R1: Edit<'_> =
    ("r1.toml", "", "[databases.orders]\ncluster = \"arn:aws:rds:r1:123456789012:cluster:o1\"\n");
const R2: Edit<'_> =
    ("r2.toml", "", "[databases.orders]\ncluster = \"arn:aws:rds:r2:123456789012:cluster:o2\"\n");
const R3: Edit<'_> =
    ("r3.toml", "", "[databases.orders]\ncluster = \"arn:aws:rds:r3:123456789012:cluster:o3\"\n");

fn in_fleet(lines: &'static str) -> Edit<'static> {
    ("fleet.toml", "global_cluster = \"orders\"\n", lines)
}

#[test]
fn a_database_is_taken_as_written_with_its_members_and_its_writers() {
    let mut files = files();
    let mut edit = |(file, old, new): Edit<'_>| {
        let text = files.get_mut(file).expect("there");
        if old.is_empty() {
            text.push_str(new);
        } else {
            *text = text.replacen(old, new, 1);
        }
    };
    [ORDERS, R1, R2, R3].into_iter().for_each(&mut edit);
    edit(("r1.toml", ":o1\"\n", ":o1\"\neligibility = \"prefer\"\n"));
    edit(("fleet.toml", "type = \"A\"\n", "type = \"A\"\nwrites_to = \"orders\"\n"));
    let fleet = load_files(files).expect("accepted").fleet;
    let orders = &fleet.databases[&"orders".parse().expect("valid")];
    assert_eq!(orders.global_cluster.as_str(), "orders");
    assert_eq!((orders.loss_budget_ms, orders.secondaries_wanted), (300_000, 1));
    assert_eq!(orders.order, MoveOrder::WriterFirst);
    let members: Vec<(&str, Eligibility)> =
        orders.members.values().map(|member| (member.cluster.name(), member.eligibility)).collect();
    assert_eq!(
        members,
        [("o1", Eligibility::Prefer), ("o2", Eligibility::Neutral), ("o3", Eligibility::Neutral)]
    );
    let web = &fleet.services[&"web".parse().expect("valid")];
    let writes_to = web.writes_to.as_ref().expect("it says so");
    assert_eq!(writes_to.reach, WriteReach::EveryRegion);
}

#[test]
fn a_database_needs_members_to_go_to() {
    each_is_refused(&[
        (
            &[ORDERS],
            "fleet.toml:13:1: orders has no member: nothing to fail over to; add [databases.orders] to the files of at least two Regions",
        ),
        (
            &[ORDERS, R1],
            "fleet.toml:13:1: orders has one member, in r1: nothing to fail over to; add [databases.orders] to the files of a second Region",
        ),
        (
            &[ORDERS, R1, R2, ("r1.toml", ":o1\"\n", ":o1\"\neligibility = \"never\"\n")],
            "fleet.toml:13:1: only r2 may become the writer of orders: from there it can't be moved; make another member neutral or avoid rather than never",
        ),
        (
            &[
                ORDERS,
                R1,
                R2,
                ("r1.toml", ":o1\"\n", ":o1\"\neligibility = \"never\"\n"),
                ("r2.toml", ":o2\"\n", ":o2\"\neligibility = \"never\"\n"),
            ],
            "fleet.toml:13:1: no member of orders may become its writer; make another member neutral or avoid rather than never",
        ),
        (
            &[ORDERS, R1, R2, in_fleet("global_cluster = \"orders\"\nsecondaries_wanted = 2\n")],
            "fleet.toml:15:22: secondaries_wanted = 2 can't be had of 2 members, of which one writes; make it at most 1",
        ),
    ]);
}

#[test]
fn what_is_said_of_a_database_must_make_sense() {
    each_is_refused(&[
        (
            &[ORDERS, R1, R2, in_fleet("global_cluster = \"orders\"\nloss_budget_ms = 30000\n")],
            "fleet.toml:15:18: loss_budget_ms = 30000 can never be shown to be met: CloudWatch measures the lag once in 60000 ms, and what was written since counts as lost; make it at least 60000; below about 180000 most failovers will wait for a person",
        ),
        (
            &[ORDERS, R1, R2, in_fleet("global_cluster = \"orders\"\nsecondaries_wanted = 0\n")],
            "fleet.toml:15:22: secondaries_wanted = 0 would call a database protected that nobody follows; make it at least 1",
        ),
        (
            &[ORDERS, R1, R2, in_fleet("global_cluster = \"orders-\"\n")],
            "fleet.toml:14:18: \"orders-\" can't name a global cluster: it begins with a letter, doesn't end with a hyphen and has no two in a row; write the global cluster's identifier",
        ),
        (
            &[ORDERS, R1, R2, in_fleet("")],
            "fleet.toml:13:1: missing field `global_cluster`; add it",
        ),
        (
            &[ORDERS, R1, R2, in_fleet("global_cluster = \"orders\"\norder = \"both\"\n")],
            "fleet.toml:15:9: unknown variant `both`, expected `writer-first` or `traffic-first`; correct the value",
        ),
        (
            &[
                ORDERS,
                R1,
                R2,
                ("fleet.toml", "", "[databases.users]\nglobal_cluster = \"ORDERS\"\n"),
                (
                    "r1.toml",
                    "",
                    "[databases.users]\ncluster = \"arn:aws:rds:r1:123456789012:cluster:u1\"\n",
                ),
                (
                    "r2.toml",
                    "",
                    "[databases.users]\ncluster = \"arn:aws:rds:r2:123456789012:cluster:u2\"\n",
                ),
            ],
            "fleet.toml:16:18: orders and users are both the global cluster ORDERS; keep one of them: two would move one writer",
        ),
        (
            &[ORDERS, R1, R2, ("fleet.toml", "[timing]\n", "[timing]\ndatabase_call_ms = 5000\n")],
            "fleet.toml:12:20: database_call_ms = 5000 is so long that no call could be sure to end within the lease: lease_ms = 5000 (the default) less lease_margin_ms = 500 (the default) and renew_ms = 1000 (the default) leaves 3500; make it less than 3500, or the lease longer",
        ),
    ]);
}

#[test]
fn a_member_is_a_cluster_of_its_own_region_and_account() {
    each_is_refused(&[
        (
            &[ORDERS, R1, R2, ("r1.toml", "rds:r1", "rds:r2")],
            "r1.toml:7:11: cluster is in r2, and this is the file of r1; name the member of this Region: a copied file that was not adapted would move the writer elsewhere",
        ),
        (
            &[ORDERS, R1, R2, ("r1.toml", "arn:aws:rds:r1:123456789012:cluster:o1", "o1")],
            "r1.toml:7:11: \"o1\" is not the ARN of an Aurora cluster, such as arn:aws:rds:eu-west-1:123456789012:cluster:orders-eu-west-1; copy it from the cluster's page",
        ),
        (
            &[ORDERS, R1, R2, ("r1.toml", "123456789012", "210987654321")],
            "fleet.toml:13:1: the members of orders are in different accounts: 123456789012 and 210987654321; correct the ARNs: a global cluster is in one account",
        ),
        (
            &[R1],
            "r1.toml:6:1: fleet.toml has no database orders; correct the name, or describe the database there",
        ),
    ]);
}

#[test]
fn who_writes_must_be_able_to() {
    each_is_refused(&[
        (
            &[("fleet.toml", "type = \"A\"\n", "type = \"A\"\nwrites_to = \"orders\"\n")],
            "fleet.toml:9:13: the database orders is unknown; describe it under [databases.orders], or correct the name",
        ),
        (
            &[("fleet.toml", "type = \"A\"\n", "type = \"A\"\nwrites_from = \"writer-region\"\n")],
            "fleet.toml:9:15: web says from where it writes, and not to what; add writes_to, or remove the line",
        ),
        (
            &[
                ORDERS,
                R1,
                R2,
                R3,
                (
                    "fleet.toml",
                    "type = \"A\"\n",
                    "type = \"A\"\nwrites_to = \"orders\"\nwrites_from = \"writer-region\"\n",
                ),
            ],
            "fleet.toml:10:15: web writes only in the writer's Region, and r3 may become the writer where web is not served: nobody could write then; serve it there, make that member eligibility = \"never\", or let it write from every Region",
        ),
        (
            &[("fleet.toml", "type = \"A\"\n", "type = \"A\"\norder = \"traffic-first\"\n")],
            "fleet.toml:9:9: web says in which order it leaves a writer's Region, and writes to nothing; add writes_to, or remove the line",
        ),
        (
            &[
                ORDERS,
                R1,
                R2,
                (
                    "fleet.toml",
                    "type = \"A\"\n",
                    "type = \"A\"\nwrites_to = \"orders\"\nwrites_from = \"writer-region\"\norder = \"traffic-first\"\n",
                ),
            ],
            "fleet.toml:11:9: web writes beside the writer only: its traffic can't move first; remove the line: it follows the writer",
        ),
    ]);
}

#[test]
fn a_service_may_leave_a_writers_region_otherwise_than_its_database_says() {
    for (line, wanted) in [
        ("", MoveOrder::WriterFirst),
        ("order = \"writer-first\"\n", MoveOrder::WriterFirst),
        ("order = \"traffic-first\"\n", MoveOrder::TrafficFirst),
    ] {
        let text = format!("type = \"A\"\nwrites_to = \"orders\"\n{line}");
        let mut files = files();
        for (file, old, new) in [ORDERS, R1, R2, ("fleet.toml", "type = \"A\"\n", text.as_str())] {
            let whole = files.get_mut(file).expect("there");
            *whole =
                if old.is_empty() { format!("{whole}{new}") } else { whole.replacen(old, new, 1) };
        }
        let fleet = load_files(files).expect("accepted").fleet;
        let database = "orders".parse().expect("valid");
        let orders: Vec<MoveOrder> = fleet.orders(&database).map(|(_, order)| order).collect();
        assert_eq!(orders, [wanted], "{line:?}");
    }
}
