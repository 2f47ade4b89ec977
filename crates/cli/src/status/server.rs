//! A few connections at once on one thread: who sends slowly, or nothing, keeps nobody waiting.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How many connections are open at once: for one more, the oldest is closed.
const MOST: usize = 32;
/// How long a request may take to come, and its answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long, and for how many bytes, it is heard what somebody still sends who was answered: closed at once, the answer would
/// be lost (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(1);
const MOST_LINGERING: usize = 64 * 1024;

/// What is answered.
pub trait Answers {
    /// The answer to what has come so far, once that is clear.
    fn answer(&self, request: &[u8]) -> Option<Rc<[u8]>>;
    /// The answer to a request that did not come to its end in time.
    fn late(&self) -> Rc<[u8]>;
}

/// Serves until nobody has asked for so long; without that, for ever.
pub fn serve(listener: &TcpListener, answers: &impl Answers, idle: Option<Duration>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut connections: Vec<Connection> = Vec::new();
    let mut asked_at = Instant::now();
    loop {
        let now = Instant::now();
        connections.retain_mut(|connection| connection.tick(answers, now));
        if connections.is_empty() && idle.is_some_and(|idle| now.duration_since(asked_at) >= idle) {
            return Ok(());
        }
        let next = connections.iter().map(|connection| connection.until).min();
        let next = next.or(idle.map(|idle| asked_at + idle)).map(|at| at.saturating_duration_since(now));
        let ready = wait(listener, &connections, next)?;
        let mut at = 0;
        connections.retain_mut(|connection| {
            at += 1;
            !ready[at] || connection.go_on(answers, Instant::now())
        });
        if ready[0] {
            asked_at = Instant::now();
            accept(listener, &mut connections);
        }
    }
}

/// Which of the listener and the connections have something to do.
fn wait(listener: &TcpListener, connections: &[Connection], longest: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut all = vec![PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
    let of = |connection: &Connection| match connection.stage {
        Stage::Answering { .. } => PollFlags::OUT,
        Stage::Asking(_) | Stage::Lingering(_) => PollFlags::IN,
    };
    all.extend(connections.iter().map(|one| PollFd::from_borrowed_fd(one.stream.as_fd(), of(one))));
    // A little more than that, so that the time is over when it ends.
    let longest = longest.map(|longest| longest + Duration::from_millis(1)).map(Timespec::try_from);
    let longest = longest.transpose().map_err(io::Error::other)?;
    match poll(&mut all, longest.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(all.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(e) => Err(e.into()),
    }
}

fn accept(listener: &TcpListener, connections: &mut Vec<Connection>) {
    // Whatever keeps one from being accepted (it is gone, there are no descriptors left) may not keep the next.
    let Ok((stream, _)) = listener.accept() else { return };
    if stream.set_nonblocking(true).is_err() {
        return;
    }
    if connections.len() >= MOST {
        connections.remove(0);
    }
    connections.push(Connection { stream, until: Instant::now() + PATIENCE, stage: Stage::Asking(Vec::new()) });
}

/// A connection.
struct Connection {
    stream: TcpStream,
    /// When the stage must be over.
    until: Instant,
    stage: Stage,
}

enum Stage {
    /// The request comes; what has come of it.
    Asking(Vec<u8>),
    /// The answer goes.
    Answering { answer: Rc<[u8]>, sent: usize },
    /// The answer has gone; how much was heard since.
    Lingering(usize),
}

impl Connection {
    /// Goes on as far as it goes without waiting; whether it is still open.
    fn go_on(&mut self, answers: &impl Answers, now: Instant) -> bool {
        match &self.stage {
            Stage::Asking(_) => self.hear(answers, now),
            Stage::Answering { .. } => self.send(now),
            Stage::Lingering(_) => self.linger(),
        }
    }

    /// The time of its stage may be over; whether it is still open.
    fn tick(&mut self, answers: &impl Answers, now: Instant) -> bool {
        match &self.stage {
            _ if now < self.until => true,
            Stage::Asking(_) => self.reply(answers.late(), now),
            Stage::Answering { .. } | Stage::Lingering(_) => false,
        }
    }

    fn hear(&mut self, answers: &impl Answers, now: Instant) -> bool {
        let Stage::Asking(request) = &mut self.stage else { return false };
        let mut some = [0; 4096];
        match self.stream.read(&mut some) {
            Ok(0) => false,
            Ok(n) => {
                request.extend_from_slice(&some[..n]);
                match answers.answer(request) {
                    Some(answer) => self.reply(answer, now),
                    None => true,
                }
            }
            Err(e) => is_for_later(&e),
        }
    }

    fn reply(&mut self, answer: Rc<[u8]>, now: Instant) -> bool {
        self.stage = Stage::Answering { answer, sent: 0 };
        self.until = now + PATIENCE;
        self.send(now)
    }

    fn send(&mut self, now: Instant) -> bool {
        let Stage::Answering { answer, sent } = &mut self.stage else { return false };
        while *sent < answer.len() {
            match self.stream.write(&answer[*sent..]) {
                Ok(0) => return false,
                Ok(n) => *sent += n,
                Err(e) => return is_for_later(&e),
            }
        }
        self.stage = Stage::Lingering(0);
        self.until = now + LINGER;
        self.stream.shutdown(Shutdown::Write).is_ok()
    }

    fn linger(&mut self) -> bool {
        let Stage::Lingering(heard) = &mut self.stage else { return false };
        match self.stream.read(&mut [0; 4096]) {
            Ok(0) => false,
            Ok(n) => {
                *heard += n;
                *heard <= MOST_LINGERING
            }
            Err(e) => is_for_later(&e),
        }
    }
}

fn is_for_later(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
