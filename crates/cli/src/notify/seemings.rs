//! What a look at a depot finds wrong, as something that people are called for: how bad each sort is, and for how long it must
//! be so before it counts.

use writ_notify::book::Seeming;
use writ_notify::incident::{Incident, Source};
use writ_policy::declared::Severity;
use writ_policy::policy::Policy;
use writ_trust::time::{Span, Time};

use crate::watch::findings::{Code, Finding};
use crate::watch::report::Report;

const MINUTE: i64 = 60_000;
/// The subject of what the policy itself says.
const EXCEPTIONS: &str = "exceptions";
/// How a code begins that is an exception's.
const EXCEPTION: &str = "exception";

/// Severity, who says so, how long it must last, and what it is in words.
fn judge(code: Code) -> (Severity, Source, i64, &'static str) {
    use Severity::{Critical, High, Low, Medium};
    use Source::{Release, Silence};
    match code {
        // A restart takes seconds.
        Code::Unreachable => (High, Silence, 5 * MINUTE, "the depot does not answer"),
        Code::Silent => (High, Silence, 0, "an appliance is silent"),
        // It may have its first orders before it has its first power.
        Code::NeverHeard => (Medium, Silence, 60 * MINUTE, "an appliance was never heard of"),
        Code::HeartbeatBroken => (Critical, Silence, 0, "a heartbeat does not hold"),
        Code::HeartbeatBack => (Critical, Silence, 0, "an older heartbeat is shown than before"),
        Code::ClockAhead => (Medium, Silence, 0, "an appliance's clock is ahead"),
        Code::ApplianceStale => (Medium, Silence, 0, "an appliance has heard of no fresh head of the log for long"),
        Code::LogForked => (Critical, Silence, 0, "the log does not continue what was seen of it"),
        Code::LogBroken => (Critical, Silence, 0, "the log does not hold"),
        Code::LogMissing => (High, Silence, 5 * MINUTE, "the log is not there"),
        Code::LogStale => (High, Silence, 0, "the log is not fresh"),
        Code::LogShort => (High, Silence, 5 * MINUTE, "the log is shorter than an appliance saw it"),
        Code::LogUnread => (Low, Silence, 60 * MINUTE, "more came into the log than one look goes through"),
        Code::TimestampBroken => (Critical, Silence, 0, "a timestamp of the log does not hold"),
        Code::TimestampLate => (Medium, Silence, 0, "no authority has timestamped the log for long"),
        Code::WitnessSilent => (Medium, Silence, 0, "no witness has cosigned the log for long"),
        Code::TrustBroken => (Critical, Release, 0, "the trust roots do not hold"),
        Code::ReleaseBroken => (Critical, Release, 0, "the release does not hold"),
        Code::ReleaseHidden => (Critical, Release, 0, "the log has a newer release than is shown"),
        Code::ReleaseBack => (Critical, Release, 0, "an older release is shown than before"),
        Code::ReleaseMissing => (Medium, Release, 60 * MINUTE, "no release was published yet"),
        Code::ReleaseExpires => (Medium, Release, 0, "the release ends soon, or has ended"),
        Code::TrustExpires => (Medium, Release, 0, "the trust root ends soon, or has ended"),
        Code::KeyOld => (Medium, Release, 0, "a key is due to be replaced"),
        Code::KeyEnds => (Medium, Release, 0, "a key stops counting soon"),
    }
}

/// What is wrong at a site.
pub fn of(site: &str, findings: &[Finding]) -> Vec<Seeming> {
    let one = |finding: &Finding| {
        let (severity, source, settle, title) = judge(finding.code);
        let code = finding.code.as_str();
        Seeming {
            site: site.to_owned(),
            subject: name(&finding.subject),
            code: code.to_owned(),
            severity,
            source,
            title: title.to_owned(),
            what: finding.what.clone(),
            settle,
        }
    };
    findings.iter().map(one).collect()
}

/// The exceptions of policies that end soon.
pub fn exceptions<'p>(
    site: &str,
    policies: impl Iterator<Item = &'p Policy>,
    within: &Span,
    now: Time,
) -> Vec<Seeming> {
    let mut all: Vec<Seeming> = Vec::new();
    for (id, exception) in policies.flat_map(|policy| &policy.exceptions) {
        let code = format!("{EXCEPTION}-{}", name(id));
        let soon = exception.in_force(now) && now.plus(within) >= exception.expires;
        if soon && !all.iter().any(|known| known.code == code) {
            let of = exception.check.as_ref().or(exception.control.as_ref()).map_or("", String::as_str);
            all.push(Seeming {
                site: site.to_owned(),
                subject: EXCEPTIONS.to_owned(),
                code,
                severity: Severity::Low,
                source: Source::Exception,
                title: format!("exception {id} ends soon"),
                what: format!(
                    "it lifts {of} until {}; owner {}; approved by {}",
                    exception.expires, exception.owner, exception.approved_by
                ),
                settle: 0,
            });
        }
    }
    all
}

/// A name as one part of an incident's may be.
fn name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    text.chars().map(plain).take(60).collect()
}

/// Whether a look went far enough to say that something is not so any more.
pub fn judged(report: &Report, has_policies: bool, incident: &Incident) -> bool {
    let lost = report.findings.iter().any(|finding| finding.code == Code::Unreachable);
    if incident.about == Code::Unreachable.as_str() {
        return true;
    }
    match incident.subject.as_str() {
        EXCEPTIONS => has_policies,
        _ if lost => false,
        "release" => report.release.is_some(),
        "log" => report.log.is_some(),
        "trust" | "depot" => true,
        other => {
            let is_key = [Code::KeyOld, Code::KeyEnds].iter().any(|code| code.as_str() == incident.about);
            // Of an appliance that the newest release does not name any more nothing is expected.
            is_key || report.release.is_some() && (!report.appliances.is_empty() || other.is_empty())
        }
    }
}
