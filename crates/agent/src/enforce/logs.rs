//! Batches of logs that `writ-logs` lays into the spool: their chains go into the evidence.
//!
//! The folder is treated as hostile. A batch that does not continue its source's chain is told of as refused, and followed
//! nevertheless: logs go on. What is no batch hides nothing, whatever its number: it counts neither as the newest nor as
//! followed. Each hour, and when a source is new, a bundle of kind `logs` names the end of the chain, and with that every
//! batch before it. What becomes of them then is for `tidy`.

pub(crate) mod folder;
mod tidy;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use writ_evidence::records::LogExtract;
use writ_trust::digest::Digest;
use writ_trust::ids::LogSourceId;
use writ_trust::time::Time;
use writ_wire::log_batch::{LogBatch, MAX_BATCH};

use self::folder::{NoBatches, SourceFolder};
use super::engine::Engine;
use super::hostile;
use super::refused::Refused;
use crate::logs::config::MOST_SOURCES;

/// How often the folders are looked at, at least; more often where the folder of releases is.
const LOOK: Duration = Duration::from_secs(30);
/// How often what was sent is removed, and the budget asked about.
const TIDY: Duration = Duration::from_secs(600);
/// How much is read at one look, in bytes: everything else waits meanwhile.
const MOST_READ: usize = 8 * 1024 * 1024;
/// What a batch counts as at least: packed, it may be a thousandth of what it unpacks to.
const LEAST_READ: usize = 512 * 1024;
/// The most breaks of one chain that wait to be told: it is not followed further until they were.
const MOST_BREAKS: usize = 8;
/// How long it is told that lines were dropped, in milliseconds.
const DAY: i64 = 24 * 3_600_000;

/// The chain of one source, as far as it was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChain {
    /// The number of the last batch.
    pub number: u64,
    /// Its digest.
    pub digest: Digest,
    /// Where it ends.
    pub to: Time,
    /// When the chain's end was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Time>,
    /// What was not told yet: from when, and how many lines; none when all was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<(Time, u64)>,
    /// When batches were last dropped for want of room, and the lines in those that were within a day of one another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<(Time, u64)>,
    /// The highest number of those that were told of as dropped: where it could not be made durable, they are not told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_to: Option<u64>,
    /// Where it was broken and that was not told yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<Break>,
}

/// A batch that does not continue its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// Its digest.
    pub digest: Digest,
    /// What is wrong, in one line.
    pub message: String,
}

/// What is known of batches since the start.
#[derive(Debug, Default)]
pub struct Looked {
    /// When they were looked at.
    at: Option<Instant>,
    /// When they were tidied.
    tidied_at: Option<Instant>,
    /// What was refused of each source: it is judged again only when it changed.
    refused: BTreeMap<LogSourceId, NoBatches>,
}

impl Looked {
    /// Whether something of this number was refused, whatever lies there now.
    fn was_refused(&self, source: &LogSourceId, number: u64) -> bool {
        self.refused.get(source).is_some_and(|refused| refused.has(number))
    }

    /// Whether what lies there now was.
    fn is_refused(&self, source: &LogSourceId, folder: &SourceFolder, number: u64) -> bool {
        // Only these are asked about: all others may be thousands.
        let known = self.refused.get(source).filter(|refused| refused.has(number));
        known.is_some_and(|refused| folder.facts(number).is_ok_and(|facts| refused.is_still(number, facts)))
    }
}

/// Follows a chain by one batch. When it does not continue the chain, why.
pub fn step(chain: Option<LogChain>, batch: &LogBatch, digest: Digest) -> (LogChain, Option<String>) {
    let broken = match &chain {
        None if batch.previous.is_none() => None,
        None => Some(format!("batch {} is the first that is known, and names one before it", batch.number)),
        Some(before) if batch.number != before.number + 1 => {
            Some(format!("batch {} came after batch {}", batch.number, before.number))
        }
        Some(before) if batch.previous != Some(before.digest) => {
            let named = batch.previous.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
            Some(format!("batch {} names {named} as the one before it, and that was {}", batch.number, before.digest))
        }
        Some(_) => None,
    };
    let mut next = chain.unwrap_or(LogChain {
        number: 0,
        digest,
        to: batch.to,
        told_at: None,
        untold: None,
        dropped: None,
        dropped_to: None,
        breaks: Vec::new(),
    });
    if batch.number <= next.number {
        // It began anew: its numbers are others'.
        next.dropped_to = None;
    }
    let (from, lines) = next.untold.unwrap_or((batch.from, 0));
    next.untold = Some((from.min(batch.from), lines.saturating_add(batch.lines)));
    (next.number, next.digest, next.to) = (batch.number, digest, batch.to);
    (next, broken)
}

