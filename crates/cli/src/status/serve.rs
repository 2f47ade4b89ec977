//! `writ status serve`: the status page. A process that may do nothing shows a file that root writes.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use writ_agent::enforce::hostile;
use writ_agent::sandbox;
use writ_trust::text::one_line;

use super::http::{self, Asked, Status, Wanted};
use super::page::{self, Shown};
use super::server::{self, Answers};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, screen};

/// The largest file that is shown, in bytes.
const MAX_FILE: usize = 8 << 20;
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// Serve the status page: read-only, without scripts, of the file that `writ status --out` keeps
///
/// It needs no rights, and reads nothing but that file: `/` shows it, `/status.json` gives it. It says how old it is, and turns
/// red when nobody renews it or the enforcer is silent. Once it listens it gives up everything else: it can read what lies in
/// the file's folder, and neither write, connect nor start anything, as far as the kernel can confine it. Everybody who reaches the address can read it, without a password: it
/// listens on this machine alone unless --allow-network is given.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ status serve --from /run/writ/status/status.json
  writ status serve --from status.json --listen 192.0.2.7:8086 --allow-network --name front-desk.local

Exit codes: 0 ended because nobody asked for so long (--idle); 2 could not listen.")]
pub struct Arguments {
    /// The file to show
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8086", conflicts_with = "socket")]
    listen: SocketAddr,
    /// Serve the listening socket on standard input: systemd's StandardInput=socket
    #[arg(long)]
    socket: bool,
    /// Also on an address that other machines reach
    #[arg(long)]
    allow_network: bool,
    /// A name of this host under which the page is asked for; its addresses and `localhost` always are
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
    /// End when nobody has asked for so many seconds; the socket's unit starts it again
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle: Option<u64>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let listener = self.listener()?;
        let failed = |e| Failure::could_not("cannot serve the status page").because(e);
        if !self.socket {
            let at = listener.local_addr().map_err(failed)?;
            screen::line(&format!("http://{at}/"));
        }
        // The folder: the file is replaced, and another each time.
        let folder = self.from.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Failure::could_not("there is no such folder, and once this listens it could not see it come")
                .at(folder.display())
                .next("name a file that `writ status --json --out` writes"));
        }
        for missing in sandbox::of_page(folder).apply().missing {
            screen::warning(&format!("this process is confined less than it should be: {missing}"));
        }
        let pages = Pages { policy: page::policy(), from: self.from, names: self.name, kept: Kept::default() };
        server::serve(&listener, &pages, self.idle.map(Duration::from_secs)).map_err(failed)?;
        Ok(Answer::Yes)
    }

    fn listener(&self) -> Outcome<TcpListener> {
        if !self.socket {
            self.may_listen(self.listen)?;
            return TcpListener::bind(self.listen).map_err(|e| {
                Failure::could_not("cannot listen").at(self.listen).because(e).next("name another with --listen")
            });
        }
        let failed = |e: std::io::Error| {
            Failure::could_not("standard input is no listening socket")
                .because(e)
                .next("--socket is for a unit with StandardInput=socket; otherwise name an address with --listen")
        };
        let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
        let listens = rustix::net::sockopt::socket_acceptconn(&listener).map_err(|e| failed(e.into()))?;
        if !listens {
            return Err(failed(std::io::Error::other("it is a socket, and does not listen")));
        }
        self.may_listen(listener.local_addr().map_err(failed)?)?;
        Ok(listener)
    }

    fn may_listen(&self, at: SocketAddr) -> Outcome<()> {
        if at.ip().to_canonical().is_loopback() || self.allow_network {
            return Ok(());
        }
        Err(Failure::could_not("other machines could read the status page there, without a password")
            .at(at)
            .next("listen on 127.0.0.1 or ::1; or add --allow-network, where that is meant"))
    }
}

/// What is served.
struct Pages {
    from: PathBuf,
    names: Vec<String>,
    /// The page's Content-Security-Policy.
    policy: String,
    kept: Kept,
}

