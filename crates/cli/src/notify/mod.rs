//! `writ notify`: tells people of incidents, from anywhere but the depot.

pub mod page;
mod seemings;
mod send;
mod site;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use writ_client::Client;
use writ_notify::book::{Book, NoticeError, Seeming, World};
use writ_notify::channel::mail::Server;
use writ_notify::channel::pager;
use writ_notify::channel::post::Poster;
use writ_notify::incident::{Said, Source};
use writ_notify::link::Links;
use writ_notify::rules::Rules;
use writ_policy::declared::Severity;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::{Span, Time};

use self::page::{Pages, View};
use self::send::Sender;
use self::site::{Seen, Site};
use self::store::Store;
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Failure, Outcome};
use crate::watch::Limits;
use crate::{clock, files, screen};

/// How often it is looked whether somebody has answered, between two rounds.
const LISTENS_EVERY: Duration = Duration::from_millis(500);

/// Tell people of incidents: by mail, webhook and pager, one contact after the other until somebody answers
///
/// It reads from the depot what appliances want people to be told, believes only what an appliance of the newest signed
/// release has signed, and tells whom that appliance's signed policy names: contacts in the order of the site's route, and the
/// channels that ask. Whoever does not answer is followed by the next, and after half an hour by the manager. It also looks
/// itself, as `writ watch` does: what is silent, or not what it should be, is an incident like any other.
///
/// Run it anywhere but on the depot: as a service, or with --once by a timer. What it told is in --state before it tells it, so
/// nothing is told twice after a restart: <https://github.com/writ-project/writ/blob/main/docs/notify.md>. Answers come by `writ ack`, or by
/// the link in a mail where --listen and --link-base are given.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ notify --depot https://depot.example.org --site clinic-001 --read-key ../keys/watch.key --trust first-root.json \\
      --state /var/lib/writ-notify --smtp smtps://mail.example.org --from writ@msp.example \\
      --smtp-user writ --smtp-password-file /etc/writ/smtp-password --secrets /etc/writ/channels
  writ notify --once --depot https://depot.example.org --site clinic-001 --site harbor-dental --read-key ../keys/watch.key \\
      --trust first-root.json --state notify --smtp smtp+plain://127.0.0.1:25 --from writ@msp.example

Exit codes: 0 all that was to be told has gone; 1 some of it has not (with --once); 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    depot: DepotOptions,
    #[command(flatten)]
    reader: ReaderOptions,
    /// A site; may be repeated
    #[arg(long, required = true)]
    site: Vec<SiteId>,
    /// The first trust root, as a file that you were given by a way you trust
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Where to keep what was told; made if it is not there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The secrets that channels name, each a file DIR/SITE/NAME that nobody else can read; the key that signs a webhook is
    /// DIR/SITE/CHANNEL.whsec. What systemd hands over as credentials is DIR/SITE.NAME
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// The mail server: smtps://host, smtp://host (with STARTTLS), or smtp+plain://127.0.0.1:25 on this machine
    #[arg(long, value_name = "URL", requires = "from")]
    smtp: Option<String>,
    /// The address that mail comes from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Who logs in at the mail server
    #[arg(long, value_name = "USER", requires = "smtp_password_file")]
    smtp_user: Option<String>,
    /// Their password: the first line of a file that nobody else can read
    #[arg(long, value_name = "FILE")]
    smtp_password_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that may vouch for the mail server, instead of the public web's
    #[arg(long, value_name = "FILE")]
    smtp_ca_file: Option<PathBuf>,
    /// The same for webhooks, the pager and --heartbeat-url
    #[arg(long, value_name = "FILE")]
    hook_ca_file: Option<PathBuf>,
    /// Where pages go: accounts of the EU have another
    #[arg(long, value_name = "URL", default_value = pager::URL)]
    pagerduty_url: String,
    /// An address that is asked for after each round in which all was told: a service there notices when this one is silent
    #[arg(long, value_name = "URL")]
    heartbeat_url: Option<String>,
    /// Serve the page behind links here; a proxy with TLS stands before it
    #[arg(long, value_name = "ADDRESS:PORT", requires = "link_base", conflicts_with = "once")]
    listen: Option<SocketAddr>,
    /// Also on an address that other machines reach
    #[arg(long, requires = "listen")]
    allow_network: bool,
    /// How links in mails begin, such as https://ack.msp.example
    #[arg(long, value_name = "URL")]
    link_base: Option<String>,
    /// The oldest that a heartbeat may be; appliances say one every minute
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    max_age: Span,
    /// The oldest that the log's word of being at its head may be; it is renewed every hour
    #[arg(long, value_name = "SPAN", default_value = "2h")]
    max_log_age: Span,
    /// The oldest that the newest timestamp of a log may be, where the trust root lists authorities
    #[arg(long, value_name = "SPAN", default_value = "26h")]
    max_timestamp_age: Span,
    /// The oldest that the newest cosignature of a witness may be, where the trust root lists any
    #[arg(long, value_name = "SPAN", default_value = "26h")]
    max_witness_age: Span,
    /// How long before its end an expiring release, trust root or exception is told of
    #[arg(long, value_name = "SPAN", default_value = "14d")]
    expires_within: Span,
    /// From which age on a key of the trust root is told of; it is due to be replaced after 365 days
    #[arg(long, value_name = "SPAN", default_value = "330d")]
    remind_keys: Span,
    /// How long to wait from one round to the next
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    every: Span,
    /// One round, and no more
    #[arg(long)]
    once: bool,
}

