use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use super::*;

const LOGIN: Pattern = Pattern { programs: &["sshd"], beginnings: &["Failed "] };

fn events() -> (Events, Receiver<Message>, Account) {
    let ((sender, messages), account) = (channel(), Account::default());
    (Events::new(sender, account.clone()).unwrap(), messages, account)
}

fn told(messages: &Receiver<Message>, expected: &Message) {
    while messages.recv_timeout(Duration::from_secs(20)).unwrap() != *expected {}
}

fn wants(paths: &[&Path], watches: impl IntoIterator<Item = Watch>) -> Wanted {
    let topic = |path: &&Path| ((*path).to_owned(), Topic::Check(path.display().to_string()));
    Wanted { paths: paths.iter().map(topic).collect(), watches: watches.into_iter().collect() }
}

#[test]
fn a_journal_that_floods_keeps_nobody_from_being_heard() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("journalctl");
    fs::write(&program, "#!/bin/sh\nexec yes 'Failed password for root from 192.0.2.7'\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let file = dir.path().join("file");
    let (events, messages, account) = events();
    events.set(wants(&[&file], []));
    account.want(["journal", FILES].into());
    // It begins anew at once, again and again: the worst that may happen.
    events.add("journal", Box::new(Journal::with(program, [LOGIN], Duration::ZERO).unwrap()));
    told(&messages, &Message::Happened(Watch::Journal(LOGIN)));
    for content in ["1", "2", "3"] {
        fs::write(&file, content).unwrap();
        told(&messages, &Message::Changed(Topic::Check(file.display().to_string())));
    }
    let journal = account.standings().remove("journal").unwrap();
    assert!(journal.polling.is_none() && journal.dropped > 0, "{journal:?}");
    let pokes = messages.try_iter().filter(|message| matches!(message, Message::Happened(_))).count();
    assert!(pokes <= 2, "{pokes} pokes, and each of them has a check looked at");
}

/// A source that breaks as soon as something comes.
struct Breaks(Arc<OwnedFd>);

impl Source for Breaks {
    fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        Some(Arc::clone(&self.0))
    }

    fn take(&mut self, _: Instant) -> io::Result<Vec<Watch>> {
        Err(io::Error::other("it broke"))
    }
}

#[test]
fn a_source_that_breaks_is_told_of_and_its_checks_are_looked_at() {
    let (events, messages, account) = events();
    events.set(wants(&[], [Watch::Mounts]));
    assert_eq!(account.standings()["mounts"], Standing::default());
    let ready = eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
    lock(&events.table).slots.get_mut("mounts").unwrap().source = Ok(Box::new(Breaks(Arc::new(ready))));
    rustix::io::write(&events.wake, &1_u64.to_ne_bytes()).unwrap();
    told(&messages, &Message::Happened(Watch::Mounts));
    assert_eq!(account.standings()["mounts"].polling.as_deref(), Some("it broke"));
    // A minute later it is had again, and what happened meanwhile is looked for.
    if let Err((_, at)) = &mut lock(&events.table).slots.get_mut("mounts").unwrap().source {
        *at = Instant::now();
    }
    rustix::io::write(&events.wake, &1_u64.to_ne_bytes()).unwrap();
    told(&messages, &Message::Happened(Watch::Mounts));
    assert_eq!(account.standings()["mounts"], Standing::default());
}

#[test]
fn only_what_is_wanted_is_listened_to() {
    let (events, _messages, account) = events();
    let names = || account.standings().into_keys().collect::<Vec<_>>();
    events.set(wants(&[], [Watch::Clock, Watch::Addresses, Watch::Unit("a.service".into())]));
    assert_eq!(names(), ["addresses", "clock", FILES]);
    account.put(DBUS, Standing::polling("no systemd on this host"));
    assert_eq!(names(), ["addresses", "clock", DBUS, FILES]);
    events.set(wants(&[], [Watch::Clock]));
    assert_eq!(names(), ["clock", FILES]);
    let changes = account.changes();
    events.set(wants(&[], [Watch::Clock]));
    assert_eq!(account.changes(), changes);
    // What is beyond a bound is told as missing.
    events.set(wants(&[], [Watch::Polled(7, "so many are not watched")]));
    let files = account.standings().remove(FILES).unwrap();
    assert_eq!((files.missing, files.why.as_deref()), (7, Some("so many are not watched")));
    events.set(wants(&[], []));
    assert_eq!(account.standings()[FILES].missing, 0);
}

/// Adds a nanosecond to the clock, which is a way to set it (ADJ_SETOFFSET and ADJ_NANO of adjtimex(2)).
fn set_the_clock() -> bool {
    // SAFETY: all zero is a valid `timex`, which outlives the call.
    let set = unsafe {
        let mut by: libc::timex = std::mem::zeroed();
        (by.modes, by.time.tv_usec) = (0x0100 | 0x2000, 1);
        libc::adjtimex(&raw mut by)
    };
    set >= 0
}

#[test]
fn that_the_clock_was_set_is_heard() {
    let (events, messages, account) = events();
    events.set(wants(&[], [Watch::Clock]));
    assert_eq!(account.standings()["clock"], Standing::default());
    // Where nobody may set the clock nothing is to be heard either.
    let heard = set_the_clock();
    let came = messages.recv_timeout(if heard { Duration::from_secs(20) } else { Duration::ZERO });
    assert_eq!(came.ok(), heard.then_some(Message::Happened(Watch::Clock)));
}
