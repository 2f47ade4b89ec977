//! `checks/mistakes/*.case`: every kind of mistake, made in a tree that has none, and exactly what is printed.
//!
//! `WRIT_UPDATE_CASES=1` writes what is printed into the cases and into docs/mistakes.md; a person reads the difference.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use writ_policy::validate::Level;
use writ_policy::validate::codes::{CODES, Code, code};

use super::formats;
use super::tree::{Tree, run};

/// What is done to the tree before it is checked.
enum Action {
    /// In a file, a text and what stands in its place.
    Edit(String, String, String),
    /// A file that is written.
    Write(String, String),
    /// A symbolic link, and what it says.
    Link(String, String),
    /// A file that git does not track, while it tracks the rest.
    Untrack(String),
    /// git tracks the tree as it is.
    Track,
}

/// One case.
struct Case {
    file: PathBuf,
    title: String,
    actions: Vec<Action>,
    flags: Vec<String>,
    /// The lines of the file up to and with `print`.
    head: String,
    printed: String,
}

/// A place as it is printed: code, file, line, column and width.
pub type Place = (String, String, u64, u64, u64);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/mistakes")
}

fn updating() -> bool {
    env::var_os("WRIT_UPDATE_CASES").is_some()
}

fn cases() -> Vec<Case> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|file| file.extension().is_some_and(|e| e == "case")).collect();
    let number = |file: &PathBuf| file.file_name()?.to_str()?.split_once('-')?.0.parse::<u32>().ok();
    files.sort_by_key(number);
    assert!(files.len() >= 78, "only {} cases", files.len());
    files.into_iter().map(Case::read).collect()
}

impl Case {
    fn read(file: PathBuf) -> Self {
        let text = fs::read_to_string(&file).unwrap();
        let (head, printed) = text.split_once("\nprint\n").unwrap_or_else(|| panic!("{}: no `print`", file.display()));
        let mut lines = head.lines().peekable();
        let title = lines.next().and_then(|line| line.strip_prefix("# ")).expect("a title").to_owned();
        let (mut actions, mut flags) = (Vec::new(), Vec::new());
        while let Some(line) = lines.next() {
            let mut marked = |mark: &str| {
                let mut text = Vec::new();
                while let Some(line) = lines.next_if(|line| line.starts_with(mark)) {
                    text.push(line.strip_prefix(mark).unwrap().strip_prefix(' ').unwrap_or_default());
                }
                text.join("\n")
            };
            match line.split_once(' ').unwrap_or((line, "")) {
                ("edit", of) => actions.push(Action::Edit(of.to_owned(), marked("-"), marked("+"))),
                ("write", of) => actions.push(Action::Write(of.to_owned(), marked("|") + "\n")),
                ("link", of) => {
                    let (name, to) = of.split_once(" -> ").expect("where the link leads");
                    actions.push(Action::Link(name.to_owned(), to.to_owned()));
                }
                ("untrack", of) => actions.push(Action::Untrack(of.to_owned())),
                ("track", "") => actions.push(Action::Track),
                ("flags", given) => flags.extend(given.split(' ').map(str::to_owned)),
                _ => panic!("{}: {line:?} is no line of a case", file.display()),
            }
        }
        Self { title, actions, flags, head: format!("{head}\nprint\n"), printed: printed.to_owned(), file }
    }

    fn number(&self) -> usize {
        let name = self.file.file_name().unwrap().to_str().unwrap();
        name.split_once('-')
            .and_then(|(number, _)| number.parse().ok())
            .unwrap_or_else(|| panic!("{name} has no number"))
    }

