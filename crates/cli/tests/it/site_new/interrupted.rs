//! A signal while the site is tried or written: all of it is there, or nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use super::world::World;

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// Runs a command of a world, without what it says.
fn ended(command: &mut Command) -> ExitStatus {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
}

/// A nix-instantiate that signals its parent when it is called for the nth time, and is not done before the parent is gone.
fn signalling_nix(world: &World, nth: u32, signal: i32) -> String {
    let folder = world.temporary().join("../bin");
    fs::create_dir(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\nprintf x >> {0}/calls\n\
         if [ \"$(wc -c < {0}/calls)\" -eq {nth} ]; then kill -{signal} $PPID; exec tail --pid=$PPID -f /dev/null; fi\n\
         PATH='{path}' exec nix-instantiate \"$@\"\n",
        folder.display()
    );
    let program = folder.join("nix-instantiate");
    fs::write(&program, script).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{path}", folder.display())
}

/// Nix looks twice: at what the tree knows, and at the tree with the site.
#[test]
fn a_signal_while_the_site_is_tried_leaves_nothing() {
    for (nth, signal) in [(1, SIGINT), (2, SIGTERM)] {
        let world = World::small();
        let path = signalling_nix(&world, nth, signal);
        let before = world.paths();
        let status = ended(world.writ(&world.arguments("riverside-clinic", &[])).env("PATH", path));
        assert_eq!(status.signal(), Some(signal), "call {nth}: {status}");
        let after: Vec<String> = world.paths().into_iter().filter(|path| path != "bin/calls").collect();
        assert_eq!(after, before, "call {nth}");
    }
}

/// `writ site new`, given a signal at the nth call of this name. Whether there was such a call, and how it ended.
fn signalled_at(world: &World, call: &str, nth: usize, signal: i32) -> (bool, ExitStatus) {
    let log = world.temporary().join("../calls");
    let inject = format!("inject={call}:signal={signal}:when={nth}");
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-e", &format!("trace={call}"), "-e", &inject, "-o"]).arg(&log).arg("--");
    strace.arg(env!("CARGO_BIN_EXE_writ")).args(world.arguments("riverside-clinic", &[]));
    let status = ended(strace.current_dir(world.tree()).env("TMPDIR", world.temporary()));
    let came = fs::read_to_string(&log).unwrap().lines().any(|line| {
        let sent = [("--- SIGINT", SIGINT), ("--- SIGTERM", SIGTERM)];
        sent.iter().any(|(told, sent)| line.starts_with(told) && *sent == signal)
    });
    fs::remove_file(log).unwrap();
    (came, status)
}

/// Whether all of the site is there; nothing else may be, and nothing of it.
fn is_whole(world: &World, before: &[String], when: &str) -> bool {
    let after = world.paths();
    if after == before {
        return false;
    }
    world.is_clean();
    let more: Vec<&String> = after.iter().filter(|path| !before.contains(path)).collect();
    assert!(more.iter().all(|path| path.starts_with("tree/hosts")) && more.len() == 5, "{when}: {more:?}");
    true
}

/// At every folder that is made: in the copy, beside the site's place, and its place.
#[test]
fn a_signal_while_folders_are_made_leaves_all_or_nothing() {
    let (mut nothing, mut nth) = (0, 1);
    loop {
        let world = World::small();
        let before = world.paths();
        let signal = if nth % 2 == 0 { SIGINT } else { SIGTERM };
        let (came, status) = signalled_at(&world, "mkdir", nth, signal);
        let whole = is_whole(&world, &before, &format!("folder {nth}"));
        if !came {
            assert!(whole && status.success(), "folder {nth}: {status}");
            break;
        }
        // Who had put it in its place by then may end well.
        assert!(status.signal() == Some(signal) || whole && status.success(), "folder {nth}: {status}");
        nothing += usize::from(!whole);
        nth += 1;
    }
    assert!(nth > 12 && nothing > 6, "{nothing} of {nth}");
}

/// Putting it in its place is not divided.
#[test]
fn a_signal_while_it_is_put_in_its_place_comes_too_late() {
    let world = World::small();
    let before = world.paths();
    let (came, status) = signalled_at(&world, "rename", 1, SIGTERM);
    assert!(came && is_whole(&world, &before, "rename"), "{status}");
}
