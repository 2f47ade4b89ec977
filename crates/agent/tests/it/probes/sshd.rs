//! `sshd` asks a real server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, context, int, is_root, list, seen};

/// The real sshd: installed, or unpacked by `cargo xtask test`. It refuses to say anything without an account `sshd`, which
/// installing it would make; here it sees one in a mount namespace of its own.
fn sshd_with_its_account(dir: &Path) -> PathBuf {
    assert!(is_root(), "this test mounts a file: run the suite as root");
    let sshd = std::env::var("WRIT_TEST_SSHD").unwrap_or_else(|_| "/usr/sbin/sshd".into());
    assert!(
        Path::new(&sshd).exists(),
        "no {sshd}: run `cargo xtask test`, which unpacks one, or name it in WRIT_TEST_SSHD"
    );
    let mut accounts = fs::read_to_string("/etc/passwd").unwrap();
    if !accounts.lines().any(|line| line.starts_with("sshd:")) {
        accounts.push_str("sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n");
    }
    let (passwd, wrapper) = (dir.join("passwd"), dir.join("sshd"));
    fs::write(&passwd, accounts).unwrap();
    let libraries = std::env::var("WRIT_TEST_SSHD_LIBRARIES").unwrap_or_default();
    let script = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}\n\
         exec unshare --mount sh -c 'mount --bind {} /etc/passwd && exec {sshd} \"$@\"' sshd \"$@\"\n",
        passwd.display()
    );
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    wrapper
}

#[test]
fn sshd_tells_its_configuration() {
    fs::create_dir_all("/run/sshd").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (key, config) = (dir.path().join("key"), dir.path().join("sshd_config"));
    let binary = sshd_with_its_account(dir.path());
    let keygen = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(keygen.success());
    let write = |more: &str| fs::write(&config, format!("HostKey {}\nPort 2222\n{more}\n", key.display())).unwrap();
    write("PermitRootLogin prohibit-password\nMaxAuthTries 3\nAllowUsers ann ben\nLoginGraceTime 2m");
    let sshd = seen("sshd", json!({ "binary": binary, "config": config }));
    assert_eq!(sshd.get("permit_root_login"), Some(&"without-password".into()));
    assert_eq!(int(&sshd, "max_auth_tries"), 3);
    assert_eq!(int(&sshd, "login_grace_time_seconds"), 120);
    assert_eq!(list(&sshd, "ports"), ["2222"]);
    assert_eq!(list(&sshd, "allow_users"), ["ann", "ben"]);
    assert!(list(&sshd, "ciphers").len() > 1);
    // Every field but the two lists of names must be what this sshd really prints.
    let missing: Vec<_> =
        probes::named("sshd").unwrap().schema.observation.iter().filter(|f| sshd.get(f.name).is_none()).collect();
    assert_eq!(missing.iter().map(|f| f.name).collect::<Vec<_>>(), ["allow_groups"]);
    write("PasswordAuthentication no");
    assert_eq!(
        seen("sshd", json!({ "binary": binary, "config": config })).get("password_authentication"),
        Some(&"no".into())
    );
    write("NoSuchSetting yes");
    let bad = probes::run(&call("sshd", json!({ "binary": binary, "config": config })), &mut context());
    assert!(matches!(&bad, Probed::Failed(reason) if reason.contains("NoSuchSetting")), "{bad:?}");
    let absent = probes::run(&call("sshd", json!({ "binary": "/no/such/sshd" })), &mut context());
    assert!(matches!(&absent, Probed::NotApplicable(reason) if reason.contains("not installed")), "{absent:?}");
}
