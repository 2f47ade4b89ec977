//! Keeping the outbox within its bounds: `listing` finds what is there, `delivered` judges receipts, `proven` remembers which
//! held, `round` decides, `removal` takes away.
//!
//! It is done in slices of a few milliseconds while nothing else is to be done, so that no incident waits for it. Only the
//! enforcer removes bundles, and it believes no courier that something was delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tracing::{error, info};
use writ_evidence::bundle::{Kind, MAX_BUNDLE};
use writ_evidence::chain::{Speaker, authenticate, file_name};
use writ_evidence::records::{Thinned, ThinnedRange};
use writ_trust::digest::Digest;
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::time::Time;

use super::engine::Engine;
use super::refused::Refused;
use super::state::Standing;
use crate::crash_point;
use crate::size::Size;

mod delivered;
mod listing;
mod proven;
mod removal;
mod round;

use delivered::{Bundle, Deliveries, RECEIPT};
use listing::{Listed, Listing, within};
pub use proven::Proven;
use removal::Removal;
use round::{Act, Decision, Event, Item, Limits, Round};

/// How often the outbox is gone through.
const EVERY: Duration = Duration::from_secs(600);
/// How long a slice of it may take.
const SLICE: Duration = Duration::from_millis(2);
/// What the outbox may hold when neither configuration nor policy say so.
const BUDGET: Size = Size::mebibytes(512);

/// Where the work stands, and what it came to.
#[derive(Debug, Default)]
pub struct Keeper {
    stage: Stage,
    due: Option<Instant>,
    /// Bundles there after the last round, and the room that everything takes, in bytes.
    found: Option<(usize, u64)>,
    /// Above the budget after the last round, in bytes.
    over: u64,
    /// Not found delivered in the last round, in bytes.
    undelivered: Option<u64>,
    /// Delivered bundles removed since the start.
    removed: u64,
    /// Bundles thinned since the start.
    thinned: u64,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Resting,
    Listing(Listing),
    Judging(Box<Judging>),
    /// Delivered bundles go; then these are thinned.
    Removing(Removal, Decision),
    /// Bundles go that a durable bundle told of as thinned.
    Thinning(Removal),
}

/// A round with what it asks.
#[derive(Debug)]
struct Judging {
    round: Round,
    act: Act,
    asking: Asking,
}

/// What answers are given by, and what they came to so far.
#[derive(Debug)]
struct Asking {
    deliveries: Deliveries,
    /// Where the chains are in the outbox.
    folders: Vec<String>,
    /// The bundles that were found delivered, by chain.
    proven: BTreeMap<usize, BTreeSet<u64>>,
    /// Receipts that were refused: by rule, the first one and how many there are.
    refused: BTreeMap<String, (Refused, u64)>,
}

impl Asking {
    fn name(&self, item: &Item) -> String {
        within(&self.folders[item.chain], file_name(item.sequence, item.id))
    }

    /// When a bundle was delivered.
    fn delivered(&mut self, outbox: &Path, item: &Item) -> Option<Time> {
        let path = outbox.join(self.name(item));
        let digest = || Some(Digest::of(&writ_durable::read_bounded(&path, MAX_BUNDLE).ok()?));
        let Item { sequence, id, proven, .. } = *item;
        let bundle = Bundle { folder: &self.folders[item.chain], sequence, id, proven };
        let answer = self.deliveries.when(&bundle, digest);
        let proven = self.proven.entry(item.chain).or_default();
        match answer {
            Ok(Some(when)) => {
                proven.insert(sequence);
                return Some(when);
            }
            Ok(None) => drop(proven.remove(&sequence)),
            Err(refused) => {
                proven.remove(&sequence);
                self.refused.entry(refused.rule.clone()).or_insert((refused, 0)).1 += 1;
            }
        }
        None
    }
}

impl Engine {
    /// When the outbox is to be gone through next; a moment that has passed while it is being done.
    pub fn house_due(&self) -> Instant {
        self.keeper.due.unwrap_or_else(|| self.clock.instant())
    }

    /// Goes on with it for a moment; false when there is nothing to do for now.
    pub fn keep_house(&mut self) -> bool {
        let end = Instant::now() + SLICE;
        while Instant::now() < end {
            if !self.keep_house_a_little() {
                return false;
            }
        }
        true
    }

