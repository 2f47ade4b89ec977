//! Gathering what a releases folder, or an appliance's inbox, has of the sites' logs.

use std::path::Path;

use writ_trust::ids::SiteId;
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::{MAX_NOTE, Note};
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::log::tile::{EntryBundle, MAX_BUNDLE, MAX_TILE, Tile};

use super::{CollectError, Collector};
use crate::folder::{Entry, EntryKind, Folder};

/// How deep directories of tiles lie within each other: `tile/<level>/x…/x…/x…/x…/x…/x…/<index>.p/<width>`.
const DEEPEST: usize = 12;

impl Collector<'_> {
    /// `log/<site>/<number>/…`
    pub(super) fn logs(&mut self, sites: &Folder) -> Result<(), CollectError> {
        for site in directories(sites)?.iter().filter(|site| site.parse::<SiteId>().is_ok()) {
            let Some(folder) = sites.directory(site)? else { continue };
            for number in directories(&folder)?.iter().filter(|number| number.parse::<u32>().is_ok()) {
                if let Some(log) = folder.directory(number)? {
                    let to = Path::new("log").join(site).join(number);
                    self.log(&log, &to)?;
                    if let Some(tiles) = log.directory("tile")? {
                        self.tiles(&tiles, &to, "tile", DEEPEST)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn log(&mut self, log: &Folder, to: &Path) -> Result<(), CollectError> {
        for Entry { name, kind } in log.entries()? {
            let path = log.path().join(&name);
            let limit = match name.as_str() {
                "restart.json" => MAX_DOCUMENT,
                _ if name.starts_with("restart.json.") && name.ends_with(".minisig") => MAX_SIGNATURE,
                _ if name == "checkpoint" || name.starts_with("checkpoint.") => MAX_NOTE,
                _ => continue,
            };
            if kind != EntryKind::File {
                self.refuse(path, "not a plain file");
                continue;
            }
            match log.read(&name, limit) {
                Ok(Some(bytes)) if name == "checkpoint" => self.checkpoint(&bytes, to, &path)?,
                Ok(Some(bytes)) => self.write(&to.join(&name), &bytes, &path)?,
                Ok(None) => {}
                Err(error) => self.refuse(path, error),
            }
        }
        Ok(())
    }

    /// The largest checkpoint becomes the log's; a smaller one is kept as `checkpoint.<size>`, so that whoever verifies sees
    /// whether the one continues the other. Whether either is signed is for them too.
    fn checkpoint(&mut self, bytes: &[u8], to: &Path, source: &Path) -> Result<(), CollectError> {
        let Some(new) = read_note(bytes) else {
            self.refuse(source.to_owned(), "not the checkpoint of a log");
            return Ok(());
        };
        let path = self.to.join(to).join("checkpoint");
        let failed = |source| CollectError::Write { path: path.clone(), source };
        let there = match writ_durable::read_bounded(&path, MAX_NOTE) {
            Ok(there) => there,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.write(&to.join("checkpoint"), bytes, source);
            }
            Err(error) => return Err(failed(error)),
        };
        let old = read_note(&there);
        if old.as_ref().is_some_and(|old| old.size == new.size && old.root == new.root) {
            self.done.present += 1;
            return Ok(());
        }
        let Some(old) = old.filter(|old| old.size < new.size) else {
            // Not larger: beside it, where its size allows.
            return self.write(&to.join(format!("checkpoint.{}", new.size)), bytes, source);
        };
        self.write(&to.join(format!("checkpoint.{}", old.size)), &there, &path)?;
        writ_durable::replace(&path, bytes, 0o644).map_err(failed)?;
        self.done.copied += 1;
        Ok(())
    }

    fn tiles(&mut self, folder: &Folder, to: &Path, inner: &str, deeper: usize) -> Result<(), CollectError> {
        for Entry { name, kind } in folder.entries()? {
            let within = format!("{inner}/{name}");
            let path = folder.path().join(&name);
            match kind {
                EntryKind::Directory if deeper > 0 => {
                    if let Some(next) = folder.directory(&name)? {
                        self.tiles(&next, to, &within, deeper - 1)?;
                    }
                }
                EntryKind::File => {
                    let limit = match (EntryBundle::parse(&within), Tile::parse(&within)) {
                        (Some(_), _) => MAX_BUNDLE,
                        (None, Some(_)) => MAX_TILE,
                        (None, None) => continue,
                    };
                    match folder.read(&name, limit) {
                        Ok(Some(bytes)) => self.write(&to.join(&within), &bytes, &path)?,
                        Ok(None) => {}
                        Err(error) => self.refuse(path, error),
                    }
                }
                EntryKind::Directory | EntryKind::Other => self.refuse(path, "not a tile of a log"),
            }
        }
        Ok(())
    }

    /// `receipts/<sequence>-<bundle id>.receipt.json`, which an appliance's courier gathers: each goes beside its bundle.
    pub(super) fn receipts(&mut self, receipts: &Folder) -> Result<(), CollectError> {
        for Entry { name, kind } in receipts.entries()? {
            if kind != EntryKind::File || !name.ends_with(".receipt.json") {
                continue;
            }
            let path = receipts.path().join(&name);
            match receipts.read(&name, MAX_RECEIPT) {
                Ok(Some(bytes)) => match place_of(&bytes, &name) {
                    Ok(place) => self.write(Path::new(&place), &bytes, &path)?,
                    Err(why) => self.refuse(path, why),
                },
                Ok(None) => {}
                Err(error) => self.refuse(path, error),
            }
        }
        Ok(())
    }
}

fn directories(folder: &Folder) -> Result<Vec<String>, CollectError> {
    let all = folder.entries()?.into_iter();
    Ok(all.filter(|entry| entry.kind == EntryKind::Directory).map(|entry| entry.name).collect())
}

fn read_note(bytes: &[u8]) -> Option<Checkpoint> {
    Checkpoint::parse(&Note::parse(bytes).ok()?.text).ok()
}

/// Where a receipt belongs, by the entry it is for.
fn place_of(bytes: &[u8], name: &str) -> Result<String, String> {
    let receipt = Receipt::parse(bytes).map_err(|e| e.to_string())?;
    let entry = LogEntry::parse(&receipt.entry).map_err(|e| e.to_string())?;
    let LogEntry::Evidence { site, id, public_key, sequence, .. } = entry else {
        return Err("it is not the receipt of a bundle".to_owned());
    };
    let own = format!("{sequence}-{id}.receipt.json");
    if own != name {
        return Err(format!("it is {own:?}, under another name"));
    }
    Ok(format!("evidence/{site}/{}/{own}", public_key.fingerprint()))
}
