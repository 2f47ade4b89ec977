//! The same files, read and written by minisign itself, by another implementation and by OpenSSL alone.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use tempfile::TempDir;
use writ_trust::minisign::{KdfStrength, PublicKey, SecretKeyError, SecretKeyFile, Signature};

use crate::world::{RELEASE_A, public, secret};

const DOCUMENT: &[u8] = b"what was signed\n";

/// Runs a program that must be there, with text on its standard input. Says whether it succeeded and what it wrote.
fn run(program: &str, folder: &Path, arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("this test needs the program `{program}` (apt-get install {program}): {e}"));
    // A program that needs no input may have ended before it was written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

#[test]
fn minisign_accepts_our_signatures_and_names_the_same_key() {
    let key = secret(RELEASE_A);
    let comment = "site=clinic-001 epoch=1 serial=5";
    let signature = key.sign(DOCUMENT, comment, "signature from writ").unwrap().to_string();
    let folder = folder(&[
        ("release.json", DOCUMENT),
        ("release.json.minisig", signature.as_bytes()),
        ("key.pub", key.public_key().to_file().as_bytes()),
    ]);
    let (good, text) = run("minisign", folder.path(), &["-V", "-H", "-m", "release.json", "-p", "key.pub"], "");
    assert!(good && text.contains(comment), "{text}");
    let (good, text) = run("minisign", folder.path(), &["-Vm", "release.json", "-P", &key.public_key().line()], "");
    assert!(good, "{text}");

    fs::write(folder.path().join("release.json"), b"what was not signed\n").unwrap();
    let (good, text) = run("minisign", folder.path(), &["-V", "-m", "release.json", "-p", "key.pub"], "");
    assert!(!good && text.contains("failed"), "{text}");
    let other = public(RELEASE_A + 1);
    let (good, text) = run("minisign", folder.path(), &["-Vm", "release.json", "-P", &other.line()], "");
    // It prints the key id as we do, but for leading zeros.
    assert!(!good && text.contains(other.key_id().to_string().trim_start_matches('0')), "{text}");
}

#[test]
fn minisign_signs_with_our_locked_and_open_keys() {
    let key = secret(RELEASE_A);
    let locked = key.to_locked_file(b"correct horse", &[7; 32], KdfStrength::Interactive).unwrap();
    let folder = folder(&[("f", DOCUMENT), ("locked", locked.as_bytes()), ("open", key.to_open_file().as_bytes())]);
    for (file, input) in [("locked", "correct horse\n"), ("open", "")] {
        let (good, text) =
            run("minisign", folder.path(), &["-S", "-s", file, "-m", "f", "-x", "f.sig", "-t", "by hand"], input);
        assert!(good, "{file}: {text}");
        let signature = Signature::parse(&fs::read(folder.path().join("f.sig")).unwrap()).unwrap();
        assert_eq!(signature.trusted_comment(), "by hand");
        key.public_key().verify_strict(DOCUMENT, &signature).unwrap();
        // Ed25519 is deterministic: the same key and bytes give the same file.
        let ours = key.sign(DOCUMENT, "by hand", signature.untrusted_comment()).unwrap();
        assert_eq!(ours, signature);
    }
    let (good, text) = run("minisign", folder.path(), &["-S", "-s", "locked", "-m", "f"], "wrong\n");
    assert!(!good, "{text}");
}

#[test]
fn we_sign_with_keys_that_minisign_made() {
    let folder = folder(&[("f", DOCUMENT)]);
    // minisign's own default strength: 1 GiB and a few seconds, once, so that the real parameters are exercised.
    let (good, text) =
        run("minisign", folder.path(), &["-G", "-p", "locked.pub", "-s", "locked"], "horse battery\nhorse battery\n");
    assert!(good, "{text}");
    let (good, text) = run("minisign", folder.path(), &["-G", "-W", "-p", "open.pub", "-s", "open"], "");
    assert!(good, "{text}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();

    let locked = SecretKeyFile::parse(&read("locked")).unwrap();
    assert!(locked.is_locked());
    assert_eq!(locked.open().unwrap_err(), SecretKeyError::Locked);
    let open = SecretKeyFile::parse(&read("open")).unwrap();
    assert!(!open.is_locked());
    for (file, key) in [("locked.pub", locked.unlock(b"horse battery").unwrap()), ("open.pub", open.open().unwrap())] {
        let public = PublicKey::parse(&read(file)).unwrap();
        assert_eq!(public, key.public_key());
        // It writes the key id without leading zeros.
        assert!(read(file).contains(public.key_id().to_string().trim_start_matches('0')));
        fs::write(folder.path().join("f.minisig"), key.sign(DOCUMENT, "t", "u").unwrap().to_string()).unwrap();
        let (good, text) = run("minisign", folder.path(), &["-V", "-m", "f", "-p", file], "");
        assert!(good, "{file}: {text}");
    }
}

#[test]
fn legacy_signatures_of_minisign_are_refused_by_name() {
    let key = secret(RELEASE_A);
    let folder = folder(&[("f", DOCUMENT), ("open", key.to_open_file().as_bytes())]);
    let (good, text) = run("minisign", folder.path(), &["-S", "-l", "-s", "open", "-m", "f"], "");
    assert!(good, "{text}");
    let (good, text) = run("minisign", folder.path(), &["-V", "-m", "f", "-P", &key.public_key().line()], "");
    assert!(good, "minisign itself still accepts it: {text}");
    let error = Signature::parse(&fs::read(folder.path().join("f.minisig")).unwrap()).unwrap_err();
    assert!(error.to_string().contains("legacy"), "{error}");
}

#[test]
fn another_implementation_agrees() {
    let key = secret(RELEASE_A);
    let file = key.sign(DOCUMENT, "trusted", "untrusted").unwrap().to_string();
    let theirs = minisign_verify::Signature::decode(&file).unwrap();
    let public = minisign_verify::PublicKey::from_base64(&key.public_key().line()).unwrap();
    public.verify(DOCUMENT, &theirs, false).unwrap();
    assert!(public.verify(b"other", &theirs, false).is_err());
}

#[test]
fn openssl_alone_is_enough() {
    let key = secret(RELEASE_A);
    let file = key.sign(DOCUMENT, "trusted", "untrusted").unwrap().to_string();
    let base64 = base64::engine::general_purpose::STANDARD;
    // RFC 8410: SubjectPublicKeyInfo of an Ed25519 key is this prefix and the 32 bytes.
    let spki = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], key.public_key().ed25519()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64.encode(spki));
    let packed = base64.decode(file.lines().nth(1).unwrap()).unwrap();
    let folder = folder(&[("f", DOCUMENT), ("pub.pem", pem.as_bytes()), ("s", &packed[10..])]);
    let (good, text) = run("openssl", folder.path(), &["dgst", "-blake2b512", "-binary", "-out", "d", "f"], "");
    assert!(good, "{text}");
    let verify = ["pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin", "-in", "d", "-sigfile", "s"];
    let (good, text) = run("openssl", folder.path(), &verify, "");
    assert!(good, "{text}");
    fs::write(folder.path().join("f"), b"altered").unwrap();
    run("openssl", folder.path(), &["dgst", "-blake2b512", "-binary", "-out", "d", "f"], "");
    assert!(!run("openssl", folder.path(), &verify, "").0);
}
