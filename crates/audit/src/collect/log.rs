//! Gathering what a releases folder, or an appliance's inbox, has of the sites' logs.

use std::path::Path;

use writ_trust::ids::SiteId;
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::{MAX_NOTE, Note};
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::log::tile::{EntryBundle, MAX_BUNDLE, MAX_TILE, Tile};
use writ_trust::log::witness::CosignatureName;
use writ_trust::timestamp::{MAX_RESPONSE, TimestampName};

use super::{CollectError, Collector, keys_of};
use crate::archive::Trust;
use crate::folder::{Entry, EntryKind, Folder};
use crate::load::log::notes::Notes;
use crate::load::log::outside::{COSIGNATURES, TIMESTAMPS};
use crate::load::trust;
use crate::problem::Problems;

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
                    let tiles = log.directory("tile")?;
                    let whole = tiles.as_ref().is_some_and(|tiles| matches!(tiles.directory("entries"), Ok(Some(_))));
                    self.log(&log, &to, whole)?;
                    if let Some(tiles) = tiles {
                        self.tiles(&tiles, &to, "tile", DEEPEST)?;
                    }
                    self.outside(&log, &to)?;
                }
            }
        }
        Ok(())
    }

    /// What others say of a log: timestamps and cosignatures. They are judged when the folder is verified.
    fn outside(&mut self, log: &Folder, to: &Path) -> Result<(), CollectError> {
        for part in [TIMESTAMPS, COSIGNATURES] {
            let Some(folder) = log.directory(part)? else { continue };
            for Entry { name, kind } in folder.entries()? {
                let path = folder.path().join(&name);
                let limit = match name.rsplit_once('.') {
                    Some((stem, "tsr")) if part == TIMESTAMPS && is_timestamp(stem) => MAX_RESPONSE,
                    Some((stem, "checkpoint")) if part == TIMESTAMPS && is_timestamp(stem) => MAX_NOTE,
                    Some((stem, "checkpoint")) if stem.parse::<CosignatureName>().is_ok() => MAX_NOTE,
                    _ => continue,
                };
                match folder.read(&name, limit) {
                    Ok(Some(bytes)) if kind == EntryKind::File => {
                        self.write(&to.join(part).join(&name), &bytes, &path)?
                    }
                    Ok(_) => {}
                    Err(error) => self.refuse(path, error),
                }
            }
        }
        Ok(())
    }

    /// Copies checkpoints and the order that began a log; `whole` says whether its entries come too.
    fn log(&mut self, log: &Folder, to: &Path, whole: bool) -> Result<(), CollectError> {
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
                Ok(Some(bytes)) if name.starts_with("checkpoint") => match self.judge(&bytes, to) {
                    Ok(new) if name == "checkpoint" => self.checkpoint(&bytes, &new, to, &path, whole)?,
                    Ok(_) => self.write(&to.join(&name), &bytes, &path)?,
                    Err(why) => self.refuse(path, why),
                },
                Ok(Some(bytes)) => self.write(&to.join(&name), &bytes, &path)?,
                Ok(None) => {}
                Err(error) => self.refuse(path, error),
            }
        }
        Ok(())
    }

    /// Judges a checkpoint by the trust roots that are in the audit folder by now: what no log key signed would stand in the
    /// way of what one did. Whether those roots are the right ones is for `verify`.
    fn judge(&self, note: &[u8], to: &Path) -> Result<Checkpoint, String> {
        let folder = Folder::open(self.to).map_err(|e| e.to_string())?;
        // What is wrong with the roots is told of when the folder is verified.
        let chain =
            trust::load(&folder, &Trust::Folder, &mut Problems::default()).ok_or("no trust root to judge it by")?;
        let parts: Vec<String> = to.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let [_, site, number] = &parts[..] else { return Err("it is of no log".to_owned()) };
        let site: SiteId = site.parse().map_err(|_| "it is of no site")?;
        let (found, signed) =
            Notes::new(&chain, &site, chain.newest().origins(&site)).judge(note).map_err(|problem| problem.what)?;
        if found.to_string() != *number {
            return Err(format!("it is the checkpoint of log {found}, in the folder of log {number}"));
        }
        Ok(signed.checkpoint)
    }

    /// The largest checkpoint becomes the log's; a smaller one is kept as `checkpoint.<size>`, so that whoever verifies sees
    /// whether the one continues the other. One that comes without the entries of its log, as from an appliance's inbox,
    /// never takes the place of one that came with them.
    fn checkpoint(
        &mut self,
        bytes: &[u8],
        new: &Checkpoint,
        to: &Path,
        source: &Path,
        whole: bool,
    ) -> Result<(), CollectError> {
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
        let has_whole = self.to.join(to).join("tile/entries").is_dir();
        let Some(old) = old.filter(|old| (has_whole, old.size) < (whole, new.size)) else {
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

    /// `receipts/<sequence>-<bundle id>.receipt.json`, which an appliance's courier gathers: each goes beside its bundle. Those
    /// of an earlier key are in a folder of its fingerprint.
    pub(super) fn receipts(&mut self, receipts: &Folder) -> Result<(), CollectError> {
        self.receipts_of(receipts)?;
        keys_of(receipts)?.iter().try_for_each(|earlier| self.receipts_of(earlier))
    }

    fn receipts_of(&mut self, receipts: &Folder) -> Result<(), CollectError> {
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

fn is_timestamp(name: &str) -> bool {
    name.parse::<TimestampName>().is_ok()
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
