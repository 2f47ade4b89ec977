//! For whoever shows test results: the report as JUnit's XML, each control and each check of each appliance a test case.
//!
//! There is no standard of it. What is written here is what Jenkins, GitLab and GitHub's actions read: `testsuites`, `testsuite`
//! with counts and properties, `testcase` with at most one of `failure`, `error` and `skipped`. What is not wholly demonstrated
//! never passes.

use std::fmt::Write as _;

use writ_policy::declared::DeclaredAt;

use super::doubt;
use crate::compare::model::{CheckFinding, Comparison, Verdict};
use crate::problem::Weight;

/// The most problems of a folder that are named.
const MOST_NAMED: usize = 20;

/// What a test case comes to, and why.
enum Outcome {
    Passed,
    /// It does not hold.
    Failure(String),
    /// Nobody can tell.
    Error(String),
    /// It is nothing that evidence decides, or not decided wholly.
    Skipped(String),
}

struct Case<'a> {
    name: String,
    at: Option<&'a DeclaredAt>,
    outcome: Outcome,
    /// The verdict and its reasons.
    details: Vec<String>,
}

struct Suite<'a> {
    name: String,
    cases: Vec<Case<'a>>,
}

/// How many cases came to what.
#[derive(Default, Clone, Copy)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

/// The report. Durations are 0: nothing was run for it.
pub fn render(c: &Comparison) -> String {
    let mut suites = vec![evidence(c), controls(c)];
    suites.extend(c.appliances.iter().map(|a| Suite {
        name: format!("checks of {}", a.appliance),
        cases:
            c.checks.iter().filter(|check| check.appliance == a.appliance).map(|check| check_case(c, check)).collect(),
    }));
    let all = counts(suites.iter().flat_map(|suite| &suite.cases));
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    // Writing to a string does not fail, here and below.
    let _ = writeln!(
        out,
        "<testsuites name=\"{}\" {} time=\"0\">",
        escaped(&format!("writ audit of {}", c.site)),
        told(all)
    );
    suites.iter().for_each(|suite| write_suite(&mut out, c, suite));
    out + "</testsuites>\n"
}

fn write_suite(out: &mut String, c: &Comparison, suite: &Suite<'_>) {
    let name = escaped(&suite.name);
    let at: String = c.period.to.to_string().chars().take(19).collect();
    let counts = told(counts(&suite.cases));
    let _ = writeln!(out, "  <testsuite name=\"{name}\" {counts} time=\"0\" timestamp=\"{at}\">");
    let properties = [
        ("site", c.site.to_string()),
        ("from", c.period.from.to_string()),
        ("to", c.period.to.to_string()),
        ("verified", c.verification.ok.to_string()),
    ];
    out.push_str("    <properties>\n");
    for (name, value) in properties {
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", escaped(&value));
    }
    out.push_str("    </properties>\n");
    suite.cases.iter().for_each(|case| write_case(out, &format!("{}.{}", c.site, suite.name), case));
    out.push_str("  </testsuite>\n");
}

fn write_case(out: &mut String, class: &str, case: &Case<'_>) {
    let at = case.at.map(|at| format!(" file=\"{}\" line=\"{}\"", escaped(&at.file), at.line)).unwrap_or_default();
    let _ = writeln!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"{at}>",
        escaped(class),
        escaped(&case.name)
    );
    let details = escaped_text(&case.details.join("\n"));
    let _ = match &case.outcome {
        Outcome::Passed => writeln!(out, "      <system-out>{details}</system-out>"),
        Outcome::Failure(why) => {
            writeln!(out, "      <failure type=\"failed\" message=\"{}\">{details}</failure>", escaped(why))
        }
        Outcome::Error(why) => {
            writeln!(out, "      <error type=\"undecided\" message=\"{}\">{details}</error>", escaped(why))
        }
        Outcome::Skipped(why) => writeln!(out, "      <skipped message=\"{}\"/>", escaped(why)),
    };
    out.push_str("    </testcase>\n");
}

