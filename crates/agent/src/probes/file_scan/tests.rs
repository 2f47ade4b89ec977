use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const NOW: &str = "2026-11-27T12:00:00Z";
const LONG: Duration = Duration::from_secs(60);

fn rules(allowed: &[&str]) -> Rules {
    Rules { allowed: allowed.iter().map(ToString::to_string).collect(), exclude: vec!["/tree/left-out".into()] }
}

fn look(scans: &mut Scans, root: &Path, allowed: &[&str], budget: Duration) -> Observation {
    let seen = scans.look(root, Path::new("/tree"), rules(allowed), NOW.parse().unwrap(), budget).unwrap();
    assert_eq!(SCHEMA.unpromised(&seen), []);
    seen
}

fn shown(seen: &Observation, name: &str) -> String {
    seen.get(name).map_or("-".into(), ToString::to_string)
}

fn make(root: &Path, file: &str, mode: u32) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "x").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_everybody_can_write_and_what_runs_as_another_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    make(root, "bin/su", 0o4755);
    make(root, "bin/wall", 0o2755);
    make(root, "bin/own/x", 0o4711);
    make(root, "a/locks", 0o2644);
    make(root, "a/open", 0o666);
    make(root, "left-out/su", 0o4777);
    fs::create_dir(root.join("drop")).unwrap();
    fs::set_permissions(root.join("drop"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::create_dir(root.join("tmp")).unwrap();
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("/", root.join("a/link")).unwrap();
    let seen = look(&mut Scans::default(), root, &["/tree/bin/su", "/tree/bin/own/"], LONG);
    assert_eq!(shown(&seen, "finished"), "true");
    assert_eq!(shown(&seen, "file_count"), "11");
    assert_eq!(shown(&seen, "unread_count"), "0");
    let mut writable: Vec<String> = serde_json::from_str(&shown(&seen, "world_writable")).unwrap();
    writable.sort_unstable();
    assert_eq!(writable, ["/tree/a/open", "/tree/drop"]);
    assert_eq!(
        (shown(&seen, "privileged_count"), shown(&seen, "unknown_privileged")),
        ("3".into(), r#"["/tree/bin/wall"]"#.into())
    );
    assert_eq!(shown(&seen, "unowned_count"), "0");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(root.join("a/locks"), Some(3_000_000), None).unwrap();
        std::os::unix::fs::chown(root.join("a/open"), Some(61_200), None).unwrap();
        let seen = look(&mut Scans::default(), root, &[], LONG);
        assert_eq!(shown(&seen, "unowned"), r#"["/tree/a/locks"]"#);
        assert_eq!(shown(&seen, "unknown_privileged_count"), "3");
    }
}

#[test]
fn a_pass_goes_on_where_it_broke_off() {
    let dir = tempfile::tempdir().unwrap();
    for folder in 0..20 {
        make(dir.path(), &format!("{folder}/file"), 0o666);
    }
    let mut scans = Scans::default();
    let mut looks = 1;
    while shown(&look(&mut scans, dir.path(), &[], Duration::ZERO), "finished") == "false" {
        looks += 1;
        assert!(looks <= 21);
    }
    assert_eq!(looks, 21, "one folder at a look");
    // While the next pass is under way, the last whole one is told.
    make(dir.path(), "more", 0o666);
    let seen = look(&mut scans, dir.path(), &[], Duration::ZERO);
    assert_eq!((shown(&seen, "finished"), shown(&seen, "world_writable_count")), ("true".into(), "20".into()));
    assert_eq!(shown(&look(&mut scans, dir.path(), &[], LONG), "world_writable_count"), "21");
    // Another question is another pass.
    assert_eq!(shown(&look(&mut scans, dir.path(), &["/x"], Duration::ZERO), "finished"), "false");
}

#[test]
fn other_file_systems_and_odd_names_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff\n\x1b[2J"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("open"), "").unwrap();
    fs::set_permissions(odd.join("open"), fs::Permissions::from_mode(0o666)).unwrap();
    let deep: PathBuf = std::iter::repeat_n("a", 1000).collect();
    fs::create_dir_all(dir.path().join(&deep)).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let seen = look(&mut Scans::default(), dir.path(), &[], LONG);
    assert_eq!((shown(&seen, "file_count"), shown(&seen, "world_writable_count")), ("1003".into(), "1".into()));
    let context =
        |path: &str| Scans::default().look(Path::new(path), Path::new(path), rules(&[]), NOW.parse().unwrap(), LONG);
    assert!(matches!(context("/nowhere/at/all"), Err(Unseen::NotApplicable(_))));
    assert!(matches!(context("/etc/passwd"), Err(Unseen::Failed(_))));
    // /proc is mounted below /, and millions of files are in it.
    let seen = context("/dev").unwrap();
    assert!(!shown(&seen, "world_writable").contains("/dev/shm/"), "{seen:?}");
}