/// Whether a file system says that it cannot give what it was given.
fn is_damage(e: &io::Error) -> bool {
    [Errno::IO, Errno::UCLEAN].iter().any(|damage| e.raw_os_error() == Some(damage.raw_os_error()))
}

impl Engine {
    /// Looks at the batches, when that is due.
    pub(super) fn see_to_logs(&mut self) {
        let every = LOOK.min(self.config.poll_releases.duration());
        if self.logs.at.is_some_and(|at| self.clock.since(at) < every) || self.is_full() {
            return;
        }
        self.logs.at = Some(self.clock.instant());
        self.follow_logs();
        if self.logs.tidied_at.is_none_or(|at| self.clock.since(at) >= TIDY) {
            self.logs.tidied_at = Some(self.clock.instant());
            self.tidy_logs();
        }
    }

    /// Lines that were dropped within the day.
    pub(super) fn logs_dropped(&self) -> u64 {
        let now = self.clock.now();
        let lately = self.state.log_chains.values().filter_map(|chain| chain.dropped);
        lately.filter(|(at, _)| now.millis_since(*at).abs() < DAY).fold(0, |sum, (_, lines)| sum.saturating_add(lines))
    }

    fn log_sources(&self) -> Vec<LogSourceId> {
        let mut names = hostile::names(&self.config.logs_dir());
        names.sort_unstable();
        let sources = names.iter().filter_map(|name| name.parse().ok());
        sources.filter(|source| self.source_folder(source).is_ok()).take(MOST_SOURCES).collect()
    }

    fn source_path(&self, source: &LogSourceId) -> PathBuf {
        self.config.logs_dir().join(source.as_str())
    }

    fn source_folder(&self, source: &LogSourceId) -> io::Result<SourceFolder> {
        SourceFolder::open(&self.source_path(source))
    }

    fn followed(&self, source: &LogSourceId) -> u64 {
        self.state.log_chains.get(source).map_or(0, |chain| chain.number)
    }

    /// Follows each chain as far as it goes, and tells its end where that is due.
    pub(super) fn follow_logs(&mut self) {
        let (mut left, mut changed) = (MOST_READ, false);
        let sources = self.log_sources();
        self.logs.refused.retain(|source, _| sources.contains(source));
        for source in sources {
            if !self.has_place_for(&source) {
                continue;
            }
            changed |= self.follow_source(&source, &mut left);
            changed |= self.tell_breaks(&source);
            changed |= self.tell_logs(&source);
        }
        if changed {
            self.commit();
        }
    }

    /// Whether a source is followed. Whoever lays out batches may make up names: the state holds so many, each new one is told of at
    /// once, and one whose folder is gone gives its place away a day after it was told of last.
    fn has_place_for(&mut self, source: &LogSourceId) -> bool {
        let chains = &self.state.log_chains;
        if chains.contains_key(source) || chains.len() < MOST_SOURCES {
            return true;
        }
        let now = self.clock.now();
        let is_over = |(name, chain): &(&LogSourceId, &LogChain)| {
            let is_old = chain.told_at.is_some_and(|at| now.millis_since(at).abs() >= DAY);
            is_old && self.source_folder(name).is_err()
        };
        let Some(over) = chains.iter().find(is_over).map(|(name, _)| name.clone()) else {
            self.say_once(format!("logs of further sources are not followed: {MOST_SOURCES} are"));
            return false;
        };
        self.state.log_chains.remove(&over);
        true
    }

    fn follow_source(&mut self, source: &LogSourceId, left: &mut usize) -> bool {
        let Ok(folder) = self.source_folder(source) else { return false };
        let due = self.due(source, &folder);
        if due.is_empty() {
            return false;
        }
        // A batch is shown before its name survives a power cut; after one, writ-logs would make another of this number.
        if let Err(e) = folder.sync() {
            self.say_once(format!("logs of {source} are not followed: their folder cannot be made durable: {e}"));
            return false;
        }
        self.follow_due(source, &folder, &due, left)
    }