/// Whether the folder verified, and whether every appliance could be judged.
fn evidence(c: &Comparison) -> Suite<'_> {
    let bad = c.verification.problems.list.iter().filter(|p| p.weight == Weight::Bad).take(MOST_NAMED);
    let details = bad.map(|p| format!("{} at {}: {}. {}.", p.code, p.path, p.what, p.consequence)).collect();
    let outcome = match c.verification.ok {
        true => Outcome::Passed,
        false => Outcome::Failure("the folder does not verify".to_owned()),
    };
    let folder = Case { name: "the folder verifies".to_owned(), at: None, outcome, details };
    let doubt = doubt::on_folder(c);
    let judged = c.appliances.iter().map(|a| Case {
        name: format!("{} is judged", a.appliance),
        at: None,
        outcome: match (&a.not_assessable, &doubt) {
            (Some(why), _) => Outcome::Error(why.clone()),
            (None, Some(doubt)) => Outcome::Error(format!("judged, but {doubt}")),
            (None, None) => Outcome::Passed,
        },
        details: Vec::new(),
    });
    Suite { name: "evidence".to_owned(), cases: std::iter::once(folder).chain(judged).collect() }
}

fn controls(c: &Comparison) -> Suite<'_> {
    let doubt = doubt::on_controls(c);
    let cases = c.controls.iter().map(|control| Case {
        name: format!("{} {}", control.control, control.title),
        at: Some(&control.declared_at),
        outcome: outcome(control.verdict, &control.reasons, doubt.as_deref()),
        details: std::iter::once(control.verdict.to_string()).chain(control.reasons.iter().cloned()).collect(),
    });
    Suite { name: "controls".to_owned(), cases: cases.collect() }
}

fn check_case<'a>(c: &Comparison, check: &'a CheckFinding) -> Case<'a> {
    Case {
        name: format!("{}: {}", check.check, check.title),
        at: Some(&check.declared_at),
        outcome: outcome(check.verdict, &check.reasons, doubt::on_folder(c).as_deref()),
        details: vec![check.line(), format!("expected: {}", check.expects)],
    }
}

fn outcome(verdict: Verdict, reasons: &[String], doubt: Option<&str>) -> Outcome {
    let why = std::iter::once(verdict.to_string()).chain(reasons.iter().cloned()).collect::<Vec<_>>().join("; ");
    match (verdict, doubt) {
        (Verdict::Demonstrated, None) => Outcome::Passed,
        (Verdict::Demonstrated, Some(doubt)) => Outcome::Error(format!("demonstrated, but {doubt}")),
        (Verdict::Failed, _) => Outcome::Failure(why),
        (Verdict::NoEvidence | Verdict::NotAssessable, _) => Outcome::Error(why),
        (
            Verdict::PartlyDemonstrated
            | Verdict::Excepted
            | Verdict::Procedural
            | Verdict::Inherited
            | Verdict::NotApplicable,
            _,
        ) => Outcome::Skipped(why),
    }
}

fn counts<'a>(cases: impl IntoIterator<Item = &'a Case<'a>>) -> Counts {
    cases.into_iter().fold(Counts::default(), |n, case| {
        let n = Counts { tests: n.tests + 1, ..n };
        match case.outcome {
            Outcome::Passed => n,
            Outcome::Failure(_) => Counts { failures: n.failures + 1, ..n },
            Outcome::Error(_) => Counts { errors: n.errors + 1, ..n },
            Outcome::Skipped(_) => Counts { skipped: n.skipped + 1, ..n },
        }
    })
}

fn told(Counts { tests, failures, errors, skipped }: Counts) -> String {
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

/// A value of an attribute.
fn escaped(text: &str) -> String {
    escaped_text(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// Text of an element. Characters that XML 1.0 has no way to write (section 2.2), and those that it advises against, become
/// U+FFFD.
fn escaped_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_quoted_is_text() {
        assert_eq!(escaped("<a b=\"c\">&\n\t"), "&lt;a b=&quot;c&quot;&gt;&amp;&#10;&#9;");
        assert_eq!(
            escaped_text("a\u{0}\u{1b}[31m\u{85}\u{ffff}\u{1fffe}\rb\n"),
            "a\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}b\n"
        );
    }

    #[test]
    fn only_what_is_wholly_demonstrated_passes() {
        for verdict in Verdict::ALL {
            for doubt in [None, Some("in doubt")] {
                let passes = matches!(outcome(verdict, &[], doubt), Outcome::Passed);
                assert_eq!(passes, verdict == Verdict::Demonstrated && doubt.is_none(), "{verdict}");
            }
        }
    }
}
