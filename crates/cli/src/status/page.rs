//! The status page: one HTML page that needs nothing else, in the looks of the audit report. No script; the browser asks again by
//! itself.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;
use writ_audit::words::{lasting, lasting_millis, of, when};
use writ_policy::control::Coverage;
use writ_trust::digest::Digest;
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::report::{Cause, Check, Control, Outcome, Report, SCHEMA, State, Story, Verdict};
use super::text;
use super::unclaimed::{self, Unclaimed};

/// The style sheet, the only thing that the page's policy lets in.
const STYLE: &str = include_str!("../../templates/status.css");
/// From which age on nobody renews what is shown, in seconds.
const OLD: u64 = 120;

/// What is shown.
pub enum Shown {
    /// The report of an appliance.
    Report(Box<Report>),
    /// A machine that belongs nowhere yet.
    Unclaimed(Box<Unclaimed>),
    /// Why there is none.
    Nothing(String),
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    r: &'a Report,
    /// The same, told as of now: what was a minute ago when it was looked is longer ago by the time it is shown.
    told: Report,
    now: Time,
    style: &'static str,
}

#[derive(Template)]
#[template(path = "status-none.html")]
struct Nothing<'a> {
    why: &'a str,
    style: &'static str,
}

#[derive(Template)]
#[template(path = "status-unclaimed.html")]
struct Waiting<'a> {
    u: &'a Unclaimed,
    code: Vec<String>,
    uri: String,
    side: usize,
    path: String,
    now: Time,
    style: &'static str,
}

impl Waiting<'_> {
    /// How long ago it was looked.
    fn age_in_words(&self) -> String {
        lasting(u64::try_from(self.now.millis_since(self.u.at) / 1000).unwrap_or(0))
    }
}

fn waiting(unclaimed: &Unclaimed, now: Time) -> Result<String, askama::Error> {
    let shown = unclaimed.code().and_then(|code| Ok((code, unclaimed.uri()?, unclaimed.matrix()?)));
    match shown {
        Err(why) => Nothing { why: &why, style: STYLE }.render(),
        Ok((code, uri, matrix)) => {
            let (code, uri) = (code.lines(), uri.to_string());
            Waiting { u: unclaimed, code, uri, side: matrix.side(), path: matrix.path(), now, style: STYLE }.render()
        }
    }
}

/// The page, at a time.
pub fn render(shown: &Shown, now: Time) -> Result<String, askama::Error> {
    match shown {
        Shown::Report(report) => {
            Page { r: report, told: Report { at: now, ..(**report).clone() }, now, style: STYLE }.render()
        }
        Shown::Unclaimed(unclaimed) => waiting(unclaimed, now),
        Shown::Nothing(why) => Nothing { why, style: STYLE }.render(),
    }
}

