//! Sending what is in the queue, each line by itself: where one does not work, what goes by another does not wait.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use writ_agent::enforce::hostile;
use writ_notify::book::{Book, Resting, World};
use writ_notify::channel::mail::Server;
use writ_notify::channel::post::Poster;
use writ_notify::channel::webhook::Secret;
use writ_notify::channel::{Unsent, pager, rest, webhook};
use writ_notify::message::{Message, Way};
use writ_trust::time::Time;
use zeroize::Zeroizing;

use super::store::Store;
use crate::failure::Outcome;
use crate::{clock, files, random, screen};

/// The largest secret, in bytes.
const MAX_SECRET: usize = 4096;
/// For how long something is tried, in milliseconds (a day): then it is old news.
const TRIED_FOR: i64 = 86_400_000;

/// What sends.
pub struct Sender {
    /// Where mail is handed over; without one mail waits.
    pub mail: Option<Server>,
    /// What posts.
    pub poster: Poster,
    /// Where pages go.
    pub pager: String,
    /// The folder of secrets, one folder for each site.
    pub secrets: Option<PathBuf>,
}

impl Sender {
    /// Sends what is due. Says whether all of it has gone.
    pub fn send(&self, book: &mut Book, store: &mut Store, world: &World<'_>) -> Outcome<bool> {
        let mut order: Vec<(std::cmp::Reverse<_>, Time, String)> = book
            .queue
            .iter()
            .map(|message| (std::cmp::Reverse(message.severity), message.at, message.id.clone()))
            .collect();
        order.sort();
        let mut well = true;
        for (_, _, id) in order {
            let Some(message) = book.queue.iter().find(|message| message.id == id).cloned() else { continue };
            let (line, target) = (message.way.line(), message.way.target());
            if rests(book, &message) {
                well = false;
                continue;
            }
            store.note("sending", &id, &target)?;
            writ_durable::crash_point!("notify-sending");
            let came = self.one(&message, world.now);
            writ_durable::crash_point!("notify-sent");
            match came {
                Ok(()) => {
                    store.note("sent", &id, &format!("{target}: {}", message.subject))?;
                    writ_durable::crash_point!("notify-noted");
                    book.done(&id);
                    book.lines.remove(&line);
                    book.lines.remove(&target);
                }
                Err(Unsent::Later { why, wait, of_this }) if world.now.millis_since(message.at) < TRIED_FOR => {
                    well = false;
                    // One mailbox that takes nothing now holds up no mail to others.
                    let rested = if of_this { target.clone() } else { line.clone() };
                    if of_this {
                        // The server itself answers.
                        book.lines.remove(&line);
                    }
                    let failures = book.lines.get(&rested).map_or(0, |resting| resting.failures) + 1;
                    let drawn = u64::from_be_bytes(*random::bytes::<8>()?);
                    let wait = wait.unwrap_or_default().max(rest(failures, drawn));
                    let until = clock::now().plus_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
                    screen::warning(&format!("{target}: {why}; it is tried again from {until} on"));
                    store.note("failed", &id, &why)?;
                    book.lines.insert(rested, Resting { failures, until, why });
                }
                Err(unsent) => {
                    well = false;
                    screen::warning(&format!("{target} CANNOT BE TOLD of {:?}: {unsent}", message.subject));
                    store.note("lost", &id, &format!("{target}: {unsent}"))?;
                    book.done(&id);
                    book.lost(&message, world);
                }
            }
        }
        Ok(well)
    }

    /// Whether there is anything that does not wait for its line.
    pub fn is_due(book: &Book) -> bool {
        book.queue.iter().any(|message| !rests(book, message))
    }

