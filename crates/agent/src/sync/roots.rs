//! The chain of trust roots, as far as this courier knows it.

use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root_chain::{ChainError, TrustChain};
use writ_wire::Signed;

use super::config::Config;
use super::inbox::Inbox;
use super::trouble::Trouble;

/// Walks from the root in the image through those in the inbox, as far as they hold.
pub fn load(config: &Config, inbox: &Inbox) -> Result<TrustChain, Trouble> {
    let path = &config.trust;
    let bytes = writ_durable::read_bounded(path, MAX_DOCUMENT).map_err(Trouble::at(path))?;
    let odd =
        |e| Trouble::at(path)(std::io::Error::new(std::io::ErrorKind::InvalidData, format!("not a trust root: {e}")));
    let mut chain = TrustChain::pinned(&bytes).map_err(odd)?;
    while let Ok(next) = chain.newest().version.next() {
        let Some(signed) = inbox.root(next)? else { break };
        if chain.extend(&signed.document.0, &signed.signatures).is_err() {
            // Half of what was written before a crash, or not ours: the depot has it again.
            break;
        }
    }
    Ok(chain)
}

/// Takes the next root into the chain, and keeps it. One that the chain has already is refused: a depot that gave it for ever
/// would be asked for ever.
pub fn take(chain: &mut TrustChain, inbox: &Inbox, signed: &Signed) -> Result<(), Trouble> {
    signed.check_bounds().map_err(|e| Trouble::refused("trust-chain", e))?;
    let mut longer = chain.clone();
    longer
        .extend(&signed.document.0, &signed.signatures)
        .map_err(|e: ChainError| Trouble::refused("trust-chain", e))?;
    if longer.newest().version <= chain.newest().version {
        let message =
            format!("a root came that is known already, expected one that follows root {}", chain.newest().version);
        return Err(Trouble::refused("trust-chain", message));
    }
    inbox.write_root(longer.newest(), signed)?;
    *chain = longer;
    Ok(())
}
