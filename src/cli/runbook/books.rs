//! Which runbooks a command is about, and what one of them is bound to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::config::{Place, Problem, Problems};
use crate::runbook::{Arguments, Book, Library, SHIPPED, stem};

/// Arguments of every command that reads runbooks.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct BooksArgs {
    /// A folder of runbooks of your own
    #[arg(long, value_name = "DIR", env = "REGENT_RUNBOOKS", hide_env_values = true)]
    runbooks: Option<PathBuf>,
}

/// Arguments of every command that binds a runbook.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SetArgs {
    /// Tell the runbook something, such as region=eu-west-1
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl SetArgs {
    /// What the runbook is told. Twice the same is a mistake.
    pub(in crate::cli) fn arguments(&self) -> Result<Arguments, Failure> {
        let mut arguments = Arguments::new();
        for (name, value) in &self.set {
            if arguments.insert(name.clone(), value.clone()).is_some() {
                return Err(Failure::Arguments(format!("--set {name} is given twice")));
            }
        }
        Ok(arguments)
    }
}

/// The runbooks at hand, and what is wrong with the others.
#[derive(Debug)]
pub(in crate::cli) struct Books {
    pub(in crate::cli) library: Library,
    pub(in crate::cli) problems: Vec<Problem>,
}

impl BooksArgs {
    /// Reads the shipped runbooks and those of the folder.
    pub(in crate::cli) fn load(&self) -> Result<Books, Failure> {
        load(self.runbooks.as_deref())
    }
}

/// Reads the shipped runbooks and those of a folder, which come first.
pub(in crate::cli) fn load(folder: Option<&Path>) -> Result<Books, Failure> {
    let mut texts: BTreeMap<String, (String, String)> = SHIPPED
        .iter()
        .map(|&(path, text)| (stem(path).to_owned(), (path.to_owned(), text.to_owned())))
        .collect();
    let mut problems = Vec::new();
    if let Some(folder) = folder {
        for path in files(folder)? {
            let shown = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    texts.insert(stem(&shown).to_owned(), (shown, text));
                }
                Err(error) => problems.push(Problem {
                    place: Place { file: shown, position: None },
                    what: format!("the file can't be read: {error}"),
                    remedy: "make it a readable file of UTF-8 text".to_owned(),
                }),
            }
        }
    }
    let (library, found) = Library::read(texts.into_values());
    problems.extend(found);
    Ok(Books { library, problems })
}

/// The folder's runbooks. Hidden files, and a README, are none.
pub(in crate::cli) fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Files(Problems(vec![Problem {
            place: Place { file: folder.display().to_string(), position: None },
            what: format!("the folder can't be read: {error}"),
            remedy: "name a folder that holds runbooks, as <name>.md".to_owned(),
        }]))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let ours = name
            .is_some_and(|name| !name.starts_with('.') && !name.eq_ignore_ascii_case("readme.md"));
        if ours && path.extension().is_some_and(|ending| ending == "md") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

impl Books {
    /// The runbook of this name, or what is wrong with its file.
    pub(in crate::cli) fn book(&self, name: &str) -> Result<&Book, Failure> {
        if let Some(book) = self.library.book(name) {
            return Ok(book);
        }
        let own: Vec<Problem> =
            self.problems.iter().filter(|it| stem(&it.place.file) == name).cloned().collect();
        if !own.is_empty() {
            return Err(Failure::Files(Problems(own)));
        }
        let known: Vec<&str> = self.library.books().map(|book| book.name.as_str()).collect();
        Err(Failure::Arguments(format!(
            "there is no runbook {name:?}, or it calls one that can't be used; there are {}",
            known.join(", ")
        )))
    }
}
