//! The kinds of step, as a table: which keys each takes, and what it leaves behind.
//!
//! Reading, the linter, binding and the page about the format all go by this table.

use crate::runbook::action::Kind;

/// What may stand behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A Region's code.
    Region,
    /// A service's name.
    Service,
    /// A database's name.
    Database,
    /// `none`, `planned`, or thousandths of the declared weight.
    Share,
    /// Seconds, or a time such as `90s`, `5m` or `2h`.
    Seconds,
    /// `carry`, or a number of instances.
    Enough,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Truth,
    /// Any text; references may stand anywhere in it.
    Text,
}

/// A key of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The key.
    pub name: &'static str,
    /// What may stand behind it.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: bool,
}

/// What a kind of step leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it looks, waits, asks or tells.
    Nothing,
    /// Something that does no harm when it is left as it is: `undo = "none"` will do.
    Leavable,
    /// Something that must be undone, or marked `one_way`.
    Lasting,
    /// Something that nothing undoes: it must be marked `one_way`.
    Irreversible,
}

/// A kind of step.
#[derive(Debug, PartialEq, Eq)]
pub struct KindSpec {
    /// As written in files.
    pub name: &'static str,
    /// What it becomes; none for a sub-runbook, which becomes its own steps.
    pub kind: Option<Kind>,
    /// Its own keys, besides those that every step has.
    pub keys: &'static [KeySpec],
    /// What it leaves behind.
    pub effect: Effect,
    /// Whether doing it by hand takes AWS's command line.
    pub by_aws: bool,
    /// What it does, for the page about the format.
    pub about: &'static str,
}

const fn must(name: &'static str, shape: Shape) -> KeySpec {
    KeySpec { name, shape, required: true }
}

const fn may(name: &'static str, shape: Shape) -> KeySpec {
    KeySpec { name, shape, required: false }
}

const REGION: KeySpec = must("region", Shape::Region);
const SERVICE: KeySpec = may("service", Shape::Service);
const DATABASE: KeySpec = must("database", Shape::Database);
const TO: KeySpec = must("to", Shape::Region);

/// The key that says in which Region, where a kind may also be about all Regions but one.
pub const IN: &str = "region";
/// The key that says all Regions but which.
pub const OUTSIDE: &str = "outside";

const PLACE_IN: KeySpec = may(IN, Shape::Region);
const PLACE_OUTSIDE: KeySpec = may(OUTSIDE, Shape::Region);

