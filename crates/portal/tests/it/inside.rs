//! A portal within this process, whose clock a test sets, at a real socket.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
use writ_audit::Trust;
use writ_portal::access::gate::Gate;
use writ_portal::clock::Clock;
use writ_portal::config::Config;
use writ_portal::mail::Asks;
use writ_portal::portal::{Access, Parts, Portal};
use writ_portal::read::site::{Source, read};
use writ_portal::{read::pulse, server};
use writ_trust::time::Time;

use crate::client::Browser;
use crate::folder::{Laid, Plan};

pub const OPERATOR: &str = "kim@msp.example";
pub const AUDITOR: &str = "auditor@firm.example";
/// What a test's people are.
pub const PEOPLE: &str = "[[users]]\naddress = \"kim@msp.example\"\nrole = \"operator\"\n\
    [[users]]\naddress = \"auditor@firm.example\"\nrole = \"auditor\"\nsites = [\"clinic-001\"]\n";

/// When the tests are.
pub fn noon() -> Time {
    "2026-11-23T17:00:00Z".parse().unwrap()
}

/// What is done to the state directory before, and where it stands what was turned down.
type Before<'b> = (&'b dyn Fn(&Path), Option<&'b Path>);

/// A portal at a socket of its own; ends with it.
pub struct Inside {
    pub portal: Arc<Portal>,
    pub address: SocketAddr,
    pub state: PathBuf,
    now: Arc<AtomicI64>,
    asks: Option<Asks>,
    _runtime: tokio::runtime::Runtime,
    _scratch: TempDir,
}

impl Inside {
    /// Over a folder, with these people.
    pub fn over(folder: &Path, trust: &Path, at: Time, people: &str) -> Self {
        Self::prepared(folder, trust, at, people, &|_| ())
    }

    /// The same, where a file says what was turned down.
    pub fn rejecting(folder: &Path, trust: &Path, rejected: &Path) -> Self {
        Self::begun(folder, trust, noon(), PEOPLE, (&|_| (), Some(rejected)))
    }

    /// The same, with something done to its state directory before.
    pub fn prepared(folder: &Path, trust: &Path, at: Time, people: &str, prepare: &dyn Fn(&Path)) -> Self {
        Self::begun(folder, trust, at, people, (prepare, None))
    }

    fn begun(folder: &Path, trust: &Path, at: Time, people: &str, (prepare, rejected): Before<'_>) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state");
        prepare(&state);
        let now = Arc::new(AtomicI64::new(at.unix_millis()));
        let clock: Clock = {
            let now = now.clone();
            Arc::new(move || Time::from_unix_millis(now.load(Ordering::SeqCst)))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let source = Source {
            folder: folder.to_owned(),
            trust: Trust::Root(std::fs::read(trust).unwrap()),
            period: "90d".parse().unwrap(),
            without_entries: false,
            rejected: rejected.map(Path::to_owned),
        };
        let config = Config::parse(people).unwrap();
        let parts = Parts {
            source: source.clone(),
            gate: Gate::new(None, address, false).unwrap(),
            access: Access::of(Some(&config)).unwrap(),
            state: &state,
            view_files: 4,
            held_sites: 8,
            clock,
        };
        let (portal, asks) = Portal::new(parts).unwrap();
        let sites = pulse::sites(folder).unwrap();
        for site in &sites {
            portal.held.take(portal.held.begin(), read(&source, site, at), false);
        }
        portal.held.publish(sites.len(), None, Some(at));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let serving = server::accept(portal.clone(), listener, 64, stopped);
        runtime.spawn(async move {
            // Held as long as it serves: dropped, it would stop.
            let _stop = stop;
            serving.await;
        });
        Self { portal, address, state, now, asks: Some(asks), _runtime: runtime, _scratch: scratch }
    }

    /// Time goes by.
    pub fn later(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    /// Answers requests for links from now on.
    pub fn send_links(&mut self) {
        server::send_links(&self.portal, self.asks.take().unwrap()).unwrap();
    }

    /// Somebody who is signed in.
    pub fn signed_in(&self, user: &str) -> Browser {
        let token = self.portal.links.issue(user, self.portal.now()).unwrap();
        Browser::sign_in(self.address, &format!("/login/{}", &*token))
    }
}

/// Two sites: the first with incidents, three releases and hostile words where there is `words`.
pub struct Clinics {
    pub dir: TempDir,
    pub trust: PathBuf,
    /// The bundles of the first site.
    pub bundles: Vec<String>,
}

impl Clinics {
    pub fn new(words: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let laid = Laid::begin(dir.path(), noon()).unwrap();
        let edit = |serial: u64, policy: &mut serde_json::Value| {
            if serial == 2 {
                policy["checks"]["backup.job"]["severity"] = "low".into();
                policy["checks"].as_object_mut().unwrap().remove("access.ssh-dead-sessions");
                for control in policy["controls"].as_object_mut().unwrap().values_mut() {
                    control["checks"].as_array_mut().unwrap().retain(|check| check != "access.ssh-dead-sessions");
                }
            }
            if !words.is_empty() {
                policy["settings"]["title"] = words.into();
                policy["exceptions"]["EX-2026-002"]["reason"] = words.into();
                for control in policy["controls"].as_object_mut().unwrap().values_mut() {
                    control["title"] = words.into();
                }
                for duty in policy["duties"].as_object_mut().unwrap().values_mut() {
                    duty["title"] = words.into();
                }
            }
        };
        let reason = if words.is_empty() { "it is not active" } else { words };
        let plan = Plan {
            releases: 3,
            hours: 3,
            healed: 6,
            planned: 6,
            open: 1,
            words: reason,
            edit: &edit,
            ..Plan::quiet("clinic-001", noon())
        };
        let bundles = laid.site(&plan).unwrap();
        laid.site(&Plan::quiet("clinic-002", noon())).unwrap();
        let trust = laid.trust();
        Self { dir, trust, bundles }
    }

    pub fn portal(&self) -> Inside {
        Inside::over(self.dir.path(), &self.trust, noon(), PEOPLE)
    }
}

/// The addresses that the pages of somebody lead to, found by following them.
pub fn crawl(browser: &Browser, most: usize) -> Vec<(String, String)> {
    let mut waiting = vec!["/".to_owned()];
    let mut seen = std::collections::BTreeSet::from(["/".to_owned()]);
    let mut pages = Vec::new();
    while let Some(path) = waiting.pop() {
        if pages.len() == most {
            break;
        }
        let answer = browser.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            let text = answer.text();
            for href in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let href = href.split('#').next().unwrap().replace("&#38;", "&");
                if href.starts_with('/') && seen.insert(href.clone()) {
                    waiting.push(href);
                }
            }
            pages.push((path, text));
        }
    }
    pages.sort();
    pages
}
