//! The trust roots that a depot has: walking them from one that was given, and giving it those that it lacks.

use writ_client::Client;
use writ_trust::root_chain::TrustChain;
use writ_wire::{Blob, MAX_ENVELOPE, Signed, paths};

use super::{failed, if_there};
use crate::failure::{Failure, Outcome};
use crate::screen;
use crate::trust::folder::Folder;

/// The most roots followed in one go: at one a month, a lifetime.
const MAX_ROOTS: usize = 1000;

/// Why a chain was extended no further.
pub enum Stopped {
    /// The depot could not be asked for a root.
    Unasked(Failure),
    /// What it gives does not continue the chain.
    Broken(Failure),
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        let (Stopped::Unasked(failure) | Stopped::Broken(failure)) = stopped;
        failure
    }
}

/// Extends a chain by the roots that the depot has after its newest; `added` takes those that are new, in order, also when it
/// ends early.
pub fn extend(client: &Client, chain: &mut TrustChain, added: &mut Vec<Signed>) -> Result<(), Stopped> {
    let open = client.unsigned();
    while added.len() < MAX_ROOTS {
        let version = chain
            .newest()
            .version
            .next()
            .map_err(|e| Stopped::Broken(Failure::refused("there is no next root").because(e)))?;
        let answer = if_there(open.get(&paths::trust(version), MAX_ENVELOPE as u64));
        let answer =
            answer.map_err(|e| Stopped::Unasked(failed(format!("cannot ask for trust root {version}"), client, &e)))?;
        let Some(bytes) = answer else { return Ok(()) };
        let unfit = |why: String| {
            Stopped::Broken(
                Failure::refused(format!("the depot's trust root {version} does not continue the chain"))
                    .at(client.depot())
                    .because(why)
                    .next("do not trust this depot until it is known why"),
            )
        };
        let signed = Signed::parse(&bytes).map_err(|e| unfit(e.to_string()))?;
        signed.check_bounds().map_err(|e| unfit(e.to_string()))?;
        chain.extend(&signed.document.0, &signed.signatures).map_err(|e| unfit(e.to_string()))?;
        added.push(signed);
    }
    let what = format!("the depot has more than {MAX_ROOTS} new trust roots");
    Err(Stopped::Broken(Failure::refused(what).at(client.depot())))
}

/// The exact bytes and signatures of the root that was given, if the depot has that very one.
pub fn given(client: &Client, chain: &TrustChain, bytes: &[u8]) -> Option<Signed> {
    let answer = client.unsigned().get(&paths::trust(chain.newest().version), MAX_ENVELOPE as u64).ok()?;
    let signed = Signed::parse(&answer).ok()?;
    (signed.check_bounds().is_ok() && signed.document.0 == bytes).then_some(signed)
}

/// Gives a depot the trust roots of a folder that it lacks, in order.
pub fn publish(client: &Client, given: &Folder) -> Outcome<()> {
    let open = client.unsigned();
    for root in &given.roots {
        let version = root.version;
        let there = if_there(open.get(&paths::trust_document(version), MAX_ENVELOPE as u64));
        match there.map_err(|e| failed(format!("cannot ask for trust root {version}"), client, &e))? {
            Some(bytes) if bytes == root.bytes => {}
            Some(_) => {
                return Err(Failure::refused(format!("the depot has another trust root {version}"))
                    .at(client.depot())
                    .because(format!("it is not {}", root.path.display()))
                    .next("one of the two is not yours: nothing was published"));
            }
            None => {
                let signatures = root.signatures.iter().map(|file| Blob(file.bytes.clone())).collect();
                let signed = Signed { document: Blob(root.bytes.clone()), signatures };
                open.put(&paths::publish_trust(version), &signed.canonical(), MAX_ENVELOPE as u64)
                    .map_err(|e| failed(format!("the depot does not take trust root {version}"), client, &e))?;
                screen::line(&format!("published trust root {version}"));
            }
        }
    }
    Ok(())
}
