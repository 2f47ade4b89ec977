//! `pam`: what one PAM service demands, from /etc/pam.d with its includes (pam.d(5)), faillock.conf(5), pwquality.conf(5),
//! pwhistory.conf(5) and login.defs(5).
//!
//! What a service demands is not which modules its lines name, but what comes of them: a rule that is optional, or that
//! another line passes by, demands nothing. So the stack is run as libpam runs it, with modules that return what is asked
//! about, for instance "the password is right, the second factor is not".

mod dispatch;
pub(super) mod settings;
mod stack;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use self::dispatch::{AUTH_ERR, IGNORE, SUCCESS, dispatch};
use self::settings::{Settings, number};
use self::stack::{Facility, Line, Runs, Stacks};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, required};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "pam",
    about: "what one PAM service demands",
    parameters: &[required("service", Kind::Text, "the service, for instance \"passwd\", \"login\" or \"sshd\"")
        .form(Form::FileName)],
    observation: &[
        field("modules", Kind::List, "modules of its stack, each once, sorted"),
        field("lockout_failures", Kind::Int, "after how many failures an account is locked; 0 is never"),
        field("lockout_seconds", Kind::Int, "for how long; 0 is until a person unlocks it"),
        field("lockout_root", Kind::Bool, "whether that holds for root too"),
        field("min_length", Kind::Int, "shortest password that it takes"),
        field("min_classes", Kind::Int, "fewest classes of characters that a password must have"),
        field("history_count", Kind::Int, "how many earlier passwords are refused"),
        field("hash_algorithm", Kind::Text, "how a new password is stored, for instance yescrypt"),
        field("null_passwords", Kind::Bool, "whether an empty password is taken"),
        field("second_factor", Kind::Bool, "whether a password alone does not suffice"),
        field("shows_last_login", Kind::Bool, "whether the last log-in is shown after logging in"),
    ],
};

const FAILLOCK: &str = "pam_faillock.so";
const FAILLOCK_CONF: [&str; 2] = ["usr/etc/security/faillock.conf", "etc/security/faillock.conf"];
const UNIX: &str = "pam_unix.so";

/// Modules that ask for a password.
const PASSWORDS: [&str; 7] =
    [UNIX, "pam_sss.so", "pam_ldap.so", "pam_krb5.so", "pam_winbind.so", "pam_systemd_home.so", "pam_userdb.so"];

/// Modules that ask for something that is no password: a key, a code, a card, a finger.
const FACTORS: [&str; 11] = [
    "pam_u2f.so",
    "pam_oath.so",
    "pam_google_authenticator.so",
    "pam_yubico.so",
    "pam_duo.so",
    "pam_p11.so",
    "pam_pkcs11.so",
    "pam_fprintd.so",
    "pam_ssh_agent_auth.so",
    "pam_rssh.so",
    "pam_otpw.so",
];

/// Modules of `auth` that ask for nothing and let an ordinary account of this machine pass.
const ASK_NOTHING: [&str; 18] = [
    "pam_permit.so",
    "pam_env.so",
    "pam_faildelay.so",
    "pam_group.so",
    "pam_nologin.so",
    "pam_securetty.so",
    "pam_localuser.so",
    "pam_shells.so",
    "pam_access.so",
    "pam_time.so",
    "pam_listfile.so",
    "pam_limits.so",
    "pam_loginuid.so",
    "pam_usertype.so",
    "pam_keyinit.so",
    "pam_mount.so",
    "pam_kwallet5.so",
    "pam_gnome_keyring.so",
];

/// Modules of `auth` whose word is never counted for a person of this machine.
const SAY_NOTHING: [&str; 5] = ["pam_cap.so", "pam_warn.so", "pam_issue.so", "pam_echo.so", "pam_debug.so"];

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&context.root, parameters.text("service")?)
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let places = ["/etc/pam.d", "/etc/security", "/etc/login.defs"];
    places.map(|place| Watch::Path(PathBuf::from(place))).into()
}

