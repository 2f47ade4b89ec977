//! What wakes the courier: the outbox, the presence folder, notices, signals. A message only says "look again".

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread;

use inotify::{Inotify, WatchDescriptor, WatchMask};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use writ_trust::digest::Digest;

use super::trouble::Trouble;

/// Something happened.
#[derive(Debug)]
pub enum Message {
    /// Stop in an orderly way.
    Stop,
    /// Do everything now.
    Now,
    /// Something came into the outbox.
    Outbox,
    /// Something changed in the presence folder.
    Presence,
    /// Something came into the folder of notices.
    Notices,
    /// The fetch for this release ended; `false` when it was stopped.
    Fetched(Digest, Result<bool, Trouble>),
}

/// Catches signals from now on; none is lost until they are forwarded.
pub fn signals() -> io::Result<Signals> {
    Signals::new([SIGTERM, SIGINT, SIGHUP])
}

/// Sends a message for each signal.
pub fn forward(mut signals: Signals, messages: Sender<Message>) -> io::Result<()> {
    thread::Builder::new().name("signals".to_owned()).stack_size(128 * 1024).spawn(move || {
        for signal in signals.forever() {
            let message = if signal == SIGHUP { Message::Now } else { Message::Stop };
            if messages.send(message).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// The folders that are watched: the outbox, the presence, the notices.
pub struct Folders {
    inotify: inotify::Watches,
    paths: [PathBuf; 3],
}

/// The watch of each folder that is there.
type Known = [Option<WatchDescriptor>; 3];

const WHAT: WatchMask = WatchMask::MOVED_TO.union(WatchMask::CLOSE_WRITE).union(WatchMask::CREATE);

impl Folders {
    /// Watches the folders from now on, as far as they are there: outbox, presence, notices.
    pub fn watch(paths: [PathBuf; 3], messages: Sender<Message>) -> io::Result<Self> {
        let mut inotify = Inotify::init()?;
        let mut folders = Self { inotify: inotify.watches(), paths };
        let mut known = folders.rearm();
        let mut again = Self { inotify: inotify.watches(), paths: folders.paths.clone() };
        thread::Builder::new().name("inotify".to_owned()).stack_size(128 * 1024).spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let events = match inotify.read_events_blocking(&mut buffer) {
                    Ok(events) => events,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    // Everything is looked at with each check-in anyway.
                    Err(_) => return,
                };
                let mut happened = [false; 3];
                for event in events {
                    // A watch that this thread has not heard of, made by `rearm`: asked for again, which changes nothing.
                    if !known.iter().flatten().any(|wd| *wd == event.wd) {
                        known = again.rearm();
                    }
                    for (happened, known) in happened.iter_mut().zip(&known) {
                        *happened |= known.as_ref() == Some(&event.wd);
                    }
                }
                for (happened, message) in
                    happened.into_iter().zip([Message::Outbox, Message::Presence, Message::Notices])
                {
                    if happened && messages.send(message).is_err() {
                        return;
                    }
                }
            }
        })?;
        Ok(folders)
    }

    /// Watches what was not there before, or was replaced.
    pub fn rearm(&mut self) -> Known {
        self.paths.each_ref().map(|path| self.inotify.add(path, WHAT).ok())
    }
}
