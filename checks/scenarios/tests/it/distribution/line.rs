//! The whole line: a desk that publishes, a real depot, a proxy that lies when it is told to, a real courier, and a real
//! enforcer that knows of the world only what the courier lays into its inbox. All on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use writ_client::{Client, Settings};
use writ_scenarios::depot::Depot;
use writ_scenarios::proxy::{Answer, Asked, Proxy, Said};
use writ_scenarios::run;
use writ_trust::minisign::SecretKey;
use writ_trust::role::Role;

use super::courier::Courier;
use crate::house::daemon::{Daemon, PATIENCE};
use crate::house::releases::trust_key;
use crate::house::*;

/// The name of the site's log.
pub const ORIGIN: &str = "log.example/clinic";

/// What the proxy forwarded of the courier's talk, oldest first: requests and the depot's answers, without the cache.
pub type Overheard = Arc<Mutex<Vec<(Asked, Answer)>>>;

/// The line; everything ends when it is dropped.
pub struct Line {
    // In the order in which they go: those who talk before those who listen.
    courier: Option<Courier>,
    enforcer: Option<Daemon>,
    pub proxy: Proxy,
    pub depot: Depot,
    pub house: House,
    pub overheard: Overheard,
    /// The serial that was published last, and the last one that the appliance should obey.
    pub(super) published: AtomicU64,
    pub(super) good: AtomicU64,
}

/// What a lie must not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub obeys: Option<String>,
    pub floor: Vec<u8>,
    pub outbox: BTreeMap<String, Vec<u8>>,
    pub receipts: BTreeSet<String>,
}

/// The name of a bundle's receipt.
pub fn receipt_of(bundle: &str) -> String {
    bundle.replace(".json", ".receipt.json")
}

/// How far the programs had spoken.
#[derive(Debug, Clone, Copy)]
pub struct Mark(usize, usize);

impl Line {
    /// Keys, a trust root that names a log and a reader, one file under watch, a depot and the proxy; nothing published, no
    /// courier and no enforcer running.
    pub fn laid() -> Self {
        let mut house = House::new();
        house.furnish(1);
        house.root.keys.push(trust_key(LOG, "the depot", &[Role::Log]));
        house.root.keys.push(trust_key(READER, "the auditor", &[Role::Read]));
        house.root.log_origins.insert(house.site.parse().unwrap(), vec![ORIGIN.to_owned()]);
        fs::write(house.path("etc/trust.json"), house.root.canonical()).unwrap();
        for (name, who) in [("log", LOG), ("reader", READER)] {
            let path = house.path(&format!("etc/{name}.key"));
            fs::write(&path, secret(who).to_open_file().as_bytes()).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        for folder in ["inbox", "outbox", "presence", "sync", "store"] {
            fs::create_dir_all(house.path(folder)).unwrap();
        }
        let mut serve = program("writ-depot");
        serve.args(["serve", "--listen", "127.0.0.1:0", "--extra-writes", "0", "--batches", "0", "--data"]);
        serve.arg(house.path("depot")).arg("--trust").arg(house.path("etc/trust.json"));
        let depot = Depot::spawn(serve.arg("--log-key").arg(house.path("etc/log.key")), &house.path("depot")).unwrap();
        let proxy = Proxy::start("127.0.0.1:0", depot.address.parse().unwrap(), || Ok(())).unwrap();
        let releases = |folder: &str| format!("releases = \"{}\"", house.path(folder).display());
        let enforce = house.configuration().replace(&releases("releases"), &releases("inbox"));
        fs::write(house.path("etc/enforce.toml"), format!("{enforce}heartbeat = \"200ms\"\n")).unwrap();
        fs::write(house.path("etc/sync.toml"), Courier::configuration(&house, &proxy)).unwrap();
        let overheard = Overheard::default();
        let (published, good) = (AtomicU64::new(0), AtomicU64::new(0));
        let line = Self { courier: None, enforcer: None, proxy, depot, house, overheard, published, good };
        line.honest();
        line
    }

    /// A line on which release 1 is obeyed and all evidence of that is delivered.
    pub fn running() -> Self {
        let mut line = Self::laid();
        line.publish();
        line.start();
        line.settle();
        line
    }

    /// Starts the enforcer and the courier.
    pub fn start(&mut self) {
        self.enforcer = Some(self.house.daemon());
        self.start_courier();
    }

    /// Starts the courier.
    pub fn start_courier(&mut self) {
        self.courier = Some(Courier::start(&self.house));
    }

    /// Ends the courier, which nobody can speak for then.
    pub fn silence(&mut self) {
        self.courier = None;
    }

    /// The courier's secret key: what a hostile courier signs with.
    pub fn courier_key(&self) -> SecretKey {
        Courier::key(&self.house)
    }

    /// The depot, as the desk reaches it.
    pub fn client(&self) -> Client {
        Client::new(&Settings::new(self.depot.url())).unwrap()
    }

    /// Has the proxy tell this lie from now on, and keep what it hears.
    pub fn lie(&self, lie: impl Fn(&Asked, &Answer) -> Option<Said> + Send + Sync + 'static) {
        let overheard = Arc::clone(&self.overheard);
        self.proxy.lie(move |asked, answer| {
            let path = asked.target.split('?').next().unwrap_or_default();
            if path.starts_with("/agent/") || path.ends_with("/submit") {
                overheard.lock().unwrap().push((asked.clone(), answer.clone()));
            }
            lie(asked, answer)
        });
    }

    /// Has it tell the truth.
    pub fn honest(&self) {
        self.lie(|_, _| None);
    }

    /// The talk about paths that begin with this and were answered with 200, oldest first.
    pub fn heard(&self, path: &str) -> Vec<(Asked, Answer)> {
        let all = self.overheard.lock().unwrap();
        all.iter().filter(|(asked, answer)| asked.target.contains(path) && answer.code() == 200).cloned().collect()
    }

    /// Waits until something holds, asking the courier to do everything now every so often: back-off is for other tests.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let mut polls = 0;
        let waited = run::wait(what, PATIENCE, || {
            polls += 1;
            if polls % 30 == 10
                && let Some(courier) = &self.courier
            {
                courier.hurry();
            }
            Ok(holds().then_some(()))
        });
        if let Err(e) = waited {
            panic!("{e}; they said:\n{}\nthe depot said:\n{}", self.said(Mark(0, 0)), self.depot.said());
        }
    }

