//! Releases, those that a log has and those from before it, and the documents that they name.

use writ_trust::digest::Digest;
use writ_trust::history::{PastRefusal, verify_release_for_audit};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::log::proof;
use writ_trust::log::receipt::Receipt;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::release::Release;
use writ_wire::releases::{LoggedRelease, Releases};
use writ_wire::{MAX_ENVELOPE, Signed, paths};

use super::Fetch;
use crate::depot::{failed, if_there};
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::layout::{RECEIPT_FILE, RELEASE_FILE};
use crate::signatures;

impl Fetch<'_> {
    fn release_path(&self, (epoch, serial): (Epoch, Serial)) -> String {
        format!("releases/{}/{epoch}-{serial}", self.site)
    }

    /// A release that a log has: what the depot gives must be what the entry names. Its receipt is made here, from the log
    /// that is here.
    pub fn logged_release(
        &mut self,
        number: u64,
        head: &SignedCheckpoint,
        index: u64,
        entry: &[u8],
        point: (Epoch, Serial),
        digest: Digest,
    ) -> Outcome<bool> {
        let path = self.release_path(point);
        if self.has_release(point)? {
            return Ok(true);
        }
        let signed = match self.ask(point, digest)? {
            Ok(signed) => signed,
            Err(why) => {
                let why = format!("entry {index} of log {number} names it, and the depot {why}");
                return self.withheld(&format!("{path}/{RELEASE_FILE}"), why);
            }
        };
        let size = head.checkpoint.size;
        let log = self.log_path(number);
        let proof = proof::inclusion(&mut self.nodes(&log, size), index, size)?;
        let receipt = Receipt { entry: entry.to_vec(), index, proof, checkpoint: head.note.clone() }.canonical();
        self.keep_signatures(&format!("{path}/{RELEASE_FILE}"), &signed)?;
        let receipt_path = format!("{path}/{RECEIPT_FILE}");
        if !self.to.has(&receipt_path) {
            self.to.add(&receipt_path, &receipt)?;
        }
        self.to.add(&format!("{path}/{RELEASE_FILE}"), &signed.document.0)?;
        Ok(true)
    }

    /// Whether a release is here and its signers vouch for it.
    fn has_release(&self, point: (Epoch, Serial)) -> Outcome<bool> {
        let path = format!("{}/{RELEASE_FILE}", self.release_path(point));
        let Some(bytes) = self.to.read(&path, MAX_DOCUMENT)? else { return Ok(false) };
        Ok(self.vouched_for(&bytes, &self.kept_signatures(&path)?).is_ok())
    }

    fn vouched_for<S: AsRef<[u8]>>(&self, bytes: &[u8], signatures: &[S]) -> Result<(), String> {
        match verify_release_for_audit(bytes, signatures, &self.chain, self.site, None) {
            // Who counted then is not known from the root that was given on: it is signed, and `verify` says the rest.
            Ok(_) | Err(PastRefusal::UnknownRoot(_)) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Asks for a release of this digest; or why what comes is not kept.
    fn ask(&self, (epoch, serial): (Epoch, Serial), digest: Digest) -> Outcome<Result<Signed, String>> {
        let answer = if_there(self.client.get(&paths::release(self.site, epoch, serial), MAX_ENVELOPE as u64));
        let answer =
            answer.map_err(|e| failed(format!("cannot ask for release {epoch}-{serial}"), &self.client, &e))?;
        let Some(bytes) = answer else { return Ok(Err("does not give it".to_owned())) };
        let logged = LoggedRelease::parse(&bytes).ok().map(|logged| logged.release);
        let signed = logged.filter(|s| s.check_bounds().is_ok() && Digest::of(&s.document.0) == digest);
        let Some(signed) = signed else { return Ok(Err("gives something else".to_owned())) };
        let vouched = self.vouched_for(&signed.document.0, &signed.signatures);
        Ok(vouched.map(|()| signed).map_err(|why| format!("gives it without the signatures that it takes: {why}")))
    }

    /// The releases that no log has: they are from before it, or the site has none. Without log and releases there is no
    /// such site.
    pub fn unlogged_releases(&mut self, logged: bool) -> Outcome<()> {
        let answer = self.client.get(&paths::releases(self.site), MAX_ENVELOPE as u64);
        let answer = answer.map_err(|e| failed("cannot ask for the releases", &self.client, &e))?;
        let list = Releases::parse(&answer).map_err(|e| {
            Failure::refused("the depot's list of releases cannot be read").at(self.client.depot()).because(e)
        })?;
        if list.releases.is_empty() && !logged && !self.to.has(&format!("releases/{}", self.site)) {
            return Err(Failure::could_not(format!("the depot has nothing of a site {}", self.site))
                .at(self.client.depot())
                .next("check --site, and that a release of it was published there"));
        }
        for listed in list.releases {
            let point = (listed.epoch, listed.serial);
            let path = format!("{}/{RELEASE_FILE}", self.release_path(point));
            if self.has_release(point)? {
                continue;
            }
            match self.ask(point, listed.digest)? {
                Ok(signed) => {
                    self.keep_signatures(&path, &signed)?;
                    self.to.add(&path, &signed.document.0)?;
                }
                Err(why) => self.withhold(path, format!("the depot lists it and {why}"))?,
            }
        }
        Ok(())
    }

    /// The documents of every release in the folder that its signers vouch for; what nobody signed names nothing.
    pub fn documents(&mut self) -> Outcome<()> {
        for folder in files::list(&self.to.path(&format!("releases/{}", self.site)))? {
            let path = folder.join(RELEASE_FILE);
            let Some(bytes) = files::read_if_there(&path, MAX_DOCUMENT, "a release")? else { continue };
            let signatures = signatures::of(&path)?;
            if verify_release_for_audit(&bytes, &signatures, &self.chain, self.site, None).is_err() {
                continue;
            }
            let Ok(release) = Release::parse(&bytes) else { continue };
            for generation in release.generations.values() {
                self.document(generation.policy.digest)?;
                if let Some(closure) = &generation.closure {
                    self.document(closure.digest)?;
                }
            }
        }
        Ok(())
    }

    fn document(&mut self, digest: Digest) -> Outcome<()> {
        let path = format!("documents/{}.json", digest.hex());
        if self.to.has(&path) {
            return Ok(());
        }
        let answer = if_there(self.client.get(&paths::document(&digest), MAX_DOCUMENT as u64));
        let answer = answer.map_err(|e| failed(format!("cannot ask for document {digest}"), &self.client, &e))?;
        match answer {
            Some(bytes) if Digest::of(&bytes) == digest => self.to.add(&path, &bytes),
            Some(_) => self.withhold(path, "a release names it, and the depot gives something else"),
            None => self.withhold(path, "a release names it, and the depot does not give it"),
        }
    }
}