    fn one(&self, message: &Message, now: Time) -> Result<(), Unsent> {
        match &message.way {
            Way::Mail { to } => {
                let server = self.mail.as_ref();
                server.ok_or_else(|| Unsent::later("no mail server is given: --smtp"))?.send(message, to)
            }
            Way::Webhook { site, channel, address, secret } => {
                let url = match (address, secret) {
                    (Some(address), _) => Zeroizing::new(address.clone()),
                    (None, Some(secret)) => self.secret(site, secret)?,
                    (None, None) => return Err(Unsent::never("the channel says nowhere where it leads")),
                };
                let key = Secret::parse(&self.secret(site, &format!("{channel}.whsec"))?).map_err(Unsent::later)?;
                webhook::send(&self.poster, &url, &key, message, now)
            }
            Way::Pager { site, secret, page, dedup_key, .. } => {
                let name = secret.as_ref().ok_or_else(|| Unsent::never("the channel names no secret"))?;
                pager::send(&self.poster, &self.pager, &self.secret(site, name)?, *page, dedup_key, message)
            }
        }
    }

    /// A secret, out of a file that nobody else can read. Somebody mends what is wrong with one, so that is for now.
    fn secret(&self, site: &str, name: &str) -> Result<Zeroizing<String>, Unsent> {
        let folder = self.secrets.as_ref().ok_or_else(|| Unsent::later("it needs a secret: --secrets"))?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if !plain(site) || !plain(name) {
            return Err(Unsent::never("its secret has a name that no file can have here"));
        }
        let path = path_of(folder, site, name);
        secret(&path).map_err(|why| Unsent::later(format!("{}: {why}", path.display())))
    }
}

/// Where a secret of a site is. What systemd hands to a service has no folders: there it is SITE.NAME, and no site's name has a dot.
fn path_of(folder: &Path, site: &str, name: &str) -> PathBuf {
    let flat = folder.join(format!("{site}.{name}"));
    if files::is_credential(&flat) { flat } else { folder.join(site).join(name) }
}

/// Whether a message waits: because of its line, or of the one whom it is for.
fn rests(book: &Book, message: &Message) -> bool {
    let now = clock::now();
    let of = |name: String| book.lines.get(&name).is_some_and(|resting| resting.until > now);
    of(message.way.line()) || of(message.way.target())
}

/// Reads a secret: the first line of a file that belongs to this user or root and that nobody else can read, or that systemd has
/// handed to this service.
pub fn secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let facts = std::fs::symlink_metadata(path).map_err(|e| e.to_string())?;
    if facts.mode() & 0o077 != 0 && !files::is_credential(path) {
        return Err(format!("others can read it (mode {:o}): chmod 0600", facts.mode() & 0o777));
    }
    let own = rustix::process::geteuid().as_raw();
    if facts.uid() != own && facts.uid() != 0 {
        return Err("it belongs to somebody else".to_owned());
    }
    let bytes = Zeroizing::new(hostile::read(path, MAX_SECRET).map_err(|e| e.to_string())?);
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not text".to_owned())?;
    let line = Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned());
    if line.is_empty() { Err("it is empty".to_owned()) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use writ_policy::declared::Severity;

    use super::*;

    fn mail(to: &str) -> Message {
        Message {
            id: to.to_owned(),
            way: Way::Mail { to: to.to_owned() },
            severity: Severity::High,
            keys: Vec::new(),
            contact: None,
            kind: "call-0".to_owned(),
            at: clock::now(),
            subject: String::new(),
            text: String::new(),
            data: Value::Null,
        }
    }

    #[test]
    fn a_mailbox_that_rests_holds_up_itself_and_a_server_that_rests_holds_up_all() {
        let (busy, other) = (mail("busy@msp.example"), mail("other@msp.example"));
        let resting = |millis| Resting { failures: 1, until: clock::now().plus_millis(millis), why: String::new() };
        let mut book = Book { queue: vec![busy.clone(), other.clone()], ..Book::default() };
        assert!(!rests(&book, &busy) && Sender::is_due(&book));
        book.lines.insert(busy.way.target(), resting(3_600_000));
        assert!(rests(&book, &busy) && !rests(&book, &other) && Sender::is_due(&book));
        book.lines.insert(other.way.line(), resting(3_600_000));
        assert!(rests(&book, &busy) && rests(&book, &other) && !Sender::is_due(&book));
        book.lines.insert(other.way.line(), resting(-1));
        assert!(rests(&book, &busy) && !rests(&book, &other));
    }
}
