//! The logical lines of sudoers and of what it includes, in order (sudoers(5), "Including other files").

use std::path::Path;

use writ_trust::text::one_line;

use super::super::Unseen;
use super::super::reading;

/// How deep files may include one another: MAX_SUDOERS_DEPTH of sudo.
const MAX_DEPTH: usize = 128;
/// How many files and lines there may be in all.
const MAX_FILES: usize = 512;
const MAX_LINES: usize = 20_000;

/// Reads the file below a root with all that it includes; none when it does not exist.
pub(super) fn read(root: &Path, file: &str) -> Result<Option<Vec<String>>, Unseen> {
    let mut reader = Reader { root, files: 0, lines: vec![] };
    Ok(reader.file(file, 0)?.then_some(reader.lines))
}

struct Reader<'a> {
    root: &'a Path,
    files: usize,
    lines: Vec<String>,
}

impl Reader<'_> {
    /// Whether the file is there.
    fn file(&mut self, file: &str, depth: usize) -> Result<bool, Unseen> {
        self.files += 1;
        if depth > MAX_DEPTH || self.files > MAX_FILES {
            let bounds = format!("files include one another more than {MAX_DEPTH} deep, or are more than {MAX_FILES}");
            return Err(Unseen::failed(one_line(file), bounds));
        }
        let Some(text) = reading::text(&self.root.join(file.trim_start_matches('/')))? else { return Ok(false) };
        for line in logical(&text) {
            match included(&line) {
                Some((kind, path)) => {
                    let path = whole(file, &path);
                    match kind {
                        // What is not there is passed over, as sudo does, which says so.
                        Includes::File => drop(self.file(&path, depth + 1)?),
                        Includes::Folder => self.folder(&path, depth + 1)?,
                    }
                }
                None => self.lines.push(line),
            }
            if self.lines.len() > MAX_LINES {
                return Err(Unseen::failed(one_line(file), format!("more than {MAX_LINES} lines in all")));
            }
        }
        Ok(true)
    }

    /// The files of a folder by name, without those that hold a dot or end in a tilde: editors and packages leave them.
    fn folder(&mut self, folder: &str, depth: usize) -> Result<(), Unseen> {
        for name in reading::names(&self.root.join(folder.trim_start_matches('/')))? {
            let path = self.root.join(folder.trim_start_matches('/')).join(&name);
            if !name.contains('.') && !name.ends_with('~') && path.is_file() {
                self.file(&format!("{folder}/{name}"), depth)?;
            }
        }
        Ok(())
    }
}

enum Includes {
    File,
    Folder,
}

/// What a line includes, if it does.
fn included(line: &str) -> Option<(Includes, String)> {
    let directive = line.trim_start().strip_prefix(['@', '#'])?;
    let (kind, rest) = match directive.strip_prefix("includedir") {
        Some(rest) => (Includes::Folder, rest),
        None => (Includes::File, directive.strip_prefix("include")?),
    };
    let path = rest.strip_prefix([' ', '\t'])?.trim();
    let path = match path.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
        None => path.replace("\\ ", " "),
    };
    (!path.is_empty()).then_some((kind, path))
}

/// A path that is included by a file: beside it when it is not absolute; `%h` is this machine's short name.
fn whole(from: &str, path: &str) -> String {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let path = path.replace("%h", node.split('.').next().unwrap_or_default());
    match path.starts_with('/') {
        true => path,
        false => format!("{}/{path}", from.rsplit_once('/').map_or("", |(folder, _)| folder)),
    }
}

/// Lines joined at a backslash, without empty ones and comments. A directive that includes stays, whichever its mark.
pub(super) fn logical(text: &str) -> Vec<String> {
    let mut lines = vec![];
    let mut begun = String::new();
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        if begun.is_empty() && is_comment(line) {
            continue;
        }
        let trimmed = line.trim_end();
        match trimmed.strip_suffix('\\') {
            Some(joined) if !joined.ends_with('\\') => begun.push_str(joined),
            _ => {
                begun.push_str(line);
                let whole = std::mem::take(&mut begun);
                if !whole.trim().is_empty() {
                    lines.push(whole);
                }
            }
        }
    }
    if !begun.trim().is_empty() {
        lines.push(begun);
    }
    lines
}

/// `#` begins a comment, unless a number follows, which is that of a user, or a directive does.
fn is_comment(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix('#') else { return false };
    !rest.starts_with(|c: char| c.is_ascii_digit() || c == '-') && included(line).is_none()
}

#[cfg(test)]
mod tests {
    use std::fs;

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

    #[test]
    fn files_are_included_where_they_stand_and_in_order() {
        let dir = world(&[
            (
                "etc/sudoers",
                "# a comment\\\none \\\n  more\n#includedir /etc/sudoers.d\n@include local\n@include missing\n#0 last\n\n",
            ),
            ("etc/sudoers.d/20-b", "b"),
            ("etc/sudoers.d/10-a", "a"),
            ("etc/sudoers.d/30.rpmnew", "no"),
            ("etc/sudoers.d/40~", "no"),
            ("etc/sudoers.d/folder/x", "no"),
            ("etc/local", "local"),
        ]);
        let lines = read(dir.path(), "/etc/sudoers").unwrap().unwrap();
        assert_eq!(lines, ["one   more", "a", "b", "local", "#0 last"]);
        assert_eq!(read(dir.path(), "/etc/none").unwrap(), None);
    }

    #[test]
    fn files_that_include_one_another_end() {
        let dir = world(&[("etc/sudoers", "@include /etc/sudoers\n")]);
        assert!(matches!(read(dir.path(), "/etc/sudoers"), Err(Unseen::Failed(_))));
        let dir =
            world(&[("etc/sudoers", "@includedir /etc/d\n@includedir /etc/d\n"), ("etc/d/x", "@include /etc/sudoers")]);
        assert!(matches!(read(dir.path(), "/etc/sudoers"), Err(Unseen::Failed(_))));
    }
}