    /// `NN-<code>-<slug>.case`
    fn code(&self) -> &'static Code {
        let name = self.file.file_stem().unwrap().to_str().unwrap();
        let (number, rest) = name.split_once('-').unwrap();
        assert!(number.len() >= 2 && number.bytes().all(|b| b.is_ascii_digit()), "{name}");
        let fits = CODES.iter().filter(|code| rest.strip_prefix(code.name).is_some_and(|slug| slug.starts_with('-')));
        fits.max_by_key(|code| code.name.len()).unwrap_or_else(|| panic!("{name} is of no code"))
    }

    fn tree(&self) -> Tree {
        let tree = Tree::of_cases();
        for action in &self.actions {
            match action {
                Action::Edit(file, from, to) => tree.edit(file, from, to),
                Action::Write(file, text) => {
                    fs::create_dir_all(tree.path().join(file).parent().unwrap()).unwrap();
                    tree.write(file, text);
                }
                Action::Link(name, to) => std::os::unix::fs::symlink(to, tree.path().join(name)).unwrap(),
                Action::Untrack(file) => {
                    tree.git(&["init", "-q"]);
                    tree.git(&["add", "."]);
                    tree.git(&["rm", "-q", "--cached", file]);
                }
                Action::Track => {
                    tree.git(&["init", "-q"]);
                    tree.git(&["add", "."]);
                }
            }
        }
        tree
    }

    /// Gives the SARIF document, where there is one.
    fn judge(&self) -> Result<Option<Value>, String> {
        let tree = self.tree();
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let people = run(&tree, &flags);
        let (printed, _) = people.stdout.trim_end().rsplit_once('\n').unwrap_or_default();
        let printed = format!("{}\n", printed.trim_end());
        if updating() {
            fs::write(&self.file, format!("{}{printed}", self.head)).unwrap();
        } else if printed != self.printed {
            return Err(format!("expected\n{}printed\n{printed}", self.printed));
        }
        let places = places(&printed)?;
        let codes: BTreeSet<&str> = places.iter().map(|place| place.0.as_str()).collect();
        if !codes.contains(self.code().name) {
            return Err(format!("prints {codes:?}"));
        }
        let wrong = self.flags.iter().any(|flag| flag == "--deny-warnings") || printed.contains("error[");
        if people.code != i32::from(wrong) {
            return Err(format!("exit code {}", people.code));
        }
        let mut document = None;
        for format in self.formats() {
            let programs = run(&tree, &[flags.as_slice(), &["--format", format]].concat());
            let said = programs.stdout.as_str();
            let same = match format {
                "json" => programs.findings().iter().map(told).collect::<Vec<_>>() == places,
                "github" => formats::of_github(said) == places,
                _ => {
                    let sarif = serde_json::from_str(said).map_err(|e| format!("{e}: {said}"))?;
                    formats::each_has_one_place(&sarif, tree.path())?;
                    same_places(&formats::of_sarif(document.insert(sarif)), &places)
                }
            };
            if !same || programs.code != people.code {
                return Err(format!("people are shown {places:#?}\n{format} says {said}"));
            }
        }
        Ok(document)
    }

    /// The formats for programs in turn, since all of them print what the same findings hold; with `cargo xtask test --all`
    /// each of them.
    fn formats(&self) -> Vec<&'static str> {
        let all = vec!["sarif", "json", "github"];
        if env::var_os("WRIT_ALL_KILLS").is_some() { all } else { vec![all[self.number() % all.len()]] }
    }
}

/// Whether SARIF has the places that are printed; where none is, it has one all the same.
fn same_places(sarif: &[Place], printed: &[Place]) -> bool {
    let same = |(a, b): (&Place, &Place)| a == b || (a.0 == b.0 && b.1.is_empty());
    sarif.len() == printed.len() && sarif.iter().zip(printed).all(same)
}

/// What JSON says of a finding, as it is printed.
fn told(finding: &Value) -> Place {
    let at = &finding["at"];
    let number = |key: &str| at[key].as_u64().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let known = code(&text(&finding["code"])).unwrap_or_else(|| panic!("{finding} is of no code"));
    let level = if known.level == Level::Error { "error" } else { "warning" };
    assert_eq!(finding["severity"], level, "{finding}");
    (known.name.to_owned(), text(&at["file"]), number("line"), number("column"), number("length"))
}

/// What is printed, as codes and places; the caret's column must be the one that is named.
fn places(printed: &str) -> Result<Vec<Place>, String> {
    let mut places: Vec<Place> = Vec::new();
    for line in printed.lines() {
        let header = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["));
        if let Some((code, _)) = header.and_then(|rest| rest.split_once("]: ")) {
            places.push((code.to_owned(), String::new(), 0, 0, 0));
        } else if let Some(place) = line.trim_start().strip_prefix("--> ") {
            let mut parts = place.rsplitn(3, ':');
            let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or_default();
            let (column, line) = (number(), number());
            let last = places.last_mut().ok_or("a place before any code")?;
            (last.1, last.2, last.3) = (parts.next().unwrap_or_default().to_owned(), line, column);
        } else if let Some((gutter, caret)) = line.split_once('|')
            && gutter.trim().is_empty()
            && caret.trim_start().starts_with('^')
        {
            let last = places.last_mut().ok_or("a caret before any code")?;
            // A column counts from 1, and a space follows the gutter.
            let column = caret.chars().take_while(|c| *c == ' ').count() as u64;
            if column != last.3 {
                return Err(format!("the caret is at column {column}, {} is named", last.3));
            }
            last.4 = caret.trim_start().chars().take_while(|c| *c == '^').count() as u64;
        }
    }
    Ok(places)
}

#[test]
fn the_tree_of_the_cases_has_no_mistakes() {
    let output = run(&Tree::of_cases(), &["--deny-warnings", "--soon"]);
    assert_eq!(output.code, 0, "{}", output.stdout);
}

#[test]
fn each_case_prints_exactly_what_it_should() {
    let cases = cases();
    let (sender, judged) = std::sync::mpsc::channel();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for chunk in cases.chunks(cases.len().div_ceil(processors)) {
            let sender = sender.clone();
            scope.spawn(move || {
                for case in chunk {
                    let judged = case.judge().map_err(|why| format!("{}: {why}", case.file.display()));
                    sender.send(judged).unwrap();
                }
            });
        }
    });
    drop(sender);
    let (documents, wrong): (Vec<_>, Vec<_>) = judged.iter().partition(Result::is_ok);
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    if updating() {
        fs::write(page_file(), page(&self::cases())).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let documents: Vec<Value> = documents.into_iter().filter_map(Result::ok).flatten().collect();
    assert!(documents.len() > 20, "only {} documents of SARIF", documents.len());
    assert_eq!(formats::refused_by_the_schema(&documents), Vec::<String>::new());
}

