use std::fs;
use std::process::Command;
use std::time::Instant;

use proptest::prelude::*;
use writ_trust::minisign::SecretKey;

use super::*;

struct Folder {
    dir: tempfile::TempDir,
    key: SecretKey,
}

impl Folder {
    /// Records, listed by the sha256sum of this machine and signed.
    fn new() -> Self {
        let folder = Self { dir: tempfile::tempdir().unwrap(), key: SecretKey::generate(&[7; 40]) };
        fs::create_dir(folder.path("2026")).unwrap();
        // sha256sum escapes the last.
        for (name, text) in [("a.txt", "a"), ("b with space.txt", "b"), ("2026/c.txt", "c"), ("2026/d\\\n.txt", "d")] {
            fs::write(folder.path(name), text).unwrap();
        }
        let script = "find . -type f -print0 | xargs -0 sha256sum > ../list && mv ../list records.manifest";
        let listed = Command::new("sh").args(["-c", script]).current_dir(folder.dir.path().join("records")).status();
        assert!(listed.unwrap().success());
        folder.sign("timestamp:1000\tfile:records.manifest\thashed");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        let records = self.dir.path().join("records");
        fs::create_dir_all(&records).unwrap();
        records.join(name)
    }

    fn sign(&self, comment: &str) {
        let bytes = fs::read(self.path("records.manifest")).unwrap();
        let signature = self.key.sign(&bytes, comment, "signature from a test").unwrap();
        fs::write(self.path("records.manifest.minisig"), signature.to_string()).unwrap();
    }

    fn look(&self, context: &mut ProbeContext) -> Result<Observation, Unseen> {
        let parameters = serde_json::json!({ "path": self.path("records.manifest") }).as_object().cloned().unwrap();
        let seen = run(&Parameters::checked(&parameters, SCHEMA.parameters).unwrap(), context);
        if let Ok(seen) = &seen {
            assert_eq!(SCHEMA.unpromised(seen), []);
        }
        seen
    }

    fn context(&self) -> ProbeContext {
        let mut context = ProbeContext::new(Time::from_unix_millis(1_060_000), Instant::now(), "/nowhere".into(), None);
        context.own_key = Some(self.key.public_key());
        context
    }
}

fn counts(seen: &Observation) -> [Option<i64>; 4] {
    ["listed_count", "altered_count", "missing_count", "extra_count"].map(|name| match seen.get(name) {
        Some(writ_policy::observation::Value::Int(number)) => Some(*number),
        _ => None,
    })
}

