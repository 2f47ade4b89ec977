//! The live view: the status again whenever something here changes, and at least every so many seconds.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::low_level;
use writ_audit::words::when;

use super::gather;
use super::text;
use crate::doctor::appliance::Appliance;
use crate::doctor::places::Places;
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Looks are at least this far apart: one change of an incident writes several files.
const APART: Duration = Duration::from_millis(250);
/// An alternate screen without a cursor, and back again (xterm's private modes 1049 and 25).
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// Shows it until a signal ends it, or nobody reads any more.
pub fn run(places: &Places, every: Duration) -> Outcome {
    let signals = Signals::new().map_err(|e| Failure::could_not("cannot wait for signals").because(e))?;
    // What cannot be read at all is a failure as without --watch; later on it is shown.
    let mut seen = places.gather()?;
    let mut view = if super::is_seen() { View::Screen(Screen::enter()) } else { View::Lines(String::new()) };
    loop {
        // Watched before it is read: what changes in between wakes the next wait.
        let files = watched(&seen);
        let shown = match places.gather() {
            Ok(now) => {
                seen = now;
                view.show(&seen)
            }
            Err(failure) => view.tell(&failure),
        };
        if shown.is_err() {
            return Ok(Answer::Yes);
        }
        let woken = wait(&signals, files.as_ref(), every).map_err(|e| Failure::could_not("cannot wait").because(e))?;
        if let Some(signal) = woken {
            drop(view);
            return end(signal);
        }
    }
}

/// Ends as the signal would have ended it.
fn end(signal: i32) -> Outcome {
    low_level::emulate_default_handler(signal).map_err(|e| Failure::could_not("cannot end").because(e))?;
    Ok(Answer::Yes)
}

/// The signals that end it or change the window, as something that can be waited for.
struct Signals {
    ending: Vec<(i32, UnixStream)>,
    window: UnixStream,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let on = |signal: i32| -> io::Result<UnixStream> {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            low_level::pipe::register(signal, write)?;
            Ok(read)
        };
        let ending: io::Result<Vec<_>> =
            [SIGINT, SIGTERM, SIGHUP, SIGQUIT].into_iter().map(|signal| Ok((signal, on(signal)?))).collect();
        Ok(Self { ending: ending?, window: on(SIGWINCH)? })
    }
}

/// Waits for a file that was put in place, for another window, or for the time to be over; gives the signal that ends it.
fn wait(signals: &Signals, files: Option<&OwnedFd>, every: Duration) -> io::Result<Option<i32>> {
    poll_all(signals, None, APART)?;
    if let Some(signal) = pending(signals) {
        return Ok(Some(signal));
    }
    poll_all(signals, files, every)?;
    let _ = (&signals.window).read(&mut [0; 64]);
    Ok(pending(signals))
}

fn pending(signals: &Signals) -> Option<i32> {
    signals.ending.iter().find(|(_, stream)| matches!((&*stream).read(&mut [0]), Ok(1))).map(|(signal, _)| *signal)
}

fn poll_all(signals: &Signals, files: Option<&OwnedFd>, longest: Duration) -> io::Result<()> {
    let streams = signals.ending.iter().map(|(_, stream)| stream.as_fd()).chain([signals.window.as_fd()]);
    let all = streams.chain(files.map(AsFd::as_fd));
    let mut all: Vec<PollFd> = all.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let longest = Timespec::try_from(longest).map_err(io::Error::other)?;
    match poll(&mut all, Some(&longest)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// A watch on the folders whose files are replaced by others when something changes. Without one, time alone tells.
fn watched(seen: &Appliance) -> Option<OwnedFd> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok()?;
    let courier = seen.courier.as_ref().map(|courier| courier.config.state_dir.as_path());
    let put = |folder: &Path| inotify::add_watch(&watch, folder, inotify::WatchFlags::MOVED_TO).is_ok();
    let all = [Some(seen.config.state_dir.as_path()), courier];
    all.into_iter().flatten().filter(|folder| put(folder)).count().gt(&0).then_some(watch)
}

/// Where it is shown.
enum View {
    /// A terminal.
    Screen(Screen),
    /// Whatever takes lines; the last summary.
    Lines(String),
}

impl View {
    /// Shows how the appliance is. An error means that nobody reads.
    fn show(&mut self, seen: &Appliance) -> io::Result<()> {
        let report = gather::report(seen);
        match self {
            Self::Screen(screen) => screen.draw(text::lines(&report, screen::width()).all()),
            Self::Lines(last) => {
                let summary = text::summary(&report);
                if *last == summary {
                    return Ok(());
                }
                writeln!(io::stdout(), "{}  {summary}", when(report.at))?;
                *last = summary;
                Ok(())
            }
        }
    }

    /// Shows why nothing can be shown.
    fn tell(&mut self, failure: &Failure) -> io::Result<()> {
        let text = failure.to_string();
        match self {
            Self::Screen(screen) => screen.draw(&[text]),
            Self::Lines(last) if *last == text => Ok(()),
            Self::Lines(last) => {
                writeln!(io::stdout(), "{}  {text}", when(crate::clock::now()))?;
                *last = text;
                Ok(())
            }
        }
    }
}

/// A terminal that shows nothing else meanwhile, and is given back as it was.
struct Screen;

impl Screen {
    fn enter() -> Self {
        let _ = io::stdout().write_all(ENTER.as_bytes());
        Self
    }

    /// Draws these lines, as many as the window has room for.
    fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let rows = screen::rows().max(4);
        let mut frame = String::from("\u{1b}[H");
        let shown = if lines.len() > rows { rows - 1 } else { lines.len() };
        let plain = anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never;
        let put = |frame: &mut String, line: &str| {
            match plain {
                true => frame.push_str(&anstream::adapter::strip_str(line).to_string()),
                false => frame.push_str(line),
            }
            frame.push_str("\u{1b}[K");
        };
        for (at, line) in lines[..shown].iter().enumerate() {
            if at > 0 {
                frame.push_str("\r\n");
            }
            put(&mut frame, line);
        }
        if shown < lines.len() {
            frame.push_str("\r\n");
            put(
                &mut frame,
                &format!("… {} more: a taller window, or `writ status`", screen::count(lines.len() - shown, "line")),
            );
        }
        frame.push_str("\u{1b}[J");
        let mut stdout = io::stdout();
        stdout.write_all(frame.as_bytes()).and_then(|()| stdout.flush())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut stdout = io::stdout();
        let _ = stdout.write_all(LEAVE.as_bytes()).and_then(|()| stdout.flush());
    }
}
