//! Text as Markdown: whatever a policy says stays text.

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::digest::Digest;
use writ_trust::text::escaped;

/// Foreign text within a line of Markdown: nothing of it is markup, and it does not break the line.
pub fn text(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::with_capacity(line.len() + 8);
    for c in escaped(line).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Foreign text as code within a line, also in a table.
pub fn code(text: &str) -> String {
    let line = escaped(text.split_whitespace().collect::<Vec<_>>().join(" "));
    if line.is_empty() {
        return String::new();
    }
    // In a table a bar ends the cell even within code, and cannot be escaped there.
    if line.contains('|') {
        return self::text(&line);
    }
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let room = if longest > 0 { " " } else { "" };
    format!("{fence}{room}{line}{room}{fence}")
}

/// What is referred to: a kind, and an id within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A control.
    Control,
    /// A check.
    Check,
    /// A rule.
    Rule,
    /// A runbook.
    Runbook,
    /// A duty.
    Duty,
    /// A figure, by `baseline/id`.
    Figure,
    /// A probe.
    Probe,
    /// A step.
    Step,
    /// A kind of mistake.
    Code,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Check => "check",
            Self::Rule => "rule",
            Self::Runbook => "runbook",
            Self::Duty => "duty",
            Self::Figure => "figure",
            Self::Probe => "probe",
            Self::Step => "step",
            Self::Code => "mistake",
        }
    }

    /// The file that tells of all of its kind.
    pub fn file(self) -> &'static str {
        match self {
            Self::Control => "controls.md",
            Self::Check => "checks.md",
            Self::Rule => "rules.md",
            Self::Runbook => "runbooks.md",
            Self::Duty => "duties.md",
            Self::Figure => "figures.md",
            Self::Probe => "probes.md",
            Self::Step => "steps.md",
            Self::Code => "mistakes.md",
        }
    }
}

/// The anchors of everything that there is. An anchor depends on nothing but kind and id, so that a link from elsewhere
/// holds for as long as the thing is called so.
pub struct Links {
    anchors: BTreeMap<(Target, String), String>,
}

impl Links {
    /// Anchors for all of these.
    pub fn new(all: impl IntoIterator<Item = (Target, String)>) -> Self {
        let all: BTreeSet<(Target, String)> = all.into_iter().collect();
        let mut plain: BTreeMap<String, usize> = BTreeMap::new();
        for (target, id) in &all {
            *plain.entry(slug(*target, id)).or_default() += 1;
        }
        let anchor = |(target, id): (Target, String)| {
            let slug = slug(target, &id);
            // Ids that differ only in signs are told apart by their digests, all of them: none is the first.
            let digest = Digest::of(id.as_bytes()).to_string();
            let alone = plain.get(&slug).is_none_or(|n| *n == 1);
            let anchor = if alone { slug } else { format!("{slug}-{}", &digest["sha256:".len()..][..8]) };
            ((target, id), anchor)
        };
        Self { anchors: all.into_iter().map(anchor).collect() }
    }

    /// A heading with the anchor of what it is about.
    pub fn heading(&self, level: usize, target: Target, id: &str, title: &str) -> String {
        let marks = "#".repeat(level);
        format!("{}\n{marks} {} {}\n", self.anchor(target, id), code(shown(target, id)), text(title))
    }

    /// The anchor alone.
    pub fn anchor(&self, target: Target, id: &str) -> String {
        let anchor = self.anchors.get(&(target, id.to_owned()));
        anchor.map(|anchor| format!("<a id=\"{anchor}\"></a>")).unwrap_or_default()
    }

    /// A link, or the id alone where nothing is called so.
    pub fn link(&self, target: Target, id: &str) -> String {
        let name = code(shown(target, id));
        match self.anchors.get(&(target, id.to_owned())) {
            Some(anchor) => format!("[{name}]({}#{anchor})", target.file()),
            None => name,
        }
    }

    /// Links to several, or a word that says that there are none.
    pub fn links<'a>(&self, target: Target, ids: impl IntoIterator<Item = &'a str>) -> String {
        let all: Vec<String> = ids.into_iter().map(|id| self.link(target, id)).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    }
}

/// The id that people know: of a figure without its baseline.
fn shown(target: Target, id: &str) -> &str {
    match target {
        Target::Figure => id.split_once('/').map_or(id, |(_, id)| id),
        _ => id,
    }
}

/// Letters, digits and single dashes.
fn slug(target: Target, id: &str) -> String {
    let mut slug = target.name().to_owned();
    for part in id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        slug.push('-');
        slug.push_str(part);
    }
    slug
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn anchors_are_short_stable_and_their_own() {
        let id = |id: &str| (Target::Check, id.to_owned());
        let links = Links::new([
            id("backup.recent"),
            id("a.b"),
            id("a-b"),
            (Target::Control, "164.308(a)(7)(ii)(A)".to_owned()),
        ]);
        assert_eq!(links.link(Target::Check, "backup.recent"), "[`backup.recent`](checks.md#check-backup-recent)");
        assert_eq!(links.anchor(Target::Control, "164.308(a)(7)(ii)(A)"), "<a id=\"control-164-308-a-7-ii-A\"></a>");
        assert_ne!(links.anchor(Target::Check, "a.b"), links.anchor(Target::Check, "a-b"));
        assert!(links.anchor(Target::Check, "a.b").starts_with("<a id=\"check-a-b-"));
        assert_eq!(links.link(Target::Rule, "gone"), "`gone`");
    }

    #[test]
    fn code_holds_any_text() {
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("a|b"), "a\\|b");
        assert_eq!(code("  "), "");
    }

    proptest! {
        #[test]
        fn no_text_is_markup(input in "\\PC{0,40}") {
            let out = text(&input);
            prop_assert!(!out.contains('\n'));
            let mut before = None;
            let mut escaped = false;
            for c in out.chars() {
                if matches!(c, '|' | '<' | '[' | '`') {
                    prop_assert!(escaped, "{:?} after {:?} in {}", c, before, out);
                }
                escaped = c == '\\' && !escaped;
                before = Some(c);
            }
        }
    }
}
