//! Bundles whose own time is not to be relied on: by their own word, or by the times that the log's key gave.

use writ_evidence::Bundle;
use writ_trust::time::Time;

use super::bundle_checks::CLOCK_SLACK_MILLIS;
use crate::problem::{Code, Problems};
use crate::words::of;

/// The first bundle of a sort, what is wrong with it, and how many there are.
#[derive(Debug, Default)]
struct Doubt {
    first: Option<(String, String)>,
    count: u64,
}

impl Doubt {
    fn add(&mut self, path: &str, what: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(|| (path.to_owned(), what()));
    }

    fn tell(self, so: &str, problems: &mut Problems) {
        let Some((path, mut what)) = self.first else { return };
        if self.count > 1 {
            what += &format!("; so it was with {} of this chain", of(self.count, "bundle"));
        }
        problems.note(Code::ClockDoubtful, &path, what, so);
    }
}

/// What is doubtful in one chain; each sort is told of once.
#[derive(Debug, Default)]
pub struct ClockDoubts {
    own: Doubt,
    behind: Doubt,
    ahead: Doubt,
}

impl ClockDoubts {
    /// Takes in a bundle; `seen` is when the log's key said that the last checkpoint which it names was the head, `held` when it
    /// said so of one that covers the bundle. Five minutes either way are no matter.
    pub fn take(&mut self, path: &str, bundle: &Bundle, seen: Option<Time>, held: Option<Time>) {
        let (clock, at) = (&bundle.clock, bundle.generated_at);
        let far = |millis: i64| millis.saturating_abs() > CLOCK_SLACK_MILLIS;
        let step = bundle.clock_step.as_ref().filter(|step| far(step.after.millis_since(step.before)));
        if let Some(step) = step {
            self.own.add(path, || format!("the clock was set from {} to {}", step.before, step.after));
        } else if let Some(offset) = clock.offset_ms.filter(|offset| far(*offset)) {
            self.own.add(path, || format!("it says that its clock was off by {offset} ms"));
        } else if !clock.sources.is_empty() && !clock.quorum {
            self.own
                .add(path, || format!("it says that the sources of its time did not agree ({})", clock.sources.len()));
        }
        if let Some(seen) = seen.filter(|seen| seen.millis_since(at) > CLOCK_SLACK_MILLIS) {
            self.behind.add(path, || format!("it says {at}, and names a checkpoint that the log signed at {seen}"));
        }
        if let Some(held) = held.filter(|held| at.millis_since(*held) > CLOCK_SLACK_MILLIS) {
            self.ahead.add(path, || format!("it says {at}, and the log had it by {held}"));
        }
    }

    /// Tells of what was found.
    pub fn tell(self, problems: &mut Problems) {
        self.own.tell("when it happened is not to be taken from this clock alone", problems);
        self.behind
            .tell("the appliance's clock was behind, or the log's ahead: it was written later than it says", problems);
        self.ahead.tell(
            "the appliance's clock was ahead, or the log's behind: it was written earlier than it says",
            problems,
        );
    }
}
