//! The files of one archive, in the layout that `writ audit fetch` makes.

use std::collections::BTreeMap;
use std::time::Duration;

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::proof;
use writ_trust::log::receipt::Receipt;
use writ_trust::log::tile::{EntryBundle, FULL, Tile, TileNodes};
use writ_trust::minisign::{Signature, signature_file_name};
use writ_wire::Signed;

use crate::directory::Directory;
use crate::folders::Folders;
use crate::sitelog::{LogError, LogFiles};
use crate::store::checkpoints::{self, StoredLog};
use crate::store::{Connection, StoreError, to_sql, values};
use crate::upkeep::{Outcome, UpkeepError, content};

/// The highest level of tiles.
const MAX_LEVEL: u8 = 7;
/// How often, and after what wait, a tile is looked for again that a serving depot may be writing.
const TRIES: u32 = 40;
const WAIT: Duration = Duration::from_millis(50);

/// The files of an archive while they are gathered.
pub struct Contents<'a> {
    folders: &'a Folders,
    connection: &'a dyn Connection,
    directory: &'a Directory,
    site: &'a SiteId,
    /// By path, which is their order.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How many bundles are among them.
    pub bundles: u64,
}

impl<'a> Contents<'a> {
    /// Nothing yet.
    pub fn new(
        folders: &'a Folders,
        connection: &'a dyn Connection,
        directory: &'a Directory,
        site: &'a SiteId,
    ) -> Self {
        Self { folders, connection, directory, site, files: BTreeMap::new(), bundles: 0 }
    }

    /// A document and its signatures beside it.
    fn signed(&mut self, path: &str, signed: &Signed) {
        self.files.insert(path.to_owned(), signed.document.0.clone());
        for signature in &signed.signatures {
            if let Ok(parsed) = Signature::parse(&signature.0) {
                self.files.insert(signature_file_name(path, parsed.key_id()), signature.0.clone());
            }
        }
    }

    /// Every trust root.
    pub fn roots(&mut self) {
        let versions: Vec<u64> = self.directory.chain.roots().map(|root| root.version.get()).collect();
        for (version, root) in versions.into_iter().zip(&self.directory.roots) {
            self.signed(&format!("trust/{version}.json"), root);
        }
    }

    /// The entries of a log from an index up to another, what they name, and what proves them.
    pub fn log(&mut self, stored: &StoredLog, from: u64, to: u64) -> Outcome<()> {
        let path = format!("log/{}/{}", self.site, stored.number);
        let files = LogFiles::new(self.folders.log(self.site, stored.number));
        self.tiles(stored, &files, &path, from)?;
        self.files.insert(format!("{path}/checkpoint"), stored.note.clone().into_bytes());
        if let Some(restart) = &stored.restart {
            self.signed(&format!("{path}/restart.json"), restart);
        }
        let mut nodes = TileNodes::new(files, stored.size);
        for (index, entry) in (from..).zip(checkpoints::entries(self.connection, stored.id, from, to)?) {
            let parsed = LogEntry::parse(&entry).map_err(|e| StoreError::damaged(&path, e))?;
            let mut receipt = || -> Outcome<Vec<u8>> {
                let proof = proof::inclusion(&mut nodes, index, stored.size).map_err(LogError::from)?;
                Ok(Receipt { entry: entry.clone(), index, proof, checkpoint: stored.note.clone() }.canonical())
            };
            match &parsed {
                LogEntry::Evidence { id, public_key, sequence, .. } => {
                    // As audit folders name it.
                    let name = format!("evidence/{}/{}/{sequence}-{id}", self.site, public_key.fingerprint());
                    let receipt = receipt()?;
                    self.bundle(stored, index, &name, receipt)?;
                }
                LogEntry::Release { digest, .. } => {
                    let receipt = receipt()?;
                    self.release(digest, receipt)?;
                }
                LogEntry::Trust { .. } | LogEntry::Order { .. } | LogEntry::Restart { .. } => {}
            }
        }
        Ok(())
    }

    fn bundle(&mut self, stored: &StoredLog, index: u64, name: &str, receipt: Vec<u8>) -> Outcome<()> {
        let sql = "SELECT v.document, v.signature FROM entries e JOIN evidence v ON v.id = e.evidence
            WHERE e.log = ? AND e.idx = ?";
        let mut row = self.connection.one(sql, values![stored.id, to_sql(index)])?;
        let (document, signature) = (row.get(0)?, row.get(1)?);
        self.files.insert(format!("{name}.json"), document);
        self.files.insert(format!("{name}.json.minisig"), signature);
        self.files.insert(format!("{name}.receipt.json"), receipt);
        self.bundles += 1;
        Ok(())
    }

    fn release(&mut self, digest: &Digest, receipt: Vec<u8>) -> Outcome<()> {
        let published = self.directory.site(self.site);
        let Some(stored) = published.releases.iter().find(|stored| stored.digest == *digest) else {
            let what = format!("the release {digest}, which a log of {} has,", self.site);
            return Err(StoreError::damaged(what, "it is not there").into());
        };
        let (epoch, serial) = stored.release.point();
        let path = format!("releases/{}/{epoch}-{serial}/release", self.site);
        self.signed(&format!("{path}.json"), &stored.signed);
        self.files.insert(format!("{path}.receipt.json"), receipt);
        for generation in stored.release.generations.values() {
            let closure = generation.closure.as_ref().map(|closure| closure.digest);
            for document in closure.into_iter().chain([generation.policy.digest]) {
                let bytes = content::document(self.folders, &document).ok_or_else(|| {
                    let path = self.folders.document(&document);
                    UpkeepError::Refused(format!(
                        "{}: not there, or not what its name says: see `writ-depot fsck`",
                        path.display()
                    ))
                })?;
                self.files.insert(format!("documents/{}.json", document.hex()), bytes);
            }
        }
        Ok(())
    }

    /// The tiles and entries of a log from the tile that holds an index up to its end.
    fn tiles(&mut self, stored: &StoredLog, files: &LogFiles, path: &str, from: u64) -> Outcome<()> {
        let absent = |name: String| UpkeepError::Refused(format!("{path}/{name}: not there: see `writ-depot fsck`"));
        let mut at = from;
        while let Some(bundle) = EntryBundle::holding(at, stored.size) {
            let bytes = patiently(|| files.read_bundle(&bundle))?.ok_or_else(|| absent(bundle.path()))?;
            self.files.insert(format!("{path}/{}", bundle.path()), bytes);
            at = (bundle.index + 1) * u64::from(FULL);
        }
        for level in 0..=MAX_LEVEL {
            let mut at = from >> (u32::from(level) * 8);
            while let Some(tile) = Tile::holding(level, at, stored.size) {
                let bytes = patiently(|| files.read_tile(&tile))?.ok_or_else(|| absent(tile.path()))?;
                self.files.insert(format!("{path}/{}", tile.path()), bytes);
                at = (tile.index + 1) * u64::from(FULL);
            }
        }
        Ok(())
    }
}

/// Reads what a serving depot may be writing at this moment: it has committed it.
fn patiently<E: Into<UpkeepError>>(mut read: impl FnMut() -> Result<Option<Vec<u8>>, E>) -> Outcome<Option<Vec<u8>>> {
    for _ in 0..TRIES {
        if let Some(bytes) = read().map_err(Into::into)? {
            return Ok(Some(bytes));
        }
        std::thread::sleep(WAIT);
    }
    Ok(None)
}
