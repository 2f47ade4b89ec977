//! What reads bytes of strangers, in one list. Each target takes any bytes and panics only when a promise is broken: the parser
//! comes to an end within its bounds, and where a law is known (what is written is read as it was, scrubbing twice is scrubbing
//! once) it holds.
//!
//! Shared, as source: the tests replay the corpus and mutations of it (`checks/scenarios/tests/it/fuzz.rs`), and libFuzzer looks for
//! more (`cargo xtask fuzz`).

pub mod documents;
mod formats;
pub mod mutate;

/// A parser as the lists have it: its name, and what reads any bytes with it.
type Parser = (&'static str, fn(&[u8]));

/// One target.
pub struct Target {
    /// Its name, and that of its folder in `checks/fuzz/corpus`: the schema of a document, or where the parser is and what it is called.
    pub name: String,
    /// What reads any bytes.
    pub run: fn(&[u8]),
}

/// Every target, by name. A new parser goes into the list of its crate, or, where it is public, into `documents` or `formats`.
pub fn all() -> Vec<Target> {
    let own = [documents::DOCUMENTS, documents::POLICIES, formats::FORMATS].concat().into_iter();
    let own = own.map(|(name, run)| (String::new(), name, run));
    let of = |crate_name: &str, list: &[Parser]| -> Vec<_> {
        list.iter().map(|(name, run)| (format!("{crate_name}."), *name, *run)).collect()
    };
    let others = [
        of("agent", writ_agent::parsers()),
        of("cli", writ_cli::parsers()),
        of("probe", writ_agent::probes::parsers()),
    ];
    let mut all: Vec<Target> = own
        .chain(others.concat())
        // A document is called by its schema, wherever it is read.
        .map(|(of, name, run)| Target {
            name: if name.starts_with("writ.") { name.to_owned() } else { of + name },
            run,
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