/// The kinds.
pub static KINDS: &[KindSpec] = &[
    KindSpec {
        name: "close_gate",
        kind: Some(Kind::CloseGate),
        keys: &[REGION, SERVICE],
        effect: Effect::Lasting,
        by_aws: true,
        about: "Agents elsewhere serve the answer at which Route 53's health checks take the Region out.",
    },
    KindSpec {
        name: "open_gate",
        kind: Some(Kind::OpenGate),
        keys: &[REGION, SERVICE],
        effect: Effect::Lasting,
        by_aws: true,
        about: "They stop serving it.",
    },
    KindSpec {
        name: "shift_traffic",
        kind: Some(Kind::ShiftTraffic),
        keys: &[REGION, SERVICE, must("to", Shape::Share)],
        effect: Effect::Lasting,
        by_aws: true,
        about: "The Region's records get this share of their weight, in one fenced batch a zone.",
    },
    KindSpec {
        name: "wait_for_dns",
        kind: Some(Kind::WaitForDns),
        keys: &[REGION, SERVICE],
        effect: Effect::Nothing,
        by_aws: true,
        about: "Until the change is INSYNC and the zones' own name servers answer as wanted.",
    },
    KindSpec {
        name: "switch_over",
        kind: Some(Kind::SwitchOver),
        keys: &[DATABASE, TO],
        effect: Effect::Lasting,
        by_aws: true,
        about: "The planned change of writer, which loses nothing and needs all clusters well.",
    },
    KindSpec {
        name: "promote",
        kind: Some(Kind::Promote),
        keys: &[
            DATABASE,
            TO,
            must("data_loss", Shape::OneOf(&["within_budget", "approved", "forced"])),
        ],
        effect: Effect::Irreversible,
        by_aws: true,
        about: "The unplanned change of writer, which may lose what was not replicated; `forced` where the rules forbid it.",
    },
    KindSpec {
        name: "wait_for_database",
        kind: Some(Kind::WaitForDatabase),
        keys: &[DATABASE, must("writer", Shape::Region)],
        effect: Effect::Nothing,
        by_aws: true,
        about: "Until the database is available, its writer is there, and no move is under way.",
    },
    KindSpec {
        name: "scale",
        kind: Some(Kind::Scale),
        keys: &[PLACE_IN, PLACE_OUTSIDE, SERVICE, must("at_least", Shape::Enough)],
        effect: Effect::Leavable,
        by_aws: true,
        about: "Autoscaling groups are raised, never lowered: `carry` is what the traffic will need.",
    },
    KindSpec {
        name: "verify_endpoint",
        kind: Some(Kind::Verify),
        keys: &[PLACE_IN, PLACE_OUTSIDE, SERVICE],
        effect: Effect::Nothing,
        by_aws: false,
        about: "The endpoints there are healthy, by the agreement of observers.",
    },
    KindSpec {
        name: "verify_records",
        kind: Some(Kind::Verify),
        keys: &[REGION, SERVICE],
        effect: Effect::Nothing,
        by_aws: true,
        about: "The records in Route 53 are what the committed state wants.",
    },
    KindSpec {
        name: "verify_still",
        kind: Some(Kind::Verify),
        keys: &[DATABASE, TO],
        effect: Effect::Nothing,
        by_aws: true,
        about: "RDS shows the database, in whatever state, and no move of its writer is under way.",
    },
    KindSpec {
        name: "review_database",
        kind: Some(Kind::Review),
        keys: &[DATABASE],
        effect: Effect::Nothing,
        by_aws: true,
        about: "What is still to be done for it is told: copies that have not rejoined, members unlike the writer, applications that are not well. It never fails.",
    },
    KindSpec {
        name: "verify_writer",
        kind: Some(Kind::Verify),
        keys: &[DATABASE, REGION],
        effect: Effect::Nothing,
        by_aws: true,
        about: "The database's writer is in that Region.",
    },
    KindSpec {
        name: "approve",
        kind: Some(Kind::Approve),
        keys: &[must("question", Shape::Text), must("expires_s", Shape::Seconds)],
        effect: Effect::Nothing,
        by_aws: false,
        about: "A person is asked, and the run waits for the answer.",
    },
    KindSpec {
        name: "by_hand",
        kind: Some(Kind::ByHand),
        keys: &[must("task", Shape::Text), must("expires_s", Shape::Seconds)],
        effect: Effect::Leavable,
        by_aws: false,
        about: "A person does it and says so; the run waits.",
    },
    KindSpec {
        name: "notify",
        kind: Some(Kind::Notify),
        keys: &[
            must("level", Shape::OneOf(&["infrastructure", "application", "third_party"])),
            must("subject", Shape::Text),
            must("text", Shape::Text),
        ],
        effect: Effect::Nothing,
        by_aws: false,
        about: "People are told.",
    },
    KindSpec {
        name: "bake",
        kind: Some(Kind::Bake),
        keys: &[must("seconds", Shape::Seconds)],
        effect: Effect::Nothing,
        by_aws: false,
        about: "Time passes in which things can go wrong and be seen. After a change of leader it begins anew.",
    },
    KindSpec {
        name: "webhook",
        kind: Some(Kind::Webhook),
        keys: &[must("url", Shape::Text), may("may_veto", Shape::Truth)],
        effect: Effect::Leavable,
        by_aws: false,
        about: "Another system is told with a POST: 2xx goes on, with `may_veto` 409 and 423 fail the step, and all else is told again within the time limit.",
    },
    KindSpec {
        name: "pause",
        kind: Some(Kind::Pause),
        keys: &[must("reason", Shape::Text)],
        effect: Effect::Lasting,
        by_aws: false,
        about: "Nothing is changed any more, neither weights nor records, until somebody resumes.",
    },
    KindSpec {
        name: "resume",
        kind: Some(Kind::Resume),
        keys: &[],
        effect: Effect::Lasting,
        by_aws: false,
        about: "The leader goes on.",
    },
    KindSpec {
        name: "runbook",
        kind: None,
        keys: &[],
        effect: Effect::Nothing,
        by_aws: false,
        about: "Another runbook's steps stand here, prefixed with this step's id.",
    },
];

impl KindSpec {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|spec| spec.name == name)
    }

    /// Its key of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static KeySpec> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Whether it is about one Region, or about all but one.
    #[must_use]
    pub fn takes_a_place(&self) -> bool {
        self.key(OUTSIDE).is_some()
    }

    /// Whether its time limit stands in a key of its own.
    #[must_use]
    pub fn limits_itself(&self) -> bool {
        self.key("expires_s").is_some() || self.key("seconds").is_some() || self.kind.is_none()
    }
}

/// Names of the kinds, for messages.
#[must_use]
pub fn names() -> String {
    KINDS.iter().map(|spec| format!("`{}`", spec.name)).collect::<Vec<_>>().join(", ")
}
