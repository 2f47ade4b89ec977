//! `authorised_keys`: the SSH keys that let somebody in, of every account: where sshd_config(5) says, or ~/.ssh/authorized_keys
//! and authorized_keys2, and `/etc/ssh/authorized_keys.d/<name>`, as NixOS lays them out.
//!
//! The files are their users': whatever stands there is looked at without being waited for, and what cannot be read is
//! counted.

mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use self::places::Places;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, identifier, optional, reading};
use crate::accounts::{self, Account, MAX_ACCOUNT_FILE};
use crate::ssh::PublicKey;

/// How many accounts and keys are looked at.
const MAX_ACCOUNTS: usize = 5000;
const MAX_KEYS: usize = 20_000;
/// How many homes are watched.
const MAX_WATCHED: usize = 100;
/// How many fingerprints are shown.
const MAX_SHOWN: usize = 200;
const RSA_BITS: i64 = 2048;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "authorised_keys",
    about: "the SSH keys that let somebody in, of every account",
    parameters: &[
        optional("allowed", Kind::List, "fingerprints of the keys that are known, as \"ssh-keygen -lf\" shows them"),
        optional("rsa_bits", Kind::Int, "the shortest RSA key that is not weak; default 2048"),
    ],
    observation: &[
        field("key_count", Kind::Int, "keys in all"),
        field("account_count", Kind::Int, "accounts that have any"),
        identifier("accounts", Kind::List, "which those are"),
        field("root_key_count", Kind::Int, "keys that let somebody in as root"),
        field("types", Kind::List, "for instance ssh-ed25519, each once, sorted"),
        field("weak_count", Kind::Int, "DSA keys, and RSA keys that are too short"),
        field("unknown_count", Kind::Int, "keys that are not in `allowed`; absent without it"),
        identifier("unknown", Kind::List, "their fingerprints, at most 200; absent without `allowed`"),
        field(
            "open_to_others_count",
            Kind::Int,
            "files, or folders that they are in, which others than root and their user own or can write",
        ),
        field("unreadable_count", Kind::Int, "what stands in their place and cannot be read, or is too large"),
        field("malformed_lines", Kind::Int, "lines that hold no key"),
        field(
            "asks_program",
            Kind::Bool,
            "whether sshd asks a program for more keys (AuthorizedKeysCommand): no count is told then, as nobody here knows those",
        ),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let allowed = parameters.optional_list("allowed")?;
    let rsa_bits = parameters.optional_int("rsa_bits")?.unwrap_or(RSA_BITS);
    observe(&context.root, allowed.as_deref(), rsa_bits)
}

