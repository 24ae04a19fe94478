//! The pages that serve when the controller is dead: what a person would type is complete.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use regent::config::load_dir;
use regent::domain::Fleet;
use regent::runbook::book::kinds::{Effect, KINDS, KeySpec};
use regent::runbook::manual::{REFERENCES, Scope};
use regent::runbook::{Arguments, Library, Names, manual};

fn fleet() -> Fleet {
    let regions = Path::new(env!("CARGO_MANIFEST_DIR")).join("regions");
    load_dir(&regions).unwrap_or_else(|problems| panic!("{problems}")).fleet
}

/// Every shipped runbook as a page for the shipped fleet.
fn pages() -> Vec<(String, String)> {
    let (library, fleet) = (Library::shipped(), fleet());
    let names = Names::of(&fleet);
    let told = |name: &str| match name {
        "region" | "from" => "eu-west-1",
        "to" => "us-east-1",
        "database" => "orders",
        _ => "a rehearsal",
    };
    library
        .books()
        .map(|book| {
            let required = book.parameters.iter().filter(|parameter| parameter.required);
            let arguments: Arguments = required
                .map(|parameter| (parameter.name.clone(), told(&parameter.name).to_owned()))
                .collect();
            let procedure = library.bind(&book.name, &arguments).expect("it can be bound");
            assert_eq!(procedure.unfit_for(&fleet), [""; 0], "{}", book.name);
            let page = manual(library, &book.name, &arguments, &names).expect("it was bound");
            (book.name.clone(), page)
        })
        .collect()
}

/// The blocks of commands of a page.
fn commands(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match (&mut open, line.trim_start()) {
            (None, "```sh") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), _) => block.extend([line, "\n"]),
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

#[test]
fn every_name_of_the_fleet_is_filled_in() {
    for (name, page) in pages() {
        for reference in REFERENCES {
            let written = format!("{{{}}}", reference.name);
            assert!(!page.contains(&written), "{name} still says {written}");
        }
        for lack in ["the fleet's files don't say", "the fleet's files name no"] {
            assert!(!page.contains(lack), "{name} lacks something of the fleet's");
        }
    }
}

#[test]
fn every_command_is_one_that_a_shell_understands() {
    let mut count = 0;
    for (name, page) in pages() {
        for block in commands(&page) {
            let mut shell = Command::new("sh")
                .arg("-n")
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("there is a shell");
            let mut stdin = shell.stdin.take().expect("it was piped");
            stdin.write_all(block.as_bytes()).expect("the shell reads");
            drop(stdin);
            let output = shell.wait_with_output().expect("the shell ends");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}:\n{block}\n{said}");
            count += 1;
        }
    }
    assert!(count > 60, "only {count} blocks were found");
}

#[test]
fn every_change_batch_is_json_of_one_weighted_record() {
    let mut count = 0;
    for (name, page) in pages() {
        for block in commands(&page) {
            for part in block.split("<<'END'\n").skip(1) {
                let text = part.split("\nEND\n").next().expect("there is a first part");
                let batch: serde_json::Value =
                    serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}:\n{text}"));
                let change = &batch["Changes"][0];
                assert_eq!(change["Action"], "UPSERT");
                assert_eq!(change["ResourceRecordSet"]["SetIdentifier"], "eu-west-1");
                assert_eq!(change["ResourceRecordSet"]["Weight"], 0);
                count += 1;
            }
        }
    }
    assert!(count >= 2, "only {count} batches were found");
}

/// The kinds of step, as a table.
fn kinds() -> String {
    let mut table =
        String::from("| kind | its keys | effect | what it does |\n|---|---|---|---|\n");
    for spec in KINDS {
        let key = |key: &KeySpec| {
            let shape = key.shape.in_words();
            let may = if key.required { "" } else { " (may be left out)" };
            format!("`{}`: {shape}{may}", key.name)
        };
        let keys = match spec.kind {
            Some(_) if spec.takes_a_place() => {
                let others: Vec<String> = spec
                    .keys
                    .iter()
                    .filter(|key| !["region", "outside"].contains(&key.name))
                    .map(key)
                    .collect();
                format!("`region` or `outside` (every Region but that); {}", others.join("; "))
            }
            Some(_) => spec.keys.iter().map(key).collect::<Vec<_>>().join("; "),
            None => "`name`; `with`: its arguments".to_owned(),
        };
        let effect = match spec.effect {
            Effect::Nothing => "",
            Effect::Leavable => "may be left",
            Effect::Lasting => "needs an undo",
            Effect::Irreversible => "one way",
        };
        table += &format!("| `{}` | {keys} | {effect} | {} |\n", spec.name, spec.about);
    }
    table
}

/// What prose may refer to, as a table.
fn references() -> String {
    let mut table = String::from("| reference | stands for | where |\n|---|---|---|\n");
    for reference in REFERENCES {
        let place = match reference.scope {
            Scope::Fleet => "anywhere",
            Scope::Seat => "blocks: once for each seat",
            Scope::Placement => "blocks: once for each service and Region",
            Scope::Cluster => "blocks: once for each cluster",
            Scope::Target => "steps about a database",
        };
        table += &format!("| `{{{}}}` | {} | {place} |\n", reference.name, reference.about);
    }
    table
}

#[test]
fn the_page_about_the_format_has_the_codes_own_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks.md");
    let found = fs::read_to_string(&path).expect("it is there");
    let mut wanted = found.clone();
    for (name, table) in [("<!-- kinds:", kinds()), ("<!-- references:", references())] {
        let open = wanted.find(name).expect("the page has a place for the table");
        let start = open + wanted[open..].find("-->\n").expect("a comment ends") + "-->\n".len();
        let end = start + wanted[start..].find("<!-- end -->").expect("the table ends");
        wanted.replace_range(start..end, &format!("\n{table}\n"));
    }
    if std::env::var_os("REGENT_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).expect("the folder is there");
    } else {
        assert!(found == wanted, "{} is not what the tables say", path.display());
    }
}

/// The example in the page is what it says it is, but for its prose.
#[test]
fn the_pages_example_is_a_runbook() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks.md");
    let page = fs::read_to_string(&path).expect("it is there");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let text = example.expect("the page has an example").to_owned();
    let (_, problems) = Library::read([("leave.md".to_owned(), text)]);
    let other: Vec<String> = problems
        .iter()
        .map(ToString::to_string)
        .filter(|line| !line.contains("has no section for people"))
        .collect();
    assert_eq!(other, [""; 0]);
    assert_eq!(problems.len(), 2, "each of its two steps lacks only its section");
}
