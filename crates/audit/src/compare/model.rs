//! What a comparison comes to: verdicts, the arithmetic behind them, and what happened (`writ.comparison.v1`).

mod happened;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use writ_evidence::BundleId;
use writ_evidence::posture::Range;
use writ_policy::control::Coverage;
use writ_policy::declared::{DeclaredAt, Severity};
use writ_policy::duty::Cadence;
use writ_policy::exception::Exception;
use writ_policy::observation::Observation;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::{Span, Time};

pub use happened::{
    BaselineChange, ChangeEntry, EventFinding, IncidentFinding, IncidentStatus, IncidentSummary, Signer, SwitchFinding,
};

use crate::period::Period;
use crate::verify::VerifyReport;

/// What a control or a check comes to. The order is from worst to best: the verdict on a control is the worst of its
/// checks. Only the first of the good ones means that everything was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does not hold.
    Failed,
    /// It was to be looked at, and nothing shows that it was.
    NoEvidence,
    /// It could not be decided: what was asked for could not be seen, or this version cannot look at it yet.
    NotAssessable,
    /// It does not hold, and somebody with the right to do so accepted that for a while.
    Excepted,
    /// It holds as far as it was looked at, or did not hold for longer than the site allows itself.
    PartlyDemonstrated,
    /// It holds, and the evidence has no hole.
    Demonstrated,
    /// People do it.
    Procedural,
    /// Somebody else provides it.
    Inherited,
    /// There is nothing here that it could be about.
    NotApplicable,
}

impl Verdict {
    /// Every verdict, from best news to worst, as reports list them.
    pub const ALL: [Self; 9] = [
        Self::Demonstrated,
        Self::PartlyDemonstrated,
        Self::Excepted,
        Self::Failed,
        Self::NoEvidence,
        Self::NotAssessable,
        Self::Procedural,
        Self::Inherited,
        Self::NotApplicable,
    ];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NoEvidence => "no evidence",
            Self::NotAssessable => "not assessable",
            Self::Excepted => "excepted",
            Self::PartlyDemonstrated => "partly demonstrated",
            Self::Demonstrated => "demonstrated",
            Self::Procedural => "procedural",
            Self::Inherited => "inherited",
            Self::NotApplicable => "not applicable",
        }
    }

    /// As a name for programs and style sheets.
    pub fn slug(self) -> String {
        self.as_str().replace(' ', "-")
    }

    /// Whether the evidence shows that it holds, wholly or in part.
    pub fn is_shown(self) -> bool {
        matches!(self, Self::Demonstrated | Self::PartlyDemonstrated)
    }

    /// Whether machines were to decide it here.
    pub fn is_assessed(self) -> bool {
        !matches!(self, Self::Procedural | Self::Inherited | Self::NotApplicable)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A bundle that something rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// Its id.
    pub bundle_id: BundleId,
    /// Its file, relative to the audit folder.
    pub path: String,
}

/// The numbers behind a verdict on one check of one appliance, over the time in which the policy asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Arithmetic {
    /// How long the policy asked for it within the period, in seconds; 0 of an instant.
    pub asked_for_seconds: u64,
    /// Runs that the evidence tells of; 0 of an instant.
    pub runs: u64,
    /// Runs that were due: the time divided by `every`. Checks that react to events run more often. 0 of an instant.
    pub scheduled: u64,
    /// First run; of an instant, the last at or before it.
    pub first_at: Option<Time>,
    /// Last run; of an instant, the next after it.
    pub last_at: Option<Time>,
    /// The longest time without a run, edges included, in seconds; of an instant, the one that it lies in. Where the policies of the
    /// period allow different times, and one was too long, that which was too long by most, or its part under the policy that it was
    /// too long for.
    pub longest_gap_seconds: u64,
    /// How long that one may be: 2 × `every` + one posture interval, in seconds, by the policy of that time.
    pub allowed_gap_seconds: u64,
    /// How often it began to fail.
    pub failures: u64,
    /// Runs that failed.
    pub failed_runs: u64,
    /// Runs that could not be assessed.
    pub not_assessed_runs: u64,
    /// How long it failed, in seconds, rounded up; of an instant, since it began to until then.
    pub seconds_in_failure: u64,
    /// The longest single failure, in seconds, rounded up.
    pub longest_failure_seconds: u64,
    /// How long the site allows itself for this severity, in seconds; null when it does not say. Where the policies of the period
    /// allow different times, that of the failure which was too long by most, or else of the longest: by the strictest policy that
    /// it touches.
    pub sla_seconds: Option<u64>,
    /// How long it could not be assessed, in seconds.
    pub seconds_not_assessed: u64,
    /// How many of its incidents were closed by whom: `L1`, `L2`, `L3` or `nobody`.
    pub healed_by: BTreeMap<&'static str, u64>,
    /// How much of the time in failure lies within exceptions of this check that were in force, in seconds, rounded up.
    pub excepted_seconds: u64,
    /// Those exceptions.
    pub excepted_by: Vec<String>,
}

