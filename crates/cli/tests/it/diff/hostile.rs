//! Text that would break a comment, a terminal or a reader: it is shown, and does nothing.

use super::inert::assert_inert;
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

/// A predicate of any text.
const OWNER: &str = "owner.eq = \"root\"";

#[test]
fn texts_of_a_policy_stay_text() {
    let repo = Repo::new();
    let evil = "a | b\n\n# Heading\n</details><script>alert(1)</script> @everyone ![x](http://evil.example/x.png) ``` `` ` \u{1b}[31m \u{202e}";
    retitled(&repo, evil);
    repo.edit("hosts/clinic-001/site.nix", "reason = \"The new disk is ordered.\"", &format!("reason = {}", nix(evil)));
    repo.edit("hosts/clinic-001/site.nix", "exceptions.\"EX-001\"", &format!("exceptions.{}", nix("EX`|<b>\n@x")));
    repo.edit("baselines/small/files.nix", OWNER, &format!("owner.\"in\" = [ \"root\" {} ]", nix(evil)));
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
fn a_policy_with_secrets_is_refused_without_showing_them() {
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
    let ran = repo.diff(&["--from", "start"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.matches("secret-in-clear").count() == 4, "{}", ran.stderr);
    for secret in [key, "hunter2", "correct horse", "MIIEvQ"] {
        assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
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
    repo.edit("baselines/small/files.nix", "  checks.\"malware.scan\"", &format!("{checks}  checks.\"malware.scan\""));
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    let ran = repo.diff(&["--from", "start", "--format", "markdown"]);
    assert!(ran.stdout.len() < 65_000, "{}", ran.stdout.len());
    assert!(ran.stdout.starts_with("**Protection weakens in both appliances: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("<details><summary>In both appliances (900 stronger)</summary>"), "{}", ran.stdout);
    // What weakens is never what is left out.
    let weaker = ran.stdout.find("- 🔴 weaker `checks.\"malware.scan\"").unwrap();
    assert!(weaker < ran.stdout.find("- 🟢").unwrap(), "{}", ran.stdout);
    assert!(ran.stdout.contains("more lines do not fit into a comment"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("<details>").count(), ran.stdout.matches("</details>").count());
    assert_inert(&ran.stdout);
}

#[test]
fn a_comment_fits_whatever_its_first_line_tells() {
    let repo = Repo::new();
    let long = "`@`".repeat(24_000);
    repo.edit("baselines/small/files.nix", OWNER, &format!("owner.\"in\" = [ \"root\" {} ]", nix(&long)));
    repo.edit("hosts/clinic-001/site.nix", "expires = \"2027-03-01T00:00:00Z\"", "expires = \"2027-06-01T00:00:00Z\"");
    for field in ["approved_by = \"", "approvers = [ \""] {
        repo.edit("hosts/clinic-001/site.nix", field, &format!("{field}{}", "x".repeat(70_000)));
    }
    let ran = repo.diff(&["--from", "start", "--format", "markdown"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.len() <= 60_000, "{}", ran.stdout.len());
    assert!(ran.stdout.starts_with("**Protection weakens in "), "{}", ran.stdout);
    assert_inert(&ran.stdout);
}
