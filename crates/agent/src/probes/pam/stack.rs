//! The lines of a PAM service in the order in which libpam runs them (pam.d(5)), with what they include.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_trust::text::one_line;

use super::super::Unseen;
use super::super::reading;

/// How deep files may include one another: PAM_SUBSTACK_MAX_LEVEL of libpam.
const MAX_DEPTH: usize = 16;
/// How many files and lines one service may have in all.
const MAX_FILES: usize = 256;
const MAX_LINES: usize = 4096;

/// Where services are, the folder that wins first.
const FOLDERS: [&str; 3] = ["etc/pam.d", "usr/lib/pam.d", "usr/share/pam.d"];

/// What PAM is asked for: one stack of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Facility {
    Auth,
    Account,
    Session,
    Password,
}

impl Facility {
    pub(super) const ALL: [Self; 4] = [Self::Auth, Self::Account, Self::Session, Self::Password];

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "auth" => Some(Self::Auth),
            "account" => Some(Self::Account),
            "session" => Some(Self::Session),
            "password" => Some(Self::Password),
            _ => None,
        }
    }
}

/// What follows from what a module returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    Skip(usize),
}

/// What a line does for each return value; what is not named is bad, as libpam has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Control(BTreeMap<String, Action>);

impl Control {
    fn keyword(text: &str) -> Option<Self> {
        let words = match text.to_ascii_lowercase().as_str() {
            "required" => "success=ok new_authtok_reqd=ok ignore=ignore default=bad",
            "requisite" => "success=ok new_authtok_reqd=ok ignore=ignore default=die",
            "sufficient" => "success=done new_authtok_reqd=done default=ignore",
            "optional" => "success=ok new_authtok_reqd=ok default=ignore",
            _ => return None,
        };
        Self::parse(words)
    }

    fn parse(words: &str) -> Option<Self> {
        let pair = |word: &str| {
            let (value, action) = word.split_once('=')?;
            let action = match action {
                "ignore" => Action::Ignore,
                "ok" => Action::Ok,
                "done" => Action::Done,
                "bad" => Action::Bad,
                "die" => Action::Die,
                "reset" => Action::Reset,
                number => match number.parse::<u16>().ok()? {
                    0 => Action::Ignore,
                    lines => Action::Skip(lines.into()),
                },
            };
            Some((value.to_owned(), action))
        };
        words.split_whitespace().map(pair).collect::<Option<_>>().map(Self)
    }

    /// What follows from this return value.
    pub(super) fn action(&self, returned: &str) -> Action {
        self.0.get(returned).or_else(|| self.0.get("default")).copied().unwrap_or(Action::Bad)
    }
}

/// One line of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// How many substacks it is in.
    pub level: usize,
    pub control: Control,
    pub runs: Runs,
}

/// What a line runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Runs {
    /// This module, by the name of its file, with these arguments.
    Module { name: String, arguments: Vec<String> },
    /// The lines that follow one level deeper.
    Substack,
    /// Nothing: libpam could not read it, and lets it fail.
    Malformed,
}

impl Line {
    /// The arguments, if it runs this module.
    pub(super) fn arguments_of(&self, module: &str) -> Option<&[String]> {
        match &self.runs {
            Runs::Module { name, arguments } if name == module => Some(arguments),
            _ => None,
        }
    }
}

/// The stacks of one service.
pub(super) type Stacks = BTreeMap<Facility, Vec<Line>>;

/// Reads a service below a root. What it has no lines for is that of the service `other`, as for libpam.
pub(super) fn read(root: &Path, service: &str) -> Result<Stacks, Unseen> {
    let mut stacks = Reader::new(root).service(service)?.unwrap_or_default();
    if Facility::ALL.iter().any(|facility| !stacks.contains_key(facility)) {
        let other = Reader::new(root).service("other")?.unwrap_or_default();
        for (facility, lines) in other {
            stacks.entry(facility).or_insert(lines);
        }
    }
    Ok(stacks)
}

/// The stacks of a text; what it includes is below a root.
pub(super) fn of_text(root: &Path, text: &str) -> Result<Stacks, Unseen> {
    let mut reader = Reader::new(root);
    reader.file(root, text, None, 0, 0)?;
    Ok(reader.stacks)
}

struct Reader<'a> {
    root: &'a Path,
    files: usize,
    lines: usize,
    stacks: Stacks,
}

impl<'a> Reader<'a> {
    fn new(root: &'a Path) -> Self {
        Self { root, files: 0, lines: 0, stacks: Stacks::new() }
    }

    /// None when there is no such service.
    fn service(mut self, service: &str) -> Result<Option<Stacks>, Unseen> {
        let Some((file, text)) = self.open(service)? else { return Ok(None) };
        self.file(&file, &text, None, 0, 0)?;
        Ok(Some(self.stacks))
    }