/// What the service demands below a root.
fn observe(root: &Path, service: &str) -> Result<Observation, Unseen> {
    if service.is_empty() || service.contains(['/', '\0']) || service == ".." || service == "." {
        return Err(Unseen::failed("parameter service", "expected a name without \"/\", such as \"login\""));
    }
    if !root.join("etc/pam.d").is_dir() {
        return Err(Unseen::not_applicable("PAM is not set up: /etc/pam.d does not exist"));
    }
    demands(root, &stack::read(root, service)?)
}

/// What the lines of one file demand that includes nothing.
pub(super) fn observe_bytes(bytes: &[u8]) -> Result<Observation, Unseen> {
    let nowhere = Path::new("/nowhere/at/all");
    demands(nowhere, &stack::of_text(nowhere, &String::from_utf8_lossy(bytes))?)
}

fn demands(root: &Path, stacks: &Stacks) -> Result<Observation, Unseen> {
    let lines = |facility| stacks.get(&facility).map(Vec::as_slice).unwrap_or_default();
    let (auth, password, session) = (lines(Facility::Auth), lines(Facility::Password), lines(Facility::Session));
    let mut seen = Observation::new()
        .with("modules", modules(stacks))
        .with("null_passwords", takes_empty(auth))
        .with("shows_last_login", shows_last_login(session))
        .with("history_count", history(root, password)?);
    if let Some(needed) = second_factor(auth) {
        seen.set("second_factor", needed);
    }
    lockout(root, auth, &mut seen)?;
    new_passwords(root, password, &mut seen)?;
    if let Some(algorithm) = hash_algorithm(root, password)? {
        seen.set("hash_algorithm", algorithm);
    }
    Ok(seen)
}

/// Services by which people log in or become root.
const OF_PEOPLE: [&str; 5] = ["login", "sshd", "sudo", "su", "passwd"];

/// The arguments that a module is given, in any service of people, all in one.
pub(super) fn arguments_of(root: &Path, module: &str) -> Result<Vec<String>, Unseen> {
    let mut all = vec![];
    for service in OF_PEOPLE {
        let stacks = stack::read(root, service)?;
        let lines = stacks.values().flatten().filter_map(|line| line.arguments_of(module));
        all.extend(lines.flatten().cloned());
    }
    Ok(all)
}

/// What pam_faillock is set to by the first service that has it; none when none has.
pub(super) fn faillock(root: &Path) -> Result<Option<Settings>, Unseen> {
    for service in OF_PEOPLE {
        let stacks = stack::read(root, service)?;
        if let Some(arguments) =
            stacks.get(&Facility::Auth).into_iter().flatten().find_map(|l| l.arguments_of(FAILLOCK))
        {
            return settings::of(root, &FAILLOCK_CONF, arguments).map(Some);
        }
    }
    Ok(None)
}

