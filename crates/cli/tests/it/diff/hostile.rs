//! Text that would break a comment, a terminal or a reader: it is shown, and does nothing.

use proptest::prelude::*;

use super::repo::Repo;

/// A text as a Nix string.
fn nix(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
    format!("\"{}\"", escaped.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t"))
}

fn retitled(repo: &Repo, title: &str) {
    let file = "baselines/small/files.nix";
    let text = std::fs::read_to_string(repo.path().join(file)).unwrap();
    let start = text.find("title = ").unwrap() + "title = ".len();
    let end = start + text[start..].find(";\n").unwrap();
    repo.write(file, &format!("{}{}{}", &text[..start], nix(title), &text[end..]));
}

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
fn assert_inert(markdown: &str) {
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

#[test]
fn texts_of_a_policy_stay_text() {
    let repo = Repo::new();
    let evil = "a | b\n\n# Heading\n</details><script>alert(1)</script> @everyone ![x](http://evil.example/x.png) ``` `` ` \u{1b}[31m \u{202e}";
    retitled(&repo, evil);
    repo.edit("hosts/clinic-001/site.nix", "reason = \"The new disk is ordered.\"", &format!("reason = {}", nix(evil)));
    repo.edit("hosts/clinic-001/site.nix", "exceptions.\"EX-001\"", &format!("exceptions.{}", nix("EX`|<b>\n@x")));
    repo.edit("baselines/small/files.nix", "[ \"file\" \"symlink\" ]", &format!("[ \"file\" {} ]", nix(evil)));
    for format in ["human", "markdown", "json"] {
        let ran = repo.diff(&["--from", "start", "--format", format]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            !ran.stdout.contains('\u{1b}') && !ran.stdout.contains('\u{202e}') || format == "json",
            "{}",
            ran.stdout
        );
        match format {
            "markdown" => assert_inert(&ran.stdout),
            "json" => drop(serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()),
            _ => assert!(!ran.stdout.contains("\n# Heading"), "{}", ran.stdout),
        }
    }
}

#[test]
fn secrets_are_not_shown_to_those_who_read_a_comment() {
    let repo = Repo::new();
    let key = "AKIAIOSFODNN7EXAMPLE";
    repo.edit("baselines/small/files.nix", "mode.eq = \"0644\"", &format!("mode.eq = \"{key}\""));
    // Where the name of a secret belongs, any text is one; and the lines of a key do not look like one.
    repo.edit(
        "baselines/small/disks.nix",
        "probe.disk.path = \"/\";",
        "probe.restic = { repository = \"/r\"; password = \"correct horse\"; };",
    );
    repo.edit(
        "baselines/small/files.nix",
        "path = \"/etc/motd\"",
        &format!("path = {}", nix("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n")),
    );
    retitled(&repo, &format!("https://user:hunter2hunter2@host.example and {key}"));
    for format in ["human", "markdown", "json"] {
        let ran = repo.diff(&["--from", "start", "--format", format]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stdout.contains(key) && !ran.stdout.contains("hunter2"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("correct horse") && !ran.stdout.contains("MIIEvQ"), "{}", ran.stdout);
        assert!(ran.stdout.contains("****"), "{}", ran.stdout);
    }
}

#[test]
fn a_comment_fits_whatever_it_tells() {
    let repo = Repo::new();
    let checks: String = (0..900)
        .map(|i| {
            format!(
                "  checks.\"many.{i}\" = writ.check {{ title = \"{}\"; probe.file.path = \"/x\"; expect.mode.eq = \"0644\"; every = \"5m\"; severity = \"low\"; }};\n",
                "A long title ".repeat(20)
            )
        })
        .collect();
    repo.edit("baselines/small/files.nix", "  checks.\"file.backup\"", &format!("{checks}  checks.\"file.backup\""));
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    let ran = repo.diff(&["--from", "start", "--format", "markdown"]);
    assert!(ran.stdout.len() < 65_000, "{}", ran.stdout.len());
    assert!(ran.stdout.starts_with("**Protection weakens in `all 2 appliances`: "), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("<details><summary>In <code>all 2 appliances</code> (900)</summary>"),
        "{}",
        ran.stdout
    );
    // What weakens is never what is left out.
    let weaker = ran.stdout.find("- 🔴 weaker `checks.\"file.backup\"").unwrap();
    assert!(weaker < ran.stdout.find("- 🟢").unwrap(), "{}", ran.stdout);
    assert!(ran.stdout.contains("more lines do not fit into a comment"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("<details>").count(), ran.stdout.matches("</details>").count());
    assert_inert(&ran.stdout);
}

#[test]
fn a_comment_fits_whatever_its_first_line_tells() {
    let repo = Repo::new();
    let long = "`@`".repeat(24_000);
    repo.edit(
        "baselines/small/files.nix",
        "[ \"file\" \"symlink\" ]",
        &format!("[ \"file\" \"symlink\" {} ]", nix(&long)),
    );
    repo.edit("hosts/clinic-001/site.nix", "expires = \"2027-03-01T00:00:00Z\"", "expires = \"2027-06-01T00:00:00Z\"");
    repo.edit("hosts/clinic-001/site.nix", "approved_by = \"", &format!("approved_by = \"{}", "x".repeat(70_000)));
    let ran = repo.diff(&["--from", "start", "--format", "markdown"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.len() <= 60_000, "{}", ran.stdout.len());
    assert!(ran.stdout.starts_with("**Protection weakens in "), "{}", ran.stdout);
    assert_inert(&ran.stdout);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever a title is, a comment holds it in code spans, one line for each change.
    #[test]
    fn any_title_is_inert(title in "[ -~\u{a0}-\u{2ff}\u{2028}\u{202e}\u{1b}\n\r`|<@\\\\]{0,40}") {
        let repo = Repo::new();
        retitled(&repo, &format!("{title}."));
        let ran = repo.diff(&["--from", "start", "--format", "markdown"]);
        prop_assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_inert(&ran.stdout);
        prop_assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("- ")).count(), 1, "{}", ran.stdout);
    }
}
