//! What programs that let people in write to the journal when they do not.
//!
//! Anybody may write to the journal under any name, and say anything there as somebody who fails to log in. So a line
//! counts only of a process of root, and what it holds is a name, never believed to be more.

use serde_json::{Map, Value};

/// Programs, by the names that they give themselves.
pub(super) const PROGRAMS: [&str; 5] = ["sshd", "sshd-session", "login", "su", "sudo"];
/// How a line begins that may be a failure: of sudo what PAM writes for it, as its own begins with a name.
pub(super) const BEGINNINGS: [&str; 4] =
    ["Failed ", "FAILED LOGIN", "FAILED SU (to ", "pam_unix(sudo:auth): authentication failure"];
/// What is asked of each entry.
pub(super) const FIELDS: [&str; 4] = ["MESSAGE", "SYSLOG_IDENTIFIER", "_UID", "_EXE"];

/// The longest name that is kept; the longest of Linux has 32 characters.
const MAX_NAME: usize = 64;

/// One failure to log in, or some of the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub user: String,
    pub attempts: usize,
}

/// The failures of a journal, one JSON object a line; a line of another form is none.
pub(super) fn failures(journal: &[u8]) -> Vec<Failure> {
    journal.split(|byte| *byte == b'\n').filter_map(entry).collect()
}

fn entry(line: &[u8]) -> Option<Failure> {
    let entry: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let text = |name: &str| entry.get(name)?.as_str();
    let program = text("SYSLOG_IDENTIFIER")?;
    // su and sudo are their user's processes until they are sure of him; then what runs is told by the kernel alone.
    let is_it = text("_UID") == Some("0") || text("_EXE").and_then(|path| path.rsplit('/').next()) == Some(program);
    is_it.then(|| failure(program, &message(entry.get("MESSAGE")?)?)).flatten()
}

/// The text of a message. One that is no UTF-8, as whoever types a name can have it, is a list of its bytes.
fn message(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(bytes) => {
            let byte = |value: &Value| u8::try_from(value.as_u64()?).ok();
            let bytes: Option<Vec<u8>> = bytes.iter().map(byte).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        _ => None,
    }
}

fn failure(program: &str, message: &str) -> Option<Failure> {
    let (user, attempts) = match program {
        "sshd" | "sshd-session" => (sshd(message)?, 1),
        "login" => (login(message)?, 1),
        "su" => (su(message)?, 1),
        "sudo" => sudo(message)?,
        _ => return None,
    };
    Some(Failure { user: user.chars().take(MAX_NAME).collect(), attempts })
}

/// `Failed password for ann from 192.0.2.7 port 4711 ssh2`, of an account that is none `for invalid user ann from …`.
/// Keys are not counted: a client offers one after the other.
fn sshd(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("Failed ")?;
    let (method, rest) = rest.split_once(" for ")?;
    if !matches!(method, "password" | "keyboard-interactive/pam" | "none") {
        return None;
    }
    let rest = rest.strip_prefix("invalid user ").unwrap_or(rest);
    // The name may hold anything, also " from ".
    Some(rest.rsplit_once(" from ").map_or(rest, |(name, _)| name))
}

/// Of util-linux: `FAILED LOGIN (1) on '/dev/tty1' FOR 'ann', Authentication failure`, of older ones without quotes.
fn login(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("FAILED LOGIN")?;
    let (_, rest) = rest.split_once(" FOR ")?;
    Some(rest.rsplit_once(", ").map_or(rest, |(name, _)| name).trim_matches('\''))
}

/// `FAILED SU (to root) ann on pts/0`: who was to become.
fn su(message: &str) -> Option<&str> {
    Some(message.strip_prefix("FAILED SU (to ")?.split_once(')')?.0)
}

/// `     ann : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls`.
fn sudo(message: &str) -> Option<(&str, usize)> {
    let (user, rest) = message.trim_start().split_once(" : ")?;
    let (attempts, rest) = rest.split_once(' ')?;
    rest.starts_with("incorrect password attempt").then_some(())?;
    Some((user, attempts.parse::<u16>().ok()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_its_own_words() {
        for (program, message, user, attempts) in [
            ("sshd", "Failed password for root from 192.0.2.7 port 4711 ssh2", "root", 1),
            ("sshd-session", "Failed password for invalid user a from b from 192.0.2.7 port 1 ssh2", "a from b", 1),
            ("sshd", "Failed keyboard-interactive/pam for ann from ::1 port 2 ssh2", "ann", 1),
            ("login", "FAILED LOGIN (1) on '/dev/tty1' FOR 'ann', Authentication failure", "ann", 1),
            ("login", "FAILED LOGIN SESSION FROM tty1 FOR UNKNOWN, User not known", "UNKNOWN", 1),
            ("su", "FAILED SU (to root) ann on pts/0", "root", 1),
            ("sudo", "     ann : 3 incorrect password attempts ; TTY=pts/0 ; USER=root ; COMMAND=/bin/ls", "ann", 3),
            ("sudo", "ann : 1 incorrect password attempt ; TTY=pts/0", "ann", 1),
        ] {
            assert_eq!(failure(program, message), Some(Failure { user: user.into(), attempts }), "{message}");
        }
        for (program, message) in [
            ("sshd", "Failed publickey for ann from 192.0.2.7 port 4711 ssh2"),
            ("sshd", "Accepted password for ann from 192.0.2.7 port 4711 ssh2"),
            ("sshd", "Failed"),
            ("sudo", "ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls"),
            ("sudo", "ann : 99999999 incorrect password attempts ; TTY=pts/0"),
            ("login", "ROOT LOGIN ON tty1"),
            ("cron", "Failed password for root from 192.0.2.7 port 1 ssh2"),
        ] {
            assert_eq!(failure(program, message), None, "{message}");
        }
    }

    #[test]
    fn only_the_program_itself_is_believed() {
        let line = |uid: &str, exe: &str| {
            let text = format!(
                "{{\"MESSAGE\":\"FAILED SU (to root) ann on pts/0\",\"SYSLOG_IDENTIFIER\":\"su\",\"_UID\":\"{uid}\",\"_EXE\":\"{exe}\"}}"
            );
            failures(text.as_bytes()).len()
        };
        assert_eq!((line("0", ""), line("1000", "/usr/bin/su"), line("1000", "/usr/bin/logger")), (1, 1, 0));
        let bytes: Vec<String> = b"FAILED SU (to \xff) ann on x".iter().map(ToString::to_string).collect();
        let line = format!("{{\"MESSAGE\":[{}],\"SYSLOG_IDENTIFIER\":\"su\",\"_UID\":\"0\"}}", bytes.join(","));
        assert_eq!(failures(line.as_bytes()), [Failure { user: "\u{fffd}".into(), attempts: 1 }]);
        assert_eq!(failures(b"{\"MESSAGE\":[1,2],\"SYSLOG_IDENTIFIER\":\"su\",\"_UID\":\"0\"}\n[]\nx\n\n"), []);
    }
}
