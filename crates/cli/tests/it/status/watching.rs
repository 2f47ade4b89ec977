//! `writ status --watch`: a live view that gives the terminal back, and a line per change where there is none.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::doctor::house::{House, run};

const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// Reads until this was shown.
fn until(output: &mut ChildStdout, shown: &mut String, words: &str) {
    let seen = shown.len();
    while !shown[seen..].contains(words) {
        let mut bytes = [0; 4096];
        let count = output.read(&mut bytes).unwrap_or(0);
        assert!(count > 0, "{words:?} was not shown:\n{shown}");
        shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

/// The process that runs the view below script(1).
fn below(script: &Child) -> Pid {
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", script.id())).unwrap();
    Pid::from_raw(children.trim().parse().expect("one child")).unwrap()
}

#[test]
fn a_live_view_follows_and_gives_the_terminal_back() {
    for signal in [Signal::INT, Signal::TERM] {
        let house = House::new();
        let policy = house.policy();
        let mut enforcer = house.enforcing(&policy);
        // An hour: what is shown before that comes of a file that was put in place.
        let command = format!(
            "exec {} status --config {} --watch 3600",
            env!("CARGO_BIN_EXE_writ"),
            house.path("etc/enforce.toml").display()
        );
        let mut script = Command::new("script");
        // With `exec` no shell is left that would tell of the signal after the view has ended.
        script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
        script.env("TERM", "xterm").env("SHELL", "/bin/sh");
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script(1) of bsdutils");
        let (mut output, mut shown) = (script.stdout.take().unwrap(), String::new());
        until(&mut output, &mut shown, "well: nothing needs anybody");
        house.break_it();
        run(&mut enforcer, &policy);
        until(&mut output, &mut shown, "1 thing needs a person");
        house.mend();
        run(&mut enforcer, &policy);
        until(&mut output, &mut shown, "well: nothing needs anybody");
        kill_process(below(&script), signal).unwrap();
        let _ = output.read_to_string(&mut shown);
        assert_eq!(script.wait().unwrap().code(), Some(128 + signal.as_raw()), "{shown}");
        assert!(shown.starts_with(ENTER), "{shown:?}");
        assert!(shown.trim_end().ends_with(LEAVE) && shown.matches(LEAVE).count() == 1, "{shown:?}");
    }
}

#[test]
fn without_a_terminal_a_change_is_a_line() {
    let house = House::new();
    let policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.arg("status").arg("--config").arg(house.path("etc/enforce.toml")).args(["--watch", "3600"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    };
    let first = next();
    assert!(
        first.contains("UTC  well: nothing needs anybody; release 1-7; 0 of 1 check fail, 0 incidents open"),
        "{first}"
    );
    // What changes nothing that is told is no line.
    run(&mut enforcer, &policy);
    house.break_it();
    run(&mut enforcer, &policy);
    let mut second = next();
    if second.contains("[just-seen]") || second.contains("[next-run]") {
        second = next();
    }
    assert!(
        second.contains("1 thing needs a person; file.motd [no-rule]; release 1-7; 1 of 1 check fail, 1 incident open"),
        "{second}"
    );
    // Nobody reads any more: it ends with the next change.
    drop(lines);
    house.mend();
    run(&mut enforcer, &policy);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
