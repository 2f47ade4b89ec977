//! `account_activity`: who uses the accounts of this machine, and who no longer does, from wtmp(5) and lastlog(8), the expiry
//! in shadow(5), membership of wheel and sudo and the grants of sudoers(5), and enrolments of pam_u2f(8), pam_oath(8),
//! pam_yubico(8) and pam_google_authenticator(8).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::time::Span;

use super::utmp::{self, Record};
use super::{
    Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, identifier, optional, pam, reading, sudo,
};
use crate::accounts::{self, Account, Group, MAX_ACCOUNT_FILE, Shadow};

const DORMANT_AFTER: &str = "90d";
const DAY: i64 = 86_400;
/// Who logs in on more than half of so many days does their daily work there.
const DAYS: i64 = 14;
/// Groups whose members may become root.
const ADMIN_GROUPS: [&str; 2] = ["wheel", "sudo"];
/// SYS_UID_MAX of login.defs(5), and `nobody`.
const LAST_SERVICE: u32 = 999;
const NOBODY: u32 = 65_534;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "account_activity",
    about: "who uses the accounts of this machine, and who no longer does",
    parameters: &[optional("dormant_after", Kind::Span, "how long an account may go unused; default \"90d\"")],
    observation: &[
        field(
            "dormant_count",
            Kind::Int,
            "how many accounts that can log in were not used for longer; absent when the records do not reach back so far",
        ),
        identifier("dormant", Kind::List, "which those are"),
        field("expired_open_count", Kind::Int, "how many accounts are past their expiry and can still log in"),
        field(
            "admin_count",
            Kind::Int,
            "how many people may become root; this and the two counts of admins below are absent where a group may that no file \
             here lists",
        ),
        identifier("admins", Kind::List, "who they are"),
        field(
            "admins_daily_use_count",
            Kind::Int,
            "how many of them log in for daily work under the same account: on more than half of the last 14 days",
        ),
        field("admins_without_second_factor_count", Kind::Int, "how many of them have enrolled no second factor"),
        field("service_with_shell_count", Kind::Int, "how many accounts of services have a shell to log in to"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let default: Span = DORMANT_AFTER.parse().map_err(|e| Unseen::failed(DORMANT_AFTER, e))?;
    let dormant_after = parameters.optional_span("dormant_after")?.unwrap_or(default);
    Machine::read(&context.root)?.observe(&context.root, context.now.unix_millis() / 1000, dormant_after.seconds())
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let files = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers", "/etc/sudoers.d"];
    files.map(|file| Watch::Path(PathBuf::from(file))).into()
}

struct Machine {
    accounts: Vec<Account>,
    shadows: Vec<Shadow>,
    groups: Vec<Group>,
    /// None where none are kept.
    logins: Option<Vec<Record>>,
}

impl Machine {
    fn read(root: &Path) -> Result<Self, Unseen> {
        let file = |name: &str| {
            let path = root.join(name);
            let bytes = reading::read(&path, MAX_ACCOUNT_FILE).map_err(|e| Unseen::failed(path.display(), e))?;
            bytes.ok_or_else(|| Unseen::failed(path.display(), "it does not exist"))
        };
        let mut logins: Option<Vec<Record>> = None;
        for name in ["var/log/wtmp.1", "var/log/wtmp"] {
            if let Some(more) = utmp::read(&root.join(name))? {
                logins.get_or_insert_default().extend(more);
            }
        }
        Ok(Self {
            accounts: accounts::accounts(&file("etc/passwd")?),
            shadows: accounts::shadows(&file("etc/shadow")?),
            groups: accounts::groups(&file("etc/group")?),
            logins,
        })
    }

    fn observe(&self, root: &Path, now: i64, dormant_after: i64) -> Result<Observation, Unseen> {
        let open: Vec<&Account> = self.accounts.iter().filter(|account| self.can_log_in(root, account)).collect();
        let expired = open.iter().filter(|account| self.shadow(account).is_some_and(|s| is_past(s, now))).count();
        let admins = self.admins(root)?;
        let factors = Enrolments::read(root)?;
        let without = admins.names.iter().filter(|name| !factors.has(root, name, self.account(name))).count();
        let is_service = |account: &&Account| (1..=LAST_SERVICE).contains(&account.uid) || account.uid == NOBODY;
        let with_shell = self.accounts.iter().filter(is_service).filter(|account| account.has_shell()).count();
        let mut seen = Observation::new()
            .with("expired_open_count", count(expired))
            .with("admins", admins.names.iter().cloned().collect::<Vec<_>>())
            .with("service_with_shell_count", count(with_shell));
        if admins.are_all {
            seen.set("admin_count", count(admins.names.len()));
            seen.set("admins_without_second_factor_count", count(without));
        }
        if let Some(logins) = self.logins.as_ref().filter(|_| admins.are_all) {
            let daily = admins.names.iter().filter(|name| days_used(logins, name, now) > DAYS / 2).count();
            seen.set("admins_daily_use_count", count(daily));
        }
        if let Some(dormant) = self.dormant(root, &open, now - dormant_after) {
            seen.set("dormant_count", count(dormant.len()));
            seen.set("dormant", dormant);
        }
        Ok(seen)
    }

    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    fn shadow(&self, account: &Account) -> Option<&Shadow> {
        self.shadows.iter().find(|shadow| shadow.name == account.name)
    }

    /// Whether somebody can log in by a password or a key.
    fn can_log_in(&self, root: &Path, account: &Account) -> bool {
        // Without a line in /etc/shadow nobody knows the password.
        let open = account.open.unwrap_or_else(|| self.shadow(account).is_some_and(|shadow| shadow.open));
        account.has_shell() && (open || has_keys(root, account))
    }

    /// Accounts that were not used since; none when nobody can tell. Who never logged in counts from when the password was
    /// set: there is no other trace of when the account was made.
    fn dormant(&self, root: &Path, open: &[&Account], since: i64) -> Option<Vec<String>> {
        let lastlog = reading::open(&root.join("var/log/lastlog")).ok().flatten();
        let logins = self.logins.as_deref().unwrap_or_default();
        let reaches_back = lastlog.is_some() || logins.iter().any(|record| record.at <= since);
        let mut dormant = vec![];
        for account in open {
            let recorded = logins.iter().filter(|record| record.is_login() && record.user == account.name);
            let login = recorded.map(|record| record.at).max();
            let last = login.max(lastlog.as_ref().and_then(|file| utmp::last_login(file, account.uid)));
            let set = self.shadow(account).and_then(|shadow| shadow.changed).map(|day| day * DAY);
            if last.or(set).is_some_and(|used| used > since) {
                continue;
            }
            if last.is_none() && !reaches_back {
                return None;
            }
            dormant.push(account.name.clone());
        }
        Some(dormant)
    }

    /// Who may become root, but for root: members of the groups for that, who has a grant of sudo, and other accounts of
    /// its number. A name without an account here is somebody all the same, whom a directory knows.
    fn admins(&self, root: &Path) -> Result<Admins, Unseen> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut groups: BTreeSet<String> = ADMIN_GROUPS.map(str::to_owned).into();
        let mut are_all = true;
        for holder in sudo::read(root)?.map(|sudoers| sudoers.holders()).unwrap_or_default() {
            match holder.strip_prefix('%') {
                // Who is in these no file of this machine says.
                Some(directory) if directory.starts_with(':') => are_all = false,
                None if holder.starts_with('+') => are_all = false,
                Some(group) => drop(groups.insert(group.to_owned())),
                None => drop(names.insert(holder)),
            }
        }
        let everybody = names.remove("ALL");
        let is_meant = |name: &str, number: u32| groups.contains(name) || groups.contains(&format!("#{number}"));
        for group in self.groups.iter().filter(|group| is_meant(&group.name, group.gid)) {
            names.extend(group.members.iter().cloned());
        }
        for account in &self.accounts {
            let group = self.groups.iter().find(|group| group.gid == account.gid);
            let by_group = is_meant(group.map_or("", |group| &group.name), account.gid);
            let by_number = names.remove(&format!("#{}", account.uid));
            if account.uid == 0 || by_number || by_group || (everybody && account.has_shell()) {
                names.insert(account.name.clone());
            }
        }
        names.remove("root");
        Ok(Admins { names, are_all })
    }
}

