//! One runbook that is right, and what is refused once something in it is changed.

use crate::runbook::Library;

const RIGHT: &str = r#"+++
name = "move"
title = "Move {database}"
summary = "For tests."

[[parameters]]
name = "database"
kind = "database"
description = "the database"

[[parameters]]
name = "to"
kind = "region"
description = "where to"

[[parameters]]
name = "soak"
kind = "duration"
default = "5m"
description = "how long to wait"

[[steps]]
id = "look"
kind = "verify_writer"
database = "{database}"
region = "eu-west-1"
timeout_s = 60

[[steps]]
id = "gate"
kind = "close_gate"
region = "eu-west-1"
needs = ["look"]
timeout_s = 60
undo = { kind = "open_gate", region = "eu-west-1" }

[[steps]]
id = "ask"
kind = "approve"
question = "Move {database}?"
expires_s = "15m"
needs = ["gate"]

[[steps]]
id = "promote"
kind = "promote"
database = "{database}"
to = "{to}"
data_loss = "approved"
needs = ["ask"]
timeout_s = "20m"
one_way = true

[[steps]]
id = "wait"
kind = "bake"
seconds = "{soak}"
needs = ["promote"]
+++

What it is about.

## look: See who writes

Reads.

### How to see that it worked

It is there.

### By hand

```sh
aws rds describe-global-clusters --region {to} --global-cluster-identifier {target_global}
```

## gate: Close it

Closes.

### How to see that it worked

It is closed.

### By hand

```sh
aws route53 list-health-checks
```

### To undo it by hand

Open it.

## ask: Ask

Asks.

### How to see that it worked

Yes.

### By hand

Ask.

## promote: Promote

Promotes.

### How to see that it worked

It writes.

### By hand

```sh
aws rds failover-global-cluster --region {to} --target-db-cluster-identifier {target_arn}
```

## wait: Wait

Waits.

### How to see that it worked

Time passed.

### By hand

```sh
sleep 60
```
"#;

/// A second runbook, which calls the first.
const CALLS: &str = r#"+++
name = "calls"
title = "Call"
summary = "For tests."

[[steps]]
id = "all"
kind = "runbook"
name = "move"
with = { database = "orders", to = "us-east-1" }
+++

## all: All of it

As it is.
"#;

fn said(files: &[(&str, String)]) -> Vec<String> {
    let texts = files.iter().map(|(name, text)| (format!("{name}.md"), text.clone()));
    let (_, problems) = Library::read(texts);
    problems.iter().map(ToString::to_string).collect()
}

fn changed(text: &str, old: &str, new: &str) -> String {
    let changed = text.replacen(old, new, 1);
    assert_ne!(changed, text, "nothing was changed: {old:?}");
    changed
}

/// What is said after each change, one at a time: for a picture that people judge.
fn refusals(right: &str, name: &str, others: &[(&str, String)], cases: &[(&str, &str)]) -> String {
    let mut picture = String::new();
    for (old, new) in cases {
        let mut files = others.to_vec();
        files.push((name, changed(right, old, new)));
        let said = said(&files);
        assert!(!said.is_empty(), "{old:?} → {new:?} is accepted");
        picture += &format!("{old:?} → {new:?}\n    {}\n", said.join("\n    "));
    }
    picture
}

/// Changes of the first runbook.
fn refused(cases: &[(&str, &str)]) -> String {
    refusals(RIGHT, "move", &[], cases)
}

/// Changes of the second runbook.
fn calls_refused(cases: &[(&str, &str)]) -> String {
    refusals(CALLS, "calls", &[("move", RIGHT.to_owned())], cases)
}

#[test]
fn the_runbooks_of_these_tests_are_right() {
    assert_eq!(said(&[("move", RIGHT.to_owned()), ("calls", CALLS.to_owned())]), [""; 0]);
}

#[test]
fn a_file_without_front_matter_is_refused() {
    let said = refused(&[("+++\n", ""), ("\n+++\n\nWhat", "\n\nWhat"), ("title =", "title")]);
    insta::assert_snapshot!(said);
}

