//! Between the inbox and what is obeyed: what is there, what is refused, what ends.

use writ_agent::enforce::sitelog::freshness::Freshness;
use writ_agent::enforce::state::Point;
use writ_audit::words::when;
use writ_trust::text::one_line;

use super::super::appliance::{Appliance, lasting};
use super::super::finding::Finding;
use super::{note, rules, wrong};

/// How long before its end a release or a trust root is worth a word, in milliseconds: 30 days.
const SOON: i64 = 30 * 86_400_000;
/// How far a clock may be behind what was signed, in milliseconds: 10 minutes.
const MOST_BEHIND: i64 = 600_000;

pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let mut found = obeyed(seen);
    let Some(offer) = &seen.offer else { return found };
    if let Some(problem) = &offer.problem {
        let what = format!("nothing can be accepted: {}", one_line(problem));
        let next = "put the file back from a copy; removing it means to trust what comes next";
        found.push(wrong("cannot-accept", "releases", what, next));
    }
    if offer.clock_behind > MOST_BEHIND {
        let behind = lasting(offer.clock_behind);
        let what = format!("this machine's clock is {behind} behind a time that people have signed");
        found.push(wrong("clock-behind", "clock", what, "set the clock right (`chronyc tracking`, `timedatectl`)"));
    }
    for refused in &offer.refused {
        let what = format!("refused: {}", refused.message);
        let make = if refused.rule == "not-before" { note } else { wrong };
        found.push(make(refusal(&refused.rule), &refused.what, what, rules::advice(&refused.rule)));
    }
    for waiting in &offer.waiting {
        let next = match seen.courier {
            Some(_) => "wait: the courier brings it; what is in its way stands above",
            None => "copy the folder of releases again, whole: trust/, releases/, documents/, cache/, log/",
        };
        found.push(wrong(
            "release-incomplete",
            "releases",
            format!("not all of it is there: {}", one_line(waiting)),
            next,
        ));
    }
    if let Some(point) = offer.acceptable.filter(|_| seen.enforcer.runs) {
        let what = format!("release {point} is here and breaks no rule; it is not taken up yet");
        let next = format!("wait: the enforcer looks every {}; SIGHUP makes it look now", seen.config.poll_releases);
        found.push(note("release-to-come", &format!("release {point}"), what, next));
    }
    found.extend(ends(seen));
    found.extend(log(seen));
    found
}

/// The name of a refusal: one that only needs time, one that is an alarm, and all others.
fn refusal(rule: &str) -> &'static str {
    match rule {
        "not-before" => "release-not-before",
        "log-consistency" => "log-consistency",
        _ => "refused",
    }
}

fn obeyed(seen: &Appliance) -> Vec<Finding> {
    let enforcer = &seen.enforcer;
    let Some(state) = &enforcer.state else { return Vec::new() };
    let Some(reference) = state.running else {
        let what = "no release is obeyed yet: there is no policy, so nothing is looked at";
        let next = match seen.courier {
            Some(_) => {
                "what keeps the first release from coming stands here too; if nothing does, publish one for this site"
            }
            None => "put a folder of releases where `releases` in enforce.toml says",
        };
        return vec![wrong("nothing-obeyed", "releases", what, next)];
    };
    let point = reference.release;
    let subject = format!("release {point}");
    if let Some(lost) = &enforcer.lost {
        let what = format!("it is obeyed, and its documents cannot be read back: {}", one_line(lost));
        return vec![wrong(
            "documents-lost",
            &subject,
            what,
            "they are taken again from the folder of releases; see that it is there",
        )];
    }
    if enforcer.policy().is_none() {
        return vec![unenforced(&subject, reference.policy.filter(|policy| *policy != point))];
    }
    let enforced = reference.policy.filter(|policy| *policy != point);
    enforced.map(|policy| older(&subject, policy)).into_iter().collect()
}

/// It is obeyed, and nothing of it is a policy that this version can read, nor is there one from before.
fn unenforced(subject: &str, before: Option<Point>) -> Finding {
    let before = before.map_or_else(
        || "there is none from before".to_owned(),
        |policy| format!("that of release {policy} cannot be read back"),
    );
    let what = format!(
        "its policy is of a kind that this version cannot read, and {before}: no policy is enforced, nothing is looked at"
    );
    wrong("no-policy", subject, what, rules::advice("policy-schema"))
}

fn older(subject: &str, policy: Point) -> Finding {
    let what = format!("its policy is of a kind that this version cannot read: that of release {policy} is enforced");
    wrong("policy-unreadable", subject, what, rules::advice("policy-schema"))
}

fn ends(seen: &Appliance) -> Vec<Finding> {
    let mut found = Vec::new();
    let now = seen.now;
    if let Some(running) = &seen.enforcer.running {
        let (point, ends) = (running.generation.point(), running.generation.release.expires_at);
        let subject = format!("release {point}");
        let left = ends.millis_since(now);
        if left <= 0 {
            let what = format!("it ended on {} ({}); it is enforced on", when(ends), seen.ago(ends));
            found.push(wrong("release-ended", &subject, what, rules::advice("expiry")));
        } else if left <= SOON {
            let what = format!("it ends on {}, in {}", when(ends), lasting(left));
            found.push(note("release-ends-soon", &subject, what, "release again before that (`writ release draft`)"));
        }
    }
    let Some((version, ends, ended)) = seen.offer.as_ref().and_then(|offer| offer.root) else { return found };
    let subject = format!("trust root {version}");
    let left = ends.millis_since(now);
    if ended {
        let what = format!("it ended on {} ({}): nothing new is accepted", when(ends), seen.ago(ends));
        found.push(wrong("trust-root-ended", &subject, what, rules::advice("trust-expiry")));
    } else if left <= SOON {
        let what = format!("it ends on {}, in {}", when(ends), lasting(left));
        found.push(note(
            "trust-root-ends-soon",
            &subject,
            what,
            "sign a newer trust root before that (`writ trust draft`)",
        ));
    }
    found
}

fn log(seen: &Appliance) -> Option<Finding> {
    let (freshness, _) = seen.offer.as_ref()?.log?;
    match freshness {
        Freshness::Fresh(_) => None,
        Freshness::NotYet => {
            Some(note("log-not-heard-yet", "log", freshness.to_string(), "wait: it has a day to say so first"))
        }
        _ => Some(wrong("log-stale", "log", freshness.to_string(), rules::advice("log-freshness"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_histories_of_a_log_are_no_mere_refusal() {
        assert_eq!(
            ["log-consistency", "not-before", "size"].map(refusal),
            ["log-consistency", "release-not-before", "refused"]
        );
    }
}
