//! Batches of logs: each file by the digest that it is named by.

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_wire::log_batch::MAX_BATCH;

use super::{Code, Look};
use crate::upkeep::Outcome;

impl Look<'_> {
    /// Every batch that the database has.
    pub(super) fn batches(&mut self) -> Outcome<()> {
        let sql = "SELECT DISTINCT site, digest FROM log_batches ORDER BY site, digest";
        for mut row in self.connection.rows(sql, &[])? {
            self.checked.batches += 1;
            let (site, digest): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let parsed = site.parse::<SiteId>().ok().zip(<[u8; 32]>::try_from(digest).ok());
            let Some((site, digest)) = parsed else {
                let path = self.in_database("log_batches");
                self.problems.add(Code::BatchAltered, path, "a row has no site or digest");
                continue;
            };
            let digest = Digest::from_bytes(digest);
            let path = self.folders.log_batch(&site, &digest);
            let shown = self.shown(&path);
            match writ_durable::read_bounded(&path, MAX_BATCH) {
                Ok(bytes) if Digest::of(&bytes) == digest => {}
                Ok(_) => self.problems.add(Code::BatchAltered, shown, "its bytes are not those of its name"),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    self.problems.add(Code::BatchMissing, shown, "the database has it, and it is not there");
                }
                Err(e) if e.kind() == std::io::ErrorKind::FileTooLarge => {
                    self.problems.add(Code::BatchAltered, shown, e);
                }
                Err(e) => self.problems.add(Code::Unreadable, shown, e),
            }
        }
        Ok(())
    }
}
