//! What is done once, or again after each span: a round that fails is told of, and the next one comes nevertheless.

use std::time::Duration;

use writ_trust::time::Span;

use crate::failure::{Answer, Failure, Outcome};

/// How long after a round that failed the next one begins, at the latest.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// Does it once, or for ever.
pub fn rounds(every: Option<&Span>, mut round: impl FnMut() -> Outcome) -> Outcome {
    let Some(every) = every else { return round() };
    if every.millis() <= 0 {
        return Err(Failure::could_not("--every takes more than nothing"));
    }
    loop {
        let wait = match round() {
            Ok(Answer::Yes) => every.duration(),
            Ok(Answer::No) => every.duration().min(RETRY),
            Err(failure) => {
                failure.print();
                every.duration().min(RETRY)
            }
        };
        std::thread::sleep(wait);
    }
}
