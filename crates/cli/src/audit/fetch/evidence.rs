//! What the entries of a log name: bundles, and releases.

use std::collections::VecDeque;

use writ_evidence::BundleId;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::file_name;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::tile::{EntryBundle, FULL};
use writ_trust::minisign::PublicKey;
use writ_wire::evidence_page::{EvidencePage, LoggedBundle};
use writ_wire::{MAX_ENVELOPE, paths};

use super::{Fetch, Withheld};
use crate::depot::failed;
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::screen::Meter;

/// How many entries are gone through before it is remembered how far this came.
const REMEMBER: u64 = 4096;
/// The most things that are told of as withheld, each with its place.
const MAX_WITHHELD: usize = 1000;

/// Pages of bundles, as the depot gives them.
#[derive(Default)]
struct Pages {
    page: VecDeque<LoggedBundle>,
    /// Whether the depot said that there are no more.
    ended: bool,
}

/// A bundle that an entry names.
struct Named<'e> {
    number: u64,
    index: u64,
    path: &'e str,
    digest: Digest,
    key: &'e PublicKey,
}

impl Fetch<'_> {
    /// Goes through the entries of a log that came since the fetch before, and fetches what each names.
    pub fn entries(&mut self, number: u64, head: &SignedCheckpoint) -> Outcome<()> {
        let size = head.checkpoint.size;
        let state = self.to.state(&format!("next/{}-{number}", self.site));
        let text = files::read_if_there(&state, 100, "how far the fetch before came")?.unwrap_or_default();
        let mut next: u64 = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let (mut pages, mut whole) = (Pages::default(), true);
        let mut meter = Meter::new("bundles");
        meter.expect(size);
        let mut at = next.min(size);
        while let Some(bundle) = EntryBundle::holding(at, size) {
            let bytes = self.kept_bundle(number, bundle)?;
            let first = bundle.index * u64::from(FULL);
            let entries = bundle.decode(&bytes).map_err(Failure::from)?;
            for (n, entry) in entries.into_iter().enumerate().skip(usize::try_from(at - first).unwrap_or(0)) {
                let index = first + n as u64;
                whole &= self.entry(number, head, index, entry, &mut pages)?;
                if whole {
                    next = index + 1;
                }
            }
            at = first + u64::from(bundle.width);
            meter.step(at);
            if next.is_multiple_of(REMEMBER) {
                self.remember(&state, next)?;
            }
        }
        self.remember(&state, next)
    }

    fn remember(&self, state: &std::path::Path, next: u64) -> Outcome<()> {
        self.to.sync()?;
        self.remember_logs()?;
        self.to.keep(state, next.to_string().as_bytes())
    }

    /// Fetches what one entry names. Whether it is here now.
    fn entry(
        &mut self,
        number: u64,
        head: &SignedCheckpoint,
        index: u64,
        bytes: &[u8],
        pages: &mut Pages,
    ) -> Outcome<bool> {
        // What cannot be read is for `verify` to judge, and names nothing to be fetched.
        match LogEntry::parse(bytes) {
            Ok(LogEntry::Evidence { id, public_key, sequence, digest, .. }) => {
                let Ok(id) = id.parse::<BundleId>() else { return Ok(true) };
                let folder = format!("evidence/{}/{}", self.site, public_key.fingerprint());
                let path = format!("{folder}/{}", file_name(sequence, id));
                // Another one of this number that the key signed stays too: it is evidence.
                let is_here = self.is_signed(&path, MAX_BUNDLE, &public_key)?
                    || self.bundle_of(&Named { number, index, path: &path, digest, key: &public_key }, pages)?;
                if is_here {
                    self.note_logs(&path)?;
                }
                Ok(is_here)
            }
            Ok(LogEntry::Release { epoch, serial, digest, .. }) => {
                self.logged_release(number, head, index, bytes, (epoch, serial), digest)
            }
            Ok(LogEntry::Trust { .. } | LogEntry::Order { .. } | LogEntry::Restart { .. }) | Err(_) => Ok(true),
        }
    }

    fn bundle_of(&mut self, named: &Named, pages: &mut Pages) -> Outcome<bool> {
        let Named { number, index, path, digest, key } = *named;
        while pages.page.front().is_some_and(|bundle| bundle.index < index) {
            pages.page.pop_front();
        }
        if pages.page.is_empty() && !pages.ended {
            let target = paths::evidence_bundles(self.site, number, index);
            let bytes = self.client.get(&target, MAX_ENVELOPE as u64);
            let bytes = bytes.map_err(|e| failed("cannot fetch evidence", &self.client, &e))?;
            let page = EvidencePage::parse(&bytes).map_err(|e| {
                Failure::refused("the depot's page of evidence cannot be read").at(self.client.depot()).because(e)
            })?;
            pages.page = page.bundles.into();
            pages.ended = page.next.is_none();
        }
        let is_next = pages.page.front().is_some_and(|bundle| bundle.index == index);
        let found = if is_next { pages.page.pop_front() } else { None };
        let Some(LoggedBundle { bundle, .. }) = found else {
            return self
                .withheld(path, format!("entry {index} of log {number} names it, and the depot does not give it"));
        };
        if Digest::of(&bundle.document.0) != digest {
            let why = format!("entry {index} of log {number} names it, and the depot gives something else");
            return self.withheld(path, why);
        }
        if let Err(error) = bundle.verify_single(key) {
            let why = format!("entry {index} of log {number} names it, and the depot gives it unsigned: {error}");
            return self.withheld(path, why);
        }
        // The signature first: a bundle without one would look like a forgery.
        self.to.replace_unsynced(&format!("{path}.minisig"), &bundle.signatures[0].0)?;
        self.to.replace_unsynced(path, &bundle.document.0)?;
        Ok(true)
    }

    /// Tells of something that did not come: never a success.
    pub fn withheld(&mut self, path: &str, why: String) -> Outcome<bool> {
        if self.withheld.len() < MAX_WITHHELD {
            self.withheld.push(Withheld { path: path.to_owned(), why });
        }
        Ok(false)
    }

    /// As [`Fetch::withheld`], for what is asked for again in any case.
    pub fn withhold(&mut self, path: String, why: impl std::fmt::Display) -> Outcome<()> {
        self.withheld(&path, why.to_string()).map(drop)
    }
}
