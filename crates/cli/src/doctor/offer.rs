//! What the folder of releases holds, judged as the enforcer judges it, and changing nothing.

use writ_agent::config::Config;
use writ_agent::enforce::accept::{AcceptError, Acceptor, Before};
use writ_agent::enforce::generation::{self, Generation};
use writ_agent::enforce::refused::Refused;
use writ_agent::enforce::releases::Folder;
use writ_agent::enforce::running::Running;
use writ_agent::enforce::sitelog::freshness::{Freshness, last_word};
use writ_agent::enforce::sitelog::kept;
use writ_agent::enforce::sitelog::offered::{self, Head};
use writ_agent::enforce::state::{Point, State};
use writ_trust::acceptance::Identity;
use writ_trust::floor::Floor;
use writ_trust::time::Time;

use super::enforcer::{Enforcer, identity};

/// Of whom it is asked.
struct Asked<'a> {
    config: &'a Config,
    state: &'a State,
    identity: Identity,
    running: Option<&'a Running>,
    running_is_lost: bool,
}

impl Asked<'_> {
    /// Whether the documents of what was accepted and is not obeyed yet cannot be read back: then they are wanted again.
    fn waiting_is_lost(&self, accepted: Point, floor: &Floor) -> bool {
        let read = || {
            let documents = generation::load(&self.config.state_dir, accepted)?;
            Generation::read(&documents, &self.identity.site, &self.identity.appliance)
        };
        let is_here = || read().is_ok_and(|read| floor.release.is_some_and(|release| release.digest == read.digest));
        self.state.running.is_none_or(|running| running.release != accepted) && !is_here()
    }
}

/// What a look at the folder comes to.
#[derive(Default)]
pub struct Offer {
    /// Why nothing can be accepted at all.
    pub problem: Option<String>,
    /// What is refused, with the rule.
    pub refused: Vec<Refused>,
    /// What is not there yet.
    pub waiting: Vec<String>,
    /// A release that breaks no rule and is not taken up yet.
    pub acceptable: Option<Point>,
    /// The newest release that was ever accepted.
    pub floor: Option<Point>,
    /// The newest trust root: version, end, whether it has ended.
    pub root: Option<(u64, Time, bool)>,
    /// Where the trust root names a log: how fresh its word is, and when it was last heard, or since when it is named.
    pub log: Option<(Freshness, Time)>,
    /// How far this machine's clock is behind the newest signed time, in milliseconds.
    pub clock_behind: i64,
}

impl Offer {
    /// Looks. Nothing can be said before the enforcer has started once, since nobody knows its key.
    pub fn look(config: &Config, enforcer: &Enforcer, now: Time) -> Option<Self> {
        let state = enforcer.state.as_ref()?;
        let identity = identity(config, state)?;
        let acceptor = Acceptor::new(identity.clone(), &config.state_dir, &config.trust, Folder::new(&config.releases));
        let (running, running_is_lost) = (enforcer.running.as_ref(), enforcer.running_is_lost());
        let asked = Asked { config, state, identity, running, running_is_lost };
        let mut offer = Self::default();
        if let Err(e) = offer.fill(&asked, &acceptor, now) {
            offer.problem = Some(e.to_string());
        }
        Some(offer)
    }

    fn fill(&mut self, asked: &Asked, acceptor: &Acceptor, now: Time) -> Result<(), AcceptError> {
        let Asked { config, state, .. } = *asked;
        let (chain, _) = acceptor.chain(&mut self.refused)?;
        let root = chain.newest();
        self.root = Some((root.version.get(), root.expires_at, chain.is_expired(now)));
        let floor = acceptor.floor(&chain, state.running.map(|r| (r.release, r.digest)))?;
        self.floor = floor.release.map(|r| Point { epoch: r.epoch, serial: r.serial });
        let instant = floor.instant(now);
        self.clock_behind = instant.millis_since(now);
        let kept = kept::read(&config.state_dir, &chain, &config.site)?;
        if !root.origins(&config.site).is_empty() {
            let of_kept = kept.as_ref().and_then(|kept| kept.fresh_at);
            let heard = last_word(state.log_heard_at, of_kept, instant).or(of_kept);
            let since = state.log_since.map_or(instant, |since| since.min(instant));
            self.log = Some((Freshness::of(heard, since, instant), heard.unwrap_or(since)));
        }
        match offered::head(acceptor.folder(), &chain, &config.site, kept.as_ref(), now) {
            Head::Nothing | Head::Newer(_) => {}
            Head::Waiting(what) => self.waiting.push(what),
            Head::Refused(refused) => self.refused.push(refused),
        }
        let lost = asked.running_is_lost || self.floor.is_some_and(|point| asked.waiting_is_lost(point, &floor));
        let running = asked.running.map(|running| &running.generation.entry);
        let look = acceptor.look(&chain, &Before { floor: &floor, kept: kept.as_ref(), lost, running, now });
        self.refused.extend(look.refused);
        self.waiting.extend(look.waiting);
        self.acceptable = look.accepted.map(|candidate| candidate.generation.point());
        Ok(())
    }
}
