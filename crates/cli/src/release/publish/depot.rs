//! Publishing to a depot.

use std::path::Path;

use writ_client::Client;
use writ_trust::digest::Digest;
use writ_trust::floor::FloorRelease;
use writ_trust::history::Standing;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_wire::publication::Publication;
use writ_wire::{Blob, MAX_ENVELOPE, Signed, paths};

use super::fit::Fit;
use super::upload::Upload;
use super::{log_folder, uploaded};
use crate::clock;
use crate::depot::head::{self, Active, Head};
use crate::depot::log::Bounds;
use crate::depot::{DepotOptions, ReaderOptions, failed, roots};
use crate::failure::{Failure, Outcome};
use crate::layout::Layout;
use crate::screen;
use crate::trust::folder;

/// The most entries after the newest release that are searched for a newer one: years of a large site.
pub const MOST: u64 = 1 << 20;

/// A depot that releases are published to.
pub struct Depot<'a> {
    client: Client,
    chain: &'a TrustChain,
}

/// Where a site stood at the depot before.
pub struct Before {
    newest: Option<(Epoch, Serial, Digest)>,
    /// The names of the revoked keys without which the newest release has not enough signatures.
    revoked: Vec<String>,
    head: Option<Head>,
}

impl Before {
    /// The release that appliances have accepted at most.
    pub fn newest(&self) -> Option<FloorRelease> {
        self.newest.map(|(epoch, serial, digest)| FloorRelease { epoch, serial, digest })
    }

    /// Tells of a newest release whose signers were revoked since, before another is published or the same again.
    fn warn_of_revoked(&self, fit: &Fit) {
        let Some((epoch, serial, digest)) = self.newest.filter(|_| !self.revoked.is_empty()) else { return };
        let more = if digest == fit.files.digest() { "" } else { ": this release takes its place" };
        screen::warning(&format!(
            "what the depot shows of {}, {epoch}-{serial}, counts only with keys that were revoked since ({}){more}",
            fit.release.site,
            self.revoked.join(", ")
        ));
    }
}

impl<'a> Depot<'a> {
    /// Opens a depot and gives it the trust roots that it lacks.
    pub fn open(
        depot: &DepotOptions,
        reader: &ReaderOptions,
        chain: &'a TrustChain,
        given: &folder::Folder,
    ) -> Outcome<Self> {
        let client = depot.reader(reader)?;
        roots::publish(&client, given)?;
        Ok(Self { client, chain })
    }

    /// Where a site stands: its newest release, held against the head of its log.
    /// `seen` is what a folder has of that log: the head must go together with it.
    pub fn before(&self, site: &SiteId, seen: Option<Head>) -> Outcome<Before> {
        let now = clock::now();
        let head = head::head(&self.client, self.chain, site, now).map_err(|e| self.unfit(site, &e))?;
        let head = match (head, seen) {
            (Some(head), Some(seen)) => {
                Some(head::later(&self.client, site, seen, head).map_err(|e| self.unfit(site, &e))?)
            }
            (None, Some(seen)) => {
                let Checkpoint { origin, size, .. } = seen.signed.checkpoint;
                let why = format!("the folder has the log {origin} with {size} entries, and the depot shows none");
                return Err(self.unfit(site, &head::HeadError::Fork(why)));
            }
            (head, None) => head,
        };
        let active = head::active(&self.client, self.chain, site, head.as_ref(), None, Bounds::of(MOST), now)
            .map_err(|e| self.unfit(site, &e))?;
        let Some(active) = active else { return Ok(Before { newest: None, revoked: Vec::new(), head }) };
        let release = &active.past.release;
        let revoked = match &active.past.standing {
            Standing::Unproven { revoked } => revoked.iter().map(|(signer, _)| one_line(&signer.name)).collect(),
            Standing::Sound => Vec::new(),
        };
        let newest = Some((release.epoch, release.serial, active.past.digest));
        Ok(Before { newest, revoked, head: active.head.or(head) })
    }

    fn unfit(&self, site: &SiteId, error: &head::HeadError) -> Failure {
        if let head::HeadError::Client(error) = error {
            return failed(format!("cannot learn where {site} stands"), &self.client, error);
        }
        Failure::refused(format!("what the depot shows of {site} does not hold"))
            .at(self.client.depot())
            .because(error)
            .next("nothing was published; find out who is lying before anything is")
    }

    /// Publishes a release that was judged, whose systems are in a binary cache. Gives what the depot shows of it then.
    pub fn publish(&self, fit: &Fit, before: &Before, cache: &Path) -> Outcome<Active> {
        before.warn_of_revoked(fit);
        let (release, digest) = (&fit.release, fit.files.digest());
        let newest = before.newest.map(|(.., digest)| digest);
        if newest != Some(digest) && newest != release.previous {
            let now = before.newest.map_or("none".to_owned(), |(epoch, serial, _)| format!("{epoch}-{serial}"));
            return Err(Failure::refused(format!("another release of {} was published meanwhile", release.site))
                .at(self.client.depot())
                .because(format!("the newest is {now}, and this draft does not follow it"))
                .next("draft again, so that nothing of the other release is undone unseen"));
        }
        let signatures = fit.signatures.iter().map(|(_, bytes)| Blob(bytes.clone())).collect();
        let signed = Signed { document: Blob(fit.files.bytes.clone()), signatures };
        let target = paths::publish_release(&release.site);
        let refused = "the depot does not take the release";
        let answer = self.client.unsigned().put(&target, &signed.canonical(), MAX_ENVELOPE as u64);
        let answer = answer.map_err(|e| match e.status() {
            Some(409) => Failure::refused(refused)
                .at(self.client.depot())
                .because(&e)
                .next("another release is newer, or pending with this serial: draft again"),
            _ => failed(refused, &self.client, &e),
        })?;
        let open = self.client.unsigned();
        let mut upload = Upload::new(&open, fit, cache, digest)?;
        upload.run(&answer)?;
        let active = uploaded::check(&self.client, self.chain, fit, before.head.as_ref())?;
        let verb = if newest == Some(digest) { "was published already:" } else { "published" };
        let (epoch, serial) = release.point();
        let log = match &active.head {
            Some(head) => format!(", in the log of {} entries", head.signed.checkpoint.size),
            None => ", not logged: the trust root names no log".to_owned(),
        };
        screen::line(&format!("{verb} {} {epoch}-{serial} at {}{log}", release.site, self.client.depot()));
        Ok(active)
    }

    /// Brings what a folder needs of the site's log, up to this head.
    pub fn log_into(&self, target: &Layout, site: &SiteId, head: &Head) -> Outcome<()> {
        log_folder::bring(&self.client, target, self.chain, site, head)
    }
}

/// Reads how far a publication has come.
pub fn publication(bytes: &[u8], depot: &str) -> Outcome<Publication> {
    Publication::parse(bytes).map_err(|e| Failure::could_not("the depot's answer cannot be read").at(depot).because(e))
}
