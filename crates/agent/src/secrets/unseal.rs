//! Decrypting what a policy brings, with the key that never leaves this appliance.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_age::{Identity, MAX_SECRET};
use zeroize::Zeroizing;

use super::Held;

/// The largest file of a key, in bytes.
const MAX_KEY: usize = 4096;

/// Where this appliance keeps its part.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// Its key for secrets: an age identity, root's alone.
    pub identity: PathBuf,
    /// The folder of secrets that were laid down by hand, a file for each.
    pub by_hand: PathBuf,
}

/// Whether a name can be a file's, without leading anywhere else.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=80).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['.', '-'])
}

/// The secrets of a policy: those that it brings in `sealed` by name, as age files in base64, and of the other `names` those
/// that lie here by hand, or why one of these is not taken. A name that is neither here nor there is left out.
pub fn all(names: &[String], sealed: &BTreeMap<String, String>, keeping: &Keeping) -> BTreeMap<String, Held> {
    let identity = if sealed.is_empty() { Err(String::new()) } else { identity(&keeping.identity) };
    let mut all: BTreeMap<String, Held> = sealed
        .iter()
        .map(|(name, file)| {
            let opened = match (&identity, is_name(name)) {
                (_, false) => Err("its name can be no file's".to_owned()),
                (Err(why), _) => Err(why.clone()),
                (Ok(identity), _) => opened(file, identity),
            };
            (name.clone(), opened.map_err(|why| format!("the secret `{name}` cannot be decrypted here: {why}")))
        })
        .collect();
    for name in names.iter().filter(|name| !sealed.contains_key(*name) && is_name(name)) {
        let held = by_hand(&keeping.by_hand.join(name)).transpose();
        let told = |why: String| format!("the secret `{name}` that was laid down by hand is left alone: {why}");
        all.extend(held.map(|held| (name.clone(), held.map_err(told))));
    }
    all
}

fn opened(file: &str, identity: &Identity) -> Held {
    let file = STANDARD.decode(file).map_err(|_| "the policy brings no base64".to_owned())?;
    writ_age::open(&file, identity).map_err(|e| e.to_string())
}

/// The appliance's key for secrets.
///
/// # Errors
/// Why there is none, and what to do.
pub fn identity(path: &Path) -> Result<Identity, String> {
    let at = path.display();
    let bytes = match private(path, MAX_KEY) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(format!("this appliance has no key for secrets at {at}: `writ secret identity` makes one"));
        }
        Err(e) => return Err(format!("{at}: {e}")),
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{at}: not an age identity"))?;
    Identity::parse(text).map_err(|e| format!("{at}: {e}"))
}

fn by_hand(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    match private(path, MAX_SECRET) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// A file that only its owner may read.
fn private(path: &Path, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mode = std::fs::metadata(path)?.mode();
    if mode & 0o077 != 0 {
        return Err(io::Error::other(format!("others can read it (mode {:04o}): chmod 600 it", mode & 0o7777)));
    }
    writ_durable::read_bounded(path, limit).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Appliance {
        dir: tempfile::TempDir,
        key: Identity,
    }

    impl Appliance {
        fn new() -> Self {
            let appliance = Self { dir: tempfile::tempdir().unwrap(), key: Identity::generate(&[7; 32]) };
            appliance.write("secrets.key", appliance.key.to_file().as_bytes(), 0o600);
            fs::create_dir(appliance.dir.path().join("secrets")).unwrap();
            appliance
        }

        fn write(&self, name: &str, bytes: &[u8], mode: u32) {
            let path = self.dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }

        fn all(&self, names: &[&str], sealed: &[(&str, String)]) -> BTreeMap<String, Held> {
            let at = |name: &str| self.dir.path().join(name);
            let keeping = Keeping { identity: at("secrets.key"), by_hand: at("secrets") };
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            all(&names, &sealed.iter().map(|(name, file)| ((*name).to_owned(), file.clone())).collect(), &keeping)
        }
    }

    fn sealed(to: &Identity, secret: &[u8]) -> String {
        STANDARD.encode(writ_age::seal(&to.recipient(), secret, &[9; writ_age::RANDOM]).unwrap())
    }

    #[test]
    fn what_the_policy_brings_goes_before_what_lies_there_by_hand() {
        let appliance = Appliance::new();
        appliance.write("secrets/backup", b"by hand", 0o600);
        appliance.write("secrets/other", b"by hand, too", 0o600);
        appliance.write("secrets/open", b"for everybody", 0o644);
        appliance.write("secrets/undeclared", b"nobody asks", 0o600);
        let names = ["backup", "other", "open", "none", "../secrets.key"];
        let all = appliance.all(&names, &[("backup", sealed(&appliance.key, b"by the policy"))]);
        let told = |name: &str| all[name].clone().map(|value| value.to_vec());
        assert_eq!(told("backup"), Ok(b"by the policy".to_vec()));
        assert_eq!(told("other"), Ok(b"by hand, too".to_vec()));
        let why = told("open").unwrap_err();
        assert!(why.contains("`open`") && why.contains("chmod 600"), "told of and not taken: {why}");
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn what_cannot_be_decrypted_is_told_and_nothing_else_takes_its_place() {
        let appliance = Appliance::new();
        appliance.write("secrets/foreign", b"by hand", 0o600);
        let good = sealed(&appliance.key, b"open sesame");
        let mut cut = STANDARD.decode(&good).unwrap();
        cut.pop();
        let cases = [
            ("altered", STANDARD.encode(&cut), "altered after it was encrypted"),
            ("base64", "!".to_owned(), "no base64"),
            ("foreign", sealed(&Identity::generate(&[8; 32]), b"x"), "another key than this appliance's"),
            ("plain", STANDARD.encode("open sesame"), "not an age file"),
            ("../x", good.clone(), "its name can be no file's"),
        ];
        for (name, file, says) in cases {
            let all = appliance.all(&[name], &[(name, file), ("good", good.clone())]);
            let why = all[name].as_ref().unwrap_err();
            assert!(why.contains(says) && why.contains(name) && !why.contains("sesame"), "{why}");
            assert!(all["good"].is_ok());
        }
        appliance.write("secrets.key", appliance.key.to_file().as_bytes(), 0o640);
        let told = |appliance: &Appliance| appliance.all(&[], &[("good", good.clone())])["good"].clone().unwrap_err();
        assert!(told(&appliance).contains("chmod 600"));
        appliance.write("secrets.key", b"hunter2", 0o600);
        assert!(told(&appliance).contains("not an age identity") && !told(&appliance).contains("hunter2"));
        fs::remove_file(appliance.dir.path().join("secrets.key")).unwrap();
        assert!(told(&appliance).contains("writ secret identity"));
    }
}
