//! The result as SARIF 2.1.0, the format that code scanning services read:
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.
//!
//! It holds no times and no path of this machine: the same tree gives the same bytes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use writ_audit::report::sarif;
use writ_policy::validate::Level;
use writ_policy::validate::codes::{CODES, Code};

use super::mistake::{Mistake, Place};
use super::tree::ENTRY;
use super::unevaluated;

/// The folders that keys without a place may lead through.
const FOLDERS: [&str; 4] = ["baselines", "rules", "hosts", "modules"];

/// One run with all mistakes in their order. `root` is the tree; `prefix` leads from the repository's root to the tree, and ends in `/`
/// unless it is empty.
pub fn document(mistakes: &[Mistake], root: &Path, prefix: &str) -> Value {
    // A service must not take what was not looked at for mended.
    let unseen = mistakes.iter().filter(|mistake| mistake.code == unevaluated::CODE);
    sarif::log(
        CODES.iter().map(rule).collect(),
        sarif::invocation(unseen.map(Mistake::sentence).collect()),
        mistakes.iter().map(|mistake| result(mistake, root, prefix)).collect(),
    )
}

fn rule(code: &Code) -> Value {
    json!({
        "id": code.name,
        "shortDescription": { "text": format!("{}.", code.title) },
        "help": { "text": code.help },
        "defaultConfiguration": { "level": level(code.level) },
    })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

fn result(mistake: &Mistake, root: &Path, prefix: &str) -> Value {
    let mut result = json!({
        "ruleId": mistake.code,
        "level": level(mistake.severity),
        "message": { "text": mistake.sentence() },
        "partialFingerprints": { "writMistake/v1": fingerprint(mistake) },
        "properties": { "appliances": mistake.appliances, "path": mistake.path },
    });
    if let Some(index) = CODES.iter().position(|code| code.name == mistake.code) {
        result["ruleIndex"] = index.into();
    }
    let physical = match &mistake.place {
        Some(place) => location(place, prefix),
        None => json!({
            "artifactLocation": sarif::artifact(&nearest_file(root, &mistake.path), prefix),
            "region": { "startLine": 1 },
        }),
    };
    result["locations"] = json!([{ "physicalLocation": physical }]);
    if !mistake.related.is_empty() {
        let related = mistake.related.iter().enumerate().map(|(id, (place, label))| {
            json!({ "id": id, "physicalLocation": location(place, prefix), "message": { "text": label } })
        });
        result["relatedLocations"] = related.collect();
    }
    result
}

fn location(place: &Place, prefix: &str) -> Value {
    let mut region = json!({ "startLine": place.line });
    if place.width > 0 {
        region["startColumn"] = place.column.into();
        region["endColumn"] = (place.column + place.width).into();
    }
    json!({ "artifactLocation": sarif::artifact(&place.file, prefix), "region": region })
}

/// The file to name for a mistake without a place: GitHub refuses a document in which one result has no location. It is
/// what the keys lead to, as those of a folder of `hosts/` do, or a file near it, or else the entry of the library.
fn nearest_file(root: &Path, keys: &[String]) -> String {
    let plain = keys.iter().take_while(|key| !key.is_empty() && *key != "." && *key != ".." && !key.contains('/'));
    let keys: Vec<&str> = plain.map(String::as_str).collect();
    let is_folder = keys.first().is_some_and(|first| FOLDERS.contains(first));
    let found = (1..=keys.len()).rev().filter(|_| is_folder).find_map(|n| {
        let name = keys[..n].join("/");
        let kind = fs::symlink_metadata(root.join(&name)).ok()?;
        if kind.is_file() { Some(name) } else { first_file(root, &name).filter(|_| kind.is_dir()) }
    });
    found.unwrap_or_else(|| ENTRY.to_owned())
}

/// The first plain file in a folder, by name.
fn first_file(root: &Path, folder: &str) -> Option<String> {
    let entries = fs::read_dir(root.join(folder)).ok()?.filter_map(Result::ok);
    let plain = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    Some(format!("{folder}/{}", plain.filter_map(|entry| entry.file_name().into_string().ok()).min()?))
}

/// What stays the same when lines are added above: the kind, the file, and the keys that lead there.
fn fingerprint(mistake: &Mistake) -> String {
    let file = mistake.place.as_ref().map_or("", |place| place.file.as_str());
    sarif::fingerprint(&json!([mistake.code, file, mistake.path]))
}
