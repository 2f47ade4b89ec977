//! Relative links in Markdown: to a file of the repository, and where they name a heading, to one that it has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use writ_tools::phase::root;

/// Refuses links that lead nowhere.
pub fn lead_somewhere(files: &[PathBuf]) -> Result<()> {
    let mut broken = Vec::new();
    for file in files.iter().filter(|f| is_page(f)) {
        let text = fs::read_to_string(root().join(file)).with_context(|| file.display().to_string())?;
        for target in targets(&text) {
            if let Some(why) = fault(file, target) {
                broken.push(format!("{}: {target}: {why}", file.display()));
            }
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!("links that lead nowhere:\n  {}", broken.join("\n  ")) }
}

fn is_page(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "md")
}

/// Where the links of a page lead, other than to the web.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let all = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    all.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

fn fault(file: &Path, target: &str) -> Option<&'static str> {
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let to = if path.is_empty() { file.to_owned() } else { file.parent().unwrap_or(Path::new("")).join(path) };
    if !root().join(&to).exists() {
        return Some("there is no such file");
    }
    let heading = heading.filter(|_| is_page(&to))?;
    let text = fs::read_to_string(root().join(&to)).unwrap_or_default();
    (!anchors(&text).contains(heading)).then_some("the page has no such heading")
}

/// The names that a page's headings have, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title == line || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|n| format!("{name}-{n}"));
        anchors.extend(std::iter::once(name.clone()).chain(again).find(|one| !anchors.contains(one)));
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_the_names_that_links_use() {
        let page = "# One: a *title*, with `code`\n```\n# not this\n```\n## S3's keys & more\n### Step\n### Step\n#no heading\n";
        let names: Vec<String> = anchors(page).into_iter().collect();
        assert_eq!(names, ["one-a-title-with-code", "s3s-keys--more", "step", "step-1"]);
    }

    #[test]
    fn links_are_followed() {
        let page = Path::new("docs/audit.md");
        for (target, expected) in [
            ("keys.md", None),
            ("../README.md#two-commands", None),
            ("keys.md#the-calendar", None),
            ("#watching", None),
            ("../crates", None),
            ("no-such.md", Some("there is no such file")),
            ("keys.md#no-such-heading", Some("the page has no such heading")),
            ("#no-such-heading", Some("the page has no such heading")),
        ] {
            assert_eq!(fault(page, target), expected, "{target}");
        }
        let text = "[a](b.md) [c](https://d.example) [e](mailto:f@g.example) [h](#i)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["b.md", "#i"]);
    }
}