/// A notifier at work.
struct Notifier<'a> {
    arguments: &'a Arguments,
    pinned: Vec<u8>,
    client: Client,
    sites: Vec<Site>,
    store: Store,
    book: Book,
    links: Links,
    sender: Sender,
    view: View,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let mut notifier = self.notifier()?;
        if let Some(at) = self.listen {
            notifier.listen(at)?;
        }
        loop {
            let begun = Instant::now();
            let well = notifier.round()?;
            if self.once {
                return Ok(if well { Answer::Yes } else { Answer::No });
            }
            while begun.elapsed() < self.every.duration() && !notifier.store.is_answered() {
                std::thread::sleep(LISTENS_EVERY.min(self.every.duration()));
            }
        }
    }

    fn notifier(&self) -> Outcome<Notifier<'_>> {
        let pinned = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        TrustChain::pinned(&pinned)
            .map_err(|e| Failure::refused("this is not a usable trust root").at(self.trust.display()).because(e))?;
        if self.every.millis() <= 0 {
            return Err(Failure::could_not("--every takes more than nothing"));
        }
        let sender = self.sender()?;
        let client = self.depot.reader(&self.reader)?;
        let store = Store::open(&self.state)?;
        let open = |id: &SiteId| Site::open(id.clone(), store.site(id.as_str()));
        let sites: Vec<Site> = self.site.iter().map(open).collect::<Outcome<_>>()?;
        let links = Links::new(self.link_base.as_deref(), store.key()?);
        let book = store.book()?;
        // Links of earlier mails work from the first moment.
        let view = Arc::new(Mutex::new(page::view(&book)));
        Ok(Notifier { arguments: self, pinned, client, sites, store, book, links, sender, view })
    }

    fn sender(&self) -> Outcome<Sender> {
        let failed = |what: &str, why: String| Failure::could_not(what).because(why);
        let login = match (&self.smtp_user, &self.smtp_password_file) {
            (Some(user), Some(path)) => {
                let password = send::secret(path)
                    .map_err(|why| failed("cannot use the password of the mail server", why).at(path.display()))?;
                Some((user.clone(), password))
            }
            _ => None,
        };
        let from = self.from.as_deref().unwrap_or_default();
        let ca_file = self.smtp_ca_file.as_deref();
        let mail = self.smtp.as_ref().map(|url| Server::new(url, from, login, ca_file)).transpose();
        let mail = mail.map_err(|why| failed("mail cannot be sent like that", why))?;
        let poster = Poster::new(self.hook_ca_file.as_deref());
        let poster = poster.map_err(|why| failed("webhooks cannot be sent like that", why))?;
        for url in [Some(&self.pagerduty_url), self.heartbeat_url.as_ref()].into_iter().flatten() {
            writ_notify::channel::post::address(url).map_err(|why| failed("this address cannot be used", why))?;
        }
        Ok(Sender { mail, poster, pager: self.pagerduty_url.clone(), secrets: self.secrets.clone() })
    }

    fn limits(&self) -> Limits<'_> {
        Limits {
            max_age: &self.max_age,
            max_log_age: &self.max_log_age,
            max_timestamp_age: &self.max_timestamp_age,
            max_witness_age: &self.max_witness_age,
            expires_within: &self.expires_within,
            remind_keys: &self.remind_keys,
        }
    }
}

