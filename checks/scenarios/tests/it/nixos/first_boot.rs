//! First boot gives a machine its identity once, says so in public, and takes nothing that it does not understand.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use writ_agent::config::Config;
use writ_agent::sync::config::Config as SyncConfig;
use writ_scenarios::{binaries, flake, run};
use writ_trust::claim_code::ClaimCode;

const GOOD: &str = "# for the front desk\nsite = \"clinic-001\"\nappliance = \"front-desk\"  # by the door\ndepot = \"https://depot.example:8443\"\n";

fn stick(dir: &Path, site: &str) {
    fs::create_dir_all(dir.join("stick/writ")).unwrap();
    fs::write(dir.join("stick/writ/site.toml"), site).unwrap();
    fs::write(dir.join("stick/writ/trust.json"), root()).unwrap();
}

/// A trust root, made once by `writ`.
fn root() -> &'static [u8] {
    &MADE.0
}

const PASSPHRASE: &str = "a passphrase for a test that is over in a minute\n";

/// The root, and its one holder's key.
static MADE: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let writ = |arguments: &[&str]| {
        let mut command = Command::new(binaries::folder().unwrap().join("writ"));
        run::checked(command.current_dir(dir.path()).args(arguments)).unwrap()
    };
    secret(&dir.path().join("passphrase"), PASSPHRASE.as_bytes());
    let bob = ["--name", "bob", "--role", "trust", "--role", "release", "--passphrase-file", "passphrase"];
    writ(&[&["keys", "new", "--out", ".", "--kdf", "interactive"][..], &bob].concat());
    let grants = ["--threshold", "trust=1", "--threshold", "release=1", "--key", "bob.pub:trust,release"];
    writ(&[&["trust", "init", "--expires", "1y", "--out", "1.json"][..], &grants].concat());
    (fs::read(dir.path().join("1.json")).unwrap(), fs::read(dir.path().join("bob.key")).unwrap())
});

