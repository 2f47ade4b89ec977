//! Waiting for a step, and giving it up.
//!
//! What a step calls may never return: a path of a file server that is gone, a disk that does not answer. No signal ends such
//! a wait (`D` in proc_pid_stat(5)), so a step runs on a thread of its own, and who waits for it goes on when its time is up.
//! The thread stays behind until the system lets go of it; it keeps its share of the trial's lock meanwhile. As long as it has
//! not come back the same step is not begun again, and with too many of them none is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Map, Value};
use writ_trust::text::one_line;

use super::{Step, StepContext, StepReport, once};
use crate::cancel::Cancel;

/// How long a step is waited for once its time is up, or it was told to end: its programs are killed in it.
pub const GRACE: Duration = Duration::from_secs(2);
/// How many may be given up at once. With so many nothing is begun until one has come back.
const MOST: usize = 4;
/// The stack of the thread that a step runs on, in bytes; what is not used of it costs nothing.
const STACK: usize = 1024 * 1024;

/// A step with its parameters.
type Call = (&'static str, Map<String, Value>);

/// Steps that were given up and have not come back.
#[derive(Debug, Clone, Default)]
pub struct GivenUp(Arc<Mutex<Vec<(u64, Call)>>>);

impl GivenUp {
    /// Their names, the longest gone first.
    pub fn names(&self) -> Vec<&'static str> {
        self.lock().iter().map(|(_, (name, _))| *name).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Call)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a step is not begun, if it is not.
    fn refuses(&self, call: &Call) -> Option<String> {
        let gone = self.lock();
        if gone.iter().any(|(_, other)| other == call) {
            return Some("it was given up before and has not come back".to_owned());
        }
        (gone.len() >= MOST).then(|| format!("{MOST} steps were given up and have not come back: nothing is begun"))
    }
}

/// Carries out a step, and waits for it no longer than its time and [`GRACE`].
pub(super) fn run(known: &'static Step, parameters: &Map<String, Value>, context: &StepContext) -> StepReport {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = known.schema.name;
    let call: Call = (name, parameters.clone());
    if let Some(why) = context.given_up.refuses(&call) {
        return failed(name, &why);
    }
    let ended = match Cancel::new() {
        Ok(ended) => ended,
        Err(e) => return failed(name, &format!("nobody could wait for it: {e}")),
    };
    let (id, (send, receive)) = (NEXT.fetch_add(1, Ordering::Relaxed), channel());
    let work = {
        let (parameters, context, ended) = (parameters.clone(), context.clone(), ended.clone());
        move || {
            let given_up = context.given_up.clone();
            let report = catch_unwind(AssertUnwindSafe(|| once(known, &parameters, &context)));
            // Its share of the trial's lock is given back before anybody goes on.
            drop(context);
            let _ = send.send(report.unwrap_or_else(|_| failed(name, "it panicked")));
            ended.cancel();
            given_up.lock().retain(|(gone, _)| *gone != id);
        }
    };
    if let Err(e) = thread::Builder::new().name("step".to_owned()).stack_size(STACK).spawn(work) {
        return failed(name, &format!("no thread could be started for it: {e}"));
    }
    wait(&ended, &context.cancel, context.timeout + GRACE);
    // Held while it is looked whether it has come back: who comes back later finds itself in the list.
    let mut gone = context.given_up.lock();
    receive.try_recv().unwrap_or_else(|_| {
        gone.push((id, call));
        let what = match context.cancel.is_cancelled() {
            true => "it was told to end and has not".to_owned(),
            false => format!("it has not come back within {} ms", context.timeout.as_millis()),
        };
        failed(name, &format!("{what}: it was given up. What it waits for does not answer; it may still be done later"))
    })
}

fn failed(name: &str, why: &str) -> StepReport {
    StepReport { error: Some(one_line(format!("{name}: {why}"))), ..StepReport::default() }
}

/// Waits until it has ended, at most this long, and no longer than [`GRACE`] once the word to end was said.
fn wait(ended: &Cancel, cancel: &Cancel, at_most: Duration) {
    let mut deadline = Instant::now() + at_most;
    let mut told = false;
    while !ended.is_cancelled() {
        if !told && cancel.is_cancelled() {
            told = true;
            deadline = deadline.min(Instant::now() + GRACE);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let mut heard = vec![PollFd::new(ended, PollFlags::IN)];
        heard.extend((!told).then(|| PollFd::new(cancel, PollFlags::IN)));
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
        if poll(&mut heard, Some(&timeout)).is_err() {
            // Not to be expected but by a signal, which must not become a busy loop.
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use writ_policy::schema::StepSchema;

    use super::super::{Done, Parameters, StepError};
    use super::*;
    use crate::probes::optional;

    /// Whether what hangs may come back.
    static OPEN: AtomicBool = AtomicBool::new(false);

    fn body(parameters: &Parameters, _: &StepContext) -> Result<Done, StepError> {
        if parameters.optional_text("as")? == Some("panics") {
            panic!("a step panics");
        }
        while parameters.optional_text("as")?.is_some_and(|how| how.starts_with("hangs"))
            && !OPEN.load(Ordering::SeqCst)
        {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Done::saying("done"))
    }

    static STEP: Step = Step {
        schema: StepSchema {
            name: "test",
            about: "hangs where it is told to",
            parameters: &[optional("as", writ_policy::schema::Kind::Text, "how")],
        },
        run: body,
        touches: |_| Vec::new(),
    };

    fn how(context: &StepContext, how: &str) -> Result<String, String> {
        let parameters = serde_json::json!({ "as": how });
        let report = run(&STEP, parameters.as_object().unwrap(), context);
        report.error.map_or(Ok(report.stdout), Err)
    }

    #[test]
    fn what_does_not_come_back_is_given_up_and_not_begun_again() {
        let context = StepContext { timeout: Duration::from_millis(1), ..StepContext::of_test() };
        assert_eq!(how(&context, "runs").as_deref(), Ok("done"));
        assert_eq!(how(&context, "panics").unwrap_err(), "test: it panicked");
        let told = Cancel::new().unwrap();
        told.cancel();
        let told = StepContext { cancel: told, timeout: Duration::from_secs(3600), ..context.clone() };
        // All at once, so that it takes one time and not four.
        let given_up: Vec<String> = thread::scope(|scope| {
            let hang = |n: usize, context| scope.spawn(move || how(context, &format!("hangs {n}")).unwrap_err());
            let hung = [hang(0, &context), hang(1, &context), hang(2, &context), hang(3, &told)];
            hung.into_iter().map(|hung| hung.join().unwrap()).collect()
        });
        assert!(
            given_up[..3].iter().all(|why| why.contains("not come back within 1 ms: it was given up")),
            "{given_up:?}"
        );
        assert!(given_up[3].contains("told to end and has not: it was given up"), "{given_up:?}");
        assert_eq!(context.given_up.names(), ["test"; 4]);
        assert!(how(&context, "hangs 1").unwrap_err().contains("given up before and has not come back"));
        assert!(how(&context, "runs").unwrap_err().contains("nothing is begun"));
        OPEN.store(true, Ordering::SeqCst);
        while !context.given_up.names().is_empty() {
            thread::yield_now();
        }
        assert_eq!(how(&context, "hangs 1").as_deref(), Ok("done"), "it is begun again once it has come back");
    }
}