/// The policy and the moment of a site, for an appliance or what else it is about.
fn at<'s>(
    sites: &'s [Site],
    site: &str,
    subject: &str,
    now: Time,
) -> Option<(&'s writ_policy::policy::Policy, writ_notify::rules::Moment)> {
    sites.iter().find(|one| one.id.as_str() == site)?.at(subject, now)
}

impl Notifier<'_> {
    /// Serves the page behind links, in a thread of its own.
    fn listen(&self, at: SocketAddr) -> Outcome<()> {
        if !(at.ip().to_canonical().is_loopback() || self.arguments.allow_network) {
            return Err(Failure::could_not("other machines could reach the page there, without TLS")
                .at(at)
                .next("listen on 127.0.0.1 or ::1 behind a proxy; or add --allow-network, where that is meant"));
        }
        let failed = |e: std::io::Error| Failure::could_not("cannot listen").at(at).because(e);
        let listener = TcpListener::bind(at).map_err(failed)?;
        screen::line(&format!("http://{}/", listener.local_addr().map_err(failed)?));
        let (links, view, state) = (self.links.clone(), self.view.clone(), self.arguments.state.clone());
        let served = std::thread::Builder::new().name("page".to_owned()).spawn(move || {
            if let Err(e) = page::serve(&listener, &Pages { links, view, state }) {
                screen::warning(&format!("the page behind links is not served any more: {e}"));
            }
        });
        served.map(|_| ()).map_err(failed)
    }

    /// Looks at one site after the other, and tells. Says whether all that was to be told has gone.
    fn round(&mut self) -> Outcome<bool> {
        // Who is called next waits for no depot, and nobody's answer does.
        let mut well = self.tell(None, false)?;
        let mut speakers: Option<BTreeSet<String>> = Some(BTreeSet::new());
        for n in 0..self.sites.len() {
            let limits = self.arguments.limits();
            let Some(site) = self.sites.get_mut(n) else { break };
            let seen = site.look(&self.client, &self.pinned, limits, clock::now())?;
            let named = seen.speakers().map(BTreeMap::into_values);
            speakers = speakers.zip(named).map(|(known, more)| known.into_iter().chain(more).collect());
            let last = n + 1 == self.sites.len();
            if let Some(speakers) = speakers.as_ref().filter(|_| last) {
                self.book.forget(speakers);
            }
            well &= self.tell(Some((n, &seen)), last)?;
            if let Some(site) = self.sites.get(n).filter(|site| site.policies.is_empty()) {
                let why = seen.looked.report.findings.first();
                let why = why.map_or_else(String::new, |finding| format!(": {}", finding.what));
                screen::warning(&format!("nobody can be told of {}: no policy of it was ever seen{why}", site.id));
                well = false;
            }
        }
        let dropped = std::mem::take(&mut self.book.dropped);
        if dropped > 0 {
            screen::warning(&format!("{dropped} messages found no room in the queue, and are not told"));
            well = false;
        }
        if let Some(url) = self.arguments.heartbeat_url.as_ref().filter(|_| well)
            && let Err(why) = self.sender.poster.ping(url)
        {
            screen::warning(&format!("the heartbeat of this notifier did not arrive: {why}"));
        }
        Ok(well)
    }

    /// Hears, takes what was seen of a site, decides, writes down, tells. Says whether all that is to be told has gone. What asks
    /// for no message is written down with the last site of a round: until then it would be seen again.
    fn tell(&mut self, seen: Option<(usize, &Seen)>, last: bool) -> Outcome<bool> {
        let now = clock::now();
        let Self { sites, book, store, links, sender, arguments, view, .. } = self;
        let sites: &[Site] = sites;
        let find = |site: &str, subject: &str| at(sites, site, subject, now);
        let world = World { at: &find, links, now };
        let answered = hear(book, store, &world)?;
        if let Some((site, seen)) = seen.and_then(|(n, seen)| Some((sites.get(n)?, seen))) {
            take(book, site, seen, arguments, &world);
        }
        book.tick(&world);
        if !last && answered.is_empty() && !Sender::is_due(book) {
            return Ok(book.queue.is_empty());
        }
        store.keep(book)?;
        for path in answered {
            let removed = writ_durable::remove(&path);
            removed.map_err(|e| Failure::could_not("cannot remove an answer").at(path.display()).because(e))?;
        }
        *view.lock().unwrap_or_else(PoisonError::into_inner) = page::view(book);
        let well = sender.send(book, store, &world)?;
        store.keep(book)?;
        Ok(well)
    }
}

