//! One line of sudoers: settings, an alias, or who may run what (sudoers(5), "SUDOERS FILE FORMAT"). It must agree with
//! sudo's own cvtsudoers on what it means, and with visudo on what is no rule.

use super::cursor::Cursor;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Settings, and for whom alone; none is for all.
    Defaults { scope: Option<String>, settings: Vec<Setting> },
    /// Names for lists of users; those of hosts, commands and targets change nothing here.
    Users(Vec<(String, Vec<Member>)>),
    /// Another alias.
    Alias,
    /// Who may run what.
    Grants(Vec<Grant>),
}

/// One setting of `Defaults`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub name: String,
    /// Whether a `!` stands before it.
    pub off: bool,
    pub value: Option<String>,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub name: String,
    pub negated: bool,
}

/// One command that may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub users: Vec<Member>,
    /// Whether a password is asked; none where the line does not say.
    pub password: Option<bool>,
    pub not_before: Option<String>,
    pub not_after: Option<String>,
    pub command: String,
    pub negated: bool,
}

const TAGS: [&str; 16] = [
    "EXEC",
    "NOEXEC",
    "FOLLOW",
    "NOFOLLOW",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "MAIL",
    "NOMAIL",
    "INTERCEPT",
    "NOINTERCEPT",
    "PASSWD",
    "NOPASSWD",
    "SETENV",
    "NOSETENV",
];
const OPTIONS: [&str; 10] =
    ["ROLE", "TYPE", "PRIVS", "LIMITPRIVS", "APPARMOR_PROFILE", "NOTBEFORE", "NOTAFTER", "TIMEOUT", "CWD", "CHROOT"];

/// Reads a line; none when it is no rule.
pub(super) fn parse(line: &str) -> Option<Line> {
    let mut at = Cursor::new(line);
    if let Some(rest) = at.keyword("Defaults") {
        return defaults(rest);
    }
    let aliases = ["User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias"];
    for name in aliases {
        if let Some(rest) = at.keyword(name).filter(|rest| rest.starts_with([' ', '\t'])) {
            return alias(name, Cursor::new(rest));
        }
    }
    grants(&mut at).map(Line::Grants)
}

fn defaults(rest: &str) -> Option<Line> {
    let (scope, rest) = match rest.chars().next()? {
        ' ' | '\t' => (None, rest),
        mark @ ('@' | ':' | '!' | '>') => {
            let mut at = Cursor::new(&rest[1..]);
            let begins = at.rest;
            match mark {
                '!' => drop(list(&mut at, |at| at.bare_command())?),
                '@' => drop(hosts(&mut at)?),
                _ => drop(members(&mut at)?),
            }
            let scope = &begins[..begins.len() - at.rest.len()];
            (Some(format!("{mark}{}", scope.trim())), at.rest)
        }
        _ => return None,
    };
    let mut at = Cursor::new(rest);
    let mut settings = vec![];
    loop {
        let off = at.bangs();
        let name = at.name()?;
        let value = match at.eat_operator() {
            Some(()) if off => return None,
            Some(()) => Some(at.value()?),
            None => None,
        };
        settings.push(Setting { name, off, value });
        if at.end() {
            return Some(Line::Defaults { scope, settings });
        }
        at.eat(',').then_some(())?;
    }
}

fn alias(kind: &str, mut at: Cursor) -> Option<Line> {
    let mut users = vec![];
    loop {
        let name = at.name().filter(|name| is_alias(name))?;
        at.eat('=').then_some(())?;
        match kind {
            "User_Alias" => users.push((name, members(&mut at)?)),
            "Host_Alias" => drop(hosts(&mut at)?),
            "Runas_Alias" => drop(members(&mut at)?),
            _ => drop(commands(&mut at)?),
        }
        if at.end() {
            return Some(if kind == "User_Alias" { Line::Users(users) } else { Line::Alias });
        }
        at.eat(':').then_some(())?;
    }
}

pub(super) fn is_alias(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_uppercase())
        && characters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn members(at: &mut Cursor) -> Option<Vec<Member>> {
    list(at, |at| at.word())
}

fn hosts(at: &mut Cursor) -> Option<Vec<Member>> {
    list(at, |at| at.host())
}

fn commands(at: &mut Cursor) -> Option<Vec<Member>> {
    list(at, |at| at.command())
}

fn list(at: &mut Cursor, item: impl Fn(&mut Cursor) -> Option<String>) -> Option<Vec<Member>> {
    let mut all = vec![];
    loop {
        let negated = at.bangs();
        all.push(Member { name: item(at)?, negated });
        if !at.eat(',') {
            return Some(all);
        }
    }
}

fn grants(at: &mut Cursor) -> Option<Vec<Grant>> {
    let users = members(at)?;
    let mut grants = vec![];
    loop {
        hosts(at)?;
        at.eat('=').then_some(())?;
        grants.extend(specifications(at, &users)?);
        if at.end() {
            return Some(grants);
        }
        at.eat(':').then_some(())?;
    }
}

/// The commands of one `=`. What is said before one holds for those behind it too, until it is said otherwise.
fn specifications(at: &mut Cursor, users: &[Member]) -> Option<Vec<Grant>> {
    let mut grants = vec![];
    let (mut password, mut not_before, mut not_after) = (None, None, None);
    loop {
        if at.eat('(') {
            targets(at)?;
        }
        while let Some(option) = at.option(&OPTIONS) {
            let value = at.value()?;
            match option {
                "NOTBEFORE" => not_before = Some(value),
                "NOTAFTER" => not_after = Some(value),
                _ => {}
            }
        }
        while let Some(tag) = at.tag(&TAGS) {
            match tag {
                "PASSWD" => password = Some(true),
                "NOPASSWD" => password = Some(false),
                _ => {}
            }
        }
        let negated = at.bangs();
        let command = at.command()?;
        let (not_before, not_after) = (not_before.clone(), not_after.clone());
        grants.push(Grant { users: users.to_vec(), password, not_before, not_after, command, negated });
        if !at.eat(',') {
            return Some(grants);
        }
    }
}

/// `(users : groups)`, either of which may be left out.
fn targets(at: &mut Cursor) -> Option<()> {
    if !at.sees(':') && !at.sees(')') {
        members(at)?;
    }
    if at.eat(':') && !at.sees(')') {
        members(at)?;
    }
    at.eat(')').then_some(())
}