    fn open(&mut self, name: &str) -> Result<Option<(PathBuf, String)>, Unseen> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(Unseen::failed("PAM", format!("more than {MAX_FILES} files are included")));
        }
        let places: Vec<PathBuf> = match name.strip_prefix('/') {
            Some(absolute) => vec![self.root.join(absolute)],
            None => FOLDERS.iter().map(|folder| self.root.join(folder).join(name)).collect(),
        };
        for place in places {
            if let Some(text) = reading::text(&place)? {
                return Ok(Some((place, text)));
            }
        }
        Ok(None)
    }

    fn file(
        &mut self,
        path: &Path,
        text: &str,
        only: Option<Facility>,
        depth: usize,
        level: usize,
    ) -> Result<(), Unseen> {
        for line in assemble(text) {
            self.lines += 1;
            if self.lines > MAX_LINES {
                return Err(Unseen::failed(path.display(), format!("the service has more than {MAX_LINES} lines")));
            }
            let words = words(&line);
            let Some((first, rest)) = words.split_first() else { continue };
            if first == "@include" {
                self.include(path, rest.first(), only, depth, level)?;
            } else {
                self.line(path, first, rest, only, depth, level)?;
            }
        }
        Ok(())
    }

    fn line(
        &mut self,
        path: &Path,
        first: &str,
        rest: &[String],
        only: Option<Facility>,
        depth: usize,
        level: usize,
    ) -> Result<(), Unseen> {
        let known = Facility::parse(first.strip_prefix('-').unwrap_or(first));
        let facility = known.unwrap_or(Facility::Auth);
        if only.is_some_and(|only| only != facility) {
            return Ok(());
        }
        let control = rest.first().map(String::as_str).unwrap_or_default();
        match (control.to_ascii_lowercase().as_str(), known) {
            ("include", Some(_)) => return self.include(path, rest.get(1), Some(facility), depth, level),
            ("substack", Some(_)) => {
                self.push(facility, level, Control(BTreeMap::new()), Runs::Substack);
                return self.include(path, rest.get(1), Some(facility), depth, level + 1);
            }
            _ => {}
        }
        let bad = Control(BTreeMap::new());
        let control = match control.strip_prefix('[') {
            Some(words) => Control::parse(words).unwrap_or(bad),
            None => match Control::keyword(control) {
                Some(control) => control,
                None => {
                    self.push(facility, level, bad, Runs::Malformed);
                    return Ok(());
                }
            },
        };
        let runs = match (known, rest.get(1)) {
            (Some(_), Some(module)) => {
                let name = module.rsplit('/').next().unwrap_or_default().to_owned();
                Runs::Module { name, arguments: rest[2..].iter().map(|word| unbracketed(word).to_owned()).collect() }
            }
            _ => Runs::Malformed,
        };
        self.push(facility, level, control, runs);
        Ok(())
    }

    fn push(&mut self, facility: Facility, level: usize, control: Control, runs: Runs) {
        self.stacks.entry(facility).or_default().push(Line { level, control, runs });
    }

    fn include(
        &mut self,
        from: &Path,
        name: Option<&String>,
        only: Option<Facility>,
        depth: usize,
        level: usize,
    ) -> Result<(), Unseen> {
        let Some(name) = name else { return Err(Unseen::failed(from.display(), "a line includes nothing")) };
        if depth == MAX_DEPTH {
            return Err(Unseen::failed(from.display(), format!("files include one another {MAX_DEPTH} deep")));
        }
        match self.open(name)? {
            Some((path, text)) => self.file(&path, &text, only, depth + 1, level),
            None => Err(Unseen::failed(from.display(), format!("it includes {}, which is not there", one_line(name)))),
        }
    }
}

/// The lines as libpam puts them together: a backslash at the end joins, from `#` on nothing counts.
fn assemble(text: &str) -> Vec<String> {
    let mut lines = vec![];
    let mut begun = String::new();
    for line in text.split('\n') {
        let start = line.trim_start_matches([' ', '\t']);
        if start.is_empty() || start.starts_with('#') {
            continue;
        }
        let (counts, comment) = start.split_once('#').map_or((start, false), |(counts, _)| (counts, true));
        let trimmed = counts.trim_end_matches([' ', '\t', '\r']);
        match trimmed.strip_suffix('\\') {
            Some(joined) if !comment => {
                begun.push_str(joined);
                begun.push(' ');
            }
            _ => {
                begun.push_str(trimmed);
                lines.push(std::mem::take(&mut begun));
            }
        }
    }
    if !begun.trim().is_empty() {
        lines.push(begun);
    }
    lines
}

/// Words at white space; one that begins with `[` goes to the `]`, and keeps the first as its mark.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = match rest.starts_with('[') {
            true => {
                let mut before = ' ';
                rest.find(|c| std::mem::replace(&mut before, c) != '\\' && c == ']').map_or(rest.len(), |at| at + 1)
            }
            false => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        let word = if word.starts_with('[') { word.strip_suffix(']').unwrap_or(word) } else { word };
        words.push(word.replace("\\]", "]"));
        rest = after.trim_start();
    }
    words
}

fn unbracketed(word: &str) -> &str {
    word.strip_prefix('[').unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_as_libpam_does() {
        let text = "auth required \\\n  pam_unix.so nullok # why\n\n   # no\nauth\toptional\tpam_cap.so # \\\nlast \\";
        assert_eq!(assemble(text), ["auth required  pam_unix.so nullok", "auth\toptional\tpam_cap.so", "last  "]);
        let bracketed = words("auth [success=1 default=ignore]  pam_exec.so [a b\\] c] d");
        assert_eq!(bracketed, ["auth", "[success=1 default=ignore", "pam_exec.so", "[a b] c", "d"]);
        assert_eq!(words("  [open"), ["[open"]);
    }

    #[test]
    fn controls_say_what_follows() {
        let control = Control::parse("success=2 user_unknown=ignore default=die").unwrap();
        assert_eq!(control.action("success"), Action::Skip(2));
        assert_eq!((control.action("user_unknown"), control.action("auth_err")), (Action::Ignore, Action::Die));
        assert_eq!(Control::parse("success=0").unwrap().action("success"), Action::Ignore);
        assert_eq!(Control::parse("success=ok").unwrap().action("auth_err"), Action::Bad);
        assert_eq!(Control::keyword("Sufficient").unwrap().action("success"), Action::Done);
        for bad in ["success", "success=perhaps", "success=-1", "success=70000"] {
            assert_eq!(Control::parse(bad), None, "{bad}");
        }
    }
}
