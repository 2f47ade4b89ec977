//! What is held of every site: small enough for thousands, and all that the pages over the whole fleet need.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use writ_audit::Period;
use writ_audit::attest::Attested;
use writ_audit::checklist::{LastAttested, last_done};
use writ_audit::compare::Comparison;
use writ_audit::compare::model::{IncidentStatus, Score, Verdict};
use writ_audit::log_summary::{LogSummary, NOT_CONFIGURED};
use writ_audit::verify::VerifyReport;
use writ_policy::declared::Severity;
use writ_policy::duty::Cadence;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::learned::Learned;

/// From what log a site was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBasis {
    /// `verified`, `not configured` and the like.
    pub state: &'static str,
    /// The name of the log in use.
    pub origin: Option<String>,
    /// How many entries its checkpoint names.
    pub size: Option<u64>,
    /// The root of its tree, in base64.
    pub root: Option<String>,
    /// When its key last said that this is its head.
    pub fresh_at: Option<Time>,
}

impl LogBasis {
    /// That of a site in a report.
    pub fn of(report: &VerifyReport, site: &SiteId) -> Self {
        let log = report.logs.iter().find(|log| log.site == *site);
        let head = log.and_then(|log: &LogSummary| log.logs.last());
        Self {
            state: log.map_or(NOT_CONFIGURED, |log| log.state),
            origin: head.map(|head| head.origin.clone()),
            size: head.and_then(|head| head.size),
            root: head.and_then(|head| head.root.clone()),
            fresh_at: head.and_then(|head| head.fresh_at),
        }
    }
}

/// An exception of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionRow {
    /// Its name.
    pub id: String,
    /// What it lifts.
    pub lifts: String,
    /// Why.
    pub reason: String,
    /// Who answers for the risk.
    pub owner: String,
    /// Who approved it.
    pub approved_by: String,
    /// When it ends.
    pub expires: Time,
    /// Whether it was in force when the site was read.
    pub in_force: bool,
    /// How many verdicts on controls it changes.
    pub changes: usize,
}

/// What people do at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyRow {
    /// The control that it is for.
    pub control: String,
    /// What is done.
    pub title: String,
    /// When it is due.
    pub cadence: Cadence,
    /// Who does it.
    pub by: String,
    /// What is attached as evidence.
    pub attach: String,
    /// When a person last stated that it was done, as the checklists count it.
    pub attested: Option<LastAttested>,
}

impl DutyRow {
    /// By when it is to be done again: at once where nobody ever stated it, and never by the clock where only an event makes it
    /// due.
    pub fn due(&self) -> Due {
        match (&self.cadence.every, &self.attested) {
            (Some(_), None) => Due::Never,
            (Some(every), Some(attested)) => Due::By(attested.due_again(every)),
            (None, _) => Due::WhenItHappens,
        }
    }
}

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// It was never stated, so it is due.
    Never,
    /// By then.
    By(Time),
    /// When what it is about happens.
    WhenItHappens,
}

/// What a site comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The site.
    pub site: SiteId,
    /// Its name in words.
    pub title: String,
    /// When it was read.
    pub read_at: Time,
    /// The time that was judged; null when nothing could be.
    pub period: Option<Period>,
    /// Why it was not judged, where it was not.
    pub not_judged: Option<String>,
    /// Whether everything verified.
    pub verified: bool,
    /// How many things did not.
    pub bad: usize,
    /// The log that it was read from.
    pub log: LogBasis,
    /// Controls that are shown or excepted.
    pub score: Score,
    /// The same without exceptions.
    pub score_without: Score,
    /// How many controls have which verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// How many controls its policies ask for.
    pub asked: usize,
    /// Whether everything verified, everything was judged, and nothing that machines decide is other than shown or excepted.
    pub fine: bool,
    /// How many appliances it has.
    pub appliances: usize,
    /// How many of them were not judged at all: verdicts and scores are about the others.
    pub unjudged: usize,
    /// How many of them said nothing in the period.
    pub silent: usize,
    /// When any of them last said something.
    pub last_heard: Option<Time>,
    /// How many incidents are open, and how many of those are critical.
    pub open: (u64, u64),
    /// Its exceptions.
    pub exceptions: Vec<ExceptionRow>,
    /// What people do there.
    pub duties: Vec<DutyRow>,
    /// What it teaches.
    pub learned: Arc<Learned>,
}

