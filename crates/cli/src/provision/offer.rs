//! What the two processes of a first boot hand to each other: the one has the key and no network, the other the network and no key.
//!
//! ```text
//! by `writ provision join`, for everybody to read:     claim.json    the claim, signed, as it is sent
//! by `writ provision carry`, read as hostile:          courier.pub   the key that it asks with
//!                                                      placement.json what the depot answered, once that is a place
//!                                                      trouble       why nothing comes, in one line
//! ```

use std::io;
use std::path::{Path, PathBuf};

use writ_agent::enforce::hostile;
use writ_trust::minisign::PublicKey;
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::claim::{Claim, MAX_SIGNED_CLAIM};
use writ_wire::{MAX_ENVELOPE, Signed};

/// Where `join` lays the claim.
pub const CLAIM_FOLDER: &str = "/run/writ/claim";
/// Where `carry` lays what came.
pub const ANSWER_FOLDER: &str = "/run/writ-claim";
/// The claim.
pub const CLAIM: &str = "claim.json";
/// The key that is asked with.
pub const COURIER: &str = "courier.pub";
/// What was answered.
pub const PLACEMENT: &str = "placement.json";
/// Why nothing is.
pub const TROUBLE: &str = "trouble";
/// The largest public key file, and the longest trouble, in bytes.
const MAX_SMALL: usize = 4096;

/// The claim that `join` has laid, with its bytes; none while there is none.
pub fn claim(folder: &Path) -> io::Result<Option<(Claim, Vec<u8>)>> {
    let Some(bytes) = if_there(hostile::read(&folder.join(CLAIM), MAX_SIGNED_CLAIM))? else { return Ok(None) };
    let odd = |why: String| io::Error::new(io::ErrorKind::InvalidData, one_line(why));
    let signed = Signed::parse(&bytes).map_err(|e| odd(e.to_string()))?;
    let claim = Claim::held(&signed).map_err(|e| odd(e.to_string()))?;
    Ok(Some((claim, bytes)))
}

/// The claim that this machine lays out now, for whoever shows it; none where it has its place, or nobody renews it.
pub fn current(folder: &Path, now: Time) -> Option<Claim> {
    let (claim, _) = claim(folder).ok()??;
    (now.millis_since(claim.at).abs() < 10 * writ_wire::claim::INTERVAL_MILLIS).then_some(claim)
}

/// The key that `carry` asks with; none while there is none that can be read.
pub fn courier(folder: &Path) -> Option<PublicKey> {
    let bytes = hostile::read(&folder.join(COURIER), MAX_SMALL).ok()?;
    PublicKey::parse(std::str::from_utf8(&bytes).ok()?).ok()
}

/// What `carry` brought; none while there is nothing.
pub fn placement(folder: &Path) -> io::Result<Option<Vec<u8>>> {
    if_there(hostile::read(&folder.join(PLACEMENT), MAX_ENVELOPE))
}

/// Why nothing comes, by the word of `carry`.
pub fn trouble(folder: &Path) -> Option<String> {
    let bytes = hostile::read(&folder.join(TROUBLE), MAX_SMALL).ok()?;
    Some(one_line(String::from_utf8_lossy(&bytes).trim())).filter(|text| !text.is_empty())
}

/// The files that a place is settled by, in a state folder.
pub struct State(PathBuf);

impl State {
    /// The state folder of a machine.
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The key of an appliance: that it is there says that the machine has its identity.
    pub fn key(&self) -> PathBuf {
        self.0.join("appliance.key")
    }

    /// Where the key of a machine lies that belongs nowhere yet.
    pub fn claimed(&self) -> PathBuf {
        self.0.join("claim")
    }

    /// That key.
    pub fn claimed_key(&self) -> PathBuf {
        self.claimed().join("appliance.key")
    }

    /// The key for secrets, which lies where it stays: nothing says that the machine has its identity but [`Self::key`].
    pub fn secrets_key(&self) -> PathBuf {
        self.0.join("secrets.key")
    }

    /// The key of the machine, whichever it is.
    pub fn any_key(&self) -> PathBuf {
        let own = self.key();
        if own.exists() { own } else { self.claimed_key() }
    }
}

fn if_there(read: io::Result<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
