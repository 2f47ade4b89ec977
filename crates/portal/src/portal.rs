//! What every request shares.

use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Semaphore;
use writ_notify::channel::mail::Server;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::access::gate::Gate;
use crate::access::links::Links;
use crate::access::rates::{LinkRates, Rates};
use crate::access::sessions::Sessions;
use crate::access::users::{User, Users};
use crate::clock::Clock;
use crate::config::Config;
use crate::fault::Fault;
use crate::mail::{self, Asks, Post};
use crate::read::detail::Detail;
use crate::read::held::Held;
use crate::read::keeper::Ask;
use crate::read::reports::{Found, Reports};
use crate::read::site::{Source, read, verify};
use crate::read::summary::Summary;
use crate::views::Trail;

/// Links for one address within a quarter of an hour, of which so many were asked for from one place.
const LINKS: u32 = 3;
/// The same from all places: so many mails somebody gets at most whom others want to annoy.
const LINKS_IN_ALL: u32 = 12;
/// Requests for links, and uses of links, from one place within a quarter of an hour.
const FROM_ONE_PLACE: u32 = 20;
const QUARTER_HOUR: i64 = 15 * 60_000;
/// How many sites are read at once because somebody looks at them.
const READINGS: usize = 2;

/// Who may sign in, and how they hear of it. Read again on SIGHUP.
pub struct Access {
    /// The people.
    pub users: Users,
    /// Where mail is handed over.
    pub mail: Option<Server>,
}

impl Access {
    /// As a configuration says; without one, one person on this machine.
    ///
    /// # Errors
    /// What is wrong with the mail server, in one line.
    pub fn of(config: Option<&Config>) -> Result<Self, String> {
        let Some(config) = config else { return Ok(Self { users: Users::local(), mail: None }) };
        let mail = config.mail.as_ref().map(|mail| mail.server()).transpose()?;
        Ok(Self { users: config.users(), mail })
    }
}

/// What every request shares.
pub struct Portal {
    /// What is read.
    pub source: Source,
    /// What was read.
    pub held: Arc<Held>,
    /// Hosts, cookies, forms.
    pub gate: Gate,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Links that nobody used yet.
    pub links: Links,
    /// How often links are mailed to one address.
    pub for_address: LinkRates,
    /// How often somebody asks for links from one place.
    pub from_place: Rates,
    /// How often somebody tries links from one place.
    pub tries: Rates,
    /// Who looked at what.
    pub trail: Trail,
    /// Where requests for links go.
    pub post: Post,
    access: RwLock<Arc<Access>>,
    clock: Clock,
    readings: Arc<Semaphore>,
    reports: Reports,
    keeper: Mutex<Option<Sender<Ask>>>,
}

/// How a portal is made.
pub struct Parts<'a> {
    /// What is read.
    pub source: Source,
    /// Where it is found.
    pub gate: Gate,
    /// Who may sign in.
    pub access: Access,
    /// Where links and views are kept.
    pub state: &'a Path,
    /// How many files of views there are at most.
    pub view_files: u32,
    /// How many sites are held whole.
    pub held_sites: usize,
    /// What says what time it is.
    pub clock: Clock,
}

impl Portal {
    /// A portal that has read nothing yet, and the requests for links that somebody must answer.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn new(parts: Parts<'_>) -> std::io::Result<(Arc<Self>, Asks)> {
        let (post, asks) = mail::queue();
        let portal = Self {
            source: parts.source,
            held: Arc::new(Held::new(parts.held_sites)),
            gate: parts.gate,
            sessions: Sessions::default(),
            links: Links::open(parts.state)?,
            for_address: LinkRates::new(LINKS, LINKS_IN_ALL, QUARTER_HOUR),
            from_place: Rates::new(FROM_ONE_PLACE, QUARTER_HOUR),
            tries: Rates::new(FROM_ONE_PLACE, QUARTER_HOUR),
            trail: Trail::open(parts.state, parts.view_files)?,
            post,
            access: RwLock::new(Arc::new(parts.access)),
            clock: parts.clock,
            readings: Arc::new(Semaphore::new(READINGS)),
            reports: Reports::default(),
            keeper: Mutex::default(),
        };
        Ok((Arc::new(portal), asks))
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// What says so.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Who may sign in.
    pub fn access(&self) -> Arc<Access> {
        self.access.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Others may sign in from now on. Who is not among them is signed out.
    pub fn replace_access(&self, access: Access) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
    }

