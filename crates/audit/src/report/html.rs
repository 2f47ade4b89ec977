//! For people: one HTML file that needs nothing else. No script, no asset, readable by a screen reader, fit for print.

use askama::Template;
use writ_policy::control::Coverage;
use writ_trust::time::Time;

use super::counted;
use crate::compare::model::{
    ChangeEntry, CheckFinding, Comparison, ControlFinding, FrameworkRow, Link, Signer, Verdict,
};
use crate::log_summary::{LogSummary, NOT_CONFIGURED};
use crate::problem::Weight;
use crate::story::plain;
use crate::words::{effect, framework, lasting, lasting_millis, of, thousands, when};

#[derive(Template)]
#[template(path = "report.html")]
struct Report<'a> {
    c: &'a Comparison,
}

/// Why the report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be written: {0}")]
pub struct HtmlError(#[from] askama::Error);

/// The report of a comparison, as one self-contained HTML file.
pub fn render(comparison: &Comparison) -> Result<String, HtmlError> {
    Ok(Report { c: comparison }.render()? + "\n")
}

/// A slice of the bar of verdicts.
struct Slice {
    x: u64,
    width: u64,
    slug: String,
    label: String,
}

impl Report<'_> {
    fn when(&self, at: &Time) -> String {
        when(*at)
    }

    fn lasting(&self, seconds: &u64) -> String {
        lasting(*seconds)
    }

    fn took(&self, millis: &u64) -> String {
        lasting_millis(*millis)
    }

    fn n(&self, number: &u64) -> String {
        thousands(*number)
    }

    fn count(&self, number: impl std::borrow::Borrow<usize>) -> String {
        thousands(*number.borrow() as u64)
    }

    fn of(&self, number: &u64, thing: &str) -> String {
        of(*number, thing)
    }

    /// The matrix, framework by framework.
    fn frameworks(&self) -> Vec<(String, Vec<&FrameworkRow>)> {
        let mut all: Vec<(String, Vec<&FrameworkRow>)> = Vec::new();
        for row in &self.c.matrix {
            let name = framework(&row.framework);
            match all.last_mut() {
                Some((last, rows)) if *last == name => rows.push(row),
                _ => all.push((name, vec![row])),
            }
        }
        all
    }

    fn signers(&self, all: &[Signer]) -> String {
        let names: Vec<String> = all.iter().map(|signer| format!("{} ({})", signer.name, signer.key_id)).collect();
        if names.is_empty() { "–".to_owned() } else { names.join(", ") }
    }

    fn effect(&self, entry: &ChangeEntry) -> &'static str {
        effect(entry.effect)
    }

    /// The last instant of the period, as a period on a command line ends with it.
    fn last_instant(&self) -> Time {
        self.c.period.to.plus_millis(-1)
    }

    fn counted(&self) -> String {
        counted(&self.c.verification)
    }

    /// The logs of the site, if the trust root names any.
    fn log(&self) -> Option<&LogSummary> {
        self.c.verification.logs.iter().find(|log| log.site == self.c.site && log.state != NOT_CONFIGURED)
    }

    fn bad_things(&self) -> String {
        match self.c.verification.problems.bad {
            1 => "One thing is".to_owned(),
            n => format!("{} things are", thousands(n as u64)),
        }
    }

    /// Reasons that no check of the control gives by itself.
    fn own_reasons<'s>(&self, control: &'s ControlFinding) -> Vec<&'s String> {
        let told: Vec<String> = self.checks_of(control).into_iter().map(CheckFinding::line).collect();
        control.reasons.iter().filter(|r| !told.contains(r)).collect()
    }

    fn is_more(&self, check: &CheckFinding) -> bool {
        check.bundles > check.evidence.len() as u64
    }

    fn baselines(&self) -> String {
        self.c
            .baselines
            .iter()
            .map(|(name, version)| format!("{} {version}", name.to_uppercase()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn verdict_counts(&self) -> Vec<(Verdict, u64)> {
        Verdict::ALL.into_iter().map(|v| (v, self.c.verdicts.get(v.as_str()).copied().unwrap_or(0))).collect()
    }

    /// The bar of verdicts, 1000 units wide.
    fn slices(&self) -> Vec<Slice> {
        let counts = self.verdict_counts();
        let total: u64 = counts.iter().map(|(_, n)| n).sum::<u64>().max(1);
        let (mut before, mut slices) = (0, Vec::new());
        for (verdict, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
            let (x, end) = (before * 1000 / total, (before + n) * 1000 / total);
            slices.push(Slice { x, width: end - x, slug: verdict.slug(), label: format!("{n} {verdict}") });
            before += n;
        }
        slices
    }

    fn bar_in_words(&self) -> String {
        self.slices().into_iter().map(|s| s.label).collect::<Vec<_>>().join(", ")
    }

    fn percent(&self, score: &crate::compare::model::Score) -> String {
        score.percent().map_or_else(|| "–".to_owned(), |p| format!("{p}\u{a0}%"))
    }

    fn coverage(&self, control: &ControlFinding) -> &'static str {
        match control.coverage {
            Coverage::Automated => "automated",
            Coverage::Partial => "partial",
            Coverage::Procedural => "procedural",
            Coverage::Inherited => "inherited",
        }
    }

    fn maps(&self, control: &ControlFinding) -> String {
        let all =
            control.maps.iter().map(|(framework, ids)| format!("{} {}", framework.to_uppercase(), ids.join(", ")));
        all.collect::<Vec<_>>().join(" · ")
    }

    /// A control's name as an anchor.
    fn anchor(&self, control: &str) -> String {
        control.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    }

    fn checks_of(&self, control: &ControlFinding) -> Vec<&CheckFinding> {
        control.checks.iter().map(|i| &self.c.checks[*i]).collect()
    }

    fn seen(&self, check: &CheckFinding) -> Vec<(String, String)> {
        let Some(observed) = &check.observed else { return Vec::new() };
        observed.values.iter().map(|(name, value)| (name.to_owned(), plain(value))).collect()
    }

    fn healed(&self, by: &std::collections::BTreeMap<&'static str, u64>) -> String {
        let all: Vec<String> = by.iter().map(|(tier, n)| format!("{tier}: {n}")).collect();
        if all.is_empty() { "–".to_owned() } else { all.join(", ") }
    }

    fn with_verdict(&self, verdicts: &[Verdict]) -> Vec<&ControlFinding> {
        self.c.controls.iter().filter(|c| verdicts.contains(&c.verdict)).collect()
    }

    /// The worst first: one that failed does not stand among many that nobody could decide.
    fn attention(&self) -> Vec<&ControlFinding> {
        let mut findings = self.with_verdict(&[Verdict::Failed, Verdict::NoEvidence, Verdict::NotAssessable]);
        findings.sort_by_key(|finding| finding.verdict);
        findings
    }

    fn procedural(&self) -> Vec<&ControlFinding> {
        self.with_verdict(&[Verdict::Procedural])
    }

    fn inherited(&self) -> Vec<&ControlFinding> {
        self.with_verdict(&[Verdict::Inherited])
    }

    fn not_applicable(&self) -> Vec<&ControlFinding> {
        self.with_verdict(&[Verdict::NotApplicable])
    }

    fn left_out(&self) -> Vec<&ControlFinding> {
        self.c.controls.iter().filter(|c| c.not_assessed.is_some()).collect()
    }

    fn checks_not_applicable(&self) -> Vec<&CheckFinding> {
        let sought = |c: &&CheckFinding| matches!(c.verdict, Verdict::NotApplicable | Verdict::NotAssessable);
        self.c.checks.iter().filter(sought).collect()
    }

    fn bad(&self) -> Vec<&crate::problem::Problem> {
        self.c.verification.problems.list.iter().filter(|p| p.weight == Weight::Bad).collect()
    }

    fn notes(&self) -> Vec<&crate::problem::Problem> {
        self.c.verification.problems.list.iter().filter(|p| p.weight == Weight::Note).collect()
    }

    /// Every bundle that the report refers to, once.
    fn index(&self) -> Vec<&Link> {
        let c = self.c;
        let mut all: Vec<&Link> = c.checks.iter().flat_map(|check| &check.evidence).collect();
        all.extend(c.checks.iter().filter_map(|check| check.observed.as_ref().map(|o| &o.link)));
        all.extend(c.incidents.iter().flat_map(|i| &i.evidence));
        all.extend(c.switches.iter().map(|s| &s.link));
        all.extend(c.events.iter().map(|e| &e.link));
        let folder = |l: &Link| l.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        all.sort_by_key(|l| (folder(l), l.bundle_id.number, l.bundle_id));
        all.dedup();
        all
    }

    /// A real bundle for the example of how to verify one.
    fn example(&self) -> Option<(&str, &str)> {
        let link =
            self.c.incidents.iter().flat_map(|i| i.evidence.last()).next().or_else(|| self.index().first().copied())?;
        let fingerprint = link.path.split('/').nth(2)?;
        let chain = self.c.verification.chains.iter().find(|chain| chain.fingerprint == fingerprint)?;
        Some((&link.path, &chain.public_key))
    }
}
