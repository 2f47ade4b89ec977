//! The exported schemas, and python3-jsonschema to judge by them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder that `writ export schema` wrote, once for all tests.
static EXPORTED: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path());
    folder
});

pub fn export(to: &Path) {
    let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
    let output = writ.args(["export", "schema", "--out"]).arg(to).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every exported schema by name.
pub fn schemas() -> BTreeMap<String, Value> {
    let files = fs::read_dir(EXPORTED.path()).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        })
        .collect()
}

/// The Python that has jsonschema: Debian's, or else the one on PATH.
static PYTHON: LazyLock<&str> = LazyLock::new(|| {
    let has = |python: &&&str| {
        let mut command = Command::new(python);
        let status = command.args(["-c", "from jsonschema import Draft202012Validator"]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    ["/usr/bin/python3", "python3"].iter().find(has).expect("python3-jsonschema is installed")
});

/// Whether each document is valid by the schema of this name, which is itself valid.
pub fn judged(schema: &str, documents: &[Value]) -> Vec<bool> {
    judged_by_many(documents.iter().map(|document| (schema, document)))
}

/// The same of documents of several schemas.
pub fn judged_by_many<'a>(documents: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Vec<bool> {
    let line = |(schema, document): (&str, &Value)| {
        let file = EXPORTED.path().join(format!("{schema}.json"));
        format!("{}\n", serde_json::json!([file.display().to_string(), document]))
    };
    let lines: Vec<String> = documents.into_iter().map(line).collect();
    let mut python = Command::new(*PYTHON);
    python.arg(repository().join("checks/schemas/judge.py"));
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut input, text) = (child.stdin.take().unwrap(), lines.concat());
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    writer.join().unwrap().unwrap();
    let verdicts: Vec<bool> = String::from_utf8(output.stdout).unwrap().lines().map(|line| line == "yes").collect();
    assert_eq!(verdicts.len(), lines.len());
    verdicts
}