    /// Names whoever keeps the memory current.
    pub fn kept_by(&self, keeper: Sender<Ask>) {
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    /// Asks for something to be read again.
    pub fn ask(&self, ask: Ask) {
        if let Some(keeper) = &*self.keeper.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = keeper.send(ask);
        }
    }

    /// The summary of a site that somebody may see, by its name as an address has it.
    ///
    /// # Errors
    /// [`Fault::NotFound`], the same for a site that there is not and for one that they may not see.
    pub fn summary(&self, who: &User, site: &str) -> Result<Arc<Summary>, Fault> {
        let site: SiteId = site.parse().map_err(|_| Fault::NotFound)?;
        if !who.may_see(&site) {
            return Err(Fault::NotFound);
        }
        self.held.fleet().sites.get(&site).cloned().ok_or(Fault::NotFound)
    }

    /// A site whole, that somebody may see; read now when it is not held.
    ///
    /// # Errors
    /// [`Fault::NotFound`], also where the site could not be judged; [`Fault::Broken`].
    pub async fn detail(self: &Arc<Self>, who: &User, site: &str) -> Result<Arc<Detail>, Fault> {
        let site = self.summary(who, site)?.site.clone();
        if let Some(detail) = self.held.detail(&site) {
            return Ok(detail);
        }
        let gone = |_| Fault::Broken("nobody reads any more".to_owned());
        let turn = self.readings.clone().acquire_owned().await.map_err(gone)?;
        // Somebody else may have waited for the same.
        if let Some(detail) = self.held.detail(&site) {
            return Ok(detail);
        }
        let portal = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let begun = portal.held.begin();
            let found = read(&portal.source, &site, portal.now());
            let detail = portal.held.take(begun, found, true);
            portal.held.publish_again();
            // Also where nobody waits for it any more.
            drop(turn);
            detail
        });
        reading
            .await
            .map_err(|_| Fault::Broken("a site could not be read: the reading ended".to_owned()))?
            .ok_or(Fault::NotFound)
    }

    /// What does not verify of a site that could not be judged; in words why, where the folder cannot be read. It is found once for
    /// each time that the site was read, and no more are at it than may read at once.
    ///
    /// # Errors
    /// [`Fault::Broken`]
    pub async fn report(self: &Arc<Self>, summary: &Summary) -> Result<Result<Arc<Found>, String>, Fault> {
        let (site, read_at) = (summary.site.clone(), summary.read_at);
        if let Some(found) = self.reports.get(&site, read_at) {
            return Ok(Ok(found));
        }
        let gone = |_| Fault::Broken("nobody reads any more".to_owned());
        let turn = self.readings.clone().acquire_owned().await.map_err(gone)?;
        // Somebody else may have waited for the same.
        if let Some(found) = self.reports.get(&site, read_at) {
            return Ok(Ok(found));
        }
        let portal = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let at = portal.now();
            let report = verify(&portal.source, &site, at);
            let found = report.map(|report| portal.reports.keep(Found { site, read_at, at, report }));
            // Also where nobody waits for it any more.
            drop(turn);
            found
        });
        reading.await.map_err(|_| Fault::Broken("a site could not be verified: the reading ended".to_owned()))
    }

    /// Does something that reads files, on a thread that may wait.
    ///
    /// # Errors
    /// What `work` gives; a file that is no longer what was verified is also asked to be read again.
    pub async fn blocking<T: Send + 'static>(
        &self,
        site: &SiteId,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|_| Fault::Broken("a task ended without an answer".to_owned()))?;
        if let Err(Fault::Changed(path)) = &done {
            tracing::warn!("{path} is no longer what was verified: {site} is read again");
            self.ask(Ask::Site(site.clone()));
        }
        done
    }
}