fn secret(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Signs the root in a folder of roots, as its holder would.
fn sign_root(dir: &Path, folder: &Path) {
    secret(&dir.join("passphrase"), PASSPHRASE.as_bytes());
    secret(&dir.join("bob.key"), &MADE.1);
    let mut command = Command::new(binaries::folder().unwrap().join("writ"));
    command.args(["trust", "sign"]).arg(folder.join("1.json")).arg("--key").arg(dir.join("bob.key"));
    run::checked(command.arg("--passphrase-file").arg(dir.join("passphrase"))).unwrap();
}

fn first_boot(dir: &Path) -> Output {
    let path = format!("{}:{}", binaries::folder().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.arg(flake::repository().join("iso/first-boot.sh")).arg(dir.join("stick")).arg(dir.join("state"));
    run::any(command.env("PATH", path).env("NO_COLOR", "1")).unwrap()
}

#[test]
fn an_identity_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    stick(dir.path(), GOOD);
    let state = dir.path().join("state");
    let output = first_boot(dir.path());
    assert!(output.status.success(), "{}", run::both(&output));

    let key = fs::read(state.join("appliance.key")).unwrap();
    assert_eq!(fs::metadata(state.join("appliance.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let enforce = Config::read(&state.join("enforce.toml")).unwrap();
    assert_eq!((enforce.site.as_str(), enforce.appliance.as_str()), ("clinic-001", "front-desk"));
    assert_eq!(SyncConfig::read(&state.join("sync.toml")).unwrap().depot, "https://depot.example:8443");
    assert_eq!(fs::metadata(state.join("secrets.key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&state).unwrap().count(), 5, "two keys, trust root, two configurations, and nothing else");

    // What goes back on the stick is public, and says the whole fingerprint that the screen says.
    let claim = fs::read_to_string(dir.path().join("stick/writ/claim.txt")).unwrap();
    let fingerprint = claim.lines().find_map(|line| line.strip_prefix("fingerprint  ")).unwrap().to_owned();
    assert_eq!(fingerprint.len(), 64, "{claim}");
    assert!(run::both(&output).contains(&fingerprint));
    // And the claim code, which a person reads off the screen and compares with the key; as a QR code as well.
    let code = claim.lines().find_map(|line| line.strip_prefix("claim code   ")).unwrap();
    let key_on_stick = fs::read_to_string(dir.path().join("stick/writ/front-desk.pub")).unwrap();
    assert!(code.parse::<ClaimCode>().unwrap().is_of(&key_on_stick.parse().unwrap()), "{claim}");
    let screen = run::both(&output);
    assert!(
        screen.contains('█') && code.parse::<ClaimCode>().unwrap().lines().iter().all(|line| screen.contains(line))
    );
    let show = run::any(
        Command::new(binaries::folder().unwrap().join("writ"))
            .args(["keys", "show"])
            .arg(dir.path().join("stick/writ/front-desk.pub")),
    );
    assert!(run::both(&show.unwrap()).contains(&fingerprint), "the public key on the stick is another one");
    let names: Vec<String> = fs::read_dir(dir.path().join("stick/writ"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.iter().any(|name| name.ends_with(".key")), "{names:?}");

    stick(dir.path(), &GOOD.replace("front-desk", "back-office"));
    assert!(first_boot(dir.path()).status.success());
    assert_eq!(fs::read(state.join("appliance.key")).unwrap(), key, "an identity was replaced");
    assert_eq!(Config::read(&state.join("enforce.toml")).unwrap().appliance.as_str(), "front-desk");
}

/// What `writ provision usb` writes is understood, and gives the identity that it says.
#[test]
fn a_stick_that_writ_wrote_gives_an_identity() {
    let dir = tempfile::tempdir().unwrap();
    let trust = dir.path().join("trust");
    fs::create_dir_all(&trust).unwrap();
    fs::create_dir_all(dir.path().join("stick")).unwrap();
    fs::write(trust.join("1.json"), root()).unwrap();
    let writ = |arguments: &[&str]| {
        let mut command = Command::new(binaries::folder().unwrap().join("writ"));
        run::any(command.current_dir(dir.path()).args(arguments)).unwrap()
    };
    let usb = [
        "provision",
        "usb",
        "--site",
        "clinic-001",
        "--appliance",
        "front-desk",
        "--depot",
        "https://depot.example:8443",
        "--trust",
        "trust",
        "--to",
        "stick",
    ];
    assert_eq!(writ(&usb).status.code(), Some(1), "nobody has signed the root yet");
    sign_root(dir.path(), &trust);
    let made = writ(&usb);
    assert!(made.status.success(), "{}", run::both(&made));
    fs::create_dir_all(dir.path().join("state/claim")).unwrap();
    let output = first_boot(dir.path());
    assert!(output.status.success(), "{}", run::both(&output));
    let enforce = Config::read(&dir.path().join("state/enforce.toml")).unwrap();
    assert_eq!((enforce.site.as_str(), enforce.appliance.as_str()), ("clinic-001", "front-desk"));
    assert_eq!(fs::read(dir.path().join("state/trust.json")).unwrap(), root());
    assert!(!dir.path().join("state/claim").exists(), "the key of a claim over the network is of no use any more");
}

#[test]
fn what_is_not_understood_is_refused_and_leaves_no_identity() {
    for (site, says) in [
        ("", "lacks site"),
        ("site = \"clinic-001\"\nappliance = \"front-desk\"\n", "lacks depot"),
        (&*GOOD.replace("clinic-001", "Clinic 1"), "site is \"Clinic 1\""),
        (&*GOOD.replace("front-desk", "../../etc"), "appliance is"),
        (&*GOOD.replace("front-desk", "a\\\"b"), "lacks appliance"),
        (&*GOOD.replace("https://", "http://"), "expected https://"),
        (&*GOOD.replace("depot.example", "depot.example/$(reboot)"), "depot is"),
        (&*format!("{GOOD}site = \"clinic-002\"\n"), "several times"),
        (&*format!("{GOOD}password = \"x\"\n"), "not understood: password"),
        (&*"#".repeat(70_000), "larger than 64 KiB"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        stick(dir.path(), site);
        let output = first_boot(dir.path());
        let said = run::both(&output);
        assert_eq!(output.status.code(), Some(1), "{site:.80}: {said}");
        assert!(said.contains(says), "{site:.80}: {said}");
        assert!(!dir.path().join("state/appliance.key").exists(), "{site:.80}");
        assert!(!dir.path().join("stick/writ/claim.txt").exists(), "{site:.80}");
    }
    let dir = tempfile::tempdir().unwrap();
    stick(dir.path(), GOOD);
    fs::remove_file(dir.path().join("stick/writ/trust.json")).unwrap();
    assert_eq!(first_boot(dir.path()).status.code(), Some(1));
}

#[test]
fn what_is_no_trust_root_is_refused() {
    for trust in ["{}\n", "", "{\"schema\":\"writ.trust.v1\"}\n"] {
        let dir = tempfile::tempdir().unwrap();
        stick(dir.path(), GOOD);
        fs::write(dir.path().join("stick/writ/trust.json"), trust).unwrap();
        let output = first_boot(dir.path());
        assert_eq!(output.status.code(), Some(1), "{trust:?}: {}", run::both(&output));
        assert!(run::both(&output).contains("is no trust root"), "{trust:?}: {}", run::both(&output));
        assert_eq!(fs::read_dir(dir.path().join("state")).unwrap().count(), 0, "{trust:?}: something was left");
    }
}

/// A stick is somebody else's: a link on it must neither read nor write a file of this machine.
#[test]
fn links_on_a_stick_reach_nothing() {
    for name in ["site.toml", "trust.json"] {
        let dir = tempfile::tempdir().unwrap();
        stick(dir.path(), GOOD);
        let file = dir.path().join("stick/writ").join(name);
        fs::rename(&file, dir.path().join(name)).unwrap();
        symlink(dir.path().join(name), &file).unwrap();
        let output = first_boot(dir.path());
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(run::both(&output).contains("is a link"), "{name}: {}", run::both(&output));
    }
    let dir = tempfile::tempdir().unwrap();
    stick(dir.path(), GOOD);
    fs::rename(dir.path().join("stick/writ"), dir.path().join("elsewhere")).unwrap();
    symlink(dir.path().join("elsewhere"), dir.path().join("stick/writ")).unwrap();
    assert!(run::both(&first_boot(dir.path())).contains("is a link"));

    let dir = tempfile::tempdir().unwrap();
    stick(dir.path(), GOOD);
    let shadow = dir.path().join("shadow");
    fs::write(&shadow, "root:!:\n").unwrap();
    for name in ["claim.txt", "front-desk.pub"] {
        symlink(&shadow, dir.path().join("stick/writ").join(name)).unwrap();
    }
    let output = first_boot(dir.path());
    assert!(output.status.success(), "{}", run::both(&output));
    assert_eq!(fs::read_to_string(&shadow).unwrap(), "root:!:\n", "a link on the stick was written through");
    assert!(fs::symlink_metadata(dir.path().join("stick/writ/claim.txt")).unwrap().is_file());
}

#[test]
fn what_a_stick_says_controls_no_terminal() {
    for site in [
        GOOD.replace("clinic-001", "clinic\u{1b}[2J"),
        format!("{GOOD}\u{1b}]0;owned\u{7} = 1\n"),
        GOOD.replace("clinic-001", "clinic\u{9b}2J"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        stick(dir.path(), &site);
        let output = first_boot(dir.path());
        assert_eq!(output.status.code(), Some(1), "{site:?}");
        let said = run::both(&output);
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    }
}

/// A stick as `writ` and first boot have it is one that FAT can be, with these names and nothing else: written onto the file system,
/// read from it, and what first boot gives back likewise. By tools that know the format, for a kernel need not.
#[test]
fn what_lies_on_a_stick_fits_on_fat() {
    let dir = tempfile::tempdir().unwrap();
    let (trust, image) = (dir.path().join("trust"), dir.path().join("image"));
    fs::create_dir_all(&trust).unwrap();
    fs::create_dir_all(dir.path().join("stick")).unwrap();
    fs::write(trust.join("1.json"), root()).unwrap();
    sign_root(dir.path(), &trust);
    let mut usb = Command::new(binaries::folder().unwrap().join("writ"));
    usb.args(["provision", "usb", "--site", "clinic-001", "--appliance", "front-desk"]);
    usb.args(["--depot", "https://depot.example:8443", "--trust", "trust", "--to", "stick"]);
    run::checked(usb.current_dir(dir.path())).unwrap();

    run::checked(Command::new("/usr/sbin/mkfs.vfat").args(["-n", "WRIT", "-C"]).arg(&image).arg("4096")).unwrap();
    let on_image = |command: &str, arguments: &[&str]| {
        let mut mtools = Command::new(command);
        mtools.env("MTOOLSRC", "/dev/null").env("MTOOLS_SKIP_CHECK", "0").current_dir(dir.path());
        run::checked(mtools.args(["-i", "image"]).args(arguments)).unwrap()
    };
    let names = |folder: &str| {
        let entries = fs::read_dir(dir.path().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    on_image("mcopy", &["-s", "stick/writ", "::"]);
    fs::rename(dir.path().join("stick"), dir.path().join("written")).unwrap();
    fs::create_dir(dir.path().join("stick")).unwrap();
    on_image("mcopy", &["-s", "-n", "::writ", "stick"]);
    assert_eq!(names("stick/writ"), names("written/writ"));
    let output = first_boot(dir.path());
    assert!(output.status.success(), "{}", run::both(&output));

    on_image("mcopy", &["-s", "-o", "stick/writ", "::"]);
    fs::create_dir(dir.path().join("back")).unwrap();
    on_image("mcopy", &["-s", "-n", "::writ", "back"]);
    assert_eq!(names("back/writ"), names("stick/writ"));
    for name in names("back/writ") {
        let bytes = |folder: &str| fs::read(dir.path().join(folder).join("writ").join(&name)).unwrap();
        assert!(bytes("back") == bytes("stick"), "{name}");
    }
    assert!(names("back/writ").contains(&"front-desk.pub".to_owned()), "{:?}", names("back/writ"));
    run::checked(Command::new("/usr/sbin/fsck.vfat").arg("-n").arg(&image)).unwrap();
}

/// What was made durable and renamed, in order, as strace(1) tells of it.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    Synced(String),
    Renamed(String, String),
}

/// The calls of a trace that were done, by the names of what they were done to.
fn done(trace: &str) -> Vec<Done> {
    let strings = |call: &str| -> Vec<String> { call.split('"').skip(1).step_by(2).map(str::to_owned).collect() };
    let calls = trace.lines().filter_map(|line| line.split_once(' ')).map(|(_, call)| call.trim_start());
    let one = |call: &str| {
        assert!(!call.contains("unfinished"), "two at once: {call}");
        if !call.ends_with("= 0") {
            return None;
        }
        if call.starts_with("rename") || call.starts_with("link") {
            let [from, to] = strings(call).try_into().unwrap_or_else(|_| panic!("{call}"));
            return Some(Done::Renamed(from, to));
        }
        let (path, _) = call.split_once('<')?.1.rsplit_once(">)")?;
        Some(Done::Synced(path.to_owned()))
    };
    calls.filter_map(one).collect()
}

/// After a power cut no name of an identity stands over nothing, and there is none of which the stick does not tell.
#[test]
fn an_identity_is_on_the_disk_before_its_names_are_and_on_the_stick_before_both() {
    let dir = tempfile::tempdir().unwrap();
    stick(dir.path(), GOOD);
    let trace = dir.path().join("trace");
    let path = format!("{}:{}", binaries::folder().unwrap().display(), std::env::var("PATH").unwrap());
    let mut traced = Command::new("strace");
    traced.args([
        "-f",
        "-y",
        "-e",
        "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat",
        "-e",
        "signal=none",
        "-o",
    ]);
    traced.arg(&trace).arg("bash").arg(flake::repository().join("iso/first-boot.sh"));
    traced.arg(dir.path().join("stick")).arg(dir.path().join("state"));
    run::checked(traced.env("PATH", path).env("NO_COLOR", "1")).unwrap();

    let (state, writ) = (dir.path().join("state"), dir.path().join("stick/writ"));
    let within = |folder: &Path, path: &str| Path::new(path).parent() == Some(folder);
    let (mut durable, mut named): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for step in done(&fs::read_to_string(&trace).unwrap()) {
        match step {
            // The names in it, or what is in it.
            Done::Synced(path) => {
                named.retain(|name| !within(Path::new(&path), name));
                durable.push(path);
            }
            Done::Renamed(from, to) => {
                if durable.contains(&from) {
                    durable.push(to.clone());
                }
                let whole = durable.contains(&to);
                assert!(whole || !(within(&state, &to) || within(&writ, &to)), "{to} gets its name before it is there");
                if within(&state, &to) {
                    let missing = named.iter().find(|name| within(&writ, name));
                    assert_eq!(missing, None, "the machine has {to} before the stick tells of it");
                }
                if to.ends_with("/state/appliance.key") {
                    assert_eq!(named, [""; 0], "the key is there before what belongs to it");
                }
                named.push(to);
            }
        }
    }
    let left: Vec<&String> = named.iter().filter(|name| within(&state, name) || within(&writ, name)).collect();
    assert!(left.is_empty(), "a power cut takes {left:?} away again");
    for name in fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path()) {
        assert!(durable.contains(&name.display().to_string()), "{} was never made durable", name.display());
    }
}
