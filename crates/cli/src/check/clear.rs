//! Keys and passwords in the source itself: also in comments, in what no site uses, and in what never reaches a policy.

use std::path::{Path, PathBuf};
use std::{fs, thread};

use rowan::ast::AstNode as _;
use serde::{Deserialize, Serialize};
use writ_policy::validate::{Level, in_clear, secrets_in};

use super::mistake::{Mistake, Place, SECRET};
use super::source::{LARGEST, Source, Sources};
use super::told::placed;

/// The deepest folder that is looked into.
const DEEPEST: usize = 8;

/// A key or password in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InClear {
    /// Where, without what it is.
    pub mistake: Mistake,
    /// First byte of the string that it is in, or its own.
    start: usize,
}

/// What validation found, and what stands in the clear in files: each once, at the line where it stands.
pub fn joined(mut found: Vec<Mistake>, in_files: impl IntoIterator<Item = InClear>) -> Vec<Mistake> {
    for InClear { mistake, start } in in_files {
        let file = mistake.place.as_ref().map(|place| place.file.clone());
        let is_it = |known: &&mut Mistake| {
            let place = known.place.as_ref().filter(|place| place.start == start);
            known.code == SECRET && place.map(|place| &place.file) == file.as_ref()
        };
        let mut known: Vec<&mut Mistake> = found.iter_mut().filter(is_it).collect();
        if known.is_empty() {
            found.push(mistake);
        } else {
            known.iter_mut().for_each(|known| known.place = mistake.place.clone());
        }
    }
    found
}

/// The Nix files below some folders of a tree that hold something, in order of the folders; all are read, so by all
/// processors.
pub fn suspicious(root: &Path, folders: &[String]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| nix_files(&root.join(folder), &mut files, 0));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let holds = |file: &&PathBuf| {
        let small = fs::metadata(file).is_ok_and(|m| m.is_file() && m.len() <= LARGEST);
        small && fs::read_to_string(file).is_ok_and(|text| !secrets_in(&text).is_empty())
    };
    let of_chunk = |chunk: &[PathBuf]| chunk.iter().filter(holds).cloned().collect::<Vec<_>>();
    let of_chunk = &of_chunk;
    thread::scope(|scope| {
        let chunks = files.chunks(files.len().div_ceil(processors).max(1));
        let threads: Vec<_> = chunks.map(|chunk| scope.spawn(move || of_chunk(chunk))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// What stands in the clear in files of a tree.
pub fn in_files(root: &Path, files: &[PathBuf], sources: &Sources) -> Vec<InClear> {
    let names = files.iter().filter_map(|file| file.strip_prefix(root).ok()?.to_str().map(str::to_owned));
    names.flat_map(|file| sources.get(&file).map(|source| of_file(&file, &source)).unwrap_or_default()).collect()
}

/// Every Nix file below a folder, in order of name. Links are not followed.
pub fn nix_files(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => nix_files(&path, files, depth + 1),
            Ok(kind) if kind.is_file() && path.extension().is_some_and(|e| e == "nix") => files.push(path),
            _ => {}
        }
    }
}

fn of_file(file: &str, source: &Source) -> Vec<InClear> {
    let one = |(at, name): (std::ops::Range<usize>, &str)| {
        let finding = in_clear(Vec::new(), name);
        let (start, place) = place(file, source, at.start);
        let mistake = Mistake {
            code: finding.code.into_owned(),
            severity: Level::Error,
            message: finding.message,
            expected: finding.expected,
            nearest: None,
            help: finding.help,
            path: Vec::new(),
            place: Some(place),
            related: Vec::new(),
            appliances: Default::default(),
        };
        InClear { mistake, start }
    };
    secrets_in(&source.text).into_iter().map(one).collect()
}

/// The first byte of the string that a byte is in, and the part of the byte's line from there on; in a comment, the byte.
fn place(file: &str, source: &Source, at: usize) -> (usize, Place) {
    let token = source.syntax.token_at_offset(u32::try_from(at).unwrap_or_default().into()).right_biased();
    let string = token.and_then(|token| token.parent_ancestors().find_map(rnix::ast::Str::cast));
    let line = source.line(source.position(at).0);
    let start = string.map_or(at, |string| usize::from(string.syntax().text_range().start()));
    let from = start.max(line.start);
    (start, placed(file, source, from..line.end.max(from)))
}
