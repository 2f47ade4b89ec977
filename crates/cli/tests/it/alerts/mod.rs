//! `writ export alerts`, judged by Prometheus' own tool.

mod each;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

fn writ(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(["export", "alerts"]).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The rules of this repository, made once.
fn rules_of_repository() -> &'static str {
    static RULES: LazyLock<String> = LazyLock::new(|| rules(&["--all"]));
    &RULES
}

/// The rules of this repository with further arguments.
fn rules(more: &[&str]) -> String {
    let root = repository();
    let made = writ(&[&[root.to_str().unwrap()], more].concat());
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    text(&made.stdout)
}

/// Prometheus' tool, which `cargo xtask test` unpacks.
pub fn promtool() -> Command {
    let program = std::env::var("WRIT_TEST_PROMTOOL").unwrap_or_else(|_| "/usr/bin/promtool".into());
    assert!(
        Path::new(&program).exists(),
        "no {program}: run `cargo xtask test`, which unpacks one, or name it in WRIT_TEST_PROMTOOL"
    );
    Command::new(program)
}

fn judged(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn prometheus_reads_them_and_they_fire_where_they_should() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules_of_repository();
    let of = rules.lines().find_map(|line| line.strip_prefix("# Figures of: ")).unwrap();
    let hipaa = of.split(", ").find(|baseline| baseline.starts_with("hipaa ")).unwrap();
    let cases = include_str!("cases.yml").replace("@hipaa@", hipaa);
    fs::write(dir.path().join("writ.rules.yml"), rules).unwrap();
    judged(promtool().args(["check", "rules"]).arg(dir.path().join("writ.rules.yml")));
    fs::write(dir.path().join("cases.yml"), &cases).unwrap();
    judged(promtool().args(["test", "rules", "cases.yml"]).current_dir(dir.path()));
    // A case that must not hold, so that the tool is known to look.
    let wrong = cases.replace("alertname: WritSilent\n", "alertname: WritSyncFailing\n");
    fs::write(dir.path().join("cases.yml"), wrong).unwrap();
    let output = promtool().args(["test", "rules", "cases.yml"]).current_dir(dir.path()).output().unwrap();
    assert!(!output.status.success());
}

#[test]
fn thresholds_are_figures_of_the_baselines() {
    let rules = rules_of_repository();
    for words in [
        "expr: \"writ_checkin_age_seconds > 120\"",
        "figure: \"checkin.warning = 2m (hipaa ",
        "expr: \"writ_key_age_seconds > 28512000\"",
        "expr: \"100 * writ_outbox_undelivered_bytes / writ_outbox_budget_bytes > 80\"",
        "expr: absent(writ_key_age_seconds)",
        "expr: (writ_incidents_any_ended == 1) unless writ_mttr_seconds",
        "expr: \"writ_l1_resolution_percent < 70\"",
    ] {
        assert!(rules.contains(words), "{words}: {rules}");
    }
    // Nothing that would fire for ever, unless it is asked for.
    let exported = self::rules(&[]);
    assert!(
        exported.contains("writ_learning_candidates_pending > 20")
            && exported.contains("writ_mttr_seconds")
            && exported.contains("(--all writes them): WritKeyOld\n")
            && exported.contains("(writ_courier_configured == 1) unless writ_checkin_age_seconds"),
        "{exported}"
    );
    // From any folder of the tree, as other commands are; the same tree gives the same bytes.
    let below = repository().join("hosts");
    assert_eq!(text(&writ(&[below.to_str().unwrap(), "--all"]).stdout), rules);
}

#[test]
fn a_baseline_without_the_figure_leaves_the_rule_out_and_says_so() {
    let root = repository();
    let tree = [root.to_str().unwrap()];
    let made = writ(&[&tree[..], &["--baseline", "hardening"]].concat());
    let (stdout, stderr) = (text(&made.stdout), text(&made.stderr));
    assert_eq!(made.status.code(), Some(0), "{stderr}");
    for said in [&stdout, &stderr] {
        assert!(said.contains("WritSilent is left out: none of these baselines has the figure"), "{said}");
    }
    assert!(!stdout.contains("alert: WritSilent") && stdout.contains("alert: WritCheckFailing"), "{stdout}");
    let unknown = writ(&[&tree[..], &["--baseline", "hippa"]].concat());
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stderr));
    assert!(text(&unknown.stderr).contains("did you mean `hipaa`?"), "{}", text(&unknown.stderr));
    assert_eq!(writ(&["/nonexistent"]).status.code(), Some(2));
}

#[test]
fn out_names_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("rules");
    let said = rules(&["--all", "--out", to.to_str().unwrap()]);
    assert!(said.contains("writ.rules.yml"), "{said}");
    assert_eq!(fs::read_to_string(to.join("writ.rules.yml")).unwrap().trim_end(), rules_of_repository().trim_end());
}

/// What promtool says of figures on its standard input.
pub fn judge_figures(figures: &str) {
    use std::io::Write as _;
    let mut child = promtool().args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(figures.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}{figures}", text(&output.stdout));
}
