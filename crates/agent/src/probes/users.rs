//! `users`: accounts and the ageing of their passwords, from /etc/passwd and /etc/shadow (passwd(5), shadow(5)).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, identifier};
use crate::accounts::MAX_ACCOUNT_FILE;

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";

/// A password without a limit: what shadow(5) tools write for "never".
const NEVER: i64 = 99_999;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "users",
    about: "accounts and the ageing of their passwords; what /etc/shadow tells is absent when it cannot be read",
    parameters: &[],
    observation: &[
        identifier("login_users", Kind::List, "accounts with a shell to log in to"),
        identifier("uid_zero_users", Kind::List, "accounts with root's number"),
        field("uid_zero_count", Kind::Int, "how many accounts have root's number"),
        field("duplicate_uid_count", Kind::Int, "how many accounts have a number that an earlier one has"),
        field("empty_password_count", Kind::Int, "how many accounts need no password"),
        field("password_count", Kind::Int, "how many accounts have a password that is not locked"),
        field(
            "password_max_days_worst",
            Kind::Int,
            "longest life of those passwords; 99999 is for ever, 0 when there are none",
        )
        .between(0, NEVER),
        field("malformed_lines", Kind::Int, "lines of either file that are no accounts").between(0, i64::MAX),
    ],
};

fn run(_: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    let passwd =
        writ_durable::read_bounded(Path::new(PASSWD), MAX_ACCOUNT_FILE).map_err(|e| Unseen::failed(PASSWD, e))?;
    let shadow = writ_durable::read_bounded(Path::new(SHADOW), MAX_ACCOUNT_FILE).ok();
    Ok(observe(&passwd, shadow.as_deref()))
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    [PASSWD, SHADOW].map(|file| Watch::Path(PathBuf::from(file))).into()
}

/// One account of /etc/passwd.
struct Account {
    name: String,
    password: String,
    uid: u32,
    shell: String,
}

impl Account {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, password, uid, gid, _, _, shell] = fields.as_slice() else { return None };
        gid.parse::<u32>().ok()?;
        let sound = !name.is_empty();
        let uid = uid.parse().ok()?;
        sound.then(|| Self { name: (*name).into(), password: (*password).into(), uid, shell: (*shell).into() })
    }

    fn may_log_in(&self) -> bool {
        let program = self.shell.rsplit('/').next().unwrap_or("");
        !matches!(program, "nologin" | "false" | "true" | "sync" | "shutdown" | "halt")
    }
}

/// One password of /etc/shadow.
struct Password {
    name: String,
    hash: String,
    max_days: i64,
}

impl Password {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, hash, _, _, max, ..] = fields.as_slice() else { return None };
        let max_days = if max.is_empty() { NEVER } else { max.parse::<i64>().ok()? };
        // A negative number switches ageing off, as an empty field does.
        let max_days = if (0..=NEVER).contains(&max_days) { max_days } else { NEVER };
        (!name.is_empty()).then(|| Self { name: (*name).into(), hash: (*hash).into(), max_days })
    }

    /// `!` and `*` at the beginning are no hash: nothing that is typed matches.
    fn is_open(&self) -> bool {
        !self.hash.is_empty() && !self.hash.starts_with(['!', '*'])
    }
}

pub(super) fn observe(passwd: &[u8], shadow: Option<&[u8]>) -> Observation {
    let (accounts, mut malformed) = parse_lines(passwd, Account::parse);
    let names =
        |accept: fn(&&Account) -> bool| accounts.iter().filter(accept).map(|a| a.name.clone()).collect::<Vec<_>>();
    let zero = names(|a| a.uid == 0);
    let mut seen = Observation::new()
        .with("uid_zero_count", count(zero.len()))
        .with("uid_zero_users", zero)
        .with("login_users", names(|a| a.may_log_in()))
        .with("duplicate_uid_count", count(duplicates(&accounts)));
    if let Some(shadow) = shadow {
        let (passwords, malformed_too) = parse_lines(shadow, Password::parse);
        malformed += malformed_too;
        let open: Vec<_> = passwords.iter().filter(|p| p.is_open()).collect();
        seen.set("empty_password_count", count(empty_passwords(&accounts, &passwords)));
        seen.set("password_count", count(open.len()));
        seen.set("password_max_days_worst", open.iter().map(|p| p.max_days).max().unwrap_or(0));
    }
    seen.with("malformed_lines", count(malformed))
}