/// What was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// When.
    pub at: Time,
    /// The values.
    pub values: Observation,
    /// The bundle that tells it.
    pub link: Link,
}

/// One check of one appliance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckFinding {
    /// The appliance.
    pub appliance: ApplianceId,
    /// The check.
    pub check: String,
    /// What it asks, in words.
    pub title: String,
    /// The machine it is about.
    pub target: String,
    /// Its expectation.
    pub expects: String,
    /// How often it was to be looked at.
    pub every: Span,
    /// How bad a failure is.
    pub severity: Severity,
    /// Where it was asked for.
    pub declared_at: DeclaredAt,
    /// What it comes to, exceptions counted.
    pub verdict: Verdict,
    /// What it would come to without exceptions.
    pub verdict_without_exceptions: Verdict,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// The numbers.
    pub arithmetic: Arithmetic,
    /// What was last seen.
    pub observed: Option<Observed>,
    /// Least, greatest and last of the numbers that were seen.
    pub numbers: BTreeMap<String, Range>,
    /// Exceptions that lift it.
    pub exceptions: Vec<String>,
    /// How many bundles tell of it.
    pub bundles: u64,
    /// The first and last of them, and those that tell of a change, at most [`MAX_LINKS`].
    pub evidence: Vec<Link>,
}

impl CheckFinding {
    /// The verdict in one line, as a control's reasons tell it.
    pub fn line(&self) -> String {
        tell(self, self.verdict, &self.reasons)
    }
}

/// A verdict on a check in one line.
pub(super) fn tell(finding: &CheckFinding, verdict: Verdict, reasons: &[String]) -> String {
    let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    format!("{} on {}: {verdict}{why}", finding.check, finding.appliance)
}

/// The most bundles that a finding links to.
pub const MAX_LINKS: usize = 12;

/// What people do for a control: it is theirs to show, so no verdict rests on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DutyFinding {
    /// Its id.
    pub id: String,
    /// What is done.
    pub title: String,
    /// When it is due.
    pub cadence: Cadence,
    /// Who does it, as a role.
    pub by: String,
    /// What is attached as evidence that it was done.
    pub attach: String,
}

/// One control of the baseline, over all appliances of the site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlFinding {
    /// Its id, such as `164.312(c)(1)`.
    pub control: String,
    /// Its title.
    pub title: String,
    /// How far machines can show it.
    pub coverage: Coverage,
    /// How bad a failure is.
    pub severity: Severity,
    /// Its ids in other frameworks.
    pub maps: BTreeMap<String, Vec<String>>,
    /// Where it was asked for.
    pub declared_at: DeclaredAt,
    /// What it comes to.
    pub verdict: Verdict,
    /// What it would come to without exceptions.
    pub verdict_without_exceptions: Verdict,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// What its checks leave out.
    pub not_assessed: Option<String>,
    /// What people do, for procedural controls.
    pub procedure: Option<String>,
    /// What people do, when, and what they attach to show it; by id.
    pub duties: Vec<DutyFinding>,
    /// Its checks, as positions in [`Comparison::checks`].
    pub checks: Vec<usize>,
    /// The numbers of all of its checks together.
    pub arithmetic: ControlArithmetic,
    /// Exceptions that lift it or one of its checks.
    pub exceptions: Vec<String>,
}

