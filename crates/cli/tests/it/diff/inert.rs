//! Whether a comment holds what others wrote in code spans only. The unit tests of the comment look at it, too.

/// What is left of Markdown when its code spans are taken out, and what they hold.
fn spans(line: &str) -> (String, Vec<String>) {
    let (mut outside, mut held) = (String::new(), Vec::new());
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        outside.push_str(&rest[..start]);
        let fence = rest[start..].chars().take_while(|c| *c == '`').count();
        let inner = &rest[start + fence..];
        // A span ends at the next run of exactly as many.
        let mut at = 0;
        let end = loop {
            let Some(next) = inner[at..].find('`') else { panic!("a span without an end: {line}") };
            let run = inner[at + next..].chars().take_while(|c| *c == '`').count();
            if run == fence {
                break at + next;
            }
            at += next + run;
        };
        held.push(inner[..end].to_owned());
        rest = &inner[end + fence..];
    }
    outside.push_str(rest);
    (outside, held)
}

/// Everything that may stand outside of code spans is ours.
pub fn assert_inert(markdown: &str) {
    for line in markdown.lines() {
        let (outside, _) = spans(line);
        let ours = outside
            .replace("<details><summary>", "")
            .replace("<code>", "")
            .replace("</code>", "")
            .replace("</summary>", "")
            .replace("</details>", "");
        for sign in ['<', '>', '|', '@', '[', ']', '!', '\u{1b}', '\u{202e}', '#', '\\'] {
            let allowed = sign == '\\' && !ours.contains("\\\\");
            assert!(allowed || !ours.contains(sign), "{sign:?} in {ours:?} of {line:?}");
        }
    }
    assert!(!markdown.chars().any(|c| c.is_control() && c != '\n'), "{markdown:?}");
}