    /// Waits until the newest good release is obeyed, what is watched is whole, and all evidence is delivered.
    pub fn settle(&self) {
        let newest = format!("1-{}", self.good.load(Ordering::Relaxed));
        self.until(&format!("release {newest} to be obeyed"), || self.house.obeys().as_ref() == Some(&newest));
        self.until("healing", || self.house.is_whole(0) && self.has_told_all());
        self.until("the delivery of all evidence", || self.delivered());
    }

    /// Whether no incident is open and the snapshot that follows a new release was made: then no more evidence is coming.
    fn has_told_all(&self) -> bool {
        let state: Value = serde_json::from_slice(&self.house.state("state.json")).unwrap_or_default();
        let open = state["incidents"].as_object().is_some_and(|incidents| !incidents.is_empty());
        !open && state["snapshot"]["policy"] == state["running"]["release"]
    }

    /// Whether a receipt lies beside every bundle.
    pub fn delivered(&self) -> bool {
        let standing = self.standing();
        let wanted = standing.outbox.keys().map(|name| receipt_of(name));
        !standing.outbox.is_empty() && wanted.collect::<BTreeSet<_>>().is_subset(&standing.receipts)
    }

    /// What is obeyed, what was accepted, what is waiting and what is delivered.
    pub fn standing(&self) -> Standing {
        let names = |folder: &str| -> BTreeSet<String> {
            let entries = fs::read_dir(self.house.path(folder)).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().into_string().unwrap());
            names.filter(|name| name.ends_with(".json")).collect()
        };
        let outbox = names("outbox").into_iter().map(|name| {
            let bytes = fs::read(self.house.outbox().join(&name)).unwrap();
            (name, bytes)
        });
        Standing {
            obeys: self.house.obeys(),
            floor: self.house.state("floor"),
            outbox: outbox.collect(),
            receipts: names("inbox/receipts"),
        }
    }

    /// Where the programs are in what they say.
    pub fn mark(&self) -> Mark {
        Mark(self.courier_said().len(), self.enforcer_said().len())
    }

    fn courier_said(&self) -> String {
        fs::read_to_string(self.house.path("courier.stderr")).unwrap_or_default()
    }

    fn enforcer_said(&self) -> String {
        fs::read_to_string(self.house.path("daemon.stderr")).unwrap_or_default()
    }

    /// What they said since.
    pub fn said(&self, since: Mark) -> String {
        let (courier, enforcer) = (self.courier_said(), self.enforcer_said());
        format!("{}{}", &courier[since.0..], &enforcer[since.1..])
    }

    /// Waits for a line with all of these words in it.
    pub fn hears(&self, words: &[&str], since: Mark) {
        self.until(&format!("a line with {words:?}"), || {
            self.said(since).lines().any(|line| words.iter().all(|word| line.contains(word)))
        });
    }

    /// Waits until the present lie was told once more.
    pub fn await_told(&self) {
        let before = self.proxy.told();
        self.until("the lie to be told", || self.proxy.told() > before);
    }
}
