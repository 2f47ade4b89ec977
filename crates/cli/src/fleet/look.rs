//! One site as its depot shows it: the newest release and the newest heartbeats, each verified. Bounded, for it is asked of
//! many sites in a row: whether the depot hides something is for `writ watch` to find out, which remembers.

use std::collections::BTreeMap;

use writ_client::Client;
use writ_trust::digest::Digest;
use writ_trust::history::Standing;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::Receipt;
use writ_trust::release::Release;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::heartbeat::Heartbeat;
use writ_wire::releases::{LoggedRelease, ReleaseRef};
use writ_wire::{MAX_ENVELOPE, Signed, paths};

use crate::depot::beats::heartbeats;
use crate::depot::head::{self, Active, HeadError};
use crate::depot::log::Bounds;
use crate::depot::{failed, roots};
use crate::failure::{Failure, Outcome};

/// The most entries of the log after the newest release that are searched for a newer one.
const MOST: u64 = 1 << 12;
/// The most releases before the newest that are asked for, those that most appliances run.
const MOST_OLDER: usize = 4;

/// A site.
pub struct Site {
    /// Its name.
    pub site: SiteId,
    /// The newest release.
    pub release: Release,
    /// Of its exact bytes.
    pub digest: Digest,
    /// When the log took it in, by the log's clock; none where the site has no log.
    pub logged_at: Option<Time>,
    /// What each appliance of the release last said.
    pub heard: BTreeMap<ApplianceId, Heard>,
    /// Releases before the newest that appliances run, by digest; not all of them.
    older: BTreeMap<Digest, Release>,
    /// What should be known besides, one line each.
    pub notes: Vec<String>,
}

/// What an appliance last said.
pub enum Heard {
    /// Nothing at all.
    Never,
    /// Something that it did not sign, or that is no heartbeat of it: why.
    Broken(String),
    /// This.
    Beat(Box<Heartbeat>),
}

/// The chain of trust roots from the first one on, as far as the depot has them.
pub fn chain(client: &Client, pinned: &[u8]) -> Outcome<TrustChain> {
    let mut chain = TrustChain::pinned(pinned).map_err(|e| Failure::refused("not a usable trust root").because(e))?;
    let version = chain.newest().version;
    let there = client.unsigned().get(&paths::trust_document(version), MAX_ENVELOPE as u64);
    let there = there.map_err(|e| failed(format!("cannot ask for trust root {version}"), client, &e))?;
    if Some(Digest::of(&there)) != chain.digest_at(version) {
        return Err(Failure::refused(format!("the depot has another trust root {version}"))
            .at(client.depot())
            .next("do not trust this depot until it is known why"));
    }
    roots::extend(client, &mut chain, &mut Vec::new())?;
    Ok(chain)
}

/// Looks at one site. An error is one line.
pub fn site(client: &Client, chain: &TrustChain, site: &SiteId, now: Time) -> Result<Site, String> {
    let (active, mut notes) = active(client, chain, site, now)?;
    let release = active.past.release;
    if let Standing::Unproven { revoked } = &active.past.standing {
        let names: Vec<&str> = revoked.iter().map(|(signer, _)| signer.name.as_str()).collect();
        notes
            .push(one_line(format!("the release counts only with keys that were revoked since: {}", names.join(", "))));
    }
    if now >= release.expires_at {
        notes.push(format!("the release has expired at {}: nobody newly accepts it", release.expires_at));
    }
    let logged_at = active.receipt.as_deref().and_then(logged_at);
    let beats = heartbeats(client, site).map_err(one_line)?;
    let mut heard = BTreeMap::new();
    for (appliance, generation) in &release.generations {
        let said = beats.get(generation.public_key.ed25519()).map(|signed| {
            let beat = Heartbeat::verify(signed, &generation.public_key).map_err(one_line)?;
            match beat.site == *site && beat.appliance == *appliance {
                true => Ok(Box::new(beat)),
                false => Err(format!("it speaks for {}/{}", beat.site, beat.appliance)),
            }
        });
        let said = said.map_or(Heard::Never, |said| said.map_or_else(Heard::Broken, Heard::Beat));
        heard.insert(appliance.clone(), said);
    }
    let digest = active.past.digest;
    let older = older(client, site, digest, &heard);
    Ok(Site { site: site.clone(), release, digest, logged_at, heard, older, notes })
}

/// The newest release that holds, and what is to be known of that.
fn active(client: &Client, chain: &TrustChain, site: &SiteId, now: Time) -> Result<(Active, Vec<String>), String> {
    let head = head::head(client, chain, site, now).map_err(one_line)?;
    if let (Some(origin), None) = (chain.newest().origins(site).last(), &head) {
        return Err(format!("the depot does not have the log {origin}"));
    }
    match head::active(client, chain, site, head.as_ref(), None, Bounds::of(MOST), now) {
        Ok(Some(active)) => Ok((active, Vec::new())),
        Ok(None) => Err("no release was published yet".to_owned()),
        Err(HeadError::TooMuch { size, searched, active: Some(active) }) => {
            let note = format!("entries {searched} to {size} of its log were not searched for a newer release");
            Ok((*active, vec![note]))
        }
        Err(error) => Err(one_line(error)),
    }
}

/// When the log took a release in, by a receipt that was verified.
fn logged_at(receipt: &[u8]) -> Option<Time> {
    match LogEntry::parse(&Receipt::parse(receipt).ok()?.entry).ok()? {
        LogEntry::Release { time, .. } => Some(time),
        _ => None,
    }
}

/// The releases before the newest that most appliances run. What cannot be had is left out: it only says what is the same.
fn older(
    client: &Client,
    site: &SiteId,
    newest: Digest,
    heard: &BTreeMap<ApplianceId, Heard>,
) -> BTreeMap<Digest, Release> {
    let mut runs: BTreeMap<Digest, (ReleaseRef, usize)> = BTreeMap::new();
    let obeyed = heard.values().filter_map(|heard| match heard {
        Heard::Beat(beat) => beat.release,
        _ => None,
    });
    for release in obeyed.filter(|release| release.digest != newest) {
        runs.entry(release.digest).or_insert((release, 0)).1 += 1;
    }
    let mut most: Vec<(ReleaseRef, usize)> = runs.into_values().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let asked = most.into_iter().take(MOST_OLDER).filter_map(|(wanted, _)| {
        let bytes = client.get(&paths::release(site, wanted.epoch, wanted.serial), MAX_ENVELOPE as u64).ok()?;
        let LoggedRelease { release: Signed { document, .. }, .. } = LoggedRelease::parse(&bytes).ok()?;
        // The appliance has signed which bytes it obeys.
        let is_it = Digest::of(&document.0) == wanted.digest;
        is_it.then(|| Release::parse(&document.0).ok()).flatten().map(|release| (wanted.digest, release))
    });
    asked.collect()
}

impl Site {
    /// Whether an appliance, by an older release, obeys the very same as the newest has for it.
    pub fn is_same(&self, appliance: &ApplianceId, runs: &ReleaseRef) -> bool {
        let entry = |release: &Release| release.generations.get(appliance).cloned();
        let older = self.older.get(&runs.digest).and_then(entry);
        older.zip(entry(&self.release)).is_some_and(|(older, newest)| older.brings_the_same_as(&newest))
    }
}
