//! axe-core, in jsdom, over pages of every shape; with `cargo xtask test --all` over one page of each kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Browser;
use crate::inside::{Clinics, OPERATOR, crawl};

fn target(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join(path)
}

/// axe-core, of a package of PyPI.
fn axe() -> PathBuf {
    let library = target("axe-venv/lib");
    let versions = fs::read_dir(&library)
        .unwrap_or_else(|_| panic!("{}: not there: `cargo xtask test` makes it", library.display()));
    let mut files =
        versions.map(|version| version.unwrap().path().join("site-packages/axe_playwright_python/axe.min.js"));
    files.find(|file| file.is_file()).expect("axe.min.js")
}

/// Pages that hold everything that any page holds: one template writes all of them.
const SHAPES: [&str; 7] =
    ["/", "/procedures/x", "/site/x/bundles/x/x", "/site/x/controls/x", "/site/x/incidents/x/x", "absent", "sign-in"];

/// The kind of a page: its address without what is named in it.
fn kind(path: &str) -> String {
    let parts: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
    let named = |at: usize, part: &str| at == 2 || (at > 3 && part != "raw");
    parts.iter().enumerate().map(|(at, part)| if named(at, part) { "x" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn nobody_stumbles_over_a_page() {
    let clinics = Clinics::new("");
    let inside = clinics.portal();
    let browser = inside.signed_in(OPERATOR);
    let mut kinds = BTreeMap::new();
    for (path, text) in crawl(&browser, 400) {
        kinds.entry(kind(&path)).or_insert(text);
    }
    let stranger = Browser::new(inside.address);
    kinds.insert("sign-in".to_owned(), stranger.page("/sign-in"));
    kinds.insert("login".to_owned(), stranger.page(&format!("/login/{}", "a".repeat(43))));
    kinds.insert("absent".to_owned(), browser.get("/nothing").expect(404));
    assert!(kinds.len() >= 19, "{:?}", kinds.keys());
    if std::env::var_os("WRIT_ALL_KILLS").is_none() {
        kinds.retain(|kind, _| SHAPES.contains(&kind.as_str()));
        assert_eq!(kinds.len(), SHAPES.len());
    }
    let folder = tempfile::tempdir().unwrap();
    for (n, text) in kinds.values().enumerate() {
        fs::write(folder.path().join(format!("{n:02}.html")), text).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/axe/axe.js");
    let modules = format!("{}:/usr/share/nodejs", target("peers/jsdom/usr/share/nodejs").display());
    let ran =
        Command::new("node").arg(script).arg(axe()).arg(folder.path()).env("NODE_PATH", modules).output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let names: Vec<String> = kinds.keys().enumerate().map(|(n, kind)| format!("{n:02} {kind}")).collect();
    assert_eq!(told.trim(), format!("looked at {} pages", kinds.len()), "{names:#?}\n{told}");
}
