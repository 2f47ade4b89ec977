//! The newest checkpoint that each witness cosigned, in memory: who asks for the head is given the cosignatures of that very
//! checkpoint with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use writ_trust::ids::SiteId;
use writ_trust::log::note::Note;
use writ_trust::log::witness::{CosignatureName, MOST_WITNESSES};

use crate::folders::Folders;
use crate::sitelog::{Head, Heads, LogError, TimeFiles};

/// The newest cosignature of a witness.
#[derive(Debug, Clone)]
struct Newest {
    /// The text of the checkpoint.
    text: String,
    /// The line.
    line: String,
}

/// Of one log, by the four bytes of the witnesses.
type Lines = BTreeMap<[u8; 4], Newest>;

/// The newest cosignatures, by site and log.
#[derive(Debug, Default)]
pub struct Cosigned {
    newest: RwLock<BTreeMap<(SiteId, u64), Lines>>,
    /// Held by whoever changes the files that say when.
    changing: Mutex<()>,
}

impl Cosigned {
    /// Those that are stored.
    pub fn load(folders: &Folders, heads: &Heads) -> Result<Self, (SiteId, LogError)> {
        let all = Self::default();
        for (site, head) in heads.all() {
            let files = TimeFiles::new(folders.log(&site, head.number));
            let failed = |error| (site.clone(), LogError::Files(error));
            // In the order of their times: the last of each witness stays.
            for name in newest(files.cosignatures().map_err(failed)?) {
                let note = files.read_cosignature(&name).map_err(failed)?;
                if let Some(note) = note {
                    all.put(&site, head.number, &name, &note);
                }
            }
        }
        Ok(all)
    }

    /// Keeps others from changing the files that say when.
    pub fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the newest of a witness, whose line is the last of the note.
    pub fn put(&self, site: &SiteId, number: u64, name: &CosignatureName, note: &[u8]) {
        let Ok(note) = Note::parse(note) else { return };
        let Some(line) = note.lines.last() else { return };
        let newest = Newest { text: note.text.clone(), line: line.text() };
        let mut all = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        let lines = all.entry((site.clone(), number)).or_default();
        // Of witnesses that no root lists any more, those that are there leave no room for more than there may be.
        if lines.len() >= MOST_WITNESSES && !lines.contains_key(&name.witness) {
            lines.retain(|_, kept| kept.text == newest.text);
            if lines.len() >= MOST_WITNESSES {
                return;
            }
        }
        lines.insert(name.witness, newest);
    }

    /// A head with the cosignatures of that very checkpoint.
    pub fn beside(&self, site: &SiteId, head: &Head) -> Bytes {
        let all = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = all.get(&(site.clone(), head.number)) else { return head.note.clone() };
        let same = |newest: &&Newest| {
            let rest = head.note.strip_prefix(newest.text.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"\n"))
        };
        let lines: String = lines.values().filter(same).map(|newest| newest.line.as_str()).collect();
        if lines.is_empty() { head.note.clone() } else { [&head.note[..], lines.as_bytes()].concat().into() }
    }
}

/// The last of each witness, of names in their order.
fn newest(names: Vec<CosignatureName>) -> impl Iterator<Item = CosignatureName> {
    let last: BTreeMap<[u8; 4], CosignatureName> = names.into_iter().map(|name| (name.witness, name)).collect();
    last.into_values()
}
