//! What is answered, `writ.doctor.v1`, and the same for people.

use serde::Serialize;
use writ_audit::words::{of, when};
use writ_policy::outcome::Outcome;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::text::{escaped, one_line};
use writ_trust::time::Time;

use super::appliance::Appliance;
use super::check::Account;
use super::finding::{Finding, Question};
use super::healing::Case;
use super::running;
use crate::screen::{self, BOLD, DIM, GREEN, RED, YELLOW, paint};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Always `writ.doctor.v1`.
    pub schema: &'static str,
    /// When it was looked.
    pub at: Time,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// Whether nothing is wrong.
    pub well: bool,
    /// The release that is obeyed, `epoch-serial`; null when there is none.
    pub release: Option<String>,
    /// Whether the enforcer runs.
    pub enforcer_runs: bool,
    /// Whether the courier runs; null where there is none.
    pub courier_runs: Option<bool>,
    /// When the enforcer last wrote down what is said of checks; null when it never did.
    pub as_of: Option<Time>,
    /// Whether that is old: the enforcer does not run, or says nothing any more.
    pub stale: bool,
    /// The questions of which nothing is known, so that the absence of findings says nothing.
    pub unknown: Vec<Question>,
    /// The checks, counted.
    pub checks: Counts,
    /// What was found, question by question.
    pub findings: Vec<Finding>,
    /// The account of the one check that was asked for; null when none was.
    pub check: Option<Account>,
}

/// Checks by their last outcome.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// All of them.
    pub all: u64,
    /// They hold.
    pub pass: u64,
    /// They hold, with a warning.
    pub warn: u64,
    /// They fail.
    pub fail: u64,
    /// They do not apply to this machine.
    pub not_applicable: u64,
    /// Nobody knows; those not observed are not among them.
    pub not_assessable: u64,
    /// They have not run since the policy came.
    pub not_run_yet: u64,
    /// This version has no way to look.
    pub not_observed: u64,
}

impl Report {
    /// Puts an answer together.
    pub fn new(seen: &Appliance, findings: Vec<Finding>, check: Option<Account>) -> Self {
        let running = seen.enforcer.state.as_ref().and_then(|state| state.running);
        Self {
            schema: "writ.doctor.v1",
            at: seen.now,
            site: seen.config.site.clone(),
            appliance: seen.config.appliance.clone(),
            well: !findings.iter().any(Finding::is_wrong),
            release: running.map(|running| running.release.to_string()),
            enforcer_runs: seen.enforcer.runs,
            courier_runs: seen.courier.as_ref().map(|courier| courier.runs),
            as_of: seen.enforcer.status.as_ref().map(|status| status.at),
            stale: !seen.enforcer.runs || running::is_silent(seen),
            unknown: unknown(seen),
            checks: count(seen),
            findings,
            check,
        }
    }

    /// Prints it for people.
    pub fn print(&self) {
        let release = match &self.release {
            Some(release) => format!("release {release}"),
            None if self.unknown.contains(&Question::Syncing) => "release unknown".to_owned(),
            None => "no release".to_owned(),
        };
        screen::line(&format!("{}/{}, {release}, {}", self.site, self.appliance, when(self.at)));
        if let Some(check) = &self.check {
            check.print();
        }
        for question in Question::ALL {
            let found: Vec<&Finding> = self.findings.iter().filter(|f| f.question == question).collect();
            if self.check.is_none() || !found.is_empty() {
                self.answer(question, &found);
            }
        }
        let wrong = self.findings.iter().filter(|finding| finding.is_wrong()).count();
        screen::line("");
        screen::line(&match wrong {
            0 => paint(GREEN, "nothing is wrong"),
            n => paint(RED, &format!("{} wrong", of(n as u64, "thing"))),
        });
    }

    fn answer(&self, question: Question, found: &[&Finding]) {
        let wrong = found.iter().filter(|finding| finding.is_wrong()).count();
        let summary = match (question, wrong) {
            (question, 0) if self.unknown.contains(&question) => match question {
                Question::Syncing => {
                    "unknown: the enforcer has left nothing by which releases could be judged".to_owned()
                }
                _ => "unknown: there is no policy here that can be read, so there are no checks to tell of".to_owned(),
            },
            (question, n) if self.unknown.contains(&question) => {
                format!("{}; the rest is unknown", of(n as u64, "cause"))
            }
            (Question::Running, 0) => self.running(),
            (Question::Syncing, 0) => "nothing is in the way".to_owned(),
            (Question::Healing, 0) => self.checks(),
            (Question::Applicable, _) => match self.checks.not_applicable {
                0 => "every check applies".to_owned(),
                n => format!("{} not apply", if n == 1 { "1 check does".to_owned() } else { format!("{n} checks do") }),
            },
            (Question::Healing, n) => format!("{}; {}", of(n as u64, "cause"), self.checks()),
            (_, n) => of(n as u64, "cause"),
        };
        screen::line("");
        screen::line(&format!("{} {summary}", paint(BOLD, &format!("{}:", question.heading()))));
        for finding in found {
            finding.print();
        }
    }