    /// The numbers of what is to be judged, in order.
    fn due(&mut self, source: &LogSourceId, folder: &SourceFolder) -> Vec<u64> {
        let numbers = folder.numbers();
        if let Some(refused) = self.logs.refused.get_mut(source) {
            refused.keep_listed(&numbers);
        }
        let behind = self.behind(source, &numbers);
        let is_due = |number: &u64| *number > behind && !self.logs.is_refused(source, folder, *number);
        numbers.into_iter().filter(is_due).collect()
    }

    /// Up to which of these numbers, which are in order, the chain was followed. The newest batch never goes: where all that are
    /// there are older than what was seen, the chain began anew. What was refused is none, and would hide that under the highest
    /// number; also where it was changed since, for that could be done before every look.
    fn behind(&self, source: &LogSourceId, numbers: &[u64]) -> u64 {
        let seen = self.followed(source);
        let newest = numbers.iter().copied().rfind(|number| !self.logs.was_refused(source, *number));
        if newest.is_some_and(|newest| newest < seen) { 0 } else { seen }
    }

    /// Judges these, in order, and follows those that are batches, as far as that goes at one look.
    fn follow_due(&mut self, source: &LogSourceId, folder: &SourceFolder, due: &[u64], left: &mut usize) -> bool {
        let mut changed = false;
        for number in due.iter().copied() {
            // One more break would be lost untold.
            let chain = self.state.log_chains.get(source);
            if *left == 0 || chain.is_some_and(|chain| chain.breaks.len() >= MOST_BREAKS) {
                break;
            }
            match self.judge_batch(folder, source, number, left) {
                Ok(Some((batch, digest))) => {
                    self.follow_batch(source, &batch, digest);
                    changed = true;
                }
                Ok(None) => {}
                Err(e) => {
                    let message = format!("batch {number} of {source} cannot be read: {e}");
                    self.refuse(&[Refused::new("log-batch", "log-batch", message, None)]);
                    // What comes after it would be told of as coming after a gap. At the next look this one is tried again.
                    break;
                }
            }
        }
        changed
    }

    /// One batch; none, and refused, where it is none. An error where it may be read another time.
    fn judge_batch(
        &mut self,
        folder: &SourceFolder,
        source: &LogSourceId,
        number: u64,
        left: &mut usize,
    ) -> io::Result<Option<(LogBatch, Digest)>> {
        use io::ErrorKind::{FileTooLarge, InvalidInput, PermissionDenied};

        // Before it is read: what is put in its place meanwhile is another one.
        let facts = folder.facts(number)?;
        let (message, digest) = match folder.read(number) {
            // Whoever laid it there made it so, or the disk has lost it.
            Err(e) if matches!(e.kind(), InvalidInput | FileTooLarge | PermissionDenied) || is_damage(&e) => {
                *left = left.saturating_sub(MAX_BATCH);
                (format!("batch {number} of {source} is none: {e}"), None)
            }
            // Nothing was read.
            Err(e) => return Err(e),
            Ok(bytes) => {
                *left = left.saturating_sub(bytes.len().max(LEAST_READ));
                let digest = Digest::of(&bytes);
                match LogBatch::judge(&bytes) {
                    Ok(batch) if batch.source == *source && batch.number == number => return Ok(Some((batch, digest))),
                    Ok(batch) => {
                        (format!("{source}/{number} is batch {} of {}", batch.number, batch.source), Some(digest))
                    }
                    Err(e) => (format!("batch {number} of {source} is none: {e}"), Some(digest)),
                }
            }
        };
        self.logs.refused.entry(source.clone()).or_default().note(number, facts);
        self.refuse(&[Refused::new("log-batch", "log-batch", message, digest)]);
        Ok(None)
    }

    fn follow_batch(&mut self, source: &LogSourceId, batch: &LogBatch, digest: Digest) {
        if let Some(refused) = self.logs.refused.get_mut(source) {
            refused.forget(batch.number);
        }
        let (mut chain, broken) = step(self.state.log_chains.get(source).cloned(), batch, digest);
        if let Some(why) = broken {
            let message = format!("logs of {source}: {why}: something is missing, or was put in its place");
            chain.breaks.push(Break { digest, message });
        }
        self.state.log_chains.insert(source.clone(), chain);
    }