    fn keep_house_a_little(&mut self) -> bool {
        match std::mem::take(&mut self.keeper.stage) {
            Stage::Resting if self.house_due() > self.clock.instant() => return false,
            Stage::Resting => self.begin_round(),
            Stage::Listing(mut listing) => match listing.advance() {
                true => self.keeper.stage = Stage::Listing(listing),
                false => self.judge_outbox(listing.end()),
            },
            Stage::Judging(judging) => self.ask(*judging),
            Stage::Removing(mut removal, decision) => match removal.advance(&self.config.outbox_dir) {
                Ok(false) => self.keeper.stage = Stage::Removing(removal, decision),
                Ok(true) => {
                    self.keeper.removed += decision.deliver.len() as u64;
                    self.thin(decision);
                }
                Err(e) => self.give_up(&format!("delivered bundles cannot be removed: {e}")),
            },
            Stage::Thinning(mut removal) => match removal.advance(&self.config.outbox_dir) {
                Ok(false) => self.keeper.stage = Stage::Thinning(removal),
                Ok(true) => {
                    // It is forgotten on the disk with the next commit; until then it would be done again, to no effect.
                    self.keeper.thinned += self.state.thinning.len() as u64;
                    self.state.thinning.clear();
                }
                Err(e) => self.give_up(&format!("thinned bundles cannot be removed: {e}")),
            },
        }
        true
    }

    fn give_up(&mut self, why: &str) {
        error!("the outbox: {why}");
        self.rest();
    }

    fn rest(&mut self) {
        self.keeper.stage = Stage::Resting;
        self.keeper.due = Some(self.clock.instant() + EVERY);
    }

    fn begin_round(&mut self) {
        if !self.state.thinning.is_empty() {
            // What tells of it must be durable; that was lost sight of by a kill, or waits for a full disk.
            if self.state.tail.iter().any(|pending| pending.standing == Standing::Sealed) {
                return self.rest();
            }
            self.keeper.stage = Stage::Thinning(Removal::named(self.state.thinning.clone()));
            return;
        }
        match Listing::begin(&self.config.outbox_dir) {
            Ok(listing) => self.keeper.stage = Stage::Listing(listing),
            Err(e) => self.give_up(&format!("cannot be read: {e}")),
        }
    }

    fn judge_outbox(&mut self, listed: Listed) {
        let Listed { folders, mut items, orphans, total } = listed;
        self.keeper.found = Some((items.len(), total));
        for name in orphans {
            let bundle = self.config.outbox_dir.join(&name);
            let wanted = self.state.tail.iter().any(|pending| pending.name == name) || bundle.exists();
            if !wanted {
                let _ = fs::remove_file(self.config.outbox_dir.join(format!("{name}.minisig")));
            }
        }
        for folder in folders.iter().filter(|folder| !folder.is_empty()) {
            // Fails while something is in it.
            let _ = fs::remove_dir(self.config.outbox_dir.join(folder));
        }
        // Roots and a floor that cannot be read are told of by every look at the folder.
        let Ok((chain, _)) = self.acceptor.chain(&mut Vec::new()) else { return self.rest() };
        let running = self.state.running.map(|running| (running.release, running.digest));
        let Ok(floor) = self.acceptor.floor(&chain, running) else { return self.rest() };
        let kept = self.site_log.kept.as_ref().map(|kept| &kept.checkpoint);
        let deliveries = Deliveries::new(self.acceptor.folder(), &self.identity, &chain, kept);
        // Receipts are dated by the log, so its last word says how old they are: a clock that is wrong, in whichever
        // direction, makes nothing older.
        let instant = self.state.log_heard_at.map(|heard| heard.min(floor.instant(self.clock.now())));
        let newest = self.state.chain.next_sequence - 1;
        // Names of the tail begin with the sequence.
        let waiting = self.state.tail.iter().filter_map(|pending| pending.name.split('-').next()?.parse().ok()).min();
        let limits = Limits {
            old_before: instant.map(|instant| instant.plus_millis(-self.config.keep_delivered.millis())),
            budget: self.outbox_budget().bytes(),
            stay_from: waiting.map_or(newest, |waiting: u64| waiting.min(newest)),
        };
        let mut proven: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for item in &mut items {
            item.proven = self.state.proven.contains(&folders[item.chain], item.sequence);
            if item.proven {
                proven.entry(item.chain).or_default().insert(item.sequence);
            }
        }
        let (round, act) = Round::new(items, total, limits).step(Event::Begin);
        let asking = Asking { deliveries, folders, proven, refused: BTreeMap::new() };
        self.keeper.stage = Stage::Judging(Box::new(Judging { round, act, asking }));
    }

    fn ask(&mut self, judging: Judging) {
        let Judging { round, act, mut asking } = judging;
        let event = match act {
            Act::AskDelivered(item) => Event::Delivered(asking.delivered(&self.config.outbox_dir, &item)),
            Act::AskThinnable(item) => Event::Thinnable(self.thinnable(&item)),
            Act::Decided(decision) => {
                let names = decision.deliver.iter().map(|item| asking.name(item)).collect();
                self.keeper.stage = Stage::Removing(Removal::named(names), decision);
                return self.take_up_answers(asking);
            }
        };
        let (round, act) = round.step(event);
        self.keeper.stage = Stage::Judging(Box::new(Judging { round, act, asking }));
    }

