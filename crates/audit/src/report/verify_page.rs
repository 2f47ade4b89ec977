//! The page with which an auditor checks evidence in a browser: one file, no network, and a security policy that forbids one.
//!
//! It is assembled of a template, a style sheet within it and a script; the policy names the digests of both, so that nothing
//! else can run in it (Content Security Policy level 3, §8.1). The same version gives the same bytes, and so the same digest,
//! which the documents list.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_trust::digest::Digest;

const TEMPLATE: &str = include_str!("../../pages/verify.html");
const SCRIPT: &str = include_str!("../../pages/verify.js");
/// Where the template has the script, and the digests of the script and of the style sheet.
const PLACES: [&str; 3] = ["SCRIPT_HERE", "sha256-SCRIPT", "sha256-STYLE"];

/// The page, as one self-contained HTML file.
pub fn page() -> String {
    let script = format!("\n{SCRIPT}");
    let style = between(TEMPLATE, "<style>", "</style>");
    let [place, of_script, of_style] = PLACES;
    TEMPLATE
        .replace(of_script, &source(&script))
        .replace(of_style, &source(style))
        .replace(&format!("\n{place}\n"), &script)
}

/// The digest by which a copy of the page is known.
pub fn digest() -> Digest {
    Digest::of(page().as_bytes())
}

/// A hash source of a security policy.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Digest::of(text.as_bytes()).as_bytes()))
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split_once(from).map_or("", |(_, rest)| rest);
    rest.split_once(to).map_or("", |(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_script_and_the_style_sheet_of_the_page_may_run() {
        let page = page();
        assert!(PLACES.iter().all(|place| !page.contains(place)), "every place was filled");
        let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
        for (name, from, to) in [("script-src", "<script>", "</script>"), ("style-src", "<style>", "</style>")] {
            let expected = format!("{name} '{}'", source(between(&page, from, to)));
            assert!(policy.contains(&expected), "{policy} lacks {expected}");
        }
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("innerHTML") && !page.contains("style="));
        for never in ["fetch(", "XMLHttpRequest", "WebSocket", "http://", "https://", "eval(", "new Function"] {
            assert!(!page.contains(never), "{never}");
        }
    }
}
