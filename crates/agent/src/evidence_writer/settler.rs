//! Making files of the outbox safe: by whoever asks, or by a thread that does nothing else, for an fsync waits for the disk and
//! drift does not wait for it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use crate::watch::Message;

/// Fsyncs these bundles of an outbox, their signatures, and the folder; returns those that are not there, whole, any more.
pub fn make_safe(outbox: &Path, bundles: &[String]) -> io::Result<Vec<String>> {
    let mut gone = Vec::new();
    for bundle in bundles {
        for name in [super::signature_name(bundle), bundle.clone()] {
            match File::open(outbox.join(name)).and_then(|file| file.sync_all()) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => gone.push(bundle.clone()),
                other => other?,
            }
        }
    }
    writ_durable::sync_directory(outbox)?;
    Ok(gone)
}

/// What came of bundles that were to be made safe.
pub struct Settled {
    /// All of them.
    pub bundles: Vec<String>,
    /// Those that somebody took away before.
    pub outcome: io::Result<Vec<String>>,
}

/// The thread. It is asked for one thing at a time.
pub struct Settler {
    asked: Sender<Vec<String>>,
    settled: Receiver<Settled>,
    under_way: bool,
}

impl Settler {
    /// Begins it; after each thing that it was asked for, [`Message::Settled`] is sent.
    pub fn new(outbox: PathBuf, wake: Sender<Message>) -> io::Result<Self> {
        let (asked, questions) = channel::<Vec<String>>();
        let (answers, settled) = channel();
        thread::Builder::new().name("settler".into()).spawn(move || {
            for bundles in questions {
                let outcome = make_safe(&outbox, &bundles);
                if answers.send(Settled { bundles, outcome }).is_err() || wake.send(Message::Settled).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { asked, settled, under_way: false })
    }

    /// Whether it is at work.
    pub fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Has these made safe, unless it is at work. False when it does not live any longer.
    pub fn ask(&mut self, bundles: Vec<String>) -> bool {
        if self.under_way {
            return true;
        }
        self.under_way = self.asked.send(bundles).is_ok();
        self.under_way
    }

    /// What it came to, if it has come to something.
    pub fn take(&mut self) -> Option<Settled> {
        let settled = self.settled.try_recv();
        // One that lives no longer is not at work either: who asks it next finds out.
        self.under_way &= matches!(settled, Err(TryRecvError::Empty));
        settled.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_was_made_safe_what_is_gone_and_what_the_disk_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["1-EB-1.json", "1-EB-1.json.minisig", "2-EB-2.json"] {
            std::fs::write(dir.path().join(name), b"{}").unwrap();
        }
        let (wake, woken) = channel();
        let mut settler = Settler::new(dir.path().to_owned(), wake).unwrap();
        let bundles = vec!["1-EB-1.json".to_owned(), "2-EB-2.json".to_owned()];
        assert!(settler.ask(bundles.clone()) && settler.is_under_way());
        assert!(settler.ask(vec!["never asked for".into()]), "one thing at a time");
        assert_eq!(woken.recv(), Ok(Message::Settled));
        let settled = settler.take().unwrap();
        assert_eq!(settled.bundles, bundles);
        assert_eq!(settled.outcome.unwrap(), ["2-EB-2.json"], "its signature is not there");
        assert!(!settler.is_under_way() && settler.take().is_none());
        drop(dir);
        assert!(settler.ask(Vec::new()));
        assert_eq!(woken.recv(), Ok(Message::Settled));
        assert!(settler.take().unwrap().outcome.is_err(), "there is no folder any more");
    }
}
