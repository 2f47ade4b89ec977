//! `clamav` reads a database that ClamAV's own tool made, as that tool reads it.

use std::fs;

use serde_json::json;

use super::{int, seen};
use crate::peers;

#[test]
fn the_header_of_a_database_is_read_as_sigtool_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    // sigtool signs only with a builder's server; a header by hand is what it has to read as well.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let header = format!(
        "ClamAV-VDB:07 Nov 2026 08-24 +0000:27452:1:90:d41d8cd98f00b204e9800998ecf8427e:x:nobody:{}",
        now - 7200
    );
    let file = dir.path().join("daily.cvd");
    fs::write(&file, format!("{header:512}")).unwrap();
    let output = peers::command("clamav", "usr/bin/sigtool").arg("--info").arg(&file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("Version: 27452") && told.contains("Build time: 07 Nov 2026 08:24 +0000"), "{told}");
    let seen = seen("clamav", json!({ "database": dir.path() }));
    assert_eq!(int(&seen, "signatures_version"), 27_452);
    assert!((7200..7260).contains(&int(&seen, "signatures_age_seconds")), "{seen:?}");
}
