//! `idle_policy`: after how long without a key a session ends: TMOUT of bash(1) in the files that its log-in shells read,
//! StopIdleSessionSec of logind.conf(5), and the screen lock that dconf(7) sets for all.
//!
//! The shell's files are programs. Of them only assignments are read, also those that a condition may skip: whether
//! an account is left out is no question of this machine's policy that could be answered without running them.

use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::systemd_conf::{self, seconds};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, reading};
use crate::dbus::booted_with_systemd;

/// Files of all log-in shells, in order; `profile.d` is read where `profile` names it.
const BEFORE: [&str; 2] = ["etc/set-environment", "etc/profile"];
const FOLDER: &str = "etc/profile.d";
const AFTER: [&str; 3] = ["etc/bashrc", "etc/bash.bashrc", "etc/profile.local"];

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "idle_policy",
    about: "after how long without a key a session ends",
    parameters: &[],
    observation: &[
        field("shell_seconds", Kind::Int, "after how long an idle shell ends; 0 is never"),
        field("shell_readonly", Kind::Bool, "whether users cannot change that"),
        field("session_seconds", Kind::Int, "after how long logind ends an idle session; 0 is never"),
        field(
            "screen_lock_seconds",
            Kind::Int,
            "after how long the screen locks; 0 is never, absent without a desktop",
        ),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&context.root, booted_with_systemd())
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let places = [
        "etc/profile",
        FOLDER,
        "etc/bashrc",
        "etc/bash.bashrc",
        "etc/systemd/logind.conf",
        "etc/systemd/logind.conf.d",
    ];
    places.map(|place| Watch::Path(PathBuf::from("/").join(place))).into()
}

fn observe(root: &Path, systemd: bool) -> Result<Observation, Unseen> {
    let shell = shell(root)?;
    let mut seen = Observation::new().with("shell_readonly", shell.readonly);
    if let Some(seconds) = shell.seconds {
        seen.set("shell_seconds", seconds);
    }
    if systemd {
        let mut session = 0;
        for bytes in systemd_conf::read(root, "logind.conf")? {
            for (name, value) in systemd_conf::settings(&bytes, "Login") {
                if name == "StopIdleSessionSec" {
                    session = if value.is_empty() { 0 } else { seconds(&value).unwrap_or(session) };
                }
            }
        }
        seen.set("session_seconds", session);
    }
    if let Some(lock) = screen_lock(root)? {
        seen.set("screen_lock_seconds", lock);
    }
    Ok(seen)
}

/// What TMOUT comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Timeout {
    /// None when it is set to what only a shell can tell.
    seconds: Option<i64>,
    readonly: bool,
}

fn shell(root: &Path) -> Result<Timeout, Unseen> {
    let mut timeout = Timeout::of(b"");
    let mut profile = String::new();
    for file in BEFORE {
        profile = reading::text(&root.join(file))?.unwrap_or_default();
        timeout.read(&profile);
    }
    if profile.contains("profile.d") {
        for name in reading::names(&root.join(FOLDER))?.iter().filter(|name| name.ends_with(".sh")) {
            timeout.read(&reading::text(&root.join(FOLDER).join(name))?.unwrap_or_default());
        }
    }
    for file in AFTER {
        timeout.read(&reading::text(&root.join(file))?.unwrap_or_default());
    }
    Ok(timeout)
}

impl Timeout {
    /// What one file sets.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut timeout = Self { seconds: Some(0), readonly: false };
        timeout.read(&String::from_utf8_lossy(bytes));
        timeout
    }

    fn read(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim_start();
            if !line.starts_with('#') {
                line.split([';', '&', '|']).for_each(|statement| self.statement(statement));
            }
        }
    }

    /// `TMOUT=900`, `readonly TMOUT=900`, `declare -rx TMOUT=900`, `export TMOUT`, `unset TMOUT`.
    fn statement(&mut self, statement: &str) {
        let mut words = statement.split_whitespace().take_while(|word| !word.starts_with('#')).peekable();
        while words.next_if(|word| matches!(*word, "then" | "else" | "do" | "{")).is_some() {}
        let mut readonly = false;
        let mut unset = false;
        for word in words {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            match name {
                "readonly" => readonly = true,
                "unset" => unset = true,
                "export" | "declare" | "typeset" | "local" => {}
                flags if flags.starts_with('-') => readonly |= flags.contains('r'),
                "TMOUT" if !self.readonly => {
                    match value {
                        Some(value) => {
                            self.seconds = value.trim_matches(['"', '\'']).parse::<i32>().ok().map(i64::from)
                        }
                        None if unset => self.seconds = Some(0),
                        None => {}
                    }
                    self.readonly = readonly;
                }
                _ if value.is_some() => {}
                // Another command, which may say TMOUT without setting it.
                _ => return,
            }
        }
    }
}