/// What was answered last, so that who asks often, or many at once, does not have it read and written again for each.
#[derive(Default)]
struct Kept(RefCell<Option<(Key, Rc<[u8]>)>>);

/// Of what and when an answer is: it says how old the file is, by the second.
#[derive(PartialEq, Eq)]
struct Key {
    wanted: Wanted,
    /// Number, time of change in nanoseconds and size; none of a file that is not there.
    file: Option<(u64, i64, i64, u64)>,
    second: i64,
}

impl Kept {
    fn or(&self, key: Key, make: impl FnOnce() -> Vec<u8>) -> Rc<[u8]> {
        if let Some((kept, answer)) = &*self.0.borrow()
            && *kept == key
        {
            return Rc::clone(answer);
        }
        let answer: Rc<[u8]> = make().into();
        *self.0.borrow_mut() = Some((key, Rc::clone(&answer)));
        answer
    }
}

impl Pages {
    fn page(&self, status: Status, shown: &Shown) -> Vec<u8> {
        let (status, body) = match page::render(shown, clock::now()) {
            Ok(html) => (status, html),
            Err(e) => (Status::Unavailable, format!("the page cannot be written: {e}\n")),
        };
        http::answer(status, HTML, &self.policy, body.as_bytes())
    }

    fn wanted(&self, wanted: Wanted) -> Vec<u8> {
        let bytes = hostile::read(&self.from, MAX_FILE);
        let read = bytes.map_err(|e| e.to_string()).and_then(|bytes| Ok((page::read(&bytes)?, bytes)));
        match (wanted, read) {
            (Wanted::Page, Ok((shown, _))) => self.page(Status::Ok, &shown),
            (Wanted::Json, Ok((_, bytes))) => http::answer(Status::Ok, JSON, &self.policy, &bytes),
            (Wanted::Page, Err(why)) => {
                let why = format!("{}: {}", self.from.display(), why);
                self.page(Status::Unavailable, &Shown::Nothing(one_line(why)))
            }
            (Wanted::Json, Err(_)) => self.refusal(Status::Unavailable),
        }
    }

    fn refusal(&self, status: Status) -> Vec<u8> {
        http::answer(status, "text/plain; charset=utf-8", &self.policy, format!("{}\n", status.line()).as_bytes())
    }
}

impl Answers for Pages {
    fn answer(&self, request: &[u8]) -> Option<Rc<[u8]>> {
        match http::judge(request, &self.names) {
            Asked::Unfinished => None,
            Asked::Answer(wanted) => {
                let facts = std::fs::symlink_metadata(&self.from).ok();
                let file = facts.map(|facts| (facts.ino(), facts.mtime(), facts.mtime_nsec(), facts.size()));
                let key = Key { wanted, file, second: clock::now().unix_millis() / 1000 };
                Some(self.kept.or(key, || self.wanted(wanted)))
            }
            Asked::Refuse(status) => Some(self.refusal(status).into()),
        }
    }

    fn late(&self) -> Rc<[u8]> {
        self.refusal(Status::Timeout).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_made_once_for_a_file_and_a_second() {
        let kept = Kept::default();
        let made = std::cell::Cell::new(0);
        let ask = |wanted, file, second| {
            kept.or(Key { wanted, file, second }, || {
                made.set(made.get() + 1);
                vec![made.get()]
            })
        };
        let file = Some((1, 2, 3, 4));
        let first = ask(Wanted::Page, file, 7);
        assert!(Rc::ptr_eq(&first, &ask(Wanted::Page, file, 7)));
        assert_eq!(made.get(), 1);
        for (wanted, file, second) in [
            (Wanted::Json, file, 7),
            (Wanted::Page, Some((2, 2, 3, 4)), 7),
            (Wanted::Page, file, 8),
            (Wanted::Page, None, 8),
        ] {
            let before = made.get();
            ask(wanted, file, second);
            assert_eq!(made.get(), before + 1);
        }
    }
}
