//! The thread that looks where it may take long: it starts programs, or reads what grows with the machine.
//!
//! One thread, one look after another, with a [`ProbeContext`] of its own. A look that does not come back within its limit is
//! answered for, and another thread takes over; as long as the one that hangs has not come back nobody looks with its call again.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, warn};
use writ_policy::check::ProbeCall;
use writ_policy::outcome::Probed;
use writ_trust::time::Time;

use crate::probes::ProbeContext;
use crate::watch::Message;

/// How long a look may take. A probe gives each program that it starts 10 s at most.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// How many looks may hang at once. With one more nobody looks any longer where it may take long, until one has come back.
const MOST_HANGING: usize = 4;

/// One look that is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    /// The policy that asks, by the asker's own count.
    pub policy: u64,
    /// The line that waits for it.
    pub line: usize,
    /// Probe and parameters.
    pub call: Arc<ProbeCall>,
    /// The system that the accepted release names for this appliance.
    pub expected_toplevel: Option<String>,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// As in [`Order`].
    pub policy: u64,
    /// As in [`Order`].
    pub line: usize,
    /// What was seen.
    pub probed: Probed,
    /// When the look began.
    pub at: Time,
}

/// How a look is made.
pub type Look = fn(&ProbeCall, &mut ProbeContext) -> Probed;

/// Makes the context of a thread that looks.
pub type NewContext = Box<dyn Fn() -> ProbeContext + Send + Sync>;

/// Who looks where it may take long.
pub struct Looker {
    shared: Arc<Shared>,
    looked: Receiver<Looked>,
}

struct Shared {
    state: Mutex<State>,
    more: Condvar,
    look: Look,
    context: NewContext,
    looked: Sender<Looked>,
    wake: Sender<Message>,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    under_way: Option<(Order, Instant)>,
    /// Whose turn it is: a thread that hung finds another number here, and ends.
    turn: u64,
    /// Whether a thread has the turn.
    lives: bool,
    /// Calls of looks that have not come back, with the turn of their thread.
    hanging: Vec<(u64, Arc<ProbeCall>)>,
    ended: bool,
}

impl Looker {
    /// Looks with `look`, by contexts that `context` makes, and wakes the main thread by `wake`. The first order starts the thread.
    pub fn new(look: Look, context: NewContext, wake: Sender<Message>) -> Self {
        let (sender, looked) = channel();
        let state = Mutex::new(State::default());
        let shared = Shared { state, more: Condvar::new(), look, context, looked: sender, wake };
        Self { shared: Arc::new(shared), looked }
    }

    /// Asks for a look. Its end comes by [`Looker::looked`], whatever it is.
    pub fn ask(&self, order: Order) {
        let mut state = lock(&self.shared.state);
        if state.hanging.iter().any(|(_, call)| *call == order.call) {
            self.shared.tell(order, "its last look has not come back".to_owned());
        } else if !state.lives && !self.take_over(&mut state) {
            let many = state.hanging.len();
            self.shared.tell(order, format!("nobody is left to look: {many} looks have not come back"));
        } else {
            state.orders.push_back(order);
            self.shared.more.notify_one();
        }
    }

    /// A look that has come to its end. One that has not within its limit is answered for here.
    pub fn looked(&self, now: Instant) -> Option<Looked> {
        let mut state = lock(&self.shared.state);
        let hangs = state.under_way.as_ref().is_some_and(|(_, since)| now.saturating_duration_since(*since) >= LIMIT);
        if hangs && let Some((order, _)) = state.under_way.take() {
            let limit = LIMIT.as_secs();
            warn!(probe = order.call.name, "a look has not come back within {limit} s: another thread takes over");
            let turn = state.turn;
            state.hanging.push((turn, Arc::clone(&order.call)));
            (state.turn, state.lives) = (turn + 1, false);
            self.shared.tell(order, format!("it has not come back within {limit} s"));
            if !self.take_over(&mut state) {
                let many = state.hanging.len();
                for order in std::mem::take(&mut state.orders) {
                    self.shared.tell(order, format!("nobody is left to look: {many} looks have not come back"));
                }
            }
        }
        drop(state);
        self.looked.try_recv().ok()
    }

    /// When a look that is under way is to be answered for.
    pub fn due(&self) -> Option<Instant> {
        lock(&self.shared.state).under_way.as_ref().map(|(_, since)| *since + LIMIT)
    }

    /// Starts a thread; false when there are too many that hang, or none can be had.
    fn take_over(&self, state: &mut State) -> bool {
        if state.hanging.len() >= MOST_HANGING {
            return false;
        }
        let (shared, turn) = (Arc::clone(&self.shared), state.turn);
        match thread::Builder::new().name("looks".to_owned()).spawn(move || look_on(&shared, turn)) {
            Ok(_) => state.lives = true,
            Err(e) => error!("no thread could be started for slow looks: {e}"),
        }
        state.lives
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        lock(&self.shared.state).ended = true;
        self.shared.more.notify_all();
    }
}

impl Shared {
    fn tell(&self, order: Order, why: String) {
        let probed = Probed::Failed(format!("{}: {why}", order.call.name));
        self.send(Looked { policy: order.policy, line: order.line, probed, at: crate::clock::now() });
    }

