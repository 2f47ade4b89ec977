//! Embeds the procedures and the other pages for people who run this, so that the portal shows them as they were when it was
//! built.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Pages of the repository for those who write its code, or too long to be read in a browser by themselves.
const LEFT_OUT: [&str; 3] = ["mistakes.md", "requirements.md", "testing.md"];

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let docs = manifest.join("../../docs").canonicalize()?;
    let mut text = String::new();
    write(&mut text, "PROCEDURES", &pages(&docs.join("procedures"))?);
    write(&mut text, "OTHERS", &pages(&docs)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("documents.rs"), text)
}

/// The pages of a folder, sorted; none where there is no such folder.
fn pages(folder: &Path) -> io::Result<Vec<PathBuf>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_file() && name.ends_with(".md") && !name.starts_with('.') && !LEFT_OUT.contains(&name.as_str()) {
            println!("cargo::rerun-if-changed={}", path.display());
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}

/// A constant of names, without the ending, and texts.
fn write(text: &mut String, name: &str, pages: &[PathBuf]) {
    let _ = writeln!(text, "/// Names and texts.\npub const {name}: &[(&str, &str)] = &[");
    for page in pages {
        let stem = page.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let _ = writeln!(text, "    ({stem:?}, include_str!({:?})),", page.display().to_string());
    }
    text.push_str("];\n");
}
