//! How the appliance is, `writ.status.v1`: what `writ status --json` writes and the status page shows.
//!
//! Every text in it is fit for a terminal: control characters are escaped and lengths are bounded where it is put together.

use std::fmt;

use serde::{Deserialize, Serialize};
use writ_evidence::id::IncidentId;
use writ_policy::control::Coverage;
use writ_policy::declared::Severity;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

/// The schema of [`Report`].
pub const SCHEMA: &str = "writ.status.v1";

/// How the appliance is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When it was looked.
    pub at: Time,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The site's name in words; null where there is no policy.
    pub title: Option<String>,
    /// The claim code of its key, in groups; null before the enforcer was first started.
    #[serde(default)]
    pub claim_code: Option<String>,
    /// What it comes to.
    pub state: State,
    /// Whether what is said of checks and controls is old: the enforcer does not run, or says nothing any more.
    pub stale: bool,
    /// The release that is obeyed; null when there is none.
    pub release: Option<Release>,
    /// The enforcer.
    pub enforcer: Enforcer,
    /// The courier; null where releases come by other ways.
    pub courier: Option<Courier>,
    /// The switch to another system that is under way; null when there is none.
    pub switch: Option<Switch>,
    /// What is wrong, in the words of `writ doctor`.
    pub causes: Vec<Cause>,
    /// Each control, by id.
    pub controls: Vec<Control>,
    /// Each check, by id.
    pub checks: Vec<Check>,
    /// Incidents as stories.
    pub incidents: Incidents,
    /// Evidence on its way to the depot.
    pub queue: Queue,
    /// Proof that evidence was delivered.
    pub receipts: Receipts,
    /// The clock.
    pub clock: Clock,
    /// Healing that people suspended.
    pub pauses: Vec<Pause>,
    /// Runbooks that run or wait.
    pub runbooks: Runbooks,
}

/// What an appliance comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is wrong.
    Well,
    /// Something is wrong, and all of it is being worked on or ends by itself.
    InHand,
    /// Somebody has to do something.
    NeedsPerson,
}

/// The release that is obeyed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// `epoch-serial`.
    pub point: String,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// When it was issued; null where its documents cannot be read back.
    pub issued_at: Option<Time>,
    /// Its end; null as above.
    pub expires_at: Option<Time>,
    /// Whether that has passed; it is enforced on.
    pub expired: bool,
    /// The release whose policy is enforced; null when there is none.
    pub policy_of: Option<String>,
}

/// The enforcer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enforcer {
    /// Whether it runs.
    pub runs: bool,
    /// Whether it runs and has said nothing for longer than it should.
    pub silent: bool,
    /// When it last said how it is; null when it never did.
    pub heard_at: Option<Time>,
    /// What is found by polling alone although somebody could tell of it, with the reason.
    #[serde(default)]
    pub polled: Vec<String>,
}

/// The courier. All but `runs` and `depot` is its own word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Courier {
    /// Whether it runs.
    pub runs: bool,
    /// When it last said how it is.
    pub heard_at: Option<Time>,
    /// The depot's address.
    pub depot: String,
    /// When it last checked in with the depot.
    pub checked_in_at: Option<Time>,
    /// When it last pulled: the last sync.
    pub synced_at: Option<Time>,
    /// When it last delivered evidence, or had none to deliver.
    pub delivered_at: Option<Time>,
    /// The most failures in a row of any of its jobs.
    pub failures: u64,
}

/// A switch that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// The release that it leads to, `epoch-serial`.
    pub release: String,
    /// Its state, as `writ-switch status` names it.
    pub state: String,
    /// When it began.
    pub began_at: Time,
    /// When it entered that state.
    pub since: Time,
    /// Whether the new system is on trial: nothing is healed meanwhile.
    pub on_trial: bool,
    /// What it last wrote down.
    pub note: String,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// Its name, as `writ doctor` has it.
    pub code: String,
    /// What it is about.
    pub subject: String,
    /// What is so.
    pub what: String,
    /// What to do next.
    pub next: String,
    /// Whether nobody has to do anything but wait.
    pub waits: bool,
}

