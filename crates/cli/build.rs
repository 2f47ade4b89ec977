//! Writes down the policy library that this version is built with: `writ check` keeps results only for trees with exactly
//! that one, because it knows of no other what it reads.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name| env::var_os(name).map(PathBuf::from).ok_or(io::ErrorKind::NotFound);
    let folder = variable("CARGO_MANIFEST_DIR")?.join("../../modules/policy");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    // Built without the rest of the repository, it knows no library, and keeps nothing.
    if folder.is_dir() {
        list(&folder.canonicalize()?, "modules/policy", &mut files)?;
    }
    files.sort();
    let mut text = String::from("&[\n");
    for (name, path) in files {
        let _ = writeln!(text, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    text.push_str("]\n");
    fs::write(variable("OUT_DIR")?.join("library.rs"), text)
}

fn list(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &name, files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}