#[test]
fn what_sha256sum_listed_and_minisign_signed_is_held_against_the_files() {
    let folder = Folder::new();
    let mut context = folder.context();
    let seen = folder.look(&mut context).unwrap();
    assert_eq!((seen.get("signature_ok"), seen.get("age_seconds")), (Some(&true.into()), Some(&60.into())));
    assert_eq!(counts(&seen), [Some(4), Some(0), Some(0), Some(0)]);
    fs::write(folder.path("a.txt"), "A").unwrap();
    fs::remove_file(folder.path("2026/c.txt")).unwrap();
    fs::write(folder.path("2026/new.txt"), "").unwrap();
    assert_eq!(counts(&folder.look(&mut context).unwrap()), [Some(4), Some(1), Some(1), Some(1)]);
    // What is no file any more is not opened, and not what was signed.
    fs::remove_file(folder.path("a.txt")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, folder.path("a.txt"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    assert_eq!(counts(&folder.look(&mut context).unwrap())[1], Some(1));
}

#[test]
fn by_what_nobody_signed_no_file_is_judged() {
    let folder = Folder::new();
    let unsigned = Observation::new().with("exists", true).with("signature_ok", false);
    let mut other = folder.context();
    other.own_key = Some(SecretKey::generate(&[8; 40]).public_key());
    assert_eq!(folder.look(&mut other).unwrap(), unsigned);
    fs::write(folder.path("records.manifest"), "").unwrap();
    assert_eq!(folder.look(&mut folder.context()).unwrap(), unsigned);
    fs::write(folder.path("records.manifest.minisig"), "no signature").unwrap();
    assert_eq!(folder.look(&mut folder.context()).unwrap(), unsigned);
    fs::remove_file(folder.path("records.manifest.minisig")).unwrap();
    assert_eq!(folder.look(&mut folder.context()).unwrap(), unsigned);
    fs::remove_file(folder.path("records.manifest")).unwrap();
    assert_eq!(folder.look(&mut folder.context()).unwrap(), Observation::new().with("exists", false));
    let mut nobody = folder.context();
    nobody.own_key = None;
    assert!(matches!(folder.look(&mut nobody), Err(Unseen::Failed(reason)) if reason.contains("only the enforcer")));
    let key = folder.key.public_key();
    assert_eq!(public_key(&key.line()).unwrap().key_id(), key.key_id());
    fs::write(folder.path("key.pub"), key.to_file()).unwrap();
    assert_eq!(public_key(folder.path("key.pub").to_str().unwrap()).unwrap().key_id(), key.key_id());
    assert!(public_key("no key").is_err() && public_key("/nowhere/key.pub").is_err());
}

/// A pass that is given no time reads one piece at each look.
struct Slow {
    passes: Manifests,
    path: PathBuf,
    began: Instant,
}

impl Slow {
    fn new(folder: &Folder) -> Self {
        Self { passes: Manifests::default(), path: folder.path("records.manifest"), began: Instant::now() }
    }

    fn look(&mut self, text: &[u8], after: u64, budget: Duration) -> Observation {
        let mut seen = Observation::new();
        let now = self.began + Duration::from_secs(after);
        self.passes.look(&self.path, text, &List::parse(text).unwrap(), (now, budget), &mut seen);
        assert_eq!(SCHEMA.unpromised(&seen), []);
        seen
    }
}

fn line(name: &str, bytes: &[u8]) -> String {
    format!("{}  {name}\n", writ_trust::digest::Digest::of(bytes).to_string().trim_start_matches("sha256:"))
}

fn age(seen: &Observation) -> Option<i64> {
    match seen.get("pass_age_seconds") {
        Some(writ_policy::observation::Value::Int(number)) => Some(*number),
        _ => None,
    }
}

#[test]
fn what_takes_long_is_read_in_slices() {
    let folder = Folder::new();
    fs::write(folder.path("large.bin"), vec![7; 3 * 1024 * 1024]).unwrap();
    let listed = fs::read_to_string(folder.path("records.manifest")).unwrap();
    let text = [line("large.bin", &vec![7; 3 * 1024 * 1024]), listed.clone()].concat();
    let mut slow = Slow::new(&folder);
    let mut looks = 0;
    // Time is always over, and yet every look gets on; what is begun outlives a manifest that lists it too.
    loop {
        let more = line("none", &[u8::try_from(looks).unwrap()]);
        let seen =
            slow.look([text.as_str(), if looks == 5 { &more } else { "" }].concat().as_bytes(), looks, Duration::ZERO);
        if counts(&seen)[1].is_some() {
            break;
        }
        looks += 1;
        assert!(looks < 24, "{looks} slices");
    }
    assert!(looks > 10, "{looks} slices");
    let seen = slow.look(text.as_bytes(), looks, Duration::from_secs(600));
    assert_eq!((counts(&seen), age(&seen)), ([None, Some(0), Some(0), Some(0)], Some(0)));
}

#[test]
fn how_old_what_is_known_is_told_and_what_was_restored_is_seen() {
    let folder = Folder::new();
    let [a, b, c] = [("a.txt", "a"), ("b with space.txt", "b"), ("2026/c.txt", "c")]
        .map(|(name, text)| line(name, text.as_bytes()));
    let text = [a, b, c].concat();
    let mut slow = Slow::new(&folder);
    let mut look = |text: &str, after: u64| {
        let seen = slow.look(text.as_bytes(), after, Duration::ZERO);
        (counts(&seen)[1], age(&seen))
    };
    assert_eq!([look(&text, 0), look(&text, 10)], [(None, None); 2]);
    assert_eq!(look(&text, 20), (Some(0), Some(20)), "the first was read 20 seconds ago");
    assert_eq!(look(&text, 100), (Some(0), Some(90)), "the first was read again, and the second is the oldest now");
    fs::write(folder.path("b with space.txt"), "B").unwrap();
    assert_eq!(look(&text, 110), (Some(1), Some(90)));
    fs::write(folder.path("b with space.txt"), "b").unwrap();
    // Which was read but now, and yet before all others.
    assert_eq!(look(&text, 111), (Some(0), Some(11)));
    // Of what a new manifest lists as the old one did it is still known.
    fs::write(folder.path("new.txt"), "new").unwrap();
    let more = [line("new.txt", b"new"), text.clone()].concat();
    assert_eq!(look(&more, 112), (Some(0), Some(12)));
    let other = text.replacen(&line("a.txt", b"a"), &line("a.txt", b"other"), 1);
    assert_eq!(look(&other, 113), (Some(1), Some(2)), "another digest is another file");
}

#[test]
fn what_lies_beside_is_counted_folder_by_folder() {
    let folder = Folder::new();
    fs::write(folder.path("2026/new.txt"), "").unwrap();
    let text = fs::read(folder.path("records.manifest")).unwrap();
    let mut slow = Slow::new(&folder);
    let mut extra = || counts(&slow.look(&text, 0, Duration::ZERO))[3];
    assert_eq!([extra(), extra()], [None, Some(1)]);
    fs::remove_file(folder.path("2026/new.txt")).unwrap();
    assert_eq!([extra(), extra()], [Some(1), Some(0)]);
}

#[test]
fn a_list_that_leads_out_or_is_none_is_refused() {
    let digits = "0".repeat(64);
    for (line, says) in [
        ("no digest".to_owned(), "64 hexadecimal"),
        (format!("{digits} x"), "64 hexadecimal"),
        (format!("{}  x", "g".repeat(64)), "64 hexadecimal"),
        (format!("{digits}  ../x"), "leads out"),
        (format!("{digits}  /etc/shadow"), "leads out"),
        (format!("{digits}  a//b"), "leads out"),
        (format!("{digits}  "), "no path"),
        (format!("{digits}  a\n{digits}  ./a"), "twice"),
        (format!("\\{digits}  a\\tb"), "an escape"),
        (format!("\\{digits}  a\\"), "an escape"),
    ] {
        let reason = List::parse(line.as_bytes()).unwrap_err();
        assert!(reason.contains(says), "{line}: {reason}");
    }
    assert!(List::parse(b"\xff").is_err());
    assert_eq!(List::parse(format!("{digits} *a\n").as_bytes()).unwrap().entries[0].path, "a");
    assert_eq!(List::parse(format!("\\{digits}  a\\nb\\\\").as_bytes()).unwrap().entries[0].path, "a\nb\\");
    assert_eq!(signed_at("timestamp:-5"), None);
    assert_eq!(signed_at("timestamp:99999999999999"), None);
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(list) = List::parse(&bytes) {
            prop_assert!(list.entries.iter().all(|entry| !entry.path.starts_with('/')));
        }
    }
}