/// The Content-Security-Policy (W3C CSP3): nothing but this style sheet, by its digest.
pub fn policy() -> String {
    use base64::Engine as _;
    let digest = base64::engine::general_purpose::STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Reads the file that is shown. Root writes it; nothing that is in it commands a browser or a terminal even so.
pub fn read(bytes: &[u8]) -> Result<Shown, String> {
    let mut value: Value = serde_json::from_slice(bytes).map_err(|e| escaped(e.to_string()))?;
    clean(&mut value);
    let odd = |e: serde_json::Error| escaped(e.to_string());
    match value.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => serde_json::from_value(value).map(Box::new).map(Shown::Report).map_err(odd),
        Some(unclaimed::SCHEMA) => serde_json::from_value(value).map(Box::new).map(Shown::Unclaimed).map_err(odd),
        _ => Err(format!("it is no {SCHEMA}")),
    }
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = escaped(&*text),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(members) => members.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A slice of the bar of verdicts.
struct Slice {
    x: usize,
    width: usize,
    slug: String,
}

impl Page<'_> {
    fn age(&self) -> u64 {
        u64::try_from(self.now.millis_since(self.r.at) / 1000).unwrap_or(0)
    }

    /// Whether nobody renews what is shown, or it is of a time to come.
    fn is_old(&self) -> bool {
        self.age() > OLD || self.r.at.millis_since(self.now) > 1000 * OLD as i64
    }

    fn age_in_words(&self) -> String {
        lasting(self.age())
    }

    fn class(&self) -> &'static str {
        match self.r.state {
            _ if self.is_old() || self.r.stale => "bad",
            State::Well => "good",
            State::InHand => "note",
            State::NeedsPerson => "bad",
        }
    }

    fn headline(&self) -> String {
        let (needs, in_hand) = (self.r.needs().count() as u64, self.r.in_hand().count() as u64);
        match self.r.state {
            State::Well => "Well: nothing needs anybody.".to_owned(),
            State::InHand => format!("In hand: {}. Nothing needs a person now.", of(in_hand, "thing")),
            State::NeedsPerson => {
                format!("{} {} a person.", of(needs, "thing"), if needs == 1 { "needs" } else { "need" })
            }
        }
    }

    fn title(&self) -> String {
        let name = self.r.appliance.to_string();
        match self.class() {
            "bad" if self.is_old() => format!("OLD: {name}"),
            _ => format!("{} {name}", self.headline()),
        }
    }

    fn heard(&self) -> String {
        self.r.enforcer.heard_at.map_or("never".to_owned(), |at| self.told.ago(at))
    }

    fn ago(&self, at: &Time) -> String {
        self.told.ago(*at)
    }

    fn when(&self, at: &Time) -> String {
        when(*at)
    }

    fn needs(&self) -> Vec<&Cause> {
        self.r.needs().collect()
    }

    fn in_hand(&self) -> Vec<&Cause> {
        self.r.in_hand().collect()
    }

    /// What is told of the appliance, as in `writ status`.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("Release", text::release(&self.told)),
            ("Enforcer", text::enforcer(&self.told)),
            ("Courier and depot", text::courier(&self.told)),
        ];
        facts.extend(self.r.switch.is_some().then(|| ("Switch", text::switch(self.r))));
        facts.extend(self.r.claim_code.clone().map(|code| ("Claim code of its key", code)));
        facts.extend([
            ("Evidence on its way", text::queue(&self.r.queue)),
            ("Receipts", text::proof(&self.r.receipts)),
            ("Clock", text::clock(self.r)),
            ("Pauses of healing", text::pauses(self.r)),
            ("Runbooks", text::runbooks(self.r)),
        ]);
        facts
    }

    fn verdicts(&self) -> Vec<(Verdict, usize)> {
        Verdict::ALL
            .into_iter()
            .map(|verdict| (verdict, self.r.controls_that(verdict)))
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    /// The bar of verdicts, 1000 units wide.
    fn slices(&self) -> Vec<Slice> {
        let (total, mut before) = (self.r.controls.len().max(1), 0);
        let slice = |(verdict, n): (Verdict, usize)| {
            let (x, end) = (before * 1000 / total, (before + n) * 1000 / total);
            before += n;
            Slice { x, width: end - x, slug: verdict.slug() }
        };
        self.verdicts().into_iter().map(slice).collect()
    }

    fn bar_in_words(&self) -> String {
        let all: Vec<String> = self.verdicts().into_iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
        all.join(", ")
    }

    fn failed(&self) -> Vec<&Control> {
        self.r.controls.iter().filter(|control| control.verdict == Verdict::Failed).collect()
    }

    /// All controls, by family.
    fn families(&self) -> Vec<(&str, Vec<&Control>)> {
        let mut families: BTreeMap<&str, Vec<&Control>> = BTreeMap::new();
        for control in &self.r.controls {
            families.entry(text::family_of_control(&control.id)).or_default().push(control);
        }
        families.into_iter().collect()
    }

    /// How many controls there are, and what they come to.
    fn family_in_words(&self, controls: &[&Control]) -> String {
        let count = |verdict: Verdict| controls.iter().filter(|control| control.verdict == verdict).count();
        let all = Verdict::ALL.into_iter().map(|verdict| (count(verdict), verdict)).filter(|(n, _)| *n > 0);
        let all: Vec<String> = all.map(|(n, verdict)| format!("{n} {verdict}")).collect();
        format!("{}: {}", of(controls.len() as u64, "control"), all.join(", "))
    }

    fn coverage(&self, control: &Control) -> &'static str {
        match control.coverage {
            Coverage::Automated => "automated",
            Coverage::Partial => "partial",
            Coverage::Procedural => "procedural",
            Coverage::Inherited => "inherited",
        }
    }

    fn outcomes(&self) -> String {
        let all = text::OUTCOMES.into_iter().map(|outcome| (self.r.checks_that(outcome), outcome));
        let all: Vec<String> =
            all.filter(|(n, _)| *n > 0).map(|(n, outcome)| format!("{n} {}", text::counted_as(outcome))).collect();
        all.join(", ")
    }

    /// Checks that fail or that nobody could judge.
    fn bad_checks(&self) -> Vec<&Check> {
        let bad = |check: &&Check| matches!(check.outcome, Outcome::Fail | Outcome::NotAssessable | Outcome::NotRunYet);
        self.r.checks.iter().filter(bad).collect()
    }

    fn took(&self, story: &Story) -> String {
        let ended = story.closed_at.unwrap_or(self.now);
        lasting_millis(u64::try_from(ended.millis_since(story.detected_at)).unwrap_or(0))
    }

    fn is_overdue(&self, story: &Story) -> bool {
        story.due_at.is_some_and(|due| due <= self.now)
    }
}