/// Of accounts that come later it is asked again, when /etc/passwd has changed.
fn watch(_: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    let own = accounts_below(&context.root).unwrap_or_default();
    // In the order of /etc/passwd, where root stands first.
    let mut known = BTreeSet::new();
    let homes = own.iter().filter(|account| account.has_shell()).map(|account| account.home.as_str());
    let homes: Vec<&str> = homes.filter(|home| known.insert(*home)).collect();
    let beyond = homes.len().saturating_sub(MAX_WATCHED) as u64;
    let beyond = (beyond > 0).then_some(Watch::Polled(beyond, "no more than 100 homes are watched for keys"));
    let folders = homes.into_iter().take(MAX_WATCHED).map(|home| reading::below(&context.root, home).join(".ssh"));
    let files = ["/etc/passwd", "/etc/ssh/authorized_keys.d", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"];
    let files = files.map(|file| reading::below(&context.root, file));
    folders.chain(files).map(Watch::Path).chain(beyond).collect()
}

fn accounts_below(root: &Path) -> Result<Vec<Account>, Unseen> {
    let path = root.join("etc/passwd");
    let bytes = reading::read(&path, MAX_ACCOUNT_FILE).map_err(|e| Unseen::failed(path.display(), e))?;
    Ok(accounts::accounts(&bytes.unwrap_or_default()))
}

#[derive(Default)]
struct Found {
    /// Each with whether it lets in as root.
    keys: Vec<(bool, PublicKey)>,
    accounts: BTreeSet<String>,
    open: usize,
    unreadable: usize,
    malformed: usize,
}

fn observe(root: &Path, allowed: Option<&[&str]>, rsa_bits: i64) -> Result<Observation, Unseen> {
    let accounts = accounts_below(root)?;
    if accounts.len() > MAX_ACCOUNTS {
        return Err(Unseen::failed("/etc/passwd", format!("it has more than {MAX_ACCOUNTS} accounts")));
    }
    let places = Places::read(root)?;
    // Accounts that share a home share its keys, which are counted once, and let in as each of them.
    let mut files: BTreeMap<PathBuf, Vec<&Account>> = BTreeMap::new();
    for account in &accounts {
        for file in places.of(root, account) {
            files.entry(file).or_default().push(account);
        }
    }
    let mut found = Found::default();
    for (file, sharers) in &files {
        found.file(root, sharers, file)?;
    }
    let weak = |key: &PublicKey| key.kind == "ssh-dss" || key.rsa_bits.is_some_and(|bits| bits < rsa_bits);
    let types: BTreeSet<&String> = found.keys.iter().map(|(_, key)| &key.kind).collect();
    let mut seen = Observation::new()
        .with("asks_program", places.asks_program)
        .with("types", types.into_iter().cloned().collect::<Vec<_>>())
        .with("open_to_others_count", count(found.open))
        .with("unreadable_count", count(found.unreadable))
        .with("malformed_lines", count(found.malformed))
        .with("accounts", found.accounts.iter().cloned().collect::<Vec<_>>());
    if places.asks_program {
        return Ok(seen);
    }
    seen.set("key_count", count(found.keys.len()));
    seen.set("account_count", count(found.accounts.len()));
    seen.set("root_key_count", count(found.keys.iter().filter(|(is_root, _)| *is_root).count()));
    seen.set("weak_count", count(found.keys.iter().filter(|(_, key)| weak(key)).count()));
    if let Some(allowed) = allowed {
        let unknown: Vec<String> = found
            .keys
            .iter()
            .map(|(_, key)| key.fingerprint.clone())
            .filter(|fingerprint| !allowed.contains(&fingerprint.as_str()))
            .collect();
        seen.set("unknown_count", count(unknown.len()));
        let shown: BTreeSet<String> = unknown.into_iter().collect();
        seen.set("unknown", shown.into_iter().take(MAX_SHOWN).collect::<Vec<_>>());
    }
    Ok(seen)
}

impl Found {
    fn file(&mut self, root: &Path, sharers: &[&Account], file: &Path) -> Result<(), Unseen> {
        let bytes = match reading::read(file, reading::MAX_FILE) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(_) => {
                self.unreadable += 1;
                return Ok(());
            }
        };
        // What sshd's StrictModes looks at: the file, and the folders that it is in, up to the home.
        let homes: Vec<PathBuf> = sharers.iter().map(|account| reading::below(root, &account.home)).collect();
        let in_home = file.ancestors().skip(1).position(|folder| homes.iter().any(|home| home == folder));
        let places = file.ancestors().take(in_home.map_or(2, |depth| depth + 2));
        let is_anothers = |uid: u32| uid != 0 && sharers.iter().any(|account| account.uid != uid);
        let is_open = |place: &Path| fs::metadata(place).is_ok_and(|f| is_anothers(f.uid()) || f.mode() & 0o022 != 0);
        let is_root = sharers.iter().any(|account| account.uid == 0);
        self.open += usize::from(places.into_iter().any(is_open));
        for line in String::from_utf8_lossy(&bytes).lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match PublicKey::parse(line) {
                Some(key) => {
                    self.keys.push((is_root, key));
                    self.accounts.extend(sharers.iter().map(|account| account.name.clone()));
                }
                None => self.malformed += 1,
            }
        }
        if self.keys.len() > MAX_KEYS {
            return Err(Unseen::failed("the keys of all accounts", format!("more than {MAX_KEYS}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF3NNu86FRJBkLJzZiUCw8FBeQkLsB8do1dh1CoWxAc5 root@clinic";
    const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDr2FWJxd2eq/ZSybXtMM0cTEGetu0R7VBFM+3Jy4pBcHx0bNNz9eF63Ac8kqpOX++gTA4lxC9+W6KYkMTnj8N+LQwJ9UdIU1BCwtBMuoTvB17PYKe/l9cm6DkUHBhGKM7nS/KJ1A9qZrWOocto1w3KTJD9LfS43g02/apbhAAcSw== root@clinic";

    fn world(keys: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        // Its files may be root's or its own.
        let uid = match rustix::process::geteuid().as_raw() {
            0 => 1000,
            own => own,
        };
        let passwd = format!(
            "root:x:0:0::/root:/bin/sh\nann:x:{uid}:1::/home/ann:/bin/sh\nben:x:{uid}:1::/home/ben:/bin/sh\nx:x:7:7::relative:/bin/sh\n"
        );
        fs::create_dir_all(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/passwd"), passwd).unwrap();
        for (file, text) in keys {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
        }
        dir
    }

    fn shown(seen: &Observation) -> Vec<String> {
        assert_eq!(SCHEMA.unpromised(seen), []);
        SCHEMA.observation.iter().map(|f| seen.get(f.name).map_or("-".into(), ToString::to_string)).collect()
    }

    #[test]
    fn keys_of_all_accounts_are_counted() {
        let dir = world(&[
            (
                "home/ann/.ssh/authorized_keys",
                &format!("# mine\n{ED25519}\nrestrict,command=\"a b\" {RSA_1024}\n\nno key\n"),
            ),
            ("etc/ssh/authorized_keys.d/root", ED25519),
            ("home/ben/.ssh/authorized_keys2", ""),
        ]);
        let known = PublicKey::parse(ED25519).unwrap().fingerprint;
        let told = shown(&observe(dir.path(), Some(&[&known]), RSA_BITS).unwrap());
        let expected = ["3", "2", r#"["ann", "root"]"#, "1", r#"["ssh-ed25519", "ssh-rsa"]"#, "1", "1"];
        assert_eq!(told[..7], expected);
        assert_eq!(told[8..], ["0", "0", "1", "false"]);
        let without = shown(&observe(dir.path(), None, 1024).unwrap());
        assert_eq!((without[5].as_str(), without[6].as_str(), without[7].as_str()), ("0", "-", "-"));
    }

    /// Whoever stands first in /etc/passwd with a home is not the only one whom its keys let in.
    #[test]
    fn keys_of_a_home_that_root_shares_let_in_as_root() {
        let dir = world(&[("home/ann/.ssh/authorized_keys", ED25519)]);
        let passwd = fs::read_to_string(dir.path().join("etc/passwd")).unwrap();
        fs::write(dir.path().join("etc/passwd"), format!("{passwd}toor:x:0:0::/home/ann:/bin/sh\n")).unwrap();
        let told = shown(&observe(dir.path(), None, RSA_BITS).unwrap());
        assert_eq!(told[..4], ["1", "2", r#"["ann", "toor"]"#, "1"]);
    }

    #[test]
    fn keys_are_looked_for_where_sshd_does() {
        let dir = world(&[
            ("home/ann/.ssh/authorized_keys", ED25519),
            ("home/ann/keys", RSA_1024),
            ("srv/keys/ann", ED25519),
            ("srv/keys/ben", ED25519),
            ("etc/ssh/authorized_keys.d/root", ED25519),
        ]);
        let config = |text: &str| fs::write(dir.path().join("etc/ssh/sshd_config"), text).unwrap();
        let keys = || shown(&observe(dir.path(), None, RSA_BITS).unwrap())[..3].to_vec();
        config("Port 22\n#AuthorizedKeysFile /srv/keys/%u\n");
        assert_eq!(keys(), ["2", "2", r#"["ann", "root"]"#]);
        config("AuthorizedKeysFile\t\"%h/keys\" /srv/keys/%u\n");
        assert_eq!(keys(), ["4", "3", r#"["ann", "ben", "root"]"#]);
        fs::create_dir(dir.path().join("etc/ssh/sshd_config.d")).unwrap();
        config(
            "Include /etc/ssh/sshd_config.d/*.conf\nAuthorizedKeysFile none\nMatch User ann\n authorizedkeysfile=keys\n",
        );
        fs::write(dir.path().join("etc/ssh/sshd_config.d/1.conf"), "AuthorizedKeysFile /srv/keys/%u\n").unwrap();
        assert_eq!(keys(), ["4", "3", r#"["ann", "ben", "root"]"#], "the first counts, and what a Match says too");
        // What a program gives nobody sees here.
        config("Match User ann\nAuthorizedKeysCommand /usr/bin/keys %u\n");
        let told = shown(&observe(dir.path(), Some(&[]), RSA_BITS).unwrap());
        assert_eq!(
            (&told[..4], told[11].as_str()),
            (&["-", "-", r#"["ann", "root"]"#, "-"].map(String::from)[..], "true")
        );
        config("AuthorizedKeysCommand none\n");
        assert_eq!(keys()[0], "2");
        for bad in ["AuthorizedKeysFile /srv/%x", "Include /etc/ssh/*/x.conf", "Include sshd_config"] {
            config(bad);
            assert!(observe(dir.path(), None, RSA_BITS).is_err(), "{bad}");
        }
    }

    #[test]
    fn homes_are_watched_up_to_a_bound_and_what_is_beyond_is_told() {
        let dir = world(&[]);
        let mut context =
            ProbeContext::new(writ_trust::time::Time::from_unix_millis(0), std::time::Instant::now(), "/".into(), None);
        context.root = dir.path().to_owned();
        let parameters = serde_json::Map::new();
        let watched = || watch(&Parameters::unchecked(&parameters), &context);
        let home = |name: &str| Watch::Path(dir.path().join("home").join(name).join(".ssh"));
        assert!(watched().contains(&home("ann")) && watched().contains(&home("ben")));
        assert_eq!(watched()[0], Watch::Path(dir.path().join("root/.ssh")));
        assert!(!watched().iter().any(|watch| matches!(watch, Watch::Polled(..))));
        let passwd = fs::read_to_string(dir.path().join("etc/passwd")).unwrap();
        let more: String = (0..110).map(|n| format!("u{n}:x:{n}:1::/home/u{n}:/bin/sh\n")).collect();
        fs::write(dir.path().join("etc/passwd"), passwd + &more).unwrap();
        let homes =
            watched().iter().filter(|watch| matches!(watch, Watch::Path(path) if path.ends_with(".ssh"))).count();
        assert_eq!(homes, MAX_WATCHED);
        assert!(watched().iter().any(|watch| matches!(watch, Watch::Polled(14, _))), "{:?}", watched());
    }

    #[test]
    fn what_others_can_write_is_open() {
        let dir = world(&[("home/ann/.ssh/authorized_keys", ED25519)]);
        let open = || shown(&observe(dir.path(), None, RSA_BITS).unwrap())[8].clone();
        assert_eq!(open(), "0");
        for place in ["home/ann", "home/ann/.ssh", "home/ann/.ssh/authorized_keys"] {
            let path = dir.path().join(place);
            let before = fs::metadata(&path).unwrap().permissions();
            fs::set_permissions(&path, fs::Permissions::from_mode(before.mode() | 0o020)).unwrap();
            assert_eq!(open(), "1", "{place}");
            fs::set_permissions(&path, before).unwrap();
        }
    }

    #[test]
    fn whatever_a_user_lays_there_is_not_waited_for() {
        let dir = world(&[("home/ann/.ssh/x", ""), ("home/ben/.ssh/x", ""), ("root/.ssh/x", "")]);
        let at = |place: &str| dir.path().join(place);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("home/ann/.ssh/authorized_keys"), fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("home/ben/.ssh/authorized_keys")).unwrap();
        std::os::unix::fs::symlink("authorized_keys", at("root/.ssh/authorized_keys")).unwrap();
        fs::File::create(at("root/.ssh/authorized_keys2")).unwrap().set_len(1 << 40).unwrap();
        fs::create_dir(at("home/ben/.ssh/authorized_keys2")).unwrap();
        assert_eq!(shown(&observe(dir.path(), None, RSA_BITS).unwrap())[9], "5");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(passwd in any::<Vec<u8>>(), keys in any::<Vec<u8>>(), name in "[a-z./]{1,6}", home in "/?[a-z./]{0,8}") {
            let dir = world(&[]);
            let line = format!("{name}:x:0:0::{home}:\nann:x:1:1::/home/ann:\n");
            fs::write(dir.path().join("etc/passwd"), [line.as_bytes(), &passwd].concat()).unwrap();
            fs::create_dir_all(dir.path().join("home/ann/.ssh")).unwrap();
            fs::write(dir.path().join("home/ann/.ssh/authorized_keys"), keys).unwrap();
            prop_assert!(SCHEMA.unpromised(&observe(dir.path(), Some(&[]), 0).unwrap()).is_empty());
        }
    }
}