struct Admins {
    names: BTreeSet<String>,
    /// Whether nobody else may be one.
    are_all: bool,
}

/// Whether the account is past its expiry.
fn is_past(shadow: &Shadow, now: i64) -> bool {
    shadow.expires.is_some_and(|day| day * DAY <= now)
}

/// On how many of the last days somebody logged in.
fn days_used(logins: &[Record], user: &str, now: i64) -> i64 {
    let recent = logins.iter().filter(|record| record.is_login() && record.user == user);
    let days: BTreeSet<i64> =
        recent.map(|record| (now - record.at) / DAY).filter(|ago| (0..DAYS).contains(ago)).collect();
    i64::try_from(days.len()).unwrap_or(DAYS)
}

fn has_keys(root: &Path, account: &Account) -> bool {
    let home = root.join(account.home.trim_start_matches('/'));
    let central = root.join("etc/ssh/authorized_keys.d").join(&account.name);
    [home.join(".ssh/authorized_keys"), home.join(".ssh/authorized_keys2"), central].iter().any(|file| is_filled(file))
}

/// Whether a regular file with something in it stands there.
fn is_filled(path: &Path) -> bool {
    reading::open(path).ok().flatten().and_then(|file| file.metadata().ok()).is_some_and(|facts| facts.len() > 0)
}