/// What a control comes to now, from worst to best: the worst of its checks by their last outcomes. The words of an audit, but
/// for what a single look cannot say: that something was demonstrated takes evidence without a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does not hold.
    Failed,
    /// Nobody has looked, or nobody looks any more.
    NotLookedAt,
    /// It could not be decided, or this version cannot look at it yet.
    NotAssessable,
    /// It does not hold, and somebody with the right to do so accepted that for a while.
    Excepted,
    /// It holds as far as it is looked at.
    HoldsInPart,
    /// It holds.
    Holds,
    /// People do it.
    Procedural,
    /// Somebody else provides it.
    Inherited,
    /// There is nothing here that it could be about.
    NotApplicable,
}

impl Verdict {
    /// Every verdict, the good ones first, as lists have them.
    pub const ALL: [Self; 9] = [
        Self::Holds,
        Self::HoldsInPart,
        Self::Excepted,
        Self::Failed,
        Self::NotLookedAt,
        Self::NotAssessable,
        Self::Procedural,
        Self::Inherited,
        Self::NotApplicable,
    ];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NotLookedAt => "not looked at",
            Self::NotAssessable => "not assessable",
            Self::Excepted => "excepted",
            Self::HoldsInPart => "holds in part",
            Self::Holds => "holds",
            Self::Procedural => "procedural",
            Self::Inherited => "inherited",
            Self::NotApplicable => "not applicable",
        }
    }

    /// As a name for style sheets.
    pub fn slug(self) -> String {
        self.as_str().replace(' ', "-")
    }

    /// Whether machines were to decide it and it is not shown to hold.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::NotLookedAt | Self::NotAssessable)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How far machines can show it.
    pub coverage: Coverage,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// What it comes to now.
    pub verdict: Verdict,
    /// Its checks.
    pub checks: Vec<String>,
    /// Of these, those that are not shown to hold.
    pub not_holding: Vec<String>,
}

/// What the last look of a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It holds, but not as preferred.
    Warn,
    /// It fails.
    Fail,
    /// It does not apply to this machine.
    NotApplicable,
    /// Nobody could tell.
    NotAssessable,
    /// It has not run since the policy came.
    NotRunYet,
    /// This version has no way to look.
    NotObserved,
}

impl Outcome {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "holds",
            Self::Warn => "holds with a warning",
            Self::Fail => "fails",
            Self::NotApplicable => "does not apply",
            Self::NotAssessable => "cannot be judged",
            Self::NotRunYet => "has not run yet",
            Self::NotObserved => "is not observed",
        }
    }
}

/// A check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How bad it is when it fails.
    pub severity: Severity,
    /// What its last look came to.
    pub outcome: Outcome,
    /// Since when it fails; null where no incident is open.
    pub since: Option<Time>,
    /// When it ran last, as far as that is written down: up to half a minute behind.
    pub ran_at: Option<Time>,
    /// Why it is not passed.
    pub reasons: Vec<String>,
    /// The exception that lifts it.
    pub exception: Option<String>,
}

/// Incidents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incidents {
    /// Those that are open, the newest first.
    pub open: Vec<Story>,
    /// Those that were closed last, the newest first.
    pub closed: Vec<Story>,
    /// What was not looked at, in words; null when nothing was left out.
    pub left_out: Option<String>,
}

/// An incident as a story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// Its id.
    pub incident_id: IncidentId,
    /// The check that failed.
    pub check: String,
    /// How bad.
    pub severity: Severity,
    /// When it was detected.
    pub detected_at: Time,
    /// When it was closed; null while it is open.
    pub closed_at: Option<Time>,
    /// How it stands: `being-healed`, `waiting`, `with-people`, `resolved`, `resolved-in-part`, `not-resolved`.
    pub standing: Standing,
    /// Runs of runbooks.
    pub attempts: u64,
    /// When the site's SLA wants it resolved; null where it does not say, or the incident is closed.
    pub due_at: Option<Time>,
    /// The story, sentence by sentence.
    pub told: Vec<String>,
    /// What to do next; null when nothing is to be done.
    pub next: Option<String>,
}