/// The numbers of all checks of a control together, over all appliances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ControlArithmetic {
    /// Runs that were due.
    pub scheduled: u64,
    /// Runs that the evidence tells of.
    pub runs: u64,
    /// The longest time without a run of any of them, in seconds.
    pub longest_gap_seconds: u64,
    /// How often one of them began to fail.
    pub failures: u64,
    /// How long at least one of them failed, in seconds, rounded up.
    pub seconds_in_failure: u64,
    /// How much of that lies within exceptions of the control or of the check that failed, in seconds, rounded up.
    pub excepted_seconds: u64,
    /// How many of their incidents were closed by whom: `L1`, `L2`, `L3` or `nobody`.
    pub healed_by: BTreeMap<&'static str, u64>,
}

/// A check that was asked for during part of the period and no longer is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetiredCheck {
    /// The appliance.
    pub appliance: ApplianceId,
    /// The check.
    pub check: String,
    /// Until when it was asked for.
    pub until: Time,
    /// What it came to while it was asked for.
    pub verdict: Verdict,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// An exception of the policy in force at the end of the period, or of one in force within it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExceptionFinding {
    /// Its name.
    pub id: String,
    /// The appliances whose policy has it.
    pub appliances: Vec<ApplianceId>,
    /// What it says.
    pub exception: Exception,
    /// Whether it is in force at the end of the period.
    pub in_force: bool,
    /// For how long it was within the period, in seconds, rounded up: from its approval until it expired, as long as a policy
    /// that was obeyed had it.
    pub in_force_seconds: u64,
    /// Controls whose verdict it changes.
    pub changes: Vec<String>,
}

/// An appliance of the site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApplianceFinding {
    /// Its name.
    pub appliance: ApplianceId,
    /// The release that it obeyed at the end of the period, or was to obey, as `epoch-serial`.
    pub release: Option<String>,
    /// Whether it said that it obeyed it; otherwise it was given that release, and nothing tells what it made of it.
    pub obeyed: bool,
    /// Digest of that release.
    pub release_digest: Option<Digest>,
    /// Whose signatures count for that release.
    pub signed_by: Vec<Signer>,
    /// The newest release that names it and was issued before the period ended.
    pub newest_release: Option<String>,
    /// When it last said anything within the period.
    pub last_heard: Option<Time>,
    /// Bundles within the period.
    pub bundles: u64,
    /// What could not be assessed at all, or not for a part of the period, in words.
    pub not_assessable: Option<String>,
}

impl ApplianceFinding {
    /// The release that it obeyed, or was given, in words; null where there is none.
    pub fn release_told(&self) -> Option<String> {
        let release = self.release.as_ref()?;
        Some(if self.obeyed {
            release.clone()
        } else {
            format!("{release} (given; nothing tells whether it obeys it)")
        })
    }
}

/// One id of a framework, and what the controls that are mapped to it come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FrameworkRow {
    /// The framework, as controls name it: `hipaa`, `nist-800-53`, `soc2`.
    pub framework: String,
    /// The id within it, such as `CC6.1`.
    pub id: String,
    /// The controls that are mapped to it, by id.
    pub controls: Vec<String>,
    /// The worst of their verdicts; never plainly demonstrated where people or others do a part of it.
    pub verdict: Verdict,
    /// The same without exceptions.
    pub verdict_without_exceptions: Verdict,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Controls that are met.
    pub met: u64,
    /// Controls that machines were to decide and that apply.
    pub of: u64,
}

impl Score {
    /// In whole percent, rounded down; null when there is nothing to count.
    pub fn percent(&self) -> Option<u64> {
        (self.met * 100).checked_div(self.of)
    }
}

