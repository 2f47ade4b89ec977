//! A key that somebody pastes anywhere into a tree of policy: it is a mistake, and no format prints it.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use super::tree::{Tree, run};

const FORMATS: [&str; 4] = ["human", "json", "sarif", "github"];

/// A text between quotes in a file of the tree.
struct Position {
    file: String,
    at: Range<usize>,
    /// What it is for: the sort of file, and what stands before it on the line.
    of: (String, String),
}

/// Every text of the policy files of a tree, one of each sort.
fn positions(tree: &Tree) -> Vec<Position> {
    let mut files = Vec::new();
    for folder in ["baselines", "rules", "hosts"] {
        nix_files(&tree.path().join(folder), &mut files);
    }
    let mut seen = BTreeSet::new();
    let mut positions = Vec::new();
    for file in files {
        let name = file.strip_prefix(tree.path()).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
        for pair in quotes.chunks_exact(2) {
            let line = text[..pair[0]].rfind('\n').map_or(0, |at| at + 1);
            let sort = Path::new(&name).parent().unwrap().to_str().unwrap().to_owned();
            // Other texts of the line do not count: two entries of a list are of one sort.
            let before: String = text[line..pair[0]].split('"').step_by(2).collect();
            let of = (sort, before.trim().to_owned());
            if seen.insert(of.clone()) {
                positions.push(Position { file: name.clone(), at: pair[0] + 1..pair[1], of });
            }
        }
    }
    positions
}

fn nix_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            nix_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "nix") {
            files.push(path);
        }
    }
}

/// What is wrong with how a planted key is told; whether it was told as a key.
fn told(position: &Position, format: &str, secret: &str) -> Result<bool, String> {
    let tree = Tree::of_cases();
    let mut text = tree.read(&position.file);
    text.replace_range(position.at.clone(), secret);
    tree.write(&position.file, &text);
    let output = run(&tree, &["--format", format]);
    if output.code != 1 {
        return Err(format!("{} {:?}: exit code {}", position.file, position.of, output.code));
    }
    if output.stdout.contains(secret) || output.stderr.contains(secret) {
        return Err(format!("{} {:?}: {format} prints it", position.file, position.of));
    }
    Ok(output.stdout.contains("secret-in-clear"))
}

#[test]
fn a_key_is_found_wherever_it_is_pasted_and_never_printed() {
    let secret = format!("AK{}", "IAABCDEFGHIJKLMNOP");
    let positions = positions(&Tree::of_cases());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let judge = |(i, position): (usize, &Position)| {
        // In turn: all formats say the same findings in other forms.
        told(position, FORMATS[i % FORMATS.len()], &secret)
            .map(|found| (found, format!("{} {:?}", position.file, position.of)))
    };
    let indexed: Vec<(usize, &Position)> = positions.iter().enumerate().collect();
    let judged: Vec<Result<(bool, String), String>> = std::thread::scope(|scope| {
        let chunks = indexed.chunks(indexed.len().div_ceil(processors));
        let threads: Vec<_> =
            chunks.map(|c| scope.spawn(|| c.iter().copied().map(judge).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let wrong: Vec<&String> = judged.iter().filter_map(|judged| judged.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), judged.len());
    let other: Vec<&String> = judged.iter().flatten().filter(|(found, _)| !found).map(|(_, of)| of).collect();
    assert!(other.is_empty(), "{} of {} are told as something else only: {other:#?}", other.len(), judged.len());
}

#[test]
fn a_key_in_a_comment_or_in_a_long_text_is_found_where_it_stands() {
    let secret = format!("AK{}", "IAABCDEFGHIJKLMNOP");
    let tree = Tree::of_cases();
    tree.edit("rules/files.nix", "{ writ, ... }: {", &format!("{{ writ, ... }}: {{ # ä, {secret}"));
    tree.edit(
        "baselines/small/disks.nix",
        "procedure = \"Once a year; signed lists are kept.\"",
        &format!("procedure = ''\n        Once a year.\n        With {secret} they are kept.\n      ''"),
    );
    let output = run(&tree, &["--format", "json"]);
    let places: Vec<String> = output
        .findings()
        .iter()
        .map(|f| format!("{} {}:{}:{}", f["code"], f["at"]["file"], f["at"]["line"], f["at"]["column"]))
        .collect();
    assert_eq!(
        places,
        ["\"secret-in-clear\" \"baselines/small/disks.nix\":20:1", "\"secret-in-clear\" \"rules/files.nix\":1:23",]
    );
    let human = run(&tree, &[]).stdout;
    assert!(!human.contains(&secret) && human.contains("{ writ, ... }: { # ä, …"), "{human}");
}
