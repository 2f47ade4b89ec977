//! What secrets are encrypted to, on its way from a new machine into the tree: secrets.pub, with the signature of the machine's key.

use std::path::Path;

use writ_age::{Identity, Recipient};
use writ_agent::secrets::unseal;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_wire::{Blob, Signed};

use super::offer::State;
use crate::failure::{Failure, Outcome};
use crate::secret::place::{self, LARGEST, NoRecipient, PUBLIC, SIGNATURE};
use crate::{files, random};

/// The two files as they came, of which the signature holds.
pub struct Handed {
    /// What secrets are encrypted to.
    pub recipient: Recipient,
    /// The bytes of secrets.pub.
    pub file: Vec<u8>,
    /// The bytes of secrets.pub.minisig.
    pub signature: Vec<u8>,
}

/// The public half of this machine's key for secrets, signed. The key is made once, and is the same after every restart.
pub fn own(state: &State, key: &SecretKey) -> Outcome<Signed> {
    let path = state.secrets_key();
    if path.symlink_metadata().is_err() {
        let identity = Identity::generate(&*random::bytes()?);
        files::create(&path, identity.to_file().as_bytes(), 0o600, "the machine's key for secrets")?;
    }
    let identity = unseal::identity(&path).map_err(|why| {
        Failure::refused("what lies there is no key for secrets that could be used")
            .at(path.display())
            .because(why)
            .next("move it away if no secret is encrypted to it: it is never overwritten")
    })?;
    let file = place::recipient_file(&identity.recipient());
    let signature = place::sign(&file, key)?;
    Ok(Signed { document: Blob(file.into_bytes()), signatures: vec![Blob(signature.into_bytes())] })
}

/// Those that lie beside a public key, as a machine left them on a stick; none where it left none.
pub fn beside(public_key: &Path, key: &PublicKey) -> Outcome<Option<Handed>> {
    let folder = files::parent_of(public_key);
    let (file, signature) = (folder.join(PUBLIC), folder.join(SIGNATURE));
    let read = |path: &Path, what: &str| match path.symlink_metadata() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => files::read_shared(path, LARGEST, what).map(Some),
    };
    let Some(bytes) = read(&file, "the public half of its key for secrets")? else { return Ok(None) };
    let signature = read(&signature, "the signature of its key for secrets")?;
    let recipient = place::judge(&bytes, signature.as_deref(), Some(key));
    let recipient = recipient.map_err(|why| foreign(&file.display().to_string(), &why))?;
    Ok(Some(Handed { recipient, file: bytes, signature: signature.unwrap_or_default() }))
}

/// Those in a claim; none where it brings none.
pub fn claimed(secrets: Option<&Signed>, key: &PublicKey, from: &str) -> Outcome<Option<Handed>> {
    let Some(secrets) = secrets else { return Ok(None) };
    let (file, signature) = (&secrets.document.0, secrets.signatures.first().map(|signature| &signature.0));
    let recipient = place::judge(file, signature.map(Vec::as_slice), Some(key)).map_err(|why| foreign(from, &why))?;
    Ok(Some(Handed { recipient, file: file.clone(), signature: signature.cloned().unwrap_or_default() }))
}

fn foreign(from: &str, why: &NoRecipient) -> Failure {
    Failure::refused("what came as this machine's key for secrets is none, or is not signed by its own key")
        .at(from)
        .because(why)
        .next("nothing was written. Take secrets.pub and secrets.pub.minisig as the machine left them, beside its public key")
}
