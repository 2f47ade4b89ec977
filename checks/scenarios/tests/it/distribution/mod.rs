//! Distribution that need not be trusted, played with the real depot, courier and enforcer: whoever stands between them lies,
//! is refused by name, gains nothing, and once the truth is told again everything recovers.

mod bodies;
pub mod courier;
mod desk;
mod evidence;
mod forging;
mod freeze;
mod happy;
pub mod line;
mod releases;
mod requests;
mod systems;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use self::line::{Line, receipt_of};

/// A story on a line of its own.
type Story = (&'static str, fn());

/// One lie.
struct Lie {
    /// What it is.
    name: &'static str,
    /// What stands in the one line that refuses it: the rule, or what the transport says.
    words: &'static [&'static str],
    /// Has it told, and makes occasion for it.
    tell: fn(&Line),
    /// Whether the occasion is new evidence.
    of_evidence: bool,
}

const fn lie(name: &'static str, words: &'static [&'static str], tell: fn(&Line)) -> Lie {
    Lie { name, words, tell, of_evidence: false }
}

const fn lie_of_evidence(name: &'static str, words: &'static [&'static str], tell: fn(&Line)) -> Lie {
    Lie { of_evidence: true, ..lie(name, words, tell) }
}

/// Tells lies one after another on one line; between them everything is as it should be.
fn tell(lies: &[Lie]) {
    let line = Line::running();
    for lie in lies {
        told(&line, lie);
    }
}

/// Tells one lie until it is refused by name; then the truth. What is obeyed, what is accepted, the evidence and the receipts
/// stay as they were; then the truth is told, and everything recovers: the evidence of that time is delivered, byte by byte.
fn told(line: &Line, lie: &Lie) {
    let before = line.standing();
    let published = line.published.load(Ordering::Relaxed);
    let mark = line.mark();
    (lie.tell)(line);
    line.hears(lie.words, mark);
    let during = line.standing();
    let name = lie.name;
    assert_eq!(during.obeys, before.obeys, "{name}: another release is obeyed");
    assert_eq!(during.floor, before.floor, "{name}: the floor moved");
    for (bundle, bytes) in &before.outbox {
        assert_eq!(during.outbox.get(bundle), Some(bytes), "{name}: {bundle} is not what it was in the outbox");
    }
    assert_eq!(during.receipts, before.receipts, "{name}: the receipts are others");
    let is_new = |bundle: &&String| !before.outbox.contains_key(*bundle);
    assert!(
        !lie.of_evidence || during.outbox.keys().any(|bundle| is_new(&bundle)),
        "{name}: nothing was to be delivered"
    );
    line.honest();
    if line.good.load(Ordering::Relaxed) == published {
        // Nothing good was published since, so something is now: only news shows that news comes through.
        line.publish();
    }
    line.settle();
    let after = line.standing();
    for (bundle, bytes) in &during.outbox {
        assert_eq!(after.outbox.get(bundle), Some(bytes), "{name}: {bundle} is not what it was in the outbox");
        assert!(after.receipts.contains(&receipt_of(bundle)), "{name}: {bundle} was not delivered");
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

#[test]
fn no_lie_of_a_depot_gains_anything() {
    // The longest first.
    let stories: &[Story] = &[
        ("a body that stalls", bodies::stalled),
        ("false systems", || tell(systems::ALL)),
        ("bodies without end", || tell(bodies::ALL)),
        ("false receipts", || tell(evidence::ALL)),
        ("an appliance kept in the past", freeze::old_answers),
        ("a log that was not heard of lately", freeze::old_word),
        ("false releases", || tell(releases::ALL)),
        ("releases for others", || tell(releases::WRONG)),
        ("forged requests", requests::forged),
        ("the truth", happy::path),
    ];
    let only = std::env::var("WRIT_STORY").unwrap_or_default();
    let stories: Vec<&Story> = stories.iter().filter(|story| story.0.contains(&only)).collect();
    let (queue, failures) = (Mutex::new(stories.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                loop {
                    let Some((name, play)) = queue.lock().unwrap().next() else { return };
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(play)) {
                        failures.lock().unwrap().push(format!("{name}: {}", words(&*panic)));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} stories:\n{}", failures.len(), stories.len(), failures.join("\n\n"));
}