    /// Tells where a chain was broken: until that is evidence, for the chain has gone on.
    fn tell_breaks(&mut self, source: &LogSourceId) -> bool {
        let Some(chain) = self.state.log_chains.get(source) else { return false };
        let (what, rule) = ("log-batch", "log-chain");
        let refused = |at: &Break| Refused::new(what, rule, &at.message, Some(at.digest));
        let refused: Vec<Refused> = chain.breaks.iter().map(refused).collect();
        if refused.is_empty() {
            return false;
        }
        self.refuse(&refused);
        let told: Vec<Option<Digest>> = refused.into_iter().map(|refused| refused.digest).collect();
        let told: Vec<Option<Digest>> =
            told.into_iter().filter(|digest| self.state.is_refusal_told(*digest, what, rule)).collect();
        if let Some(chain) = self.state.log_chains.get_mut(source) {
            chain.breaks.retain(|at| !told.contains(&Some(at.digest)));
        }
        !told.is_empty()
    }

    /// Tells the end of a chain, where the last time is long enough ago.
    fn tell_logs(&mut self, source: &LogSourceId) -> bool {
        let (now, every) = (self.clock.now(), self.config.anchor_logs.millis());
        let Some(chain) = self.state.log_chains.get(source).cloned() else { return false };
        let Some((from, lines)) = chain.untold else { return false };
        if chain.told_at.is_some_and(|at| (0..every).contains(&now.millis_since(at))) || self.is_full() {
            return false;
        }
        let extract = LogExtract {
            source: source.to_string(),
            from: from.min(chain.to),
            to: chain.to,
            lines,
            digest: chain.digest,
        };
        let draft = self.teller().logs(extract);
        if !self.seal_posture(draft) {
            return false;
        }
        if let Some(chain) = self.state.log_chains.get_mut(source) {
            (chain.told_at, chain.untold) = (Some(now), None);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use writ_trust::minisign::SecretKey;
    use writ_wire::log_batch::{LogBatchSchema, file_name};

    use super::*;
    use crate::config::Config;

    /// An enforcer beside a spool, and a source.
    fn beside(dir: &Path) -> (Engine, LogSourceId) {
        let at = |name: &str| dir.join(name).display().to_string();
        std::fs::write(dir.join("key"), SecretKey::generate(&[3; 40]).to_open_file().as_bytes()).unwrap();
        std::fs::set_permissions(dir.join("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "site = \"clinic-001\"\nappliance = \"front-desk\"\nreleases = {:?}\ntrust = {:?}\nkey = {:?}\nstate_dir = {:?}\n\
             outbox_dir = {:?}\n",
            at("releases"),
            at("trust.json"),
            at("key"),
            at("state"),
            at("outbox")
        );
        std::fs::write(dir.join("enforce.toml"), config).unwrap();
        let mut engine = Engine::open(Config::read(&dir.join("enforce.toml")).unwrap()).unwrap();
        engine.start(false);
        let source: LogSourceId = "audit".parse().unwrap();
        std::fs::create_dir_all(engine.source_path(&source)).unwrap();
        (engine, source)
    }

    fn lay(engine: &Engine, number: u64, previous: Option<Digest>) -> Digest {
        let batch = batch(number, previous);
        let packed = batch.pack(&b"{}\n".repeat(10));
        std::fs::write(engine.source_path(&batch.source).join(file_name(number)), &packed).unwrap();
        Digest::of(&packed)
    }

    /// Follows as far as it goes at one look; what was due.
    fn follow(engine: &mut Engine, source: &LogSourceId) -> Vec<u64> {
        let folder = engine.source_folder(source).unwrap();
        let (due, mut left) = (engine.due(source, &folder), MOST_READ);
        engine.follow_due(source, &folder, &due, &mut left);
        due
    }

    fn batch(number: u64, previous: Option<Digest>) -> LogBatch {
        let at = |minute: u64| Time::from_unix_millis(1_800_000_000_000 + i64::try_from(minute).unwrap() * 300_000);
        LogBatch {
            schema: LogBatchSchema::V1,
            source: "audit".parse().unwrap(),
            number,
            previous,
            from: at(number),
            to: at(number + 1),
            lines: 10,
            dropped: 1,
        }
    }

    #[test]
    fn a_chain_is_followed_and_a_gap_or_a_fork_is_told_and_followed() {
        let digest = |n: u64| Digest::of(&n.to_be_bytes());
        let (mut chain, broken) = step(None, &batch(1, None), digest(1));
        assert_eq!(broken, None);
        for number in 2..=5 {
            let (next, broken) = step(Some(chain), &batch(number, Some(digest(number - 1))), digest(number));
            assert_eq!(broken, None, "{number}");
            chain = next;
        }
        assert_eq!(chain.untold, Some((batch(1, None).from, 50)));
        for (what, next) in [
            ("a gap", batch(7, Some(digest(5)))),
            ("a fork", batch(6, Some(digest(4)))),
            ("anew", batch(1, None)),
            ("again", batch(5, Some(digest(4)))),
            ("no predecessor", batch(6, None)),
        ] {
            let (followed, broken) = step(Some(chain.clone()), &next, digest(99));
            assert!(broken.is_some(), "{what}");
            assert_eq!((followed.number, followed.digest), (next.number, digest(99)), "{what}");
        }
        assert!(step(None, &batch(3, Some(digest(2))), digest(3)).1.is_some(), "what was before is not known");
    }

    #[test]
    fn nothing_is_followed_behind_what_cannot_be_read_for_a_moment() {
        let dir = tempfile::tempdir().unwrap();
        let (mut engine, source) = beside(dir.path());
        let mut last = None;
        for number in 1..=3 {
            last = Some(lay(&engine, number, last));
        }
        let folder = engine.source_folder(&source).unwrap();
        let (due, mut left) = (engine.due(&source, &folder), MOST_READ);
        assert_eq!(due, [1, 2, 3]);
        let (second, aside) = (engine.source_path(&source).join(file_name(2)), dir.path().join("aside"));
        std::fs::rename(&second, &aside).unwrap();
        engine.follow_due(&source, &folder, &due, &mut left);
        assert_eq!(engine.followed(&source), 1);
        std::fs::rename(&aside, &second).unwrap();
        assert_eq!(follow(&mut engine, &source), [2, 3]);
        let chain = &engine.state.log_chains[&source];
        assert_eq!((chain.number, &*chain.breaks), (3, &[][..]), "nothing was missing");
    }

    #[test]
    fn what_is_none_holds_up_nothing_behind_it_however_it_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (mut engine, source) = beside(dir.path());
        let at = |number: u64| dir.path().join("logs/audit").join(file_name(number));
        lay(&engine, 1, None);
        std::os::unix::fs::symlink("/dev/zero", at(2)).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at(3)).unwrap();
        std::fs::create_dir(at(4)).unwrap();
        lay(&engine, 5, Some(Digest::of(b"4")));
        // Each of them counts as much as the largest batch.
        while !follow(&mut engine, &source).is_empty() {}
        assert_eq!(engine.followed(&source), 5);
    }

    #[test]
    fn a_chain_is_followed_no_further_than_its_breaks_can_be_told() {
        let dir = tempfile::tempdir().unwrap();
        let (mut engine, source) = beside(dir.path());
        let laid: Vec<Digest> = (1..=12).map(|n| lay(&engine, 2 * n, Some(Digest::of(b"another")))).collect();
        let breaks = |engine: &Engine| -> Vec<Digest> {
            engine.state.log_chains[&source].breaks.iter().map(|at| at.digest).collect()
        };
        follow(&mut engine, &source);
        assert_eq!((breaks(&engine), engine.followed(&source)), (laid[..8].to_vec(), 16));
        assert_eq!(follow(&mut engine, &source), [18, 20, 22, 24]);
        assert_eq!((breaks(&engine), engine.followed(&source)), (laid[..8].to_vec(), 16), "there is no room");
        assert!(engine.tell_breaks(&source));
        follow(&mut engine, &source);
        assert_eq!((breaks(&engine), engine.followed(&source)), (laid[8..].to_vec(), 24));
    }

    #[test]
    fn a_state_of_before_has_no_chains() {
        let chain = step(None, &batch(1, None), Digest::of(b"")).0;
        let text = serde_json::to_string(&chain).unwrap();
        assert_eq!(serde_json::from_str::<LogChain>(&text).unwrap(), chain);
    }
}