#[test]
fn keys_and_kinds_that_there_are_not_are_refused_where_they_stand() {
    let said = refused(&[
        ("summary =", "sumary ="),
        ("kind = \"close_gate\"", "kind = \"shut_gate\""),
        ("region = \"eu-west-1\"\nneeds", "region = \"eu-west-1\"\nreigon = \"x\"\nneeds"),
        ("region = \"eu-west-1\"\nneeds = [\"look\"]", "needs = [\"look\"]"),
        ("data_loss = \"approved\"", "data_loss = \"whatever\""),
        ("region = \"eu-west-1\"\nneeds", "region = \"eu west\"\nneeds"),
        (
            "timeout_s = 60\n\n[[steps]]\nid = \"gate\"",
            "timeout_s = 60.5\n\n[[steps]]\nid = \"gate\"",
        ),
        ("one_way = true", "one_way = \"yes\""),
        ("needs = [\"ask\"]", "needs = \"ask\""),
        ("id = \"wait\"\n", ""),
        ("one_way = true", "one_way = true\nautonomy = \"bold\""),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn a_place_is_one_region_or_all_but_one() {
    let look = "kind = \"verify_writer\"\ndatabase = \"{database}\"\nregion = \"eu-west-1\"";
    let said = refused(&[
        (look, "kind = \"scale\"\nat_least = \"carry\"\nundo = \"none\""),
        (
            look,
            "kind = \"scale\"\nat_least = 3\nundo = \"none\"\nregion = \"r1\"\noutside = \"r2\"",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn what_follows_a_failure_is_one_of_four_and_retries_are_counted() {
    let gate = "needs = [\"look\"]\ntimeout_s = 60";
    let with = |line: &str| format!("{gate}\n{line}");
    let said = refused(&[
        (gate, &with("on_failure = \"hope\"")),
        (gate, &with("attempts = 1\non_failure = \"retry\"")),
        (gate, &with("attempts = 11\non_failure = \"retry\"")),
        (gate, &with("attempts = 3")),
        (gate, &with("on_failure = \"skip\"")),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn the_head_says_what_the_runbook_is_and_its_parameters_are_used() {
    let said = refused(&[
        ("\"move\"", "\"moves\""),
        ("\"For tests.\"", "\" \""),
        ("\"Move {database}\"", "\"Move {databse}\""),
        ("name = \"soak\"", "name = \"Soak\""),
        ("name = \"soak\"", "name = \"here\""),
        ("name = \"soak\"", "name = \"database\""),
        ("\"{soak}\"", "\"5m\""),
        ("\"how long to wait\"", "\"\""),
        ("default = \"5m\"", "default = \"soon\""),
        ("default = \"5m\"", "default = \"5m\"\nrequired = true"),
        ("kind = \"duration\"", "kind = \"time\""),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn references_fit_what_they_stand_for() {
    let said = refused(&[
        ("to = \"{to}\"", "to = \"{database}\""),
        ("to = \"{to}\"", "to = \"{to}-2\""),
        ("default = \"5m\"", "required = false"),
        ("\"Move {database}?\"", "\"Move {databse}?\""),
        (
            "default = \"5m\"\ndescription = \"how long to wait\"",
            "default = \"5m\"\ndescription = \"how long to wait\"\n[[parameters]]\nname = \"why\"\nkind = \"text\"\nrequired = false\ndescription = \"why\"",
        ),
        ("timeout_s = \"20m\"", "timeout_s = \"{to}\""),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn an_optional_text_can_not_stand_in_a_text() {
    let old = "description = \"how long to wait\"";
    let new = "description = \"how long to wait\"\n[[parameters]]\nname = \"why\"\nkind = \"text\"\n\
               required = false\ndescription = \"why\"";
    let text = changed(&changed(RIGHT, old, new), "\"Move {database}?\"", "\"Move for {why}?\"");
    let said = said(&[("move", text)]);
    assert_eq!(
        said,
        [
            "move.md:45:12: `{why}` may be left out, and the text says nothing then; give it a default, \
          or make it required"
        ]
    );
}

#[test]
fn steps_have_names_and_an_order() {
    let said = refused(&[
        ("id = \"wait\"", "id = \"Wait\""),
        ("id = \"wait\"", "id = \"look\""),
        ("needs = [\"promote\"]", "needs = [\"promot\"]"),
        ("needs = [\"promote\"]", "needs = [\"promote\", \"promote\"]"),
        ("needs = [\"look\"]", "needs = [\"look\", \"ask\"]"),
        ("needs = [\"look\"]", "needs = [\"gate\"]"),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn nothing_waits_for_ever() {
    let said = refused(&[
        ("timeout_s = 60\n\n", "\n"),
        ("timeout_s = 60\n\n", "timeout_s = 0\n\n"),
        ("timeout_s = 60\n\n", "timeout_s = \"25h\"\n\n"),
        ("expires_s = \"15m\"", "expires_s = \"15m\"\ntimeout_s = 5"),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_left_behind_is_undone_or_said_to_be_one_way() {
    let undo = "undo = { kind = \"open_gate\", region = \"eu-west-1\" }";
    let said = refused(&[
        (undo, ""),
        (undo, "undo = \"none\""),
        (undo, "undo = 3"),
        (undo, "undo = { kind = \"runbook\" }"),
        (undo, "undo = { kind = \"open_gate\", region = \"{too}\" }"),
        ("one_way = true", ""),
        ("seconds = \"{soak}\"", "seconds = \"{soak}\"\none_way = true"),
        ("timeout_s = 60\n\n", "timeout_s = 60\nundo = { kind = \"resume\" }\n\n"),
        (undo, &format!("{undo}\none_way = true")),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn what_can_not_be_undone_comes_after_a_question_and_a_look_at_the_same_thing() {
    let said = refused(&[
        ("needs = [\"ask\"]", "needs = [\"gate\"]"),
        ("needs = [\"gate\"]", ""),
        ("database = \"{database}\"\nregion", "database = \"other\"\nregion"),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn a_promotion_within_the_budget_needs_no_persons_word() {
    let text = changed(RIGHT, "data_loss = \"approved\"", "data_loss = \"within_budget\"");
    let text = changed(&text, "needs = [\"ask\"]", "needs = [\"gate\"]");
    assert_eq!(said(&[("move", text)]), [""; 0]);
}

#[test]
fn behind_the_point_of_no_return_nothing_is_undone() {
    let wait = "kind = \"bake\"\nseconds = \"{soak}\"\nneeds = [\"promote\"]";
    let gate = "kind = \"close_gate\"\nregion = \"eu-west-1\"\ntimeout_s = \"{soak}\"\nneeds = [\"promote\"]";
    let with = |line: &str| format!("{gate}\n{line}");
    let said = refused(&[
        (wait, &with("undo = { kind = \"open_gate\", region = \"eu-west-1\" }")),
        (wait, &with("on_failure = \"undo\"")),
        (wait, gate),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn every_step_can_be_done_by_a_person() {
    let said = refused(&[
        ("## wait: Wait", "## weit: Wait"),
        ("## wait: Wait", "## look: Wait"),
        ("Promotes.\n", ""),
        ("### How to see that it worked\n\nIt writes.\n", ""),
        ("### By hand\n\nAsk.\n", ""),
        ("```sh\nsleep 60\n```", "Sleep."),
        ("aws route53 list-health-checks", "echo hope"),
        ("### To undo it by hand\n\nOpen it.\n", ""),
        ("Ask.\n", "Ask.\n\n### To undo it by hand\n\nTake it back.\n"),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn commands_are_complete_and_refer_to_what_there_is() {
    let picture = refused(&[
        (
            "aws route53 list-health-checks",
            "aws route53 get-health-check --health-check-id <its id>",
        ),
        ("aws route53 list-health-checks", "aws route53 list-health-checks {region}"),
        ("aws route53 list-health-checks", "aws rds {target_arn}"),
        ("aws route53 list-health-checks", "aws {seat} {zone}"),
        ("Closes.\n", "Closes {zone}.\n"),
        ("## gate: Close it", "## gate: Close {gate}"),
    ]);
    insta::assert_snapshot!(picture);
    let shell = changed(RIGHT, "sleep 60", "cat <<END >file; echo ${x} $(date) 1<2; sleep {soak}");
    assert_eq!(said(&[("move", shell)]), [""; 0]);
}

#[test]
fn calls_name_a_runbook_and_tell_it_what_it_must_be_told() {
    let said = calls_refused(&[
        ("name = \"move\"", "name = \"moove\""),
        ("name = \"move\"", "name = \"calls\""),
        (", to = \"us-east-1\"", ""),
        (", to =", ", too = 3, to ="),
        ("\"us-east-1\"", "\"us east\""),
        ("\"us-east-1\"", "\"{there}\""),
        ("with = { database = \"orders\", to = \"us-east-1\" }", "with = 3"),
        ("with =", "timeout_s = 5\nwith ="),
        ("with =", "one_way = true\nwith ="),
        ("with =", "on_failure = \"undo\"\nwith ="),
        ("with =", "undo = \"none\"\nwith ="),
        ("with =", "region = \"r1\"\nwith ="),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn a_way_back_through_another_runbook_is_found_and_neither_can_be_used() {
    let other = changed(&CALLS.replace("\"calls\"", "\"other\""), "\"move\"", "\"calls\"");
    let other = changed(&other, "with = { database = \"orders\", to = \"us-east-1\" }\n", "");
    let calls = changed(CALLS, "name = \"move\"", "name = \"other\"");
    let calls = changed(&calls, "with = { database = \"orders\", to = \"us-east-1\" }\n", "");
    let files = [("calls", calls), ("other", other), ("third", CALLS.to_owned())];
    let said = said(&files);
    assert!(said[0].starts_with("calls.md:9:8: \"calls\" calls \"other\", which comes back to it"));
    assert!(said[1].starts_with("other.md:9:8: \"other\" calls \"calls\", which comes back to it"));
}

#[test]
fn a_runbook_that_calls_a_wrong_one_can_not_be_used_and_others_can() {
    let texts = [
        ("move.md".to_owned(), changed(RIGHT, "one_way = true", "")),
        ("calls.md".to_owned(), CALLS.to_owned()),
        ("third.md".to_owned(), changed(RIGHT, "\"move\"", "\"third\"")),
    ];
    let (library, problems) = Library::read(texts);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let usable: Vec<&str> = library.books().map(|book| book.name.as_str()).collect();
    assert_eq!(usable, ["third"]);
}

#[test]
fn behind_a_call_of_a_one_way_runbook_nothing_is_undone_either() {
    let gate = "[[steps]]\nid = \"gate\"\nkind = \"close_gate\"\nregion = \"r1\"\nneeds = [\"all\"]\n\
                timeout_s = 5\nundo = { kind = \"open_gate\", region = \"r1\" }\n+++\n\n## all";
    let calls = changed(CALLS, "+++\n\n## all", gate);
    let said = said(&[("move", RIGHT.to_owned()), ("calls", calls)]);
    assert!(
        said.iter().any(|line| line.contains("the undo is never reached: behind \"all\"")),
        "{said:?}"
    );
}