/// Who has a second factor by the files that one list of all keeps.
struct Enrolments(BTreeSet<String>);

impl Enrolments {
    fn read(root: &Path) -> Result<Self, Unseen> {
        let mut names = BTreeSet::new();
        let lists = [
            ("pam_u2f.so", "authfile=", "/etc/u2f_mappings"),
            ("pam_yubico.so", "authfile=", "/etc/yubikey_mappings"),
            ("pam_oath.so", "usersfile=", "/etc/users.oath"),
        ];
        for (module, argument, default) in lists {
            let mut files: BTreeSet<String> = pam::arguments_of(root, module)?
                .iter()
                .filter_map(|given| Some(given.strip_prefix(argument)?.to_owned()))
                .filter(|file| file.starts_with('/') && !file.contains("%u"))
                .collect();
            files.insert(default.to_owned());
            for file in files {
                let text = reading::text(&root.join(file.trim_start_matches('/')))?.unwrap_or_default();
                let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
                names.extend(lines.filter_map(|line| enrolled(module, line)));
            }
        }
        Ok(Self(names))
    }

    fn has(&self, root: &Path, name: &str, account: Option<&Account>) -> bool {
        let home = account.map(|account| reading::below(root, &account.home));
        let own = [".config/Yubico/u2f_keys", ".yubico/authorized_yubikeys", ".google_authenticator"];
        self.0.contains(name) || home.is_some_and(|home| own.iter().any(|file| is_filled(&home.join(file))))
    }
}

/// Who a line enrols: `name:key…`, of pam_oath `HOTP/T30 name pin secret`.
fn enrolled(module: &str, line: &str) -> Option<String> {
    let (name, key) = match module {
        "pam_oath.so" => {
            let mut words = line.split_whitespace().skip(1);
            (words.next()?, words.nth(1)?)
        }
        _ => line.split_once(':')?,
    };
    (!name.is_empty() && !key.trim().is_empty()).then(|| name.trim().to_owned())
}

#[cfg(test)]
mod tests;
