//! Pages for people that came with this program, from Markdown. What is HTML in them is shown as text.

use std::collections::BTreeMap;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

include!(concat!(env!("OUT_DIR"), "/documents.rs"));

/// How long one part is at most, in bytes of Markdown, unless one section alone is longer.
const PART: usize = 24 * 1024;

/// A document.
#[derive(Debug)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// Its Markdown in parts, each of whole sections, without the title.
    pub parts: Vec<&'static str>,
}

impl Document {
    /// A document by its name.
    pub fn find(name: &str) -> Option<Self> {
        let (name, text) = PROCEDURES.iter().chain(OTHERS).find(|(known, _)| *known == name)?;
        let body = text.strip_prefix("# ").and_then(|rest| rest.split_once('\n')).map_or(*text, |(_, body)| body);
        Some(Self { title: Self::title(name, text), parts: parts(body) })
    }

    /// The title of a document: its first heading, or its name.
    pub fn title(name: &str, text: &str) -> String {
        let first = text.lines().next().and_then(|line| line.strip_prefix("# "));
        first.unwrap_or(name).replace('`', "")
    }

    /// One part as HTML.
    pub fn html(&self, part: &str) -> String {
        let mut out = String::new();
        html::push_html(&mut out, events(part).into_iter());
        // A heading of nothing is none.
        out.replace("<th></th>", "<td></td>")
    }
}

/// Whole sections, as many as fit.
fn parts(body: &'static str) -> Vec<&'static str> {
    let mut starts = vec![0];
    let (mut at, mut fenced, mut begun) = (0, false, 0);
    for line in body.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && (line.starts_with("## ") || line.starts_with("### ")) && at - begun >= PART / 2 {
            starts.push(at);
            begun = at;
        }
        at += line.len();
    }
    starts.push(body.len());
    starts.windows(2).map(|ends| &body[ends[0]..ends[1]]).collect()
}

/// What stands for a link.
fn target(href: &str) -> Option<String> {
    if href.starts_with("https://") || href.starts_with('#') {
        return Some(href.to_owned());
    }
    let (path, fragment) =
        href.split_once('#').map_or((href, String::new()), |(path, rest)| (path, format!("#{rest}")));
    let name = path.rsplit('/').next()?.strip_suffix(".md")?;
    let known = PROCEDURES.iter().chain(OTHERS).any(|(known, _)| *known == name);
    known.then(|| format!("/procedures/{name}{fragment}"))
}

/// The name of a heading, as GitHub makes it.
fn slug(text: &str) -> String {
    let kept = text.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The events of some Markdown: nothing of it is HTML, links lead to pages of ours or to https, headings have names, and what
/// scrolls can be reached by keyboard.
fn events(part: &str) -> Vec<Event<'_>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut out: Vec<Event<'_>> = Vec::new();
    let mut links = Vec::new();
    let mut heading: Option<usize> = None;
    let mut text = String::new();
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    for event in Parser::new_ext(part, options) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => out.push(Event::Text(html)),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let to = target(&dest_url);
                links.push(to.is_some());
                if let Some(to) = to {
                    out.push(Event::Start(Tag::Link { link_type, dest_url: CowStr::from(to), title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if links.pop().unwrap_or(false) {
                    out.push(Event::End(TagEnd::Link));
                }
            }
            // Nothing is loaded: what a picture shows is told by its words.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                heading = Some(out.len());
                text.clear();
                // The title of the page is its first heading.
                let level = level.max(HeadingLevel::H2);
                out.push(Event::Start(Tag::Heading { level, id: None, classes, attrs }));
            }
            Event::End(TagEnd::Heading(level)) => {
                let base = slug(&text);
                let n = names.entry(base.clone()).and_modify(|n| *n += 1).or_insert(0);
                let name = if *n == 0 { base } else { format!("{base}-{n}") };
                if let Some(Event::Start(Tag::Heading { id, .. })) = heading.take().and_then(|at| out.get_mut(at)) {
                    *id = Some(CowStr::from(name));
                }
                out.push(Event::End(TagEnd::Heading(level.max(HeadingLevel::H2))));
            }
            other => {
                if let (Some(_), Event::Text(more) | Event::Code(more)) = (heading, &other) {
                    text.push_str(more);
                }
                out.push(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(markdown: &str) -> String {
        let mut out = String::new();
        html::push_html(&mut out, events(markdown).into_iter());
        out
    }

    #[test]
    fn nothing_in_it_is_html_and_no_link_leads_elsewhere() {
        let bad = html(
            "<script>x</script>\n\na <b onclick=y>z</b> [k](javascript:alert(1)) [s](../../src/x.rs) ![p](http://x/y.png)\n",
        );
        assert!(
            !bad.contains("<script") && !bad.contains("<b ") && !bad.contains("href") && !bad.contains("<img"),
            "{bad}"
        );
        let good = html(
            "# One\n\n## `Two` words\n\n## Two words\n\n[d](depot.md#a-b) [w](https://x.example)\n\n| a |\n|---|\n| b |\n",
        );
        assert!(
            good.contains("<h2 id=\"one\">")
                && good.contains("id=\"two-words\"")
                && good.contains("id=\"two-words-1\""),
            "{good}"
        );
        assert!(
            good.contains("href=\"/procedures/depot#a-b\"") && good.contains("href=\"https://x.example\""),
            "{good}"
        );
        assert!(good.contains("<table>"), "{good}");
    }

    #[test]
    fn every_document_is_shown_in_parts_that_are_pages() {
        assert!(OTHERS.len() > 10);
        for (name, text) in PROCEDURES.iter().chain(OTHERS) {
            let document = Document::find(name).unwrap();
            assert_ne!(document.title, *name, "{name} has no title");
            let whole: usize = document.parts.iter().map(|part| part.len()).sum();
            assert!(whole <= text.len() && whole + 200 > text.len(), "{name}");
            for part in &document.parts {
                let size = document.html(part).len();
                assert!(size < 58_000, "{name}: {size} bytes");
            }
        }
    }
}