/// What a review of a month or a quarter asks for, in figures. Percentages are whole and rounded down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Incidents that ended within the period.
    pub closed: u64,
    /// Of these, how many ended without being resolved at all.
    pub unresolved: u64,
    /// Of these, what share rules resolved by themselves; null where none ended.
    pub l1_percent: Option<u64>,
    /// Of the incidents of which it is known, what share was resolved in the time that the site allows itself.
    pub sla_met_percent: Option<u64>,
    /// The mean time to repair of those that were resolved, in seconds; null where none was.
    pub mttr_seconds: Option<u64>,
    /// Bundles of the period.
    pub bundles: u64,
    /// Their bytes, with their signatures.
    pub bytes: u64,
    /// The same of the time before, as long as the period.
    pub bytes_before: u64,
    /// Every rule that was tried on an incident which ended.
    pub rules: Vec<RuleFigures>,
    /// Every machine that is looked at.
    pub targets: Vec<TargetFigures>,
}

/// How often a rule helped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleFigures {
    /// The rule.
    pub rule: String,
    /// Incidents on which it was tried.
    pub tried: u64,
    /// Of these, how many it resolved.
    pub resolved: u64,
    /// The share.
    pub percent: u64,
}

/// How one machine does: an appliance itself, or another that it looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetFigures {
    /// The appliance.
    pub appliance: ApplianceId,
    /// The machine, `self` for the appliance.
    pub target: String,
    /// Checks of it that are shown or excepted.
    pub met: u64,
    /// Checks of it that were to be looked at and apply.
    pub of: u64,
    /// The share, where there are any.
    pub percent: Option<u64>,
}

/// A baseline held against its evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Always `writ.comparison.v1`.
    pub schema: &'static str,
    /// The site.
    pub site: SiteId,
    /// The site's name in words.
    pub title: String,
    /// The baselines, with versions.
    pub baselines: BTreeMap<String, String>,
    /// The time that was judged; of an instant, the millisecond that begins with it.
    pub period: Period,
    /// The instant that was judged; null where it was a period.
    pub instant: Option<Time>,
    /// Whether the folder verified, and what not.
    pub verification: VerifyReport,
    /// The appliances.
    pub appliances: Vec<ApplianceFinding>,
    /// How many controls have which verdict, by its name.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Controls shown wholly, or in part, or excepted.
    pub score: Score,
    /// The same without exceptions.
    pub score_without_exceptions: Score,
    /// Controls by id.
    pub controls: Vec<ControlFinding>,
    /// What the same controls come to by the ids of each framework that they are mapped to.
    pub matrix: Vec<FrameworkRow>,
    /// Checks by appliance and id.
    pub checks: Vec<CheckFinding>,
    /// Checks that are no longer asked for.
    pub retired_checks: Vec<RetiredCheck>,
    /// Exceptions.
    pub exceptions: Vec<ExceptionFinding>,
    /// Incidents in figures.
    pub incident_summary: IncidentSummary,
    /// What reviews ask for.
    pub figures: Figures,
    /// Incidents, oldest first.
    pub incidents: Vec<IncidentFinding>,
    /// Changes of the release that each appliance obeyed, within the period, oldest first.
    pub changes: Vec<BaselineChange>,
    /// Intended changes.
    pub switches: Vec<SwitchFinding>,
    /// Pauses, refusals, starts and the like.
    pub events: Vec<EventFinding>,
}

impl Comparison {
    /// Whether the evidence verified, something was asked for, and nothing that machines decide is failed, without evidence or not assessable.
    pub fn is_fine(&self) -> bool {
        let bad = |v: Verdict| matches!(v, Verdict::Failed | Verdict::NoEvidence | Verdict::NotAssessable);
        let judged = self.appliances.iter().all(|a| a.not_assessable.is_none());
        let asked = !self.controls.is_empty();
        self.verification.ok && judged && asked && !self.controls.iter().any(|c| bad(c.verdict))
    }
}