impl Summary {
    /// Of a site that cannot be judged.
    pub fn not_judged(site: &SiteId, why: String, report: Option<&VerifyReport>, read_at: Time) -> Self {
        Self {
            site: site.clone(),
            title: site.to_string(),
            read_at,
            period: None,
            not_judged: Some(why),
            verified: false,
            bad: report.map_or(0, |report| report.problems.bad),
            log: report.map_or_else(
                || LogBasis { state: NOT_CONFIGURED, origin: None, size: None, root: None, fresh_at: None },
                |report| LogBasis::of(report, site),
            ),
            score: Score::default(),
            score_without: Score::default(),
            verdicts: BTreeMap::new(),
            asked: 0,
            fine: false,
            appliances: 0,
            unjudged: 0,
            silent: 0,
            last_heard: None,
            open: (0, 0),
            exceptions: Vec::new(),
            duties: Vec::new(),
            learned: Arc::default(),
        }
    }

    /// Of a comparison. `attested` is what people attested at the site, oldest first; `learned` what it teaches.
    pub fn of(c: &Comparison, attested: &[Attested], learned: Learned, read_at: Time) -> Self {
        let mut verdicts = BTreeMap::new();
        c.controls.iter().for_each(|control| *verdicts.entry(control.verdict).or_default() += 1);
        let open = || c.incidents.iter().filter(|incident| incident.status == IncidentStatus::Open);
        let critical = open().filter(|incident| incident.severity == Severity::Critical).count();
        let duties = c.controls.iter().flat_map(|control| control.duties.iter().map(move |duty| (control, duty)));
        Self {
            site: c.site.clone(),
            title: c.title.clone(),
            read_at,
            period: Some(c.period),
            not_judged: None,
            verified: c.verification.ok,
            bad: c.verification.problems.bad,
            log: LogBasis::of(&c.verification, &c.site),
            score: c.score,
            score_without: c.score_without_exceptions,
            verdicts,
            asked: c.controls.len(),
            fine: c.is_fine(),
            appliances: c.appliances.len(),
            unjudged: c.appliances.iter().filter(|appliance| appliance.not_assessable.is_some()).count(),
            silent: c.appliances.iter().filter(|appliance| appliance.last_heard.is_none()).count(),
            last_heard: c.appliances.iter().filter_map(|appliance| appliance.last_heard).max(),
            open: (open().count() as u64, critical as u64),
            exceptions: c.exceptions.iter().map(exception).collect(),
            duties: duties
                .map(|(control, duty)| DutyRow {
                    control: control.control.clone(),
                    title: duty.title.clone(),
                    cadence: duty.cadence.clone(),
                    by: duty.by.clone(),
                    attach: duty.attach.clone(),
                    attested: last_done(attested, &duty.id),
                })
                .collect(),
            learned: Arc::new(learned),
        }
    }

    /// How many controls have a verdict.
    pub fn with(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    /// Where it stands in a list of which the first needs somebody most: what did not verify, then what was not judged, then what
    /// fails, then what nobody knows, then open incidents, then the score.
    pub fn rank(&self) -> impl Ord + use<> {
        let level = if self.not_judged.is_some() {
            0
        } else if !self.verified {
            1
        } else if self.unjudged > 0 || self.asked == 0 {
            2
        } else {
            3
        };
        (
            level,
            Reverse(self.with(Verdict::Failed)),
            Reverse(self.open.1),
            Reverse(self.with(Verdict::NoEvidence)),
            Reverse(self.silent),
            Reverse(self.open.0),
            Reverse(self.with(Verdict::NotAssessable)),
            self.score.percent().unwrap_or(0),
            self.site.clone(),
        )
    }
}

fn exception(finding: &writ_audit::compare::model::ExceptionFinding) -> ExceptionRow {
    let exception = &finding.exception;
    let lifts = match (&exception.control, &exception.check) {
        (Some(control), _) => format!("control {control}"),
        (None, Some(check)) => format!("check {check}"),
        (None, None) => "nothing".to_owned(),
    };
    ExceptionRow {
        id: finding.id.clone(),
        lifts,
        reason: exception.reason.clone(),
        owner: exception.owner.clone(),
        approved_by: exception.approved_by.clone(),
        expires: exception.expires,
        in_force: finding.in_force,
        changes: finding.changes.len(),
    }
}
