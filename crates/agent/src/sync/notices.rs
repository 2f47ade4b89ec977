//! Sends notices, in the order of their numbers. Who tells people of them is for the depot's operator.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use writ_client::Error as ClientError;
use writ_trust::digest::Digest;
use writ_trust::json::{self, MAX_SIGNATURE};
use writ_trust::text::one_line;
use writ_wire::notice::MAX_NOTICE;
use writ_wire::notices::{MAX_NOTICE_RECEIPT, NoticeReceipt};
use writ_wire::{Blob, Signed, paths};

use super::courier::Courier;
use super::identity::Vouched;
use super::inbox::names;
use super::schedule::Ending;
use super::trouble::Trouble;

/// The last one that was sent, in the state directory.
const SENT: &str = "notices.json";
/// Its largest size, in bytes.
const MAX_SENT: usize = 4096;
/// The most notices that are sent before something else has its turn.
const AT_ONCE: usize = 20;

/// The last notice that was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    number: u64,
    digest: Option<Digest>,
}

impl Courier {
    /// Sends some notices.
    pub fn send_notices(&mut self, vouched: &Vouched) -> Result<Ending, Trouble> {
        let folder = self.config.notices();
        let mut numbers: Vec<u64> =
            names(&folder).iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
        numbers.sort_unstable();
        let before = self.sent_before(&folder, numbers.last().copied().unwrap_or(0));
        let due: Vec<u64> = numbers.into_iter().filter(|number| *number > before).collect();
        self.status.notices_waiting = due.len() as u64;
        if due.is_empty() {
            return Ok(Ending::Done);
        }
        let client = self.signed(vouched);
        for number in due.iter().take(AT_ONCE) {
            let Some(signed) = read(&folder, *number)? else { return Ok(Ending::Done) };
            let digest = Digest::of(&signed.document.0);
            let answer =
                client.post(&paths::notices(&self.config.site), &signed.canonical(), MAX_NOTICE_RECEIPT as u64);
            match answer {
                Ok(answer) => {
                    let receipt =
                        NoticeReceipt::parse(&answer).map_err(|e| Trouble::refused("notice-receipt", one_line(e)))?;
                    if receipt.digest != digest {
                        return Err(Trouble::refused(
                            "notice-receipt",
                            format!("it is of another notice than {number}"),
                        ));
                    }
                    info!(number, "notice sent");
                }
                // Never taken: it must not hold up those that come after it.
                Err(ClientError::Refused { status: status @ (400 | 413 | 422), .. }) => {
                    warn!(number, status, "the depot does not take this notice: it is passed over");
                }
                Err(e) => return Err(e.into()),
            }
            let path = self.config.state_dir.join(SENT);
            let sent = Sent { number: *number, digest: Some(digest) };
            writ_durable::replace(&path, &json::canonical(&sent), 0o600).map_err(Trouble::at(&path))?;
            self.status.notices_waiting -= 1;
            self.status.changed();
        }
        Ok(if due.len() > AT_ONCE { Ending::More } else { Ending::Done })
    }

    /// The number of the last notice that was sent; 0 where the numbers have begun anew since, because the enforcer lost its
    /// state.
    fn sent_before(&self, folder: &Path, highest: u64) -> u64 {
        let bytes = writ_durable::read_bounded(&self.config.state_dir.join(SENT), MAX_SENT).unwrap_or_default();
        let Ok(sent) = serde_json::from_slice::<Sent>(&bytes) else { return 0 };
        let is_another = || {
            let there = writ_durable::read_bounded(&folder.join(format!("{}.json", sent.number)), MAX_NOTICE);
            there.is_ok_and(|bytes| Some(Digest::of(&bytes)) != sent.digest)
        };
        if sent.number > highest || is_another() { 0 } else { sent.number }
    }
}

/// A notice with its signature; none while it is not whole.
fn read(folder: &Path, number: u64) -> Result<Option<Signed>, Trouble> {
    let path = folder.join(format!("{number}.json"));
    let read = |path: &Path, limit| match writ_durable::read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Trouble::at(path)(e)),
    };
    let Some(document) = read(&path, MAX_NOTICE)? else { return Ok(None) };
    let Some(signature) = read(&path.with_extension("json.minisig"), MAX_SIGNATURE)? else { return Ok(None) };
    Ok(Some(Signed { document: Blob(document), signatures: vec![Blob(signature)] }))
}
