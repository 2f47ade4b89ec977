//! Names and versions in store paths, split and compared as Nix does (Nix manual, `nix-env --upgrade`, "Versions";
//! `builtins.parseDrvName`).

use std::cmp::Ordering;

use writ_trust::time::Time;

/// Length of a store path's digest.
const DIGEST: usize = 32;
/// What builders append to a version for a further output of the same package.
const OUTPUTS: [&str; 9] = ["bin", "data", "debug", "dev", "doc", "info", "lib", "man", "out"];

/// Name and version of a store path; none where it has no version.
pub fn of_path(path: &str) -> Option<(String, String)> {
    let base = path.trim().rsplit('/').next()?;
    let full = base.get(DIGEST..)?.strip_prefix('-')?;
    // The version begins after the first dash that no letter follows.
    let dash = full
        .char_indices()
        .find(|(at, c)| *c == '-' && full[at + 1..].chars().next().is_some_and(|next| !next.is_ascii_alphabetic()));
    let (name, version) = (&full[..dash?.0], &full[dash?.0 + 1..]);
    let version = match version.rsplit_once('-') {
        Some((before, output)) if OUTPUTS.contains(&output) => before,
        _ => version,
    };
    (!name.is_empty() && !version.is_empty()).then(|| (name.to_owned(), version.to_owned()))
}

/// Whether one version comes before another.
pub fn is_older(one: &str, other: &str) -> bool {
    let (mut ones, mut others) = (components(one), components(other));
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return false,
            (one, other) => match compare(one.unwrap_or_default(), other.unwrap_or_default()) {
                Ordering::Equal => {}
                order => return order == Ordering::Less,
            },
        }
    }
}

/// Runs of digits, and runs of anything else between dots and dashes.
fn components(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        text = text.trim_start_matches(['.', '-']);
        let digits = text.chars().next()?.is_ascii_digit();
        let ends = |c: char| matches!(c, '.' | '-') || c.is_ascii_digit() != digits;
        let (component, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
        text = rest;
        Some(component)
    })
}

/// `pre` comes before nothing, and nothing before anything else; numbers come after words.
fn compare(one: &str, other: &str) -> Ordering {
    let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let significant = |text: &str| text.trim_start_matches('0').to_owned();
    match (number(one), number(other)) {
        (true, true) => {
            let (one, other) = (significant(one), significant(other));
            one.len().cmp(&other.len()).then_with(|| one.cmp(&other))
        }
        _ if one == other => Ordering::Equal,
        (_, true) if one.is_empty() => Ordering::Less,
        (true, _) if other.is_empty() => Ordering::Greater,
        _ if one == "pre" => Ordering::Less,
        _ if other == "pre" => Ordering::Greater,
        (_, true) => Ordering::Less,
        (true, _) => Ordering::Greater,
        _ => one.cmp(other),
    }
}

/// The day of the package set in the version of a NixOS system, `26.05.20261103.4c1f2a9`.
pub fn date(nixos_version: &str) -> Option<Time> {
    let day =
        nixos_version.trim().split('.').find(|part| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit()))?;
    format!("{}-{}-{}T00:00:00Z", &day[..4], &day[4..6], &day[6..]).parse().ok()
}
