//! Embeds the policy library, the baselines, the rules and the flake of a new tree, so that `writ site new --init` can
//! begin a tree in an empty folder, and the procedures for people: one source, the files of this repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders that a tree of policy consists of, besides its sites.
const FOLDERS: [&str; 3] = ["modules", "baselines", "rules"];
/// What else a new tree gets: from, and to.
const TEMPLATE: &str = "templates/site";
/// What people do, for `writ procedures`: a folder, and one page beside it.
const PROCEDURES: &str = "docs/procedures";
const AUDITOR: &str = "docs/auditor.md";

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../..").canonicalize()?;
    let mut library = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut library)?;
    }
    let mut template = Vec::new();
    walk(&root.join(TEMPLATE), &mut template)?;
    let mut procedures = Vec::new();
    walk(&root.join(PROCEDURES), &mut procedures)?;
    procedures.push(root.join(AUDITOR));
    println!("cargo::rerun-if-changed={}", root.join(AUDITOR).display());
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut text = String::new();
    write(&mut text, "LIBRARY", &root, &library);
    write(&mut text, "TEMPLATE", &root.join(TEMPLATE), &template);
    write(&mut text, "PROCEDURES", &root.join("docs"), &procedures);
    fs::write(out.join("library.rs"), text)
}

/// All files below a folder, sorted; what begins with a dot is an editor's or git's, but for what git is told to ignore.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.') && name != ".gitignore");
        if path.is_dir() && !hidden {
            walk(&path, files)?;
        } else if !hidden {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

/// A constant of paths, relative to `base`, and contents.
fn write(text: &mut String, name: &str, base: &Path, files: &[PathBuf]) {
    let _ = writeln!(text, "/// Paths, and contents.\npub const {name}: &[(&str, &str)] = &[");
    for file in files {
        let within = file.strip_prefix(base).unwrap_or(file);
        let _ =
            writeln!(text, "    ({:?}, include_str!({:?})),", within.display().to_string(), file.display().to_string());
    }
    text.push_str("];\n");
}