    fn send(&self, looked: Looked) {
        // Nobody hears it where the daemon is about to end.
        if self.looked.send(looked).is_ok() {
            let _ = self.wake.send(Message::Looked);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks as long as it has the turn.
fn look_on(shared: &Shared, turn: u64) {
    let mut context = (shared.context)();
    while let Some(order) = next(shared, turn) {
        context.now = crate::clock::now();
        context.monotonic = Instant::now();
        context.expected_toplevel.clone_from(&order.expected_toplevel);
        let at = context.now;
        let probed = catch_unwind(AssertUnwindSafe(|| (shared.look)(&order.call, &mut context)));
        let probed = probed.unwrap_or_else(|_| {
            context = (shared.context)();
            Probed::Failed(format!("{}: the probe panicked", order.call.name))
        });
        let mut state = lock(&shared.state);
        if state.turn != turn {
            state.hanging.retain(|(hung, _)| *hung != turn);
            return;
        }
        state.under_way = None;
        drop(state);
        shared.send(Looked { policy: order.policy, line: order.line, probed, at });
    }
}

fn next(shared: &Shared, turn: u64) -> Option<Order> {
    let mut state = lock(&shared.state);
    loop {
        if state.ended || state.turn != turn {
            return None;
        }
        if let Some(order) = state.orders.pop_front() {
            state.under_way = Some((order.clone(), Instant::now()));
            return Some(order);
        }
        state = shared.more.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use writ_policy::observation::Observation;

    use super::*;

    /// Held by a test for as long as a look named `hangs` is to hang.
    static GATE: Mutex<()> = Mutex::new(());

    fn look(call: &ProbeCall, _: &mut ProbeContext) -> Probed {
        match call.name.as_str() {
            "panics" => panic!("a probe panics"),
            "hangs" => drop(GATE.lock().unwrap_or_else(PoisonError::into_inner)),
            _ => {}
        }
        Probed::Seen(Observation::new())
    }

    fn order(line: usize, name: &str) -> Order {
        let call = Arc::new(ProbeCall { name: name.to_owned(), parameters: serde_json::Map::new() });
        Order { policy: 1, line, call, expected_toplevel: None }
    }

    struct Asked {
        looker: Looker,
        woken: Receiver<Message>,
    }

    fn looker() -> Asked {
        let (wake, woken) = channel();
        let context = || ProbeContext::new(crate::clock::now(), Instant::now(), PathBuf::new(), None);
        Asked { looker: Looker::new(look, Box::new(context), wake), woken }
    }

    impl Asked {
        /// The next end, by the clock of somebody for whom so much time went by.
        fn next_after(&self, passed: Duration) -> (usize, Result<(), String>) {
            loop {
                if let Some(looked) = self.looker.looked(Instant::now() + passed) {
                    let came = match looked.probed {
                        Probed::Seen(_) => Ok(()),
                        Probed::Failed(why) | Probed::NotApplicable(why) => Err(why),
                    };
                    return (looked.line, came);
                }
                self.woken.recv_timeout(Duration::from_secs(20)).unwrap();
            }
        }

        fn next(&self) -> (usize, Result<(), String>) {
            self.next_after(Duration::ZERO)
        }

        /// Asks for a look that hangs, and lets its limit pass.
        fn hangs(&self, order: Order) -> String {
            self.looker.ask(order);
            while self.looker.due().is_none() {
                thread::yield_now();
            }
            self.next_after(LIMIT).1.unwrap_err()
        }
    }

    #[test]
    fn looks_are_made_one_after_another_and_a_panic_ends_only_its_own() {
        let asked = looker();
        for (line, name) in ["a", "panics", "b"].into_iter().enumerate() {
            asked.looker.ask(order(line, name));
        }
        assert_eq!(asked.next(), (0, Ok(())));
        assert_eq!(asked.next(), (1, Err("panics: the probe panicked".to_owned())));
        assert_eq!(asked.next(), (2, Ok(())));
    }

    #[test]
    fn a_look_that_hangs_is_answered_for_and_others_go_on() {
        let gate = GATE.lock().unwrap();
        let asked = looker();
        assert_eq!(asked.hangs(order(0, "hangs")), "hangs: it has not come back within 30 s");
        asked.looker.ask(order(1, "a"));
        assert_eq!(asked.next(), (1, Ok(())), "another thread has taken over");
        asked.looker.ask(order(0, "hangs"));
        assert_eq!(asked.next(), (0, Err("hangs: its last look has not come back".to_owned())));
        for line in 1..MOST_HANGING {
            // Parameters make it another call.
            let mut other = order(line, "hangs");
            Arc::get_mut(&mut other.call).unwrap().parameters.insert(line.to_string(), 1.into());
            asked.hangs(other);
        }
        asked.looker.ask(order(7, "a"));
        let nobody = "a: nobody is left to look: 4 looks have not come back".to_owned();
        assert_eq!(asked.next(), (7, Err(nobody)));
        drop(gate);
        loop {
            asked.looker.ask(order(8, "a"));
            if asked.next() == (8, Ok(())) {
                break;
            }
            thread::yield_now();
        }
    }
}