fn modules(stacks: &Stacks) -> Vec<String> {
    let names = stacks.values().flatten().filter_map(|line| match &line.runs {
        Runs::Module { name, .. } => Some(name.clone()),
        Runs::Substack | Runs::Malformed => None,
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What a module of `auth` returns to an ordinary user whose password is right and who has nothing else; of one that this
/// version does not know, what `unknown` says.
fn with_password_alone(module: &str, arguments: &[String], unknown: &'static str) -> &'static str {
    match module {
        _ if PASSWORDS.contains(&module) || ASK_NOTHING.contains(&module) => SUCCESS,
        _ if SAY_NOTHING.contains(&module) => IGNORE,
        // Whoever has not enrolled passes by the factor, and it is not known who has.
        _ if FACTORS.contains(&module) && says(arguments, &["nullok"]) => IGNORE,
        _ if FACTORS.contains(&module) && says(arguments, &["nouserok"]) => SUCCESS,
        _ if FACTORS.contains(&module) => AUTH_ERR,
        // It counts failures; to its user a line of failures is never reached with the right password.
        FAILLOCK => SUCCESS,
        "pam_deny.so" | "pam_rootok.so" | "pam_rhosts.so" | "pam_timestamp.so" => AUTH_ERR,
        "pam_wheel.so" if arguments.iter().any(|argument| argument == "trust") => SUCCESS,
        "pam_wheel.so" => IGNORE,
        _ => unknown,
    }
}

fn says(arguments: &[String], words: &[&str]) -> bool {
    arguments.iter().any(|argument| words.contains(&argument.as_str()))
}

/// Whether a password alone does not suffice; none when that depends on a module that this version does not know.
fn second_factor(auth: &[Line]) -> Option<bool> {
    let passes = |unknown| dispatch(auth, |_, name, arguments| with_password_alone(name, arguments, unknown)).passes;
    let (generous, strict) = (passes(SUCCESS), passes(AUTH_ERR));
    (generous == strict).then_some(!generous)
}

/// Whether somebody who types nothing passes where the account has an empty password, or where nothing asks.
fn takes_empty(auth: &[Line]) -> bool {
    let returned = |_: usize, name: &str, arguments: &[String]| match name {
        UNIX if arguments.iter().any(|argument| argument == "nullok" || argument == "nullok_secure") => SUCCESS,
        _ if PASSWORDS.contains(&name) => AUTH_ERR,
        // Whatever else the line asks for, the empty password was taken.
        _ if FACTORS.contains(&name) => SUCCESS,
        _ => with_password_alone(name, arguments, SUCCESS),
    };
    dispatch(auth, returned).passes
}

/// After how many failures an account is locked. It is when a wrong password is counted, and an account over the limit
/// does not pass although its password is right.
fn lockout(root: &Path, auth: &[Line], seen: &mut Observation) -> Result<(), Unseen> {
    let part = |place: usize, word: &str| {
        auth[place].arguments_of(FAILLOCK).is_some_and(|arguments| arguments.iter().any(|argument| argument == word))
    };
    let wrong = dispatch(auth, |place, name, arguments| match name {
        FAILLOCK if part(place, "authfail") => IGNORE,
        _ if PASSWORDS.contains(&name) => AUTH_ERR,
        _ => with_password_alone(name, arguments, SUCCESS),
    });
    let counted: Vec<usize> = wrong.called.iter().copied().filter(|place| part(*place, "authfail")).collect();
    let locked = dispatch(auth, |_, name, arguments| match name {
        FAILLOCK => AUTH_ERR,
        _ if FACTORS.contains(&name) => SUCCESS,
        _ => with_password_alone(name, arguments, SUCCESS),
    });
    let asked: Vec<usize> =
        locked.called.into_iter().filter(|place| part(*place, "preauth") || part(*place, "authsucc")).collect();
    if counted.is_empty() || asked.is_empty() || locked.passes {
        seen.set("lockout_failures", 0);
        return Ok(());
    }
    let settings = asked
        .iter()
        .map(|place| settings::of(root, &FAILLOCK_CONF, auth[*place].arguments_of(FAILLOCK).unwrap_or_default()));
    let settings: Vec<Settings> = settings.collect::<Result<_, _>>()?;
    // Lines that differ: the mildest counts.
    let failures = settings.iter().map(|line| number(line, "deny").unwrap_or(3).max(0));
    seen.set("lockout_failures", if failures.clone().any(|n| n == 0) { 0 } else { failures.max().unwrap_or(0) });
    let lasts = settings.iter().map(unlock_seconds);
    seen.set("lockout_seconds", lasts.clone().filter(|n| *n > 0).min().unwrap_or(0));
    let for_root = |line: &Settings| line.contains_key("even_deny_root") || line.contains_key("root_unlock_time");
    seen.set("lockout_root", settings.iter().all(for_root));
    Ok(())
}

/// For how long an account is locked; 0 is until a person unlocks it.
pub(super) fn unlock_seconds(settings: &Settings) -> i64 {
    match settings.get("unlock_time").map(String::as_str) {
        Some("never") => 0,
        Some(_) => number(settings, "unlock_time").unwrap_or(600).max(0),
        None => 600,
    }
}

/// Whether a password that this line refuses is refused by the stack.
fn enforced(stack: &[Line], place: usize) -> bool {
    let outcome = dispatch(stack, |at, name, _| match name {
        _ if at == place => "authtok_err",
        "pam_deny.so" => "authtok_err",
        _ => SUCCESS,
    });
    outcome.called.contains(&place) && !outcome.passes
}

/// The arguments of the lines of a module that its stack obeys.
fn obeyed<'a>(stack: &'a [Line], module: &'a str) -> impl Iterator<Item = &'a [String]> {
    let lines = stack.iter().enumerate().filter_map(move |(place, line)| Some((place, line.arguments_of(module)?)));
    lines.filter(|(place, _)| enforced(stack, *place)).map(|(_, arguments)| arguments)
}

/// What a new password must be: the strictest of the lines that are obeyed, for each has to be passed. Of modules that
/// measure otherwise this version says nothing.
fn new_passwords(root: &Path, password: &[Line], seen: &mut Observation) -> Result<(), Unseen> {
    let other =
        |line: &Line| ["pam_cracklib.so", "pam_passwdqc.so"].iter().any(|module| line.arguments_of(module).is_some());
    if password.iter().any(other) {
        return Ok(());
    }
    let (mut length, mut classes) = (0, 0);
    // What pam_unix refuses it does not store, whatever the stack makes of that. Without a setting it wants six characters.
    for arguments in password.iter().filter_map(|line| line.arguments_of(UNIX)) {
        let given: Settings = settings::parse(&arguments.join("\n"));
        length = length.max(number(&given, "minlen").unwrap_or(6));
    }
    for arguments in obeyed(password, "pam_pwquality.so") {
        let quality = settings::of(root, &["etc/security/pwquality.conf"], arguments)?;
        if number(&quality, "enforcing") == Some(0) {
            continue;
        }
        let credits = ["dcredit", "ucredit", "lcredit", "ocredit"].map(|name| number(&quality, name).unwrap_or(0));
        // A credit makes a password shorter that has characters of a class; a negative one demands them. libpwquality
        // takes nothing below 6.
        let shorter: i64 = credits.iter().filter(|credit| **credit > 0).sum();
        let demanded = credits.iter().filter(|credit| **credit < 0).count();
        let least = number(&quality, "minlen").unwrap_or(8).max(6);
        length = length.max((least - shorter).max(1));
        let demanded = i64::try_from(demanded).unwrap_or(4);
        classes = classes.max(number(&quality, "minclass").unwrap_or(0)).max(demanded);
    }
    if !password.is_empty() {
        seen.set("min_length", length);
        seen.set("min_classes", classes);
    }
    Ok(())
}

/// How many earlier passwords are refused.
fn history(root: &Path, password: &[Line]) -> Result<i64, Unseen> {
    let mut most = 0;
    for arguments in obeyed(password, "pam_pwhistory.so") {
        let history = settings::of(root, &["etc/security/pwhistory.conf"], arguments)?;
        most = most.max(number(&history, "remember").unwrap_or(10));
    }
    for arguments in password.iter().filter_map(|line| line.arguments_of(UNIX)) {
        let given = settings::parse(&arguments.join("\n"));
        most = most.max(number(&given, "remember").unwrap_or(0));
    }
    Ok(most)
}

/// How pam_unix stores a new password: as its line says, or login.defs; none where it is not asked.
fn hash_algorithm(root: &Path, password: &[Line]) -> Result<Option<String>, Unseen> {
    const ALGORITHMS: [&str; 8] =
        ["gost_yescrypt", "yescrypt", "blowfish", "sha512", "sha256", "bigcrypt", "md5", "des"];
    let Some(arguments) = password.iter().find_map(|line| line.arguments_of(UNIX)) else { return Ok(None) };
    let given = arguments.iter().rev().find(|argument| ALGORITHMS.contains(&argument.as_str()));
    let default = settings::login_defs(root, "ENCRYPT_METHOD")?.unwrap_or_default().to_ascii_lowercase();
    let known = ALGORITHMS.iter().find(|name| **name == default).copied();
    Ok(Some(given.map_or(known.unwrap_or("des"), String::as_str).to_owned()))
}

fn shows_last_login(session: &[Line]) -> bool {
    let shows = |module: &str, arguments: &[String]| {
        matches!(module, "pam_lastlog.so" | "pam_lastlog2.so") && !arguments.iter().any(|argument| argument == "silent")
    };
    let outcome = dispatch(session, |_, name, _| if name == "pam_deny.so" { AUTH_ERR } else { SUCCESS });
    outcome.called.iter().any(|place| match &session[*place].runs {
        Runs::Module { name, arguments } => shows(name, arguments),
        Runs::Substack | Runs::Malformed => false,
    })
}

#[cfg(test)]
mod tests;
