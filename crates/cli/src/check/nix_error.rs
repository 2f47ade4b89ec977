//! Reading what Nix prints when it cannot go on.

use writ_policy::delta::Position;

use super::tree::Tree;

/// An error of Nix itself.
#[derive(Debug, Clone)]
pub struct NixError {
    /// What it says, without the trace.
    pub message: String,
    /// Its own "did you mean", if it has one.
    pub suggestion: Option<String>,
    /// Places in policy files, the one nearest to the error first.
    pub trace: Vec<Position>,
    /// The place in the library, where nothing of the tree is nearer to the error.
    pub library: Option<Position>,
}

impl PartialEq for NixError {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message && self.trace.first() == other.trace.first()
    }
}

impl NixError {
    /// Reads standard error of a failed run. Older versions print the trace after the error, nearest first; newer ones
    /// print it before, nearest last.
    pub fn read(stderr: &str, tree: &Tree, status: &str) -> Self {
        let root = format!("{}/", tree.root.display());
        Self::parse(stderr, &root, status, |file| tree.is_policy(file))
    }

    /// Whether the library itself is wrong, whatever a policy file says.
    pub fn is_of_library(&self) -> bool {
        let is_its = self.message.starts_with("syntax error") || self.message.starts_with("undefined variable");
        is_its && self.trace.is_empty() && self.library.is_some()
    }

    /// As [`NixError::read`]; `wanted` are the files that a place may be in.
    pub fn parse(stderr: &str, root: &str, status: &str, wanted: impl Fn(&str) -> bool) -> Self {
        let lines: Vec<&str> = stderr.lines().map(str::trim).collect();
        let start = lines.iter().rposition(|l| l.strip_prefix("error:").is_some_and(|rest| !rest.is_empty()));
        let Some(start) = start else {
            let said = lines.iter().rev().find(|l| !l.is_empty()).copied().unwrap_or("it said nothing");
            let message = format!("Nix ended ({status}): {said}");
            return Self { message, suggestion: None, trace: Vec::new(), library: None };
        };
        let (before, after) = lines.split_at(start);
        let positions = || {
            let places = after.iter().chain(before.iter().rev());
            places.filter_map(|line| position(line, root))
        };
        let library = positions().next().filter(|at| at.file.starts_with("modules/"));
        let mut trace: Vec<Position> = positions().filter(|at| wanted(&at.file)).collect();
        // The caller is none of the tree's files: the function itself is to blame.
        if trace.is_empty() {
            trace.extend(after.first().and_then(|line| called(line, root)).filter(|at| wanted(&at.file)));
        }
        let more = after.iter().skip(1).take_while(|l| !l.is_empty() && !l.starts_with("at ") && !l.starts_with('…'));
        let message = after
            .iter()
            .take(1)
            .map(|l| l.trim_start_matches("error:").trim())
            .chain(more.copied())
            .collect::<Vec<_>>()
            .join(" ")
            // The same tree gives the same message wherever it lies.
            .replace(root, "");
        let suggestion = after.iter().find_map(|l| l.strip_prefix("Did you mean ")).map(|l| l.trim_end_matches('?'));
        Self { message, suggestion: suggestion.map(str::to_owned), trace, library }
    }
}

/// `error: anonymous function at /the/tree/file.nix:3:5 called …` → its place.
fn called(line: &str, root: &str) -> Option<Position> {
    let (_, rest) = line.split_once(" function at ")?;
    position(&format!("at {}", rest.split_once(" called ")?.0), root)
}

/// `at /the/tree/file.nix:3:5:` → its place.
fn position(line: &str, root: &str) -> Option<Position> {
    let rest = line.strip_prefix("at ")?.trim_matches(|c| matches!(c, '«' | '»')).strip_prefix(root)?;
    let mut parts = rest.trim_end_matches(':').rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some(Position { file: parts.next()?.to_owned(), line, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &str = "error: attribute 'chek' missing

       at /t/a.nix:67:30:

           66|
           67|   checks.x = writ.chek {
             |                   ^
       Did you mean check?

       … while evaluating 'tag'

       at /t/modules/policy/lib.nix:57:9:

       at /t/b.nix:1:2:
";
    const NEWER: &str = "error:
       … while evaluating the attribute 'b'
         at /t/b.nix:1:2:
            1| x

       … while calling
         at /t/a.nix:2:3:

       error: undefined variable 'x'
       at /t/a.nix:67:30:
";

    fn at(file: &str, line: u32, column: u32) -> Position {
        Position { file: file.into(), line, column }
    }

    #[test]
    fn reads_both_orders_of_the_trace() {
        let own = |file: &str| !file.starts_with("modules/");
        let older = NixError::parse(OLDER, "/t/", "exit status: 1", own);
        assert_eq!(older.message, "attribute 'chek' missing");
        assert_eq!(older.suggestion.as_deref(), Some("check"));
        assert_eq!(older.trace, [at("a.nix", 67, 30), at("b.nix", 1, 2)]);
        assert_eq!(older.library, None);
        let newer = NixError::parse(NEWER, "/t/", "exit status: 1", own);
        assert_eq!(newer.message, "undefined variable 'x'");
        assert_eq!(newer.trace, [at("a.nix", 67, 30), at("a.nix", 2, 3), at("b.nix", 1, 2)]);
    }

    #[test]
    fn a_function_that_is_called_wrongly_is_named_in_the_message() {
        let text = "error: anonymous function at /t/a b.nix:2:1 called without required argument 'pkgs'\n";
        let error = NixError::parse(text, "/t/", "exit status: 1", |_| true);
        assert_eq!(error.trace, [at("a b.nix", 2, 1)]);
        assert!(NixError::parse(text, "/t/", "exit status: 1", |_| false).trace.is_empty());
    }

    #[test]
    fn a_message_does_not_say_where_the_tree_lies() {
        let text = "error: getting status of '/home/a/tree/docs/x.nix': No such file or directory\n";
        let error = NixError::parse(text, "/home/a/tree/", "exit status: 1", |_| true);
        assert_eq!(error.message, "getting status of 'docs/x.nix': No such file or directory");
    }

    #[test]
    fn whatever_it_prints_is_a_message() {
        for text in ["", "error:", "Killed", "error: \n", "at :::", "error: x\nat /t/:::"] {
            let error = NixError::parse(text, "/t/", "signal: 9", |_| true);
            assert!(!error.message.is_empty(), "{text:?}");
            assert!(error.trace.is_empty());
        }
    }
}
