//! Where the independent emulator (ministack) is known to differ from AWS, with the rule of AWS that
//! it breaks. What can't be shown to break a rule is not listed: then our world is what is wrong.

/// A case that the emulator does not pass.
pub(crate) struct Difference {
    /// The port.
    pub(crate) port: &'static str,
    /// The case's name.
    pub(crate) case: &'static str,
    /// What the emulator does.
    pub(crate) does: &'static str,
    /// The rule of AWS, and the page that states it.
    pub(crate) rule: &'static str,
}

/// All that are known, for the version that `.ci/run` installs.
pub(crate) const KNOWN: &[Difference] = &[
    Difference {
        port: "Records",
        case: "simple and weighted records of one name don't mix, but in one batch",
        does: "accepts a weighted record beside a simple one of the same name and type",
        rule: "Records that share a name and type are told apart by a set identifier, which each of \
               them then has (Route 53 API Reference, `ResourceRecordSet`, `SetIdentifier`); Route \
               53 refuses: \"cannot be created as a non-weighted set exists with the same name and \
               type\"",
    },
    Difference {
        port: "Records",
        case: "a record outside the zone is refused",
        does: "accepts a record whose name does not lie within the zone's",
        rule: "`Name` is that of a record in the hosted zone (Route 53 API Reference, \
               `ResourceRecordSet`, `Name`); Route 53 refuses: \"RRSet with DNS name … is not \
               permitted in zone …\"",
    },
    Difference {
        port: "Databases",
        case: "a switchover asked for elsewhere than at the primary is a conflict",
        does: "switches over wherever it is asked to",
        rule: "A switchover is called in the Region where the primary cluster is running (Aurora User \
               Guide, \"Performing switchovers for Amazon Aurora global databases\", `--region`)",
    },
    Difference {
        port: "Capacity",
        case: "a number outside the limits is a conflict, and changes nothing",
        does: "sets a number above the group's most, or below its least",
        rule: "The desired capacity lies between the group's minimum and maximum sizes (Amazon EC2 Auto \
               Scaling User Guide, \"Set scaling limits for your Auto Scaling group\"); `SetDesiredCapacity` \
               refuses: \"New SetDesiredCapacity value … is above max value … for the AutoScalingGroup\"",
    },
    Difference {
        port: "Signals",
        case: "targets of a group that no load balancer uses are neither healthy nor unhealthy",
        does: "calls every registered target healthy",
        rule: "A target is `unused` while its group is not used in a listener rule, for the reason \
               `Target.NotInUse` (User Guide for Application Load Balancers, \"Health checks for \
               Application Load Balancer target groups\", \"Target health status\")",
    },
];

/// The one for a case, if it is listed.
#[cfg(feature = "aws")]
pub(crate) fn known(port: &str, case: &str) -> Option<&'static Difference> {
    KNOWN.iter().find(|difference| difference.port == port && difference.case == case)
}
