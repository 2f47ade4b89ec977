//! Sending sign-in links: one thread, so that whoever asks hears the same, as soon, whether the address is known or not.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use writ_notify::channel::Unsent;
use writ_notify::channel::mail::Server;
use writ_notify::message::{Message, Way, name_of};
use writ_policy::declared::Severity;
use writ_trust::time::Time;

use crate::portal::Portal;
use crate::views::{View, What};

/// How many requests for a link wait at most.
const WAITING: usize = 64;
/// How often a mail is tried.
const TRIES: u32 = 3;
/// How long after one try the next one is, where the server asks for nothing else.
const PAUSE: Duration = Duration::from_secs(1);
/// How long at most: other links wait meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Somebody asks for a link.
#[derive(Debug)]
struct Ask {
    address: String,
    source: String,
    request: String,
}

/// Where requests for links go.
#[derive(Debug)]
pub struct Post(SyncSender<Ask>);

/// The other end, for the thread that sends.
pub struct Asks(Receiver<Ask>);

/// A queue for requests.
pub fn queue() -> (Post, Asks) {
    let (sender, receiver) = sync_channel(WAITING);
    (Post(sender), Asks(receiver))
}

impl Post {
    /// Asks for a link for an address, known or not. What finds no room is lost, and told in the log.
    pub fn ask(&self, address: &str, source: &str, request: &str) {
        let ask = Ask { address: address.to_owned(), source: source.to_owned(), request: request.to_owned() };
        if self.0.try_send(ask).is_err() {
            tracing::warn!(request, "a request for a link was dropped: {WAITING} wait already");
        }
    }
}

impl Asks {
    /// Sends until the portal is gone.
    pub fn run(self, portal: &Weak<Portal>) {
        while let Ok(ask) = self.0.recv() {
            let Some(portal) = portal.upgrade() else { return };
            answer(&portal, &ask);
        }
    }
}

fn answer(portal: &Arc<Portal>, ask: &Ask) {
    let access = portal.access();
    let Some(user) = access.users.get(&ask.address) else {
        tracing::info!(request = ask.request, "a link was asked for an address that nobody has");
        return;
    };
    let Some(server) = &access.mail else {
        tracing::warn!(
            request = ask.request,
            "a link was asked for, and no mail server is configured: use `writ-portal link`"
        );
        return;
    };
    let now = portal.now();
    let token = match portal.links.issue(&user.address, now) {
        Ok(token) => token,
        Err(error) => {
            tracing::error!(request = ask.request, %error, "no link could be made");
            return;
        }
    };
    let link = format!("{}/login/{}", portal.gate.origin(), &*token);
    let sent = send(server, &message(&user.address, &link, now), &user.address);
    let what = match &sent {
        Ok(()) => What::LinkSent,
        Err(why) => {
            tracing::error!(request = ask.request, "a link could not be mailed: {why}");
            What::LinkNotSent
        }
    };
    let view = View::of(&user, what, now, "/sign-in", 200, &ask.source, &ask.request);
    if let Err(error) = portal.trail.record_blocking(view) {
        tracing::error!(%error, "the record of views cannot be written");
    }
}

fn send(server: &Server, message: &Message, to: &str) -> Result<(), Unsent> {
    let mut tries = 0;
    loop {
        tries += 1;
        match server.send(message, to) {
            Err(Unsent::Later { wait, .. }) if tries < TRIES => {
                std::thread::sleep(wait.unwrap_or(PAUSE).min(LONGEST_PAUSE));
            }
            other => return other,
        }
    }
}

/// The mail. Its name is of the link's digest, so that it is the same when it is sent again and says nothing of the link.
fn message(to: &str, link: &str, now: Time) -> Message {
    let text = format!(
        "Somebody, most likely you, asked to sign in to the Writ portal.\n\n{link}\n\nThe link is good once, and for 15 minutes. \
         Open it and press the button there.\nIf it was not you, do nothing: nobody gets in without this mail.\n"
    );
    Message {
        id: name_of(["portal-link", &writ_trust::digest::Digest::of(link.as_bytes()).hex()]),
        way: Way::Mail { to: to.to_owned() },
        severity: Severity::Low,
        keys: Vec::new(),
        contact: None,
        kind: "sign-in".to_owned(),
        at: now,
        subject: "Your link to sign in to the Writ portal".to_owned(),
        text,
        data: serde_json::Value::Null,
    }
}