    /// The counts of checks, with their age where nobody renews them.
    fn checks(&self) -> String {
        match (self.stale, self.as_of) {
            (false, _) => self.checks.words(),
            (true, Some(at)) => format!("as of {}: {}", when(at), self.checks.words()),
            (true, None) => format!("as of a time that is not known: {}", self.checks.words()),
        }
    }

    fn running(&self) -> String {
        match self.courier_runs {
            Some(_) => "the enforcer and the courier run".to_owned(),
            None => "the enforcer runs; there is no courier here, so releases come as a folder".to_owned(),
        }
    }
}

impl Finding {
    fn print(&self) {
        let mark = if self.is_wrong() { paint(RED, "✗") } else { paint(YELLOW, "·") };
        let code = paint(DIM, &format!("[{}]", self.code));
        screen::line(&format!("  {mark} {}: {} {code}", paint(BOLD, &escaped(&self.subject)), escaped(&self.what)));
        if !self.next.is_empty() {
            screen::line(&format!("    {} {}", paint(DIM, "next:"), escaped(&self.next)));
        }
    }
}

impl Account {
    fn print(&self) {
        // What a policy says comes from people, and what was seen from anybody.
        let row = |label: &str, text: &str| {
            screen::line(&format!("  {} {}", paint(DIM, &format!("{label:<9}")), escaped(text)));
        };
        screen::line("");
        screen::line(&format!("{}: {}", paint(BOLD, &escaped(&self.id)), escaped(&self.title)));
        row("severity", self.severity.as_str());
        row("expects", &self.expects);
        if let Some(prefers) = &self.prefers {
            row("prefers", prefers);
        }
        let ran = self.ran_at.map_or_else(String::new, |at| format!(", last run {}", when(at)));
        row("outcome", &format!("{}{ran}", self.outcome.map_or("not run yet", Outcome::as_str)));
        for (field, value) in self.observation.iter() {
            row("saw", &one_line(format!("{field} = {value}")));
        }
        row("controls", &if self.controls.is_empty() { "none".to_owned() } else { self.controls.join(", ") });
        for rule in &self.rules {
            row("rule", &rule.words());
        }
        if self.rules.is_empty() {
            row("rule", "none: a failure goes to people at once");
        }
        if let Some(open) = &self.incident {
            let due = open.due_at.map_or_else(String::new, |due| format!(", due {}", when(due)));
            row("incident", &format!("{}, {} since {}{due}", open.id, open.phase, when(open.since)));
        }
        if let Some(looked) = &self.looked {
            row("now", looked.outcome.as_str());
            for (field, value) in looked.observation.iter() {
                row("  saw", &one_line(format!("{field} = {value}")));
            }
            for reason in &looked.reasons {
                row("  why", &one_line(reason));
            }
        }
    }
}

impl super::check::Answering {
    fn words(&self) -> String {
        let does = match (&self.runs, &self.leaves) {
            (Some(runbook), _) => {
                format!("runs {runbook}, tried in vain {} of {}", self.failed, of(self.attempts.into(), "time"))
            }
            (_, Some(why)) => format!("leaves it to people: {why}"),
            _ => "does nothing".to_owned(),
        };
        let matches = if self.matches { "" } else { "; does not answer what was last seen" };
        let stopped = self.stopped_until.map_or_else(String::new, |at| format!("; stopped until {}", when(at)));
        format!("{} {does}{matches}{stopped}", self.rule)
    }
}

impl Counts {
    fn words(&self) -> String {
        let parts = [
            (self.fail, "fail"),
            (self.not_assessable, "cannot be judged"),
            (self.not_run_yet, "have not run yet"),
            (self.warn, "hold with a warning"),
            (self.pass, "hold"),
            (self.not_observed, "are not observed"),
        ];
        let told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        match told.is_empty() {
            true => "there are no checks".to_owned(),
            false => format!("of {}, {}", of(self.all, "check"), told.join(", ")),
        }
    }
}

/// The questions of which nothing is known: without a state nobody knows the key by which releases are judged, and without
/// a policy there is no check.
fn unknown(seen: &Appliance) -> Vec<Question> {
    let no_offer = seen.offer.as_ref().is_none_or(|offer| offer.root.is_none());
    let no_policy = seen.enforcer.policy().is_none() || seen.enforcer.state.is_none();
    let is_unknown = |question: &Question| match question {
        Question::Running => false,
        Question::Syncing => no_offer,
        Question::Healing | Question::Applicable => no_policy,
    };
    Question::ALL.into_iter().filter(is_unknown).collect()
}

fn count(seen: &Appliance) -> Counts {
    let mut counts = Counts::default();
    let (Some(policy), Some(state)) = (seen.enforcer.policy(), seen.enforcer.state.as_ref()) else { return counts };
    for (id, check) in &policy.checks {
        let case = Case { seen, policy, state, id, check };
        counts.all += 1;
        *match case.outcome() {
            _ if case.is_announced() => &mut counts.not_observed,
            Some(Outcome::Pass) => &mut counts.pass,
            Some(Outcome::Warn) => &mut counts.warn,
            Some(Outcome::Fail) => &mut counts.fail,
            Some(Outcome::NotApplicable) => &mut counts.not_applicable,
            Some(Outcome::NotAssessable) => &mut counts.not_assessable,
            None => &mut counts.not_run_yet,
        } += 1;
    }
    counts
}