/// How an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A runbook runs for it.
    BeingHealed,
    /// It waits for its turn, its next run, or the end of a rest.
    Waiting,
    /// People have it.
    WithPeople,
    /// Closed, and the check holds.
    Resolved,
    /// Closed, and not all holds.
    ResolvedInPart,
    /// Closed without success.
    NotResolved,
}

impl Standing {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeingHealed => "being healed",
            Self::Waiting => "waiting",
            Self::WithPeople => "with people",
            Self::Resolved => "resolved",
            Self::ResolvedInPart => "resolved in part",
            Self::NotResolved => "not resolved",
        }
    }

    /// As a name for style sheets.
    pub fn slug(self) -> String {
        self.as_str().replace(' ', "-")
    }
}

/// Evidence on its way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Bundles in the outbox that the courier has not delivered, by its word; null where there is none, or it says nothing.
    pub undelivered: Option<u64>,
    /// Of these, how many the depot does not take, and how many cannot be read.
    pub refused: u64,
    /// Bundles that are not in the outbox yet.
    pub not_in_outbox: u64,
    /// What was not found delivered, in bytes; null until the outbox was gone through once.
    pub undelivered_bytes: Option<u64>,
    /// The room that everything takes, in bytes; null as above.
    pub bytes: Option<u64>,
    /// How much the outbox may hold, in bytes; null where nobody says.
    pub budget_bytes: Option<u64>,
    /// Above that, in bytes, with nothing left that may be removed.
    pub over_budget_bytes: u64,
    /// Why nothing can be written.
    pub disk_trouble: Option<String>,
}

/// Proof of delivery. It is the enforcer's judgement, made every ten minutes, and not the courier's word.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Receipts {
    /// The number of the newest bundle; null before the first.
    pub newest: Option<u64>,
    /// Stretches of numbers, first and last, of which the site's log proves that they were delivered; the newest ones. What was
    /// delivered and has left the outbox is not among them.
    pub proven: Vec<(u64, u64)>,
    /// When the site's log was last heard, or since when it is named; null where the site has none.
    pub log_heard_at: Option<Time>,
}

/// The clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// The depot's clock less this machine's, in milliseconds, by the courier's word; null where nobody knows.
    pub offset_ms: Option<i64>,
    /// How far this machine's clock is behind the newest time that people signed, in milliseconds; 0 when it is not.
    pub behind_signed_ms: i64,
    /// The site's time zone; null where there is no policy. All times are UTC.
    pub time_zone: Option<String>,
}

/// A pause of healing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// The checks that are not healed; every check when empty.
    pub checks: Vec<String>,
    /// Who asked, as a role.
    pub by: String,
    /// Which code was used.
    pub reference: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: Time,
    /// Until when: it ends by itself.
    pub until: Time,
}

/// Runbooks that run or wait for their turn, the first in line first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Runbooks {
    /// Those that run.
    pub running: Vec<Asked>,
    /// Those that wait until others have ended.
    pub waiting: Vec<Asked>,
}

/// What a runbook runs for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The check.
    pub check: String,
    /// The rule.
    pub rule: String,
}

impl Report {
    /// What somebody has to do something about.
    pub fn needs(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|cause| !cause.waits)
    }

    /// What is wrong and is being worked on, or ends by itself.
    pub fn in_hand(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|cause| cause.waits)
    }

    /// How many controls come to this.
    pub fn controls_that(&self, verdict: Verdict) -> usize {
        self.controls.iter().filter(|control| control.verdict == verdict).count()
    }

    /// How many checks came to this.
    pub fn checks_that(&self, outcome: Outcome) -> usize {
        self.checks.iter().filter(|check| check.outcome == outcome).count()
    }
}