    /// Remembers what was found delivered, and says which receipts do not count: each rule once, with how many break it,
    /// until a round in which none does.
    fn take_up_answers(&mut self, asking: Asking) {
        let Asking { folders, proven, refused, .. } = asking;
        self.state.proven = proven.into_iter().map(|(chain, numbers)| (folders[chain].clone(), numbers)).collect();
        self.state.refusals.retain(|known| known.what != RECEIPT || refused.contains_key(&known.rule));
        let told = refused.into_values().map(|(first, count)| match count {
            1 => first,
            _ => Refused { message: format!("{count} receipts do not count, the first: {}", first.message), ..first },
        });
        self.refuse(&told.collect::<Vec<_>>());
    }

    /// The digest of a bundle of posture. One that is not as it was sealed stays, to be found by an audit.
    fn thinnable(&self, item: &Item) -> Option<Digest> {
        let path = self.config.outbox_dir.join(file_name(item.sequence, item.id));
        let bytes = writ_durable::read_bounded(&path, MAX_BUNDLE).ok()?;
        let signature = writ_durable::read_bounded(&path.with_extension("json.minisig"), MAX_SIGNATURE).ok()?;
        let identity = &self.identity;
        let speaker =
            Speaker { site: &identity.site, appliance: &identity.appliance, public_key: &identity.public_key };
        let authentic = authenticate(&bytes, &signature, &speaker).ok()?;
        (authentic.bundle.kind == Kind::Posture).then_some(authentic.digest)
    }

    /// Tells durably what is thinned, then takes it away.
    ///
    /// Every bundle is a range of its own: of those that reached a depot without a receipt coming back, an audit misses only
    /// the rest, and can follow the chain across that too.
    fn thin(&mut self, decision: Decision) {
        let Decision { deliver, thin, left, over, undelivered, more } = decision;
        if !deliver.is_empty() {
            info!(bundles = deliver.len(), "delivered bundles removed from the outbox");
        }
        let (bundles, held) = self.keeper.found.unwrap_or_default();
        self.keeper.found = Some((bundles.saturating_sub(deliver.len() + thin.len()), left));
        (self.keeper.over, self.keeper.undelivered) = (over, Some(undelivered));
        self.rest();
        if over > 0 && !more {
            let (budget, over) = (self.outbox_budget(), over.div_ceil(1 << 20));
            error!(
                "the outbox is {over} MiB above its {budget} and nothing more in it may be removed: see why nothing is \
                 delivered, or give it more room (outbox_budget); evidence goes on"
            );
        }
        if thin.is_empty() {
            return;
        }
        // What is built on must not be what is thinned.
        if self.book.told.as_ref().is_some_and(|told| thin.iter().any(|(item, _)| item.sequence >= told.first)) {
            self.book.told = None;
            self.state.posture_told = None;
        }
        let range = |(item, digest): &(Item, Digest)| ThinnedRange {
            first: item.sequence,
            last: item.sequence,
            digest: *digest,
        };
        let thinned = Thinned {
            reason: format!(
                "the outbox held {} MiB, {} are allowed, and what may go first was not delivered",
                held.div_ceil(1 << 20),
                self.outbox_budget()
            ),
            ranges: thin.iter().map(range).collect(),
        };
        let draft = self.teller().thinned(thinned);
        if self.seal(draft).is_none() {
            return;
        }
        error!(
            bundles = thin.len(),
            "the outbox is over its budget: posture that was not delivered is removed, oldest first"
        );
        self.state.thinning = thin.iter().map(|(item, _)| file_name(item.sequence, item.id)).collect();
        crash_point!("thinning told, not durable");
        let durable = self.writer.commit(&mut self.state);
        crash_point!("thinning durable, nothing removed");
        if durable {
            // Now, and the whole once more if there is more to do.
            self.keeper.stage = Stage::Thinning(Removal::named(self.state.thinning.clone()));
            self.keeper.due = if more { None } else { self.keeper.due };
        }
    }

    fn outbox_budget(&self) -> Size {
        let of_policy = self.policy().map(|policy| Size::mebibytes(policy.settings.evidence_budget_mb.max(1)));
        self.config.outbox_budget.or(of_policy).unwrap_or(BUDGET)
    }

    /// How much of the room for evidence was used when the outbox was last gone through; none before the first time.
    pub(super) fn outbox_used_percent(&self) -> Option<i64> {
        let (_, bytes) = self.keeper.found?;
        i64::try_from(u128::from(bytes) * 100 / u128::from(self.outbox_budget().bytes().max(1))).ok()
    }

    /// The status file's account of the outbox.
    pub(super) fn outbox_status(&self) -> serde_json::Value {
        let Keeper { found, over, undelivered, removed, thinned, .. } = &self.keeper;
        json!({
            "bundles": found.map(|(bundles, _)| bundles), "bytes": found.map(|(_, bytes)| bytes),
            "undelivered": undelivered, "budget": self.outbox_budget().bytes(), "over_budget": over, "removed": removed, "thinned": thinned,
        })
    }
}
