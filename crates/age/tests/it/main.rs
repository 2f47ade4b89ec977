//! The same files, written and read by age itself (Debian's package `age`).

#![allow(clippy::unwrap_used, reason = "in a test, what fails should panic")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use writ_age::{FormatError, Identity, OpenError, RANDOM, Recipient, armor, dearmor, inspect, open, seal};

/// Runs a program that must be there. Says whether it succeeded, and what it wrote to its standard output and error.
fn run(program: &str, folder: &Path, arguments: &[&str], input: &[u8]) -> (bool, Vec<u8>, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("this test needs the program `{program}` (apt-get install age): {e}"));
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    (output.status.success(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn random() -> [u8; RANDOM] {
    let mut bytes = [0; RANDOM];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), &mut bytes).unwrap();
    bytes
}

#[test]
fn age_reads_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let (ok, key, said) = run("age-keygen", folder.path(), &[], b"");
    assert!(ok, "{said}");
    fs::write(folder.path().join("key"), &key).unwrap();
    let key = String::from_utf8(key).unwrap();
    let identity = Identity::parse(&key).unwrap();
    assert!(key.contains(&format!("# public key: {}\n", identity.recipient())), "{key}");
    for secret in [&b"x"[..], b"open sesame\n", &[0xff; 32 * 1024], b""] {
        let file = seal(&identity.recipient(), secret, &random()).unwrap();
        for form in [file.clone(), armor(&file).into_bytes()] {
            let (ok, plain, said) = run("age", folder.path(), &["-d", "-i", "key"], &form);
            assert!(ok, "{said}");
            assert_eq!(plain, secret);
        }
    }
}

#[test]
fn we_read_what_age_writes() {
    let folder = tempfile::tempdir().unwrap();
    let identities = [Identity::generate(&random()[..32].try_into().unwrap()), Identity::generate(&[3; 32])];
    let [first, second] = identities.each_ref().map(|identity| identity.recipient().to_string());
    // Our key file is one of age's, and names the same recipient.
    fs::write(folder.path().join("key"), identities[0].to_file().as_bytes()).unwrap();
    let (ok, public, said) = run("age-keygen", folder.path(), &["-y", "key"], b"");
    assert!(ok, "{said}");
    assert_eq!(String::from_utf8(public).unwrap().trim(), first);
    for secret in [&b"open sesame"[..], &[7; 32 * 1024]] {
        let (ok, file, said) = run("age", folder.path(), &["-r", &first, "-r", &second], secret);
        assert!(ok, "{said}");
        for identity in &identities {
            assert_eq!(open(&file, identity).unwrap().as_slice(), secret);
        }
        assert_eq!(open(&file, &Identity::generate(&[4; 32])).unwrap_err(), OpenError::NotForUs);
        let (ok, text, said) = run("age", folder.path(), &["-a", "-r", &first], secret);
        assert!(ok, "{said}");
        assert_eq!(open(&dearmor(&text).unwrap(), &identities[0]).unwrap().as_slice(), secret);
    }
    let recipients = format!("# front-desk\n{first}\n");
    fs::write(folder.path().join("secrets.pub"), &recipients).unwrap();
    assert_eq!(Recipient::parse_file(&recipients).unwrap().to_string(), first);
    let (ok, file, said) = run("age", folder.path(), &["-R", "secrets.pub"], b"by file");
    assert!(ok, "{said}");
    assert_eq!(open(&file, &identities[0]).unwrap().as_slice(), b"by file");
}

#[test]
fn what_age_writes_otherwise_is_refused_and_said_why() {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::generate(&[5; 32]);
    let to = identity.recipient().to_string();
    // Two chunks.
    let (ok, large, said) = run("age", folder.path(), &["-r", &to], &[0; 70_000]);
    assert!(ok, "{said}");
    assert!(matches!(open(&large, &identity), Err(OpenError::Format(FormatError::TooLarge(_)))));
    let (ok, _, said) = run("ssh-keygen", folder.path(), &["-q", "-t", "ed25519", "-N", "", "-f", "ssh"], b"");
    assert!(ok, "{said}");
    let (ok, file, said) = run("age", folder.path(), &["-R", "ssh.pub"], b"x");
    assert!(ok, "{said}");
    assert_eq!(inspect(&file), Err(FormatError::OtherKinds));
}
