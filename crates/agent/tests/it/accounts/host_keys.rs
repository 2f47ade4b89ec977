//! `ssh_host_keys` beside ssh-keygen.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use super::{checked, seen_below};
use crate::probes::{int, list};

#[test]
fn keys_of_every_kind_are_those_that_ssh_keygen_made() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("etc/ssh");
    fs::create_dir_all(&folder).unwrap();
    for (kind, bits, passphrase, format) in [
        ("rsa", "3072", "", None),
        // As old versions wrote them: its public half is in the file beside it alone.
        ("rsa", "2048", "", Some("PEM")),
        ("ecdsa", "384", "", None),
        ("ed25519", "256", "a passphrase", None),
    ] {
        let file = folder.join(format!("ssh_host_{kind}{bits}_key"));
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", kind, "-b", bits, "-N", passphrase, "-f"]).arg(&file);
        checked(keygen.args(format.iter().flat_map(|format| ["-m", format])));
    }
    let told = seen_below(dir.path(), "ssh_host_keys", json!({}));
    assert_eq!(list(&told, "types"), ["ecdsa-sha2-nistp384", "ssh-ed25519", "ssh-rsa"]);
    assert_eq!((int(&told, "rsa_bits_least"), int(&told, "open_to_others_count")), (2048, 0));
    assert_eq!(told.get("dsa_present"), Some(&false.into()));
    // What a private key says of itself counts more than the file beside it.
    fs::remove_file(folder.join("ssh_host_rsa2048_key")).unwrap();
    fs::remove_file(folder.join("ssh_host_ed25519256_key.pub")).unwrap();
    fs::copy(folder.join("ssh_host_rsa2048_key.pub"), folder.join("ssh_host_rsa3072_key.pub")).unwrap();
    fs::set_permissions(folder.join("ssh_host_ecdsa384_key"), fs::Permissions::from_mode(0o640)).unwrap();
    let told = seen_below(dir.path(), "ssh_host_keys", json!({}));
    assert_eq!(list(&told, "types").len(), 3);
    assert_eq!((int(&told, "rsa_bits_least"), int(&told, "open_to_others_count")), (3072, 1));
}