/// Takes answers; gives their files, to be removed once they are in the book.
fn hear(book: &mut Book, store: &mut Store, world: &World<'_>) -> Outcome<Vec<PathBuf>> {
    let mut taken = Vec::new();
    for (path, answered) in store.answers()? {
        let keys = book.named(&answered.name);
        let said = Said { at: answered.at, by: answered.by, how: answered.how, note: answered.note };
        let what = if answered.report { "reported" } else { "acknowledged" };
        store.note(what, &answered.name, &format!("by {} ({})", said.by, said.how))?;
        book.hear(&keys, &said, answered.report, world);
        taken.push(path);
    }
    Ok(taken)
}

/// Takes what was seen of a site.
fn take(book: &mut Book, site: &Site, seen: &Seen, arguments: &Arguments, world: &World<'_>) {
    let name = site.id.as_str();
    let report = &seen.looked.report;
    let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
    for (notice, digest) in &seen.notices {
        let Some((policy, moment)) = (world.at)(name, notice.appliance.as_str()) else { continue };
        match book.take(notice, digest, policy, moment) {
            Ok(()) => {}
            // Every round until there is room: one line says it.
            Err(NoticeError::TooMany) => *waiting.entry(notice.appliance.to_string()).or_default() += 1,
            Err(why @ NoticeError::Id) => {
                let of = format!("{name}/{}", notice.appliance);
                screen::warning(&format!("notice {} of {of} is passed over: {why}", notice.number));
            }
        }
    }
    for (appliance, count) in waiting {
        screen::warning(&format!("{count} notices of {name}/{appliance} wait: {}", NoticeError::TooMany));
    }
    let mut all = seemings::of(name, &report.findings);
    let policies = site.policies.values().map(|ruled| &ruled.policy);
    all.extend(seemings::exceptions(name, policies, &arguments.expires_within, world.now));
    let of_notices = |code: &str, severity, title: &str, what: String| Seeming {
        site: name.to_owned(),
        subject: "depot".to_owned(),
        code: code.to_owned(),
        severity,
        source: Source::Silence,
        title: title.to_owned(),
        what,
        settle: 0,
    };
    if seen.forged > 0 {
        let what = format!("{} are not signed by the appliance whose key they name", seen.forged);
        all.push(of_notices("notice-broken", Severity::High, "notices are shown that do not hold", what));
    }
    if seen.unread > 0 {
        let what = format!("this version cannot read {} of them: appliances may be newer than it", seen.unread);
        all.push(of_notices("notice-unread", Severity::Low, "notices are shown that cannot be read", what));
    }
    let has_policies = !site.policies.is_empty();
    book.seem(name, &all, &|incident| seemings::judged(report, has_policies, incident), world);
    for appliance in &report.appliances {
        let subject = appliance.appliance.as_str();
        if let (Some(point), Some((policy, _))) = (&appliance.release, (world.at)(name, subject)) {
            book.obeys(name, subject, point, Rules(&policy.settings), world.now);
        }
    }
    if let Some(speakers) = seen.speakers() {
        book.gone(name, &speakers, world);
    }
    // Of a site that nothing could be said of, nothing is known yet.
    if report.release.is_some() {
        book.begin(name);
    }
}

/// The path of the state, for those who answer.
pub fn is_state(path: &Path) -> bool {
    path.join("state.json").is_file()
}
