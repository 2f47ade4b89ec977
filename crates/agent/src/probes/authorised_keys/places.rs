//! Where sshd looks for keys: `AuthorizedKeysFile` and `AuthorizedKeysCommand` of sshd_config(5).
//!
//! What a `Match` block says counts for everybody: whom it means is told by a connection, and there is none.

use std::path::{Path, PathBuf};

use crate::accounts::Account;
use crate::probes::{Unseen, reading};

const CONFIG: &str = "/etc/ssh/sshd_config";
const FOLDER: &str = "/etc/ssh";
/// Where sshd looks when nothing is said.
const USUAL: [&str; 2] = [".ssh/authorized_keys", ".ssh/authorized_keys2"];
/// How deep files may include one another, as in sshd itself.
const DEEPEST: usize = 16;
/// How many files are read.
const MOST_FILES: usize = 200;

/// Where keys are.
pub(super) struct Places {
    /// With `%h`, `%u`, `%U` and `%%`; below the home when relative.
    patterns: Vec<String>,
    /// Whether a program is asked for more.
    pub asks_program: bool,
}

/// What the files say.
#[derive(Default)]
struct Said {
    for_all: Option<Vec<String>>,
    for_some: Vec<String>,
    asks_program: bool,
    in_match: bool,
    files: usize,
}

impl Places {
    /// As sshd_config says; the usual ones where there is none.
    pub(super) fn read(root: &Path) -> Result<Self, Unseen> {
        let mut said = Said::default();
        said.file(root, CONFIG, 0)?;
        let mut patterns = said.for_all.unwrap_or_else(|| USUAL.map(str::to_owned).into());
        patterns.extend(said.for_some);
        // Where NixOS puts them, which names it itself; what lies there unnamed would soon be used.
        patterns.push(format!("{FOLDER}/authorized_keys.d/%u"));
        patterns.retain(|pattern| pattern != "none");
        match patterns.iter().find(|pattern| expanded(pattern, "/", "", 0).is_none()) {
            Some(odd) => Err(Unseen::failed(CONFIG, format!("AuthorizedKeysFile {odd} is not understood"))),
            None => Ok(Self { patterns, asks_program: said.asks_program }),
        }
    }

    /// The files of an account, each once.
    pub(super) fn of(&self, root: &Path, account: &Account) -> Vec<PathBuf> {
        // A name that led elsewhere would be no account's.
        let name = Some(account.name.as_str()).filter(|name| !name.contains('/') && *name != "..");
        let has_home = account.home.starts_with('/');
        let mut files: Vec<PathBuf> = Vec::new();
        for pattern in &self.patterns {
            let needs_home = !pattern.starts_with('/');
            if (needs_home && !has_home) || (pattern.contains("%u") && name.is_none()) {
                continue;
            }
            let path = expanded(pattern, &account.home, name.unwrap_or_default(), account.uid).unwrap_or_default();
            let file = reading::below(root, &path);
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}

/// A pattern as it stands for somebody; none when it has a token that is not known here.
fn expanded(pattern: &str, home: &str, name: &str, uid: u32) -> Option<String> {
    let mut path = if pattern.starts_with(['/', '%']) { String::new() } else { format!("{home}/") };
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => match rest.next()? {
                'h' => path.push_str(home),
                'u' => path.push_str(name),
                'U' => path.push_str(&uid.to_string()),
                '%' => path.push('%'),
                _ => return None,
            },
            c => path.push(c),
        }
    }
    Some(path)
}

impl Said {
    fn file(&mut self, root: &Path, file: &str, depth: usize) -> Result<(), Unseen> {
        self.files += 1;
        if depth > DEEPEST || self.files > MOST_FILES {
            return Err(Unseen::failed(CONFIG, "its files include one another too often"));
        }
        let text = reading::text(&reading::below(root, file))?.unwrap_or_default();
        for line in text.lines() {
            let mut words = line.split(|c: char| c.is_whitespace() || c == '=' || c == '"').filter(|w| !w.is_empty());
            let Some(keyword) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            let values: Vec<String> = words.map(str::to_owned).collect();
            match keyword.to_ascii_lowercase().as_str() {
                "match" => self.in_match = true,
                "authorizedkeysfile" if self.in_match => self.for_some.extend(values),
                "authorizedkeysfile" => drop(self.for_all.get_or_insert(values)),
                "authorizedkeyscommand" => self.asks_program |= values.iter().any(|value| value != "none"),
                "include" => {
                    for pattern in values {
                        self.include(root, &pattern, depth)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the files of a pattern, which may have one `*` in the name of the file. A `Match` in them ends with them.
    fn include(&mut self, root: &Path, pattern: &str, depth: usize) -> Result<(), Unseen> {
        let path = if pattern.starts_with('/') { pattern.to_owned() } else { format!("{FOLDER}/{pattern}") };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let (begins, ends) = name.split_once('*').unwrap_or((name, ""));
        if [folder, begins, ends].iter().any(|part| part.contains(['*', '?', '['])) {
            return Err(Unseen::failed(CONFIG, format!("Include {pattern} is not understood")));
        }
        let files = match name.contains('*') {
            false => vec![name.to_owned()],
            true => reading::names(&reading::below(root, folder))?
                .into_iter()
                .filter(|file| file.len() >= begins.len() + ends.len() && !file.starts_with('.'))
                .filter(|file| file.starts_with(begins) && file.ends_with(ends))
                .collect(),
        };
        for file in files {
            let in_match = self.in_match;
            self.file(root, &format!("{folder}/{file}"), depth + 1)?;
            self.in_match = in_match;
        }
        Ok(())
    }
}
