//! What is left of what an appliance's key signed after it was revoked.

use std::collections::BTreeMap;

use writ_trust::digest::Digest;
use writ_trust::key_register::KeyRecord;
use writ_trust::log::entry::LogEntry;
use writ_trust::release::RevokedKey;

use super::log::held::{Held, TimeKind, held_since};
use crate::archive::Archive;
use crate::problem::Code;
use crate::verify::{RevokedChain, VerifyReport};

/// Which bundles of a revoked key count: those that a log is proven to have held before.
pub struct Cut<'a> {
    revoked: &'a RevokedKey,
    held: BTreeMap<Digest, Held>,
    /// How many count by the word of others, by that of the log's key alone, and not at all.
    external: u64,
    log_key: u64,
    /// How many do not.
    pub distrusted: u64,
}

impl<'a> Cut<'a> {
    /// What the logs prove of a key that was revoked.
    pub fn new(archive: &Archive, key: &KeyRecord, revoked: &'a RevokedKey) -> Self {
        let wanted = |entry: &LogEntry| match entry {
            LogEntry::Evidence { public_key, digest, .. } => (*public_key == key.public_key).then_some(*digest),
            _ => None,
        };
        let chain = archive.chain.as_ref();
        let held = chain.map(|chain| held_since(&archive.folder, chain, &key.site, &wanted)).unwrap_or_default();
        Self { revoked, held, external: 0, log_key: 0, distrusted: 0 }
    }

    /// Whether a bundle counts.
    pub fn counts(&mut self, digest: &Digest) -> bool {
        let older = self.held.get(digest).and_then(|held| held.before(self.revoked.revoked_at));
        *match older {
            Some(TimeKind::External) => &mut self.external,
            Some(TimeKind::LogKey) => &mut self.log_key,
            None => &mut self.distrusted,
        } += 1;
        older.is_some()
    }

    /// Says which do.
    pub fn tell(&self, path: &str, report: &mut VerifyReport) {
        let RevokedKey { revoked_at, reason, .. } = self.revoked;
        let counted = self.external + self.log_key;
        let mut what = format!(
            "the appliance's key was revoked as of {revoked_at} ({reason}): {counted} of its bundles a log is proven to have held \
             before, {} not",
            self.distrusted
        );
        if counted > 0 {
            let kinds = [(self.external, TimeKind::External), (self.log_key, TimeKind::LogKey)];
            let kinds = kinds.iter().filter(|(count, _)| *count > 0);
            let kinds: Vec<String> = kinds.map(|(count, kind)| format!("{} of {count}", kind.as_str())).collect();
            what += &format!("; time: {}", kinds.join(", "));
        }
        let so = match (counted, self.distrusted) {
            (_, 0) => "all of them count",
            (0, _) => "nothing proves which of them are older: they were verified, not counted",
            _ => "the former count, the latter were verified, not counted: a thief could have made them",
        };
        report.problems.note(Code::Revoked, path, what, so);
    }

    /// The same for whoever reads the report with a program.
    pub fn summary(&self) -> RevokedChain {
        let Self { external, log_key, distrusted: not_counted, .. } = *self;
        RevokedChain { revoked_at: self.revoked.revoked_at, external, log_key, not_counted }
    }
}
