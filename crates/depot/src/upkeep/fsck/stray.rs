//! What interrupted writes left, and files that belong to nothing.

use std::path::{Path, PathBuf};

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::tile::{EntryBundle, Tile};
use writ_trust::log::witness::CosignatureName;
use writ_trust::timestamp::TimestampName;

use super::{Code, Look};
use crate::sitelog::{COSIGNATURES, TIMESTAMPS};
use crate::store::retention;
use crate::upkeep::{Outcome, UpkeepError, files_below};

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Ours,
    Temporary,
    Stray,
}

impl Look<'_> {
    /// Goes through every file.
    pub(super) fn strays(&mut self) -> Outcome<()> {
        for relative in files_below(self.folders.root())? {
            let path = self.folders.root().join(&relative);
            let plain = path.symlink_metadata().is_ok_and(|there| there.is_file());
            let sort = match plain {
                // A depot that serves may have taken one in since.
                true => sort(&relative, |site, digest| {
                    Ok(self.served || retention::known(self.connection, site, digest)?.0)
                })?,
                // It went meanwhile, or nobody's program here makes such a thing.
                false if path.symlink_metadata().is_err() => continue,
                false => Sort::Stray,
            };
            let shown = relative.display();
            match sort {
                Sort::Ours => {}
                Sort::Stray => self.problems.add(Code::StrayFile, shown, "nothing that is known here is named so"),
                // They are under way.
                Sort::Temporary if self.served => {}
                Sort::Temporary if self.repair => {
                    writ_durable::remove(&path).map_err(UpkeepError::io(&path))?;
                    self.problems.repaired(Code::TemporaryFile, shown, "an interrupted write left it");
                }
                Sort::Temporary => self.problems.add(Code::TemporaryFile, shown, "an interrupted write left it"),
            }
        }
        Ok(())
    }
}

fn sort(relative: &Path, has_batch: impl Fn(&SiteId, &Digest) -> Outcome<bool>) -> Outcome<Sort> {
    let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
    let Some(parts) = parts else { return Ok(Sort::Stray) };
    if parts.last().is_some_and(|name| name.ends_with(writ_durable::TEMPORARY_SUFFIX)) || parts[0] == "uploads" {
        return Ok(Sort::Temporary);
    }
    let ours = match parts[..] {
        [name] => {
            let database = name.strip_prefix("depot.sqlite");
            let kept = |rest: &str| rest.strip_prefix(".schema-").is_some_and(|n| n.parse::<u32>().is_ok());
            matches!(name, "lock" | "readers" | "postgresql")
                || database.is_some_and(|rest| matches!(rest, "" | "-wal" | "-shm") || kept(rest))
        }
        ["documents", name] => name.strip_suffix(".json").is_some_and(is_digest),
        ["cache", name] => name.ends_with(".narinfo") || name.ends_with(".ls") || name == "nix-cache-info",
        ["cache", "nar", name] => name.ends_with(".nar") || name.ends_with(".nar.zst"),
        ["waiting", name] => name.ends_with(".narinfo"),
        ["logs", site, folder, name] => match (site.parse(), name.strip_suffix(".jsonl.gz").map(digest)) {
            (Ok(site), Some(Some(digest))) if digest.hex().starts_with(folder) => has_batch(&site, &digest)?,
            _ => false,
        },
        ["log", site, number, ref rest @ ..] => {
            let of_a_log = site.parse::<SiteId>().is_ok() && number.parse::<u64>().is_ok();
            of_a_log && is_of_a_log(&rest.join("/"))
        }
        _ => false,
    };
    Ok(if ours { Sort::Ours } else { Sort::Stray })
}

fn is_of_a_log(name: &str) -> bool {
    is_time(name)
        || name == "checkpoint"
        || name.starts_with("restart.json")
        || Tile::parse(name).is_some()
        || EntryBundle::parse(name).is_some()
}

/// Whether a file of a log, by its path there, is a timestamp or a cosignature.
pub fn is_time(name: &str) -> bool {
    match name.split_once('/') {
        Some((TIMESTAMPS, name)) => {
            let name = name.strip_suffix(".tsr").or_else(|| name.strip_suffix(".checkpoint"));
            name.is_some_and(|name| name.parse::<TimestampName>().is_ok())
        }
        Some((COSIGNATURES, name)) => {
            name.strip_suffix(".checkpoint").is_some_and(|name| name.parse::<CosignatureName>().is_ok())
        }
        _ => false,
    }
}

fn digest(hex: &str) -> Option<Digest> {
    format!("sha256:{hex}").parse().ok()
}

fn is_digest(hex: &str) -> bool {
    digest(hex).is_some()
}

/// Every file that an interrupted write left, for whoever has the data directory alone.
pub fn temporaries(root: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for relative in files_below(root)? {
        if sort(&relative, |_, _| Ok(true))? == Sort::Temporary {
            found.push(root.join(relative));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_place() {
        let hex = Digest::of(b"x").hex();
        let document = format!("documents/{hex}.json");
        let batch = format!("logs/clinic-001/{}/{hex}.jsonl.gz", &hex[..2]);
        let elsewhere = format!("logs/clinic-001/zz/{hex}.jsonl.gz");
        let at = |name: &str| sort(Path::new(name), |_, _| Ok(true)).unwrap();
        for ours in [
            "lock",
            "readers",
            "depot.sqlite",
            "depot.sqlite-wal",
            "depot.sqlite.schema-2",
            &document,
            &batch,
            "cache/abc.narinfo",
            "cache/nar/abc.nar.zst",
            "log/clinic-001/1/checkpoint",
            "log/clinic-001/1/tile/0/000.p/3",
            "log/clinic-001/1/tile/entries/000",
            "log/clinic-001/1/timestamps/20261128-0123456789abcdef.tsr",
            "log/clinic-001/1/timestamps/20261128-0123456789abcdef.checkpoint",
            "log/clinic-001/1/cosignatures/0123abcd-1795000000.checkpoint",
            "log/clinic-001/2/restart.json.0000000000000000.minisig",
        ] {
            assert_eq!(at(ours), Sort::Ours, "{ours}");
        }
        for temporary in ["uploads/.tmpabc", "documents/.12-3.x.json.writ-tmp", "log/clinic-001/1/checkpoint.writ-tmp"]
        {
            assert_eq!(at(temporary), Sort::Temporary, "{temporary}");
        }
        for stray in [
            "notes.txt",
            "documents/x.json",
            "cache/nar/core",
            "log/clinic-001/x/checkpoint",
            &elsewhere,
            "log/a",
            "log/clinic-001/1/timestamps/notes.tsr",
            "log/clinic-001/1/cosignatures/0123ABCD-1.checkpoint",
        ] {
            assert_eq!(at(stray), Sort::Stray, "{stray}");
        }
        assert_eq!(sort(Path::new(&batch), |_, _| Ok(false)).unwrap(), Sort::Stray, "no row has it");
    }
}
