//! The result as workflow commands, which GitHub Actions shows beside the lines of a pull request:
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use writ_policy::validate::Level;

use super::mistake::Mistake;

/// The most annotations of one level that GitHub shows for a step; it drops further ones.
const MOST: usize = 10;

/// One line for each mistake; `prefix` leads from the repository's root to the tree. Those that GitHub would drop are
/// lines of the log alone, and a notice counts them.
pub fn lines(mistakes: &[Mistake], prefix: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut dropped = Vec::new();
    for (level, name) in [(Level::Error, "error"), (Level::Warning, "warning")] {
        for (i, mistake) in mistakes.iter().filter(|mistake| mistake.severity == level).enumerate() {
            if i < MOST {
                lines.push(command(mistake, name, prefix));
            } else {
                dropped.push(plain(mistake, name, prefix));
            }
        }
    }
    if !dropped.is_empty() {
        let text = format!("{} more, which GitHub does not show here: the log of this step has them", dropped.len());
        lines.push(format!("::notice title=writ check::{}", data(&text)));
        lines.append(&mut dropped);
    }
    lines
}

fn command(mistake: &Mistake, level: &str, prefix: &str) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &mistake.place {
        properties.push(format!("file={}", property(&format!("{prefix}{}", place.file))));
        properties.push(format!("line={}", place.line));
        if place.width > 0 {
            properties.push(format!("col={},endColumn={}", place.column, place.column + place.width));
        }
    }
    properties.push(format!("title={}", property(&mistake.code)));
    format!("::{level} {}::{}", properties.join(","), data(&mistake.sentence()))
}

/// What is no command: it begins with no `::`, and stays on its line.
fn plain(mistake: &Mistake, level: &str, prefix: &str) -> String {
    let place = mistake.place.as_ref();
    let place = place.map(|p| format!("{prefix}{}:{}:{}: ", p.file, p.line, p.column)).unwrap_or_default();
    data(&format!("{level}[{}]: {place}{}", mistake.code, mistake.message))
}

/// The text of a command. `##[` begins a command of the older form, wherever it stands on a line.
fn data(text: &str) -> String {
    text.replace("##[", "# #[").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command, which also ends at a colon and a comma.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::mistake::Place;
    use super::*;

    fn mistake(line: u32, severity: Level) -> Mistake {
        Mistake {
            code: "wrong-type".into(),
            severity,
            message: "50% of\nit".into(),
            expected: Some("a, b: c".into()),
            nearest: None,
            help: None,
            path: Vec::new(),
            place: Some(Place { file: "a,b:c.nix".into(), line, column: 3, start: 0, length: 2, width: 2 }),
            related: Vec::new(),
            appliances: BTreeSet::new(),
        }
    }

    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(
            lines(&[mistake(7, Level::Error)], "policy/"),
            ["::error file=policy/a%2Cb%3Ac.nix,line=7,col=3,endColumn=5,title=wrong-type::\
                50%25 of%0Ait%0Aexpected a, b: c"]
        );
    }

    #[test]
    fn nothing_begins_an_older_command() {
        let hostile = |line, level| Mistake { message: "##[error]x ###[add-path]y".into(), ..mistake(line, level) };
        let many: Vec<Mistake> = (1..=12).map(|line| hostile(line, Level::Error)).collect();
        let lines = lines(&many, "##[group]/");
        assert_eq!(lines.len(), 13);
        assert!(lines.iter().all(|line| !line.contains("##[")), "{lines:?}");
    }

    #[test]
    fn what_github_would_drop_is_counted_and_in_the_log() {
        let many: Vec<Mistake> =
            (1..=23).map(|line| mistake(line, if line > 12 { Level::Warning } else { Level::Error })).collect();
        let lines = lines(&many, "");
        let of = |mark: &str| lines.iter().filter(|line| line.starts_with(mark)).count();
        assert_eq!((of("::error "), of("::warning "), of("::notice "), lines.len()), (10, 10, 1, 24));
        assert!(lines[20].contains("::3 more"), "{lines:?}");
        assert_eq!(lines[21], "error[wrong-type]: a,b:c.nix:11:3: 50%25 of%0Ait");
    }
}
