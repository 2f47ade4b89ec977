//! Batches of logs, out of appliances' spools: those that the bundles lead to which are gathered with them. A batch does not say
//! whose it is; what names its digest does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_wire::log_batch::{LogBatch, MAX_BATCH, parse_file_name};

use super::{CollectError, Collector};
use crate::folder::{EntryKind, Folder};
use crate::log_chain::{self, Found, Gap, Named, follow};

/// What the bundles say of them.
#[derive(Default)]
pub(super) struct Wanted {
    ends: BTreeMap<SiteId, BTreeSet<Digest>>,
    gaps: BTreeMap<Digest, Gap>,
}

impl Wanted {
    /// Takes note of what a bundle names.
    pub fn note(&mut self, site: SiteId, bundle: &[u8]) {
        let Named { end, dropped } = log_chain::named(bundle);
        if let Some(end) = end {
            self.ends.entry(site).or_default().insert(end);
        }
        self.gaps.extend(dropped);
    }
}

/// A batch in a spool.
struct Lying {
    folder: Rc<Folder>,
    name: String,
    previous: Option<Digest>,
}

impl Collector<'_> {
    /// Gathers what bundles lead to, and counts how often they lead to one that is nowhere.
    pub(super) fn log_batches(&mut self, spools: &[PathBuf]) -> Result<(), CollectError> {
        if spools.is_empty() {
            return Ok(());
        }
        let mut lying = BTreeMap::new();
        for spool in spools {
            self.list(&Folder::open(spool)?, &mut lying)?;
        }
        let Wanted { ends, gaps } = std::mem::take(&mut self.wanted);
        for (site, ends) in ends {
            let folder = Path::new("logs").join(site.as_str());
            let path = self.to.join(&folder);
            // Also without a batch: whoever looked for them says that there are none.
            writ_durable::create_directories(&path).map_err(|source| CollectError::Write { path, source })?;
            let mut followed = BTreeSet::new();
            for end in ends {
                let gap = |digest: &Digest| Ok(gaps.get(digest).copied());
                let whole = follow(end, gap, |digest| {
                    if !followed.insert(*digest) {
                        return Ok(Found::Followed);
                    }
                    self.log_batch(&folder.join(format!("{}.jsonl.gz", digest.hex())), digest, lying.get(digest))
                })?;
                self.done.log_batches_missing += usize::from(!whole);
            }
        }
        Ok(())
    }

    /// Every batch in a spool, by its digest.
    fn list(&mut self, spool: &Folder, lying: &mut BTreeMap<Digest, Lying>) -> Result<(), CollectError> {
        for source in spool.entries()?.into_iter().filter(|entry| entry.kind == EntryKind::Directory) {
            let Some(folder) = spool.directory(&source.name)?.map(Rc::new) else { continue };
            for entry in folder.entries()?.into_iter().filter(|entry| parse_file_name(&entry.name).is_some()) {
                let path = folder.path().join(&entry.name);
                match folder
                    .read(&entry.name, MAX_BATCH)
                    .map(|bytes| bytes.map(|b| (Digest::of(&b), LogBatch::judge(&b))))
                {
                    Ok(Some((digest, Ok(LogBatch { previous, .. })))) => {
                        lying.insert(digest, Lying { folder: folder.clone(), name: entry.name, previous });
                    }
                    Ok(Some((_, Err(error)))) => self.refuse(path, format!("it is no batch of logs: {error}")),
                    Ok(None) => {}
                    Err(error) => self.refuse(path, error),
                }
            }
        }
        Ok(())
    }

    /// One batch, from the spool, or from the audit folder where it was gathered before.
    fn log_batch(&mut self, relative: &Path, digest: &Digest, lying: Option<&Lying>) -> Result<Found, CollectError> {
        if let Some(Lying { folder, name, previous }) = lying
            && let Ok(Some(bytes)) = folder.read(name, MAX_BATCH)
            && Digest::of(&bytes) == *digest
        {
            self.write(relative, &bytes, &folder.path().join(name))?;
            return Ok(Found::Batch(*previous));
        }
        let there = writ_durable::read_bounded(&self.to.join(relative), MAX_BATCH).ok();
        let there = there.filter(|bytes| Digest::of(bytes) == *digest).and_then(|bytes| LogBatch::peek(&bytes).ok());
        Ok(there.map_or(Found::Nothing, |batch| Found::Batch(batch.previous)))
    }
}
