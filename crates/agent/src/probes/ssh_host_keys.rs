//! `ssh_host_keys`: the keys by which this machine proves itself over SSH: /etc/ssh/ssh_host_*_key and what `HostKey` of
//! sshd_config(5) names, by the public half that a private key carries in the clear (OpenSSH's PROTOCOL.key), or by the file
//! beside it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, reading};
use crate::ssh;

const FOLDER: &str = "etc/ssh";
const MAX_KEY: usize = 64 * 1024;
/// How many keys are looked at.
const MAX_KEYS: usize = 100;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "ssh_host_keys",
    about: "the keys by which this machine proves itself over SSH",
    parameters: &[],
    observation: &[
        field("types", Kind::List, "for instance ssh-ed25519, sorted"),
        field("rsa_bits_least", Kind::Int, "length of the shortest RSA key; absent without one"),
        field("dsa_present", Kind::Bool, "whether there is a DSA key"),
        field("open_to_others_count", Kind::Int, "secret keys that others than root can read"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&context.root, 0)
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Path(Path::new("/").join(FOLDER))]
}

/// What is below a root; `owner` is root, but in tests.
fn observe(root: &Path, owner: u32) -> Result<Observation, Unseen> {
    let keys = keys(root)?;
    if keys.is_empty() {
        return Err(Unseen::not_applicable("no SSH key of this machine in /etc/ssh"));
    }
    let (mut types, mut bits, mut open) = (BTreeSet::new(), vec![], 0);
    for key in keys.iter().take(MAX_KEYS) {
        let facts = fs::metadata(key).map_err(|e| Unseen::failed(key.display(), e))?;
        open += usize::from(facts.uid() != owner || facts.mode() & 0o077 != 0);
        let public = public_half(key)?.ok_or_else(|| Unseen::failed(key.display(), "it is no SSH key"))?;
        bits.extend(public.rsa_bits);
        types.insert(public.kind);
    }
    let mut seen = Observation::new()
        .with("dsa_present", types.contains("ssh-dss"))
        .with("types", types.into_iter().collect::<Vec<_>>())
        .with("open_to_others_count", count(open));
    if let Some(least) = bits.into_iter().min() {
        seen.set("rsa_bits_least", least);
    }
    Ok(seen)
}

/// The files of secret keys, each once.
fn keys(root: &Path) -> Result<BTreeSet<PathBuf>, Unseen> {
    let folder = root.join(FOLDER);
    let own =
        reading::names(&folder)?.into_iter().filter(|name| name.starts_with("ssh_host_") && name.ends_with("_key"));
    let mut keys: BTreeSet<PathBuf> = own.map(|name| folder.join(name)).collect();
    let text = reading::text(&folder.join("sshd_config"))?.unwrap_or_default();
    let named = text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once([' ', '\t', '='])?;
        let value = value.trim_matches(|c: char| c.is_whitespace() || c == '=' || c == '"');
        (name.eq_ignore_ascii_case("HostKey") && value.starts_with('/'))
            .then(|| root.join(value.trim_start_matches('/')))
    });
    keys.extend(named.filter(|key| key.exists()));
    Ok(keys)
}

/// The public half of a secret key.
fn public_half(key: &Path) -> Result<Option<ssh::PublicKey>, Unseen> {
    let read = |path: &Path| reading::read(path, MAX_KEY).map_err(|e| Unseen::failed(path.display(), e));
    if let Some(public) = read(key)?.as_deref().and_then(ssh::within_private_key) {
        return Ok(Some(public));
    }
    let mut beside = key.as_os_str().to_owned();
    beside.push(".pub");
    Ok(read(Path::new(&beside))?.as_deref().and_then(|line| ssh::PublicKey::parse(&String::from_utf8_lossy(line))))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    /// As `ssh-keygen -t rsa -b 1024` and `-t ed25519` of OpenSSH 9.2 write them.
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDr2FWJxd2eq/ZSybXtMM0cTEGetu0R7VBFM+3Jy4pBcHx0bNNz9eF63Ac8kqpOX++gTA4lxC9+W6KYkMTnj8N+LQwJ9UdIU1BCwtBMuoTvB17PYKe/l9cm6DkUHBhGKM7nS/KJ1A9qZrWOocto1w3KTJD9LfS43g02/apbhAAcSw== root@clinic";
    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF3NNu86FRJBkLJzZiUCw8FBeQkLsB8do1dh1CoWxAc5 root@clinic";

    fn world(files: &[(&str, &str, u32)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(FOLDER)).unwrap();
        for (name, text, mode) in files {
            let path = dir.path().join(FOLDER).join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        dir
    }

    fn owner() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn keys_are_told_by_their_public_halves() {
        let dir = world(&[
            ("ssh_host_rsa_key", "-----BEGIN RSA PRIVATE KEY-----", 0o600),
            ("ssh_host_rsa_key.pub", RSA, 0o644),
            ("ssh_host_ed25519_key", "-----BEGIN", 0o640),
            ("ssh_host_ed25519_key.pub", ED25519, 0o644),
            ("ssh_config", "", 0o644),
        ]);
        let seen = observe(dir.path(), owner()).unwrap();
        assert_eq!(SCHEMA.unpromised(&seen), []);
        assert_eq!(seen.get("types").unwrap().to_string(), r#"["ssh-ed25519", "ssh-rsa"]"#);
        assert_eq!(seen.get("rsa_bits_least"), Some(&1024.into()));
        assert_eq!(seen.get("open_to_others_count"), Some(&1.into()));
        assert_eq!(observe(dir.path(), owner() + 1).unwrap().get("open_to_others_count"), Some(&2.into()));
        let config = format!("HostKey {}\nhostkey=/nowhere/key\nHostKeyAlgorithms x\n", "/etc/ssh/own");
        let dir = world(&[
            ("sshd_config", &config, 0o644),
            ("own", "", 0o600),
            ("own.pub", "ssh-dss AAAAB3NzaC1kc3M= x", 0o644),
        ]);
        assert_eq!(observe(dir.path(), owner()).unwrap().get("dsa_present"), Some(&true.into()));
    }

    #[test]
    fn what_is_no_key_is_not_passed_over() {
        assert!(matches!(observe(world(&[]).path(), 0), Err(Unseen::NotApplicable(_))));
        for (file, text) in [("ssh_host_rsa_key", "x"), ("ssh_host_x_key", "")] {
            assert!(matches!(observe(world(&[(file, text, 0o600)]).path(), 0), Err(Unseen::Failed(_))), "{file}");
        }
        let dir = world(&[]);
        let pipe = dir.path().join("etc/ssh/ssh_host_rsa_key");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(matches!(observe(dir.path(), 0), Err(Unseen::Failed(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(private in any::<Vec<u8>>(), public in any::<Vec<u8>>()) {
            let dir = world(&[]);
            fs::write(dir.path().join("etc/ssh/ssh_host_x_key"), private).unwrap();
            fs::write(dir.path().join("etc/ssh/ssh_host_x_key.pub"), &public).unwrap();
            fs::write(dir.path().join("etc/ssh/sshd_config"), &public).unwrap();
            if let Ok(seen) = observe(dir.path(), 0) {
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
            }
        }
    }
}