/// Accounts whose number an earlier one has.
fn duplicates(accounts: &[Account]) -> usize {
    let mut by_uid: BTreeMap<u32, usize> = BTreeMap::new();
    for account in accounts {
        *by_uid.entry(account.uid).or_default() += 1;
    }
    by_uid.values().map(|n| n - 1).sum()
}

/// Accounts that need no password: an `x` in passwd refers to shadow, where an empty field is no password; an empty
/// field in passwd itself is one too.
fn empty_passwords(accounts: &[Account], passwords: &[Password]) -> usize {
    let empty = |a: &&Account| match a.password.as_str() {
        "" => true,
        "x" => passwords.iter().find(|p| p.name == a.name).is_some_and(|p| p.hash.is_empty()),
        _ => false,
    };
    accounts.iter().filter(empty).count()
}

/// What the lines hold, and how many hold something else. Empty lines and comments are neither.
fn parse_lines<T>(bytes: &[u8], parse: impl Fn(&str) -> Option<T>) -> (Vec<T>, usize) {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let (mut good, mut bad) = (vec![], 0);
    for line in lines {
        match parse(line) {
            Some(item) => good.push(item),
            None => bad += 1,
        }
    }
    (good, bad)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/usr/sbin/nologin
ann:x:1000:1000:Ann,,,:/home/ann:/run/current-system/sw/bin/bash\nben::1001:1001::/home/ben:\ncat:x:1000:1::/:/bin/false\n";
    const SHADOW: &[u8] = b"root:$6$x$y:19000:0:90:7:::\ntoor::19000::::::\ndaemon:*:19000:0:99999:7:::
ann:$y$j9T$z:19000:0::7:::\nben:!$6$a:1:0:99999:7:::\n";

    fn shown(seen: &Observation, name: &str) -> String {
        seen.get(name).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn accounts_and_passwords_are_counted() {
        let seen = observe(PASSWD, Some(SHADOW));
        assert_eq!(shown(&seen, "login_users"), r#"["root", "toor", "ann", "ben"]"#);
        assert_eq!(shown(&seen, "uid_zero_users"), r#"["root", "toor"]"#);
        assert_eq!(shown(&seen, "uid_zero_count"), "2");
        assert_eq!(shown(&seen, "duplicate_uid_count"), "2");
        assert_eq!(shown(&seen, "empty_password_count"), "2");
        assert_eq!(shown(&seen, "password_count"), "2");
        assert_eq!(shown(&seen, "password_max_days_worst"), "99999");
        assert_eq!(shown(&seen, "malformed_lines"), "0");
    }

    #[test]
    fn what_only_shadow_tells_is_absent_without_it() {
        let seen = observe(PASSWD, None);
        for field in ["empty_password_count", "password_count", "password_max_days_worst"] {
            assert_eq!(seen.get(field), None, "{field}");
        }
        assert_eq!(shown(&observe(b"", Some(b"a:*:1:0:90:::\n")), "password_max_days_worst"), "0");
        assert_eq!(shown(&observe(b"", Some(b"a:h:1:0:90:::\nb:h:1:0:30:::\n")), "password_max_days_worst"), "90");
        assert_eq!(shown(&observe(b"", Some(b"a:h:1:0:-1:::\n")), "password_max_days_worst"), "99999");
    }

    #[test]
    fn hostile_lines_are_counted_and_harm_nothing() {
        for odd in [
            "x",
            ":::::::",
            ":x:0:0:::/bin/sh",
            "a:x:-1:0:::/bin/sh",
            "a:x:0:x:::/bin/sh",
            "a:x:4294967296:0:::",
            "a:x:0:0::/",
            "a:x:0:0:::/bin/sh:more",
            "\u{0}",
        ] {
            let seen = observe(odd.as_bytes(), None);
            assert_eq!(shown(&seen, "malformed_lines"), "1", "{odd}");
            assert_eq!(shown(&seen, "uid_zero_count"), "0", "{odd}");
        }
        for odd in ["x", "a:b", "a:b:c:d", ":h:1:0:90", "a:h:1:0:many", "a:h:1:0:9999999999999999999999"] {
            assert_eq!(shown(&observe(b"", Some(odd.as_bytes())), "malformed_lines"), "1", "{odd}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(passwd in any::<Vec<u8>>(), shadow in any::<Vec<u8>>(), line in "[a-z:0-9*!\n]{0,60}") {
            prop_assert!(SCHEMA.unpromised(&observe(&passwd, Some(&shadow))).is_empty());
            prop_assert!(SCHEMA.unpromised(&observe(line.as_bytes(), Some(line.as_bytes()))).is_empty());
        }
    }
}
