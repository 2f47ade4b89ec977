//! Sending to a depot what it says is missing of a release, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use writ_client::Client;
use writ_nix::cache::{self, Entry};
use writ_policy::closure::StorePath;
use writ_trust::digest::Digest;
use writ_wire::publication::{HashPart, Publication, State};
use writ_wire::{MAX_ENVELOPE, paths};

use super::depot::publication;
use super::fit::Fit;
use crate::depot::failed;
use crate::failure::{Failure, Outcome};
use crate::screen::Meter;

/// What is being sent.
pub struct Upload<'a> {
    client: &'a Client,
    fit: &'a Fit,
    cache: &'a Path,
    digest: Digest,
    /// Every store path of the release, by what a cache calls it.
    paths: BTreeMap<String, &'a StorePath>,
    sent: BTreeSet<String>,
}

impl<'a> Upload<'a> {
    /// What a release names: documents from the draft, store paths from a binary cache.
    pub fn new(client: &'a Client, fit: &'a Fit, cache: &'a Path, digest: Digest) -> Outcome<Self> {
        let all = fit.closures.iter().flat_map(|closure| &closure.paths);
        let paths = all.map(|path| (cache::hash_part(&path.path).to_owned(), path)).collect();
        Ok(Self { client, fit, cache, digest, paths, sent: BTreeSet::new() })
    }

    /// Sends what is missing by the depot's last answer, until it says that appliances are given the release.
    pub fn run(&mut self, answer: &[u8]) -> Outcome<()> {
        let mut state = self.ours(publication(answer, self.client.depot())?)?;
        let mut meter = Meter::new("uploading");
        while state.state != State::Active {
            let documents = state.missing.documents.len();
            meter.expect((self.sent.len() + documents + state.missing.paths.len()) as u64);
            state = match (state.missing.documents.first(), state.missing.paths.first()) {
                (Some(digest), _) => self.document(*digest)?,
                (None, Some(path)) => self.path(&path.clone(), &mut meter)?,
                (None, None) => {
                    return Err(Failure::could_not("the depot misses nothing and does not activate the release")
                        .at(self.client.depot())
                        .next("run this again; if it stays so, look at the depot's log"));
                }
            };
            meter.step(self.sent.len() as u64);
        }
        Ok(())
    }

    fn ours(&self, state: Publication) -> Outcome<Publication> {
        if state.digest == self.digest {
            return Ok(state);
        }
        Err(Failure::refused("another publication took the place of this one")
            .at(self.client.depot())
            .because(format!("the depot's newest is {}-{} ({})", state.epoch, state.serial, state.digest))
            .next("draft again, so that nothing of the other release is undone unseen"))
    }

    /// Remembers that something is sent; a depot that asks for the same again would ask for ever.
    fn once(&mut self, what: String) -> Outcome<()> {
        if self.sent.insert(what.clone()) {
            return Ok(());
        }
        Err(Failure::could_not("the depot took this and misses it still").at(what).next("look at the depot's log"))
    }

    fn foreign(&self, what: &str) -> Failure {
        Failure::refused("the depot asks for something that the release does not name")
            .at(self.client.depot())
            .because(what)
            .next("nothing else was sent")
    }

    fn document(&mut self, digest: Digest) -> Outcome<Publication> {
        let fit = self.fit;
        let Some(bytes) = fit.documents.get(&digest) else { return Err(self.foreign(&format!("document {digest}"))) };
        self.once(format!("document {digest}"))?;
        let target = paths::publish_document(&digest);
        let answer = self.client.put_stream(&target, &mut &bytes[..], bytes.len() as u64, MAX_ENVELOPE as u64);
        let answer =
            answer.map_err(|e| failed(format!("the depot does not take document {digest}"), self.client, &e))?;
        self.ours(publication(&answer, self.client.depot())?)
    }

    fn path(&mut self, part: &HashPart, meter: &mut Meter) -> Outcome<Publication> {
        let Some(path) = self.paths.get(part.as_str()).copied() else {
            return Err(self.foreign(&format!("store path {part}")));
        };
        self.once(format!("store path {}", path.path))?;
        let unfit = |e: &dyn std::fmt::Display| {
            Failure::could_not("the binary cache does not have this path as the release names it")
                .at(&path.path)
                .because(e)
        };
        let entry = Entry::read(self.cache, path).map_err(|e| unfit(&e))?;
        let name = entry.nar_file().map_err(|e| unfit(&e))?.to_owned();
        let refused = |what: &str, e: &writ_client::Error| {
            failed(format!("the depot does not take the {what} of {}", path.path), self.client, e)
        };
        let target = paths::publish_narinfo(part);
        let size = entry.bytes.len() as u64;
        let answer = self.client.put_stream(&target, &mut &entry.bytes[..], size, MAX_ENVELOPE as u64);
        let state = self.ours(publication(&answer.map_err(|e| refused("narinfo", &e))?, self.client.depot())?)?;
        // Another path's file may be the same, and there already.
        if state.state == State::Active || !state.missing.paths.contains(part) {
            return Ok(state);
        }
        let file = self.cache.join("nar").join(&name);
        let local =
            |e: std::io::Error| Failure::could_not("cannot read this file of the cache").at(file.display()).because(e);
        let mut nar = std::fs::File::open(&file).map_err(local)?;
        let size = nar.metadata().map_err(local)?.len();
        meter.now(&format!("{} ({} KiB)", path.path, size.div_ceil(1024)));
        let target = paths::publish_nar(&format!("nar/{name}")).ok_or_else(|| unfit(&"its file has an odd name"))?;
        let answer = self.client.put_stream(&target, &mut nar, size, MAX_ENVELOPE as u64);
        self.ours(publication(&answer.map_err(|e| refused("file", &e))?, self.client.depot())?)
    }
}
