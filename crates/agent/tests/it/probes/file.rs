//! `file` on files of this machine.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::json;
use writ_agent::probes;
use writ_policy::observation::Observation;
use writ_policy::outcome::Probed;
use writ_trust::digest::Digest;

use super::{call, context, int, is_root, seen};

#[test]
fn a_file_is_described() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("motd");
    fs::write(&path, "hello").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4640)).unwrap();
    let file = seen("file", json!({ "path": path }));
    assert_eq!(file.get("exists"), Some(&true.into()));
    assert_eq!(file.get("kind"), Some(&"file".into()));
    assert_eq!(file.get("mode"), Some(&"4640".into()));
    assert_eq!(file.get("size_bytes"), Some(&5.into()));
    assert_eq!(file.get("sha256"), Some(&Digest::of(b"hello").to_string().into()));
    if is_root() {
        assert_eq!((file.get("owner"), file.get("group")), (Some(&"root".into()), Some(&"root".into())));
    }
    assert_eq!(seen("file", json!({ "path": dir.path() })).get("kind"), Some(&"directory".into()));
    assert_eq!(seen("file", json!({ "path": "/dev/null" })).get("kind"), Some(&"other".into()));
    for missing in [dir.path().join("missing"), path.join("below-a-file")] {
        assert_eq!(seen("file", json!({ "path": missing })), Observation::new().with("exists", false));
    }
}

#[test]
fn a_link_is_a_link_unless_it_is_to_be_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("motd"), dir.path().join("link"));
    fs::write(&path, "hello").unwrap();
    symlink("motd", &link).unwrap();
    let itself = seen("file", json!({ "path": link }));
    assert_eq!(itself.get("kind"), Some(&"symlink".into()));
    assert_eq!(itself.get("link_target"), Some(&"motd".into()));
    assert_eq!((itself.get("mode"), itself.get("sha256")), (Some(&"0777".into()), None));
    let followed = seen("file", json!({ "path": link, "follow": true }));
    assert_eq!(followed, seen("file", json!({ "path": path })));
    symlink("nowhere", dir.path().join("dangling")).unwrap();
    let dangling = json!({ "path": dir.path().join("dangling"), "follow": true });
    assert_eq!(seen("file", dangling), Observation::new().with("exists", false));
    symlink("loop", dir.path().join("loop")).unwrap();
    let looping =
        probes::run(&call("file", json!({ "path": dir.path().join("loop"), "follow": true })), &mut context());
    assert!(matches!(looping, Probed::Failed(_)), "{looping:?}");
}

#[test]
fn large_files_and_pipes_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let big = dir.path().join("big");
    let file = fs::File::create(&big).unwrap();
    file.set_len(16 << 20).unwrap();
    assert!(seen("file", json!({ "path": big })).get("sha256").is_some());
    file.set_len((16 << 20) + 1).unwrap();
    let observation = seen("file", json!({ "path": big }));
    assert_eq!((observation.get("sha256"), int(&observation, "size_bytes")), (None, (16 << 20) + 1));
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(seen("file", json!({ "path": pipe })).get("kind"), Some(&"other".into()));
}
