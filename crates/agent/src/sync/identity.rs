//! Who this courier is: a key of its own, and the enforcer's word for it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::minisign::{PublicKey, SecretKey, SecretKeyFile};
use writ_trust::time::Time;
use writ_wire::courier::Delegation;
use writ_wire::{Blob, Signed};
use zeroize::Zeroizing;

use super::config::Config;
use super::inbox::Inbox;
use super::trouble::Trouble;
use crate::crash_point;

/// The secret key's file in the state directory.
const KEY: &str = "courier.key";
/// The delegation's file in `presence/`.
const DELEGATION: &str = "courier.json";
/// The largest key file, in bytes.
const MAX_KEY: usize = 4096;
/// The largest statement of the enforcer, in bytes.
const MAX_STATEMENT: usize = 64 * 1024;
/// How often a statement is read again that does not fit its signature, and after which pause.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// The courier's key, born here on the first start, and its public half where the enforcer looks for it.
pub fn key(config: &Config, inbox: &Inbox) -> Result<Arc<SecretKey>, Trouble> {
    let path = config.state_dir.join(KEY);
    let key = match read_key(&path)? {
        Some(key) => key,
        None => {
            let mut random = Zeroizing::new([0; 40]);
            getrandom::fill(&mut random[..]).map_err(|e| Trouble::at(&path)(io::Error::other(e.to_string())))?;
            let text = Zeroizing::new(SecretKey::generate(&random).to_open_file());
            crash_point!("sync-key");
            writ_durable::create(&path, text.as_bytes(), 0o600).map_err(Trouble::at(&path))?;
            // Whoever was first has made it.
            read_key(&path)?.ok_or_else(|| Trouble::at(&path)(io::ErrorKind::NotFound.into()))?
        }
    };
    inbox.write_public_key(&key.public_key().to_file())?;
    Ok(Arc::new(key))
}

fn read_key(path: &Path) -> Result<Option<SecretKey>, Trouble> {
    let bytes = match writ_durable::read_bounded(path, MAX_KEY) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Trouble::at(path)(e)),
    };
    let odd = |why: String| Trouble::at(path)(io::Error::new(io::ErrorKind::InvalidData, why));
    let mode = fs::metadata(path).map_err(Trouble::at(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(odd(format!("mode {:04o} lets others read this secret key: expected 0600", mode & 0o7777)));
    }
    let text = std::str::from_utf8(&bytes).map_err(|e| odd(e.to_string()))?;
    let key = SecretKeyFile::parse(text).and_then(|file| file.open());
    key.map(Some).map_err(|e| odd(format!("{e}; remove it and the courier makes a new one")))
}

/// What the enforcer said of this courier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The appliance's own key.
    pub appliance_key: PublicKey,
    /// Its word, as it goes with every request.
    pub delegation: Signed,
}

/// Reads the enforcer's word for this courier. Why it does not count is worth saying; while it is not there, one waits.
pub fn vouched(
    presence: &Path,
    site: &SiteId,
    appliance: &ApplianceId,
    own: &PublicKey,
    now: Time,
) -> Result<Vouched, Trouble> {
    let wrong = |why: String| Trouble::Waiting(format!("{}: {why}", presence.join(DELEGATION).display()));
    let named = |signed: &Signed| Delegation::parse(&signed.document.0).ok().map(|delegation| delegation.public_key);
    let delegation = read_statement(presence, DELEGATION, named)?;
    let key = named(&delegation).ok_or_else(|| wrong("not a delegation".to_owned()))?;
    let read = Delegation::verify(&delegation, &key, now).map_err(|e| wrong(e.to_string()))?;
    if read.courier_key != *own {
        return Err(wrong("it vouches for another key than this courier's: the enforcer has not seen ours yet".into()));
    }
    if (&read.site, &read.appliance) != (site, appliance) {
        let (site, appliance) = (&read.site, &read.appliance);
        return Err(wrong(format!("it is of {appliance} at {site}: compare sync.toml with enforce.toml")));
    }
    Ok(Vouched { appliance_key: key, delegation })
}

/// Reads a statement of the enforcer and the one signature beside it, which `key_of` says whose it must be.
///
/// The enforcer replaces the signature first and then the document. In between they do not fit, so they are read again.
pub fn read_statement(
    presence: &Path,
    name: &str,
    key_of: impl Fn(&Signed) -> Option<PublicKey>,
) -> Result<Signed, Trouble> {
    let mut signed = read_once(presence, name)?;
    for _ in 0..ATTEMPTS {
        if key_of(&signed).is_some_and(|key| signed.verify_single(&key).is_ok()) {
            return Ok(signed);
        }
        std::thread::sleep(PAUSE);
        signed = read_once(presence, name)?;
    }
    let path = presence.join(name);
    Err(Trouble::Waiting(format!("{}: its signature does not fit it: the enforcer writes it anew", path.display())))
}

fn read_once(presence: &Path, name: &str) -> Result<Signed, Trouble> {
    let read = |name: &str, limit| {
        let path = presence.join(name);
        match writ_durable::read_bounded(&path, limit) {
            Ok(bytes) => Ok(Blob(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(Trouble::Waiting(format!("{}: the enforcer has not written it yet", path.display())))
            }
            Err(e) => Err(Trouble::at(&path)(e)),
        }
    };
    let signature = read(&format!("{name}.minisig"), MAX_SIGNATURE)?;
    Ok(Signed { document: read(name, MAX_STATEMENT)?, signatures: vec![signature] })
}