#[test]
fn every_code_has_a_case_and_numbers_are_in_order() {
    let cases = cases();
    let shown: BTreeSet<&str> = cases.iter().map(|case| case.code().name).collect();
    // Of that one nothing is printed here: `every_format_says_that_nothing_could_be_looked_at`.
    let known = CODES.iter().filter(|code| !code.documents_only && code.name != "not-evaluated");
    let known: BTreeSet<&str> = known.map(|code| code.name).collect();
    assert_eq!(shown, known);
    let number = |case: &Case| case.file.file_name()?.to_str()?.split_once('-')?.0.parse::<u32>().ok();
    let numbers: BTreeSet<u32> = cases.iter().filter_map(number).collect();
    assert_eq!(numbers.len(), cases.len(), "two cases have one number");
}

/// Every code that the sources name, so that none can be printed without being known.
#[test]
fn every_code_in_the_sources_is_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut named = BTreeSet::new();
    for (folder, marks) in [
        ("modules/policy", &["code = \""][..]),
        ("crates/policy/src/validate", &["error(\"", "error(\n", "=> error(\n"][..]),
        ("crates/cli/src/check", &["code: \""][..]),
    ] {
        let mut files = Vec::new();
        files_below(&root.join(folder), &mut files);
        for file in files {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            if file.ends_with("codes.rs") {
                continue;
            }
            for mark in marks {
                for rest in text.split(mark).skip(1) {
                    let quoted = rest.trim_start().trim_start_matches('"');
                    named.extend(quoted.split_once('"').map(|(name, _)| name.to_owned()));
                }
            }
        }
    }
    let unknown: Vec<&String> = named.iter().filter(|name| looks_like_a_code(name) && code(name).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?} are in no row of codes.rs");
    assert!(named.len() > 50, "only {} codes were found in the sources", named.len());
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, files) } else { files.push(path) }
    }
}

fn looks_like_a_code(name: &str) -> bool {
    name.contains('-') && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// docs/mistakes.md, as it must be.
fn page(cases: &[Case]) -> String {
    let mut page = String::from(
        "# Mistakes\n\n\
         Every kind of mistake that `writ check` finds, with an example of what it prints. Written from\n\
         `crates/policy/src/validate/codes.rs` and `checks/mistakes/`, and held equal to them by a test.\n\n\
         `writ check --format json`, `sarif` and `github` print the same for programs; the code is what they filter by, and \
         keeps its\nmeaning; `writ explain CODE` explains one. A warning does not stand in the way of a release, unless \
         `--deny-warnings` says so.\n",
    );
    for code in CODES {
        let level = if code.level == Level::Error { "error" } else { "warning" };
        let text = wrapped(&format!("*{}* ({level}). {}", code.title, code.help));
        write!(page, "\n## {}\n\n{text}\n", code.name).unwrap();
        if code.documents_only {
            page.push_str("\nOnly in a policy document that the policy library did not write.\n");
        }
        if let Some(case) = cases.iter().find(|case| case.code().name == code.name) {
            write!(page, "\n{}:\n\n```\n{}```\n", wrapped(&case.title), case.printed).unwrap();
        }
    }
    page
}

/// Words in lines of at most 120 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() > 120 {
            lines.push(word.to_owned());
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

fn page_file() -> PathBuf {
    folder().join("../../docs/mistakes.md")
}

#[test]
fn the_page_of_mistakes_is_as_the_codes_and_cases_say() {
    let stands = fs::read_to_string(page_file()).unwrap_or_default();
    // The cases are being written while this runs.
    assert!(
        updating() || stands == page(&cases()),
        "docs/mistakes.md is not what codes.rs and the cases say: WRIT_UPDATE_CASES=1 writes it"
    );
}