/// After how long the screen of GNOME locks, as dconf sets it for all; none without such settings.
fn screen_lock(root: &Path) -> Result<Option<i64>, Unseen> {
    let databases = root.join("etc/dconf/db");
    let (mut idle, mut delay, mut enabled) = (None, 0, true);
    for database in reading::names(&databases)?.iter().filter(|name| name.ends_with(".d")) {
        for name in reading::names(&databases.join(database))? {
            let path = databases.join(database).join(name);
            if !path.is_file() {
                continue;
            }
            let bytes = reading::text(&path)?.unwrap_or_default();
            let number =
                |value: &str| value.split_whitespace().next_back().and_then(|n| n.parse::<u32>().ok()).map(i64::from);
            for (name, value) in systemd_conf::settings(bytes.as_bytes(), "org/gnome/desktop/session") {
                if name == "idle-delay" {
                    idle = number(&value).or(idle);
                }
            }
            for (name, value) in systemd_conf::settings(bytes.as_bytes(), "org/gnome/desktop/screensaver") {
                match name.as_str() {
                    "lock-delay" => delay = number(&value).unwrap_or(delay),
                    "lock-enabled" => enabled = value != "false",
                    _ => {}
                }
            }
        }
    }
    Ok(idle.map(|idle: i64| if enabled && idle > 0 { idle + delay } else { 0 }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn world(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        let seen = observe(world(files).path(), true).unwrap();
        assert_eq!(SCHEMA.unpromised(&seen), []);
        SCHEMA.observation.iter().map(|f| seen.get(f.name).map_or("-".into(), ToString::to_string)).collect()
    }

    #[test]
    fn what_ends_a_shell_is_found_as_bash_would() {
        let shell = |text: &str| shown(&[("etc/profile", text)])[..2].to_vec();
        assert_eq!(shell(""), ["0", "false"]);
        for (text, seconds, readonly) in [
            ("TMOUT=900\nreadonly TMOUT\nexport TMOUT\n", "900", "true"),
            ("readonly TMOUT=600; export TMOUT", "600", "true"),
            ("declare -xr TMOUT=\"300\"", "300", "true"),
            ("export TMOUT=300", "300", "false"),
            ("readonly TMOUT=600\nTMOUT=0", "600", "true"),
            ("TMOUT=600\nunset TMOUT", "0", "false"),
            ("if true; then TMOUT=5; fi # TMOUT=6", "5", "false"),
            ("# TMOUT=900", "0", "false"),
            ("echo TMOUT=900", "0", "false"),
            ("TMOUT=${X:-900}", "-", "false"),
            ("X=1 TMOUT=7", "7", "false"),
        ] {
            assert_eq!(shell(text), [seconds, readonly], "{text}");
        }
    }

    #[test]
    fn the_files_of_debian_and_of_nixos_are_read_in_order() {
        let sourcing = "for i in /etc/profile.d/*.sh; do . $i; done";
        let idle = ("etc/profile.d/tmout.sh", "TMOUT=900\nreadonly TMOUT");
        assert_eq!(shown(&[("etc/profile", sourcing), idle])[..2], ["900", "true"]);
        assert_eq!(shown(&[("etc/profile", ""), idle])[..2], ["0", "false"], "nobody reads it");
        assert_eq!(shown(&[("etc/bashrc", "TMOUT=900\nreadonly TMOUT")])[..2], ["900", "true"]);
    }

    #[test]
    fn what_ends_a_session_and_locks_a_screen() {
        let main = ("etc/systemd/logind.conf", "[Login]\n#StopIdleSessionSec=1\nStopIdleSessionSec=15min\n");
        assert_eq!(shown(&[main])[2..], ["900", "-"]);
        let masked = ("usr/lib/systemd/logind.conf.d/10-x.conf", "[Login]\nStopIdleSessionSec=infinity\n");
        assert_eq!(shown(&[main, masked])[2], "0");
        let gnome = "[org/gnome/desktop/session]\nidle-delay=uint32 300\n[org/gnome/desktop/screensaver]\nlock-delay=uint32 5\n";
        assert_eq!(shown(&[("etc/dconf/db/local.d/00-lock", gnome)])[2..], ["0", "305"]);
        let off = format!("{gnome}lock-enabled=false\n");
        assert_eq!(shown(&[("etc/dconf/db/local.d/00-lock", &off)])[3], "0");
        assert_eq!(observe(world(&[main]).path(), false).unwrap().get("session_seconds"), None);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let dir = world(&[("etc/profile", "/etc/profile.d")]);
        fs::create_dir_all(dir.path().join(FOLDER)).unwrap();
        let pipe = dir.path().join("etc/profile.d/x.sh");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(matches!(observe(dir.path(), true), Err(Unseen::Failed(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), line in "(readonly |declare -r |export |)TMOUT(=[-0-9a-z\"]{0,12})?[;&# ]{0,3}") {
            let dir = world(&[]);
            for file in ["etc/profile", "etc/bashrc", "etc/systemd/logind.conf", "etc/dconf/db/x.d/y"] {
                fs::create_dir_all(dir.path().join(file).parent().unwrap()).unwrap();
                fs::write(dir.path().join(file), [&bytes[..], line.as_bytes()].concat()).unwrap();
            }
            prop_assert!(SCHEMA.unpromised(&observe(dir.path(), true).unwrap()).is_empty());
        }
    }
}
