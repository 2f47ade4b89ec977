//! How an appliance stands with the newest release of its site, told from what it last signed. Pure.

use serde::Serialize;
use writ_audit::words::lasting;
use writ_trust::release::{Generation, Release};
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};
use writ_wire::heartbeat::{Heartbeat, Next, NextState};

use super::look::Heard;

/// How an appliance stands with the newest release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It obeys it, or an older one that has the very same for it.
    Current,
    /// Its time has not come.
    Waits,
    /// It waits until people promote it.
    Held,
    /// It waits, and obeys no release at all meanwhile: it is new, or began anew.
    ObeysNothing,
    /// Its time has come a while ago.
    Due,
    /// Its time has come long ago.
    Late,
    /// It tried it, and what ran before runs again.
    RolledBack,
    /// It tried it, and going back failed.
    RollbackFailed,
    /// It has given up on it.
    SetAside,
    /// It refuses it, by a rule.
    Refuses,
    /// It was not heard of for long.
    Silent,
    /// It was never heard of.
    NeverHeard,
    /// What it said last does not hold.
    Broken,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Current,
        Self::Waits,
        Self::Held,
        Self::ObeysNothing,
        Self::Due,
        Self::Late,
        Self::RolledBack,
        Self::RollbackFailed,
        Self::SetAside,
        Self::Refuses,
        Self::Silent,
        Self::NeverHeard,
        Self::Broken,
    ];

    /// The word that reports write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Waits => "waits",
            Self::Held => "held",
            Self::ObeysNothing => "obeys-nothing",
            Self::Due => "due",
            Self::Late => "late",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::SetAside => "set-aside",
            Self::Refuses => "refuses",
            Self::Silent => "silent",
            Self::NeverHeard => "never-heard",
            Self::Broken => "broken",
        }
    }

    /// Whether somebody has to look.
    pub fn is_trouble(self) -> bool {
        !matches!(self, Self::Current | Self::Waits | Self::Held | Self::Due)
    }
}

/// What counts as too long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The oldest that a heartbeat may be.
    pub max_age: Span,
    /// How long an appliance may take from when its time has come.
    pub late_after: Span,
}

/// What is known of the newest release, and of one appliance's part in it.
pub struct Offer<'a> {
    /// The release.
    pub release: &'a Release,
    /// The appliance's part.
    pub generation: &'a Generation,
    /// When the log took the release in.
    pub logged_at: Option<Time>,
    /// Whether what the appliance obeys by an older release is the very same.
    pub is_same: bool,
}

/// Judges one appliance: how it stands, and that in words, one line without a full stop.
pub fn judge(offer: &Offer, heard: &Heard, limits: &Limits, now: Time) -> (Standing, String) {
    let beat = match heard {
        Heard::Never => return (Standing::NeverHeard, "never heard of".to_owned()),
        Heard::Broken(why) => return (Standing::Broken, format!("its heartbeat does not hold: {why}")),
        Heard::Beat(beat) => beat,
    };
    if now.millis_since(beat.at) > limits.max_age.millis() {
        return (Standing::Silent, format!("silent since {}", minute(beat.at)));
    }
    let point = offer.release.point();
    if beat.release.is_some_and(|runs| (runs.epoch, runs.serial) == point) {
        return (Standing::Current, "obeys it".to_owned());
    }
    // What it says of another release is out of date.
    let next = beat.next.as_ref().filter(|next| (next.epoch, next.serial) == point);
    if let Some(told) = next.and_then(ended) {
        return told;
    }
    if offer.is_same {
        return (Standing::Current, "obeys the very same".to_owned());
    }
    waiting(offer, beat, next, limits, now)
}

/// What a switch that is over, or a refusal, comes to.
fn ended(next: &Next) -> Option<(Standing, String)> {
    let at = next.at.map(|at| format!(" at {}", minute(at))).unwrap_or_default();
    let point = format!("{}-{}", next.epoch, next.serial);
    Some(match next.state {
        NextState::RolledBack => (Standing::RolledBack, format!("rolled {point} back{at}")),
        NextState::RollbackFailed => (Standing::RollbackFailed, format!("could not go back from {point}{at}")),
        NextState::SetAside => (Standing::SetAside, format!("gave {point} up{at}")),
        NextState::Refused => {
            let rule: String = next.rule.as_deref().unwrap_or("unknown").chars().take(60).collect();
            (Standing::Refuses, one_line(format!("refuses {point} by rule {rule}")))
        }
        NextState::NotBefore | NextState::Window | NextState::Incomplete | NextState::Switching => return None,
    })
}

fn waiting(offer: &Offer, beat: &Heartbeat, next: Option<&Next>, limits: &Limits, now: Time) -> (Standing, String) {
    let Offer { release, generation, logged_at, .. } = offer;
    let waits = match release.is_held(generation) {
        true => Some((Standing::Held, "waits to be promoted".to_owned())),
        false if now < generation.not_before => {
            Some((Standing::Waits, format!("waits until {}", minute(generation.not_before))))
        }
        false => None,
    };
    if let Some((standing, words)) = waits {
        return match beat.release {
            Some(_) => (standing, words),
            None => (Standing::ObeysNothing, format!("obeys nothing, and {words}")),
        };
    }
    // Nobody could take it up before it was there.
    let since = generation.not_before.max(logged_at.unwrap_or(release.issued_at));
    let why = match next.map(|next| (next.state, next.at)) {
        Some((NextState::Window, Some(opens))) if opens > now => {
            return (Standing::Due, format!("its window opens {}", minute(opens)));
        }
        Some((NextState::Window, _)) => ": no window of its policy lets it",
        Some((NextState::Incomplete, _)) => ": something of it has not come",
        Some((NextState::Switching, _)) => ": is switching",
        Some(_) => "",
        None if beat.at < since => "",
        None => ": has not heard of it",
    };
    let millis = now.millis_since(since);
    let ago = lasting(u64::try_from(millis / 1000).unwrap_or(0));
    if millis > limits.late_after.millis() {
        (Standing::Late, format!("late, {ago} after its time{why}"))
    } else {
        (Standing::Due, format!("its time came {ago} ago{why}"))
    }
}

/// An instant for people, to the minute: `2026-11-23 14:40 UTC`.
pub fn minute(at: Time) -> String {
    let text: String = at.to_string().chars().take(16).collect();
    format!("{} UTC", text.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use writ_trust::digest::Digest;
    use writ_trust::minisign::SecretKey;
    use writ_trust::numbers::{Epoch, Serial, TrustVersion};
    use writ_trust::release::{PolicyRef, ReleaseSchema, Source, until_promoted};
    use writ_wire::heartbeat::HeartbeatSchema;
    use writ_wire::releases::ReleaseRef;

    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn release(serial: u64, not_before: Time) -> Release {
        let generation = Generation {
            public_key: SecretKey::generate(&[1; 40]).public_key(),
            system_type: "x86_64-linux".parse().unwrap(),
            policy: PolicyRef { schema: "writ.policy.v2".parse().unwrap(), digest: Digest::of(b"p"), size: 1 },
            closure: None,
            not_before,
        };
        Release {
            schema: ReleaseSchema::V1,
            site: "clinic-001".parse().unwrap(),
            epoch: Epoch::FIRST,
            serial: Serial::new(serial).unwrap(),
            issued_at: time("2026-11-23T12:00:00Z"),
            expires_at: time("2027-05-22T12:00:00Z"),
            previous: None,
            source: Source { revision: None, nar_hash: Digest::of(b"s"), dirty: false },
            trust_version: TrustVersion::FIRST,
            generations: [("front-desk".parse().unwrap(), generation)].into(),
            revoked_appliance_keys: Vec::new(),
        }
    }

    fn beat(at: Time, runs: u64, next: Option<(u64, NextState, Option<Time>)>) -> Heard {
        let (epoch, serial) = (Epoch::FIRST, Serial::new);
        Heard::Beat(Box::new(Heartbeat {
            schema: HeartbeatSchema::V1,
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            public_key: SecretKey::generate(&[1; 40]).public_key(),
            at,
            release: Some(ReleaseRef { epoch, serial: serial(runs).unwrap(), digest: Digest::of(b"r") }),
            trust_version: TrustVersion::FIRST,
            sequence: 1,
            open_incidents: 0,
            refused: 0,
            log: None,
            log_fresh_at: None,
            agent_version: "0.1.0".into(),
            next: next.map(|(n, state, at)| {
                let rule = (state == NextState::Refused).then(|| "document-digest".to_owned());
                Next { epoch, serial: serial(n).unwrap(), state, at, rule }
            }),
        }))
    }

    #[test]
    fn each_standing_is_told_from_what_was_signed() {
        let now = time("2026-11-23T14:00:00Z");
        let (come, soon) = (time("2026-11-23T12:30:00Z"), time("2026-11-24T12:00:00Z"));
        let ended = Some(time("2026-11-23T13:00:30Z"));
        let tells = |state, at| Some((5, state, at));
        let cases: [(Time, Heard, bool, &str, &str); 19] = [
            (come, Heard::Never, false, "never-heard", "never heard of"),
            (come, Heard::Broken("why".into()), false, "broken", "its heartbeat does not hold: why"),
            (come, beat(come, 5, None), false, "silent", "silent since 2026-11-23 12:30 UTC"),
            (come, beat(now, 5, None), false, "current", "obeys it"),
            (soon, beat(now, 5, None), false, "current", "obeys it"),
            (come, beat(now, 4, None), true, "current", "obeys the very same"),
            (until_promoted(), beat(now, 4, None), true, "current", "obeys the very same"),
            (
                until_promoted(),
                beat(now, 4, tells(NextState::NotBefore, Some(until_promoted()))),
                false,
                "held",
                "waits to be promoted",
            ),
            (
                soon,
                beat(now, 4, tells(NextState::NotBefore, Some(soon))),
                false,
                "waits",
                "waits until 2026-11-24 12:00 UTC",
            ),
            (come, beat(now, 4, None), false, "late", "late, 90 min after its time: has not heard of it"),
            (
                time("2026-11-23T13:40:00Z"),
                beat(now, 4, tells(NextState::Switching, ended)),
                false,
                "due",
                "its time came 20 min ago: is switching",
            ),
            (
                come,
                beat(now, 4, tells(NextState::Window, Some(soon))),
                false,
                "due",
                "its window opens 2026-11-24 12:00 UTC",
            ),
            (
                come,
                beat(now, 4, tells(NextState::Window, None)),
                false,
                "late",
                "late, 90 min after its time: no window of its policy lets it",
            ),
            (
                come,
                beat(now, 4, tells(NextState::Incomplete, None)),
                false,
                "late",
                "late, 90 min after its time: something of it has not come",
            ),
            (
                come,
                beat(now, 4, tells(NextState::RolledBack, ended)),
                false,
                "rolled-back",
                "rolled 1-5 back at 2026-11-23 13:00 UTC",
            ),
            (
                come,
                beat(now, 4, tells(NextState::RollbackFailed, None)),
                true,
                "rollback-failed",
                "could not go back from 1-5",
            ),
            (
                come,
                beat(now, 4, tells(NextState::SetAside, ended)),
                false,
                "set-aside",
                "gave 1-5 up at 2026-11-23 13:00 UTC",
            ),
            (
                come,
                beat(now, 4, tells(NextState::Refused, None)),
                false,
                "refuses",
                "refuses 1-5 by rule document-digest",
            ),
            // Of a release before it says nothing of this one.
            (
                soon,
                beat(now, 3, Some((4, NextState::RolledBack, ended))),
                false,
                "waits",
                "waits until 2026-11-24 12:00 UTC",
            ),
        ];
        let limits = Limits { max_age: "10m".parse().unwrap(), late_after: "1h".parse().unwrap() };
        for (not_before, heard, is_same, standing, what) in cases {
            let release = release(5, not_before);
            let generation = release.generations.values().next().unwrap();
            let offer = Offer { release: &release, generation, logged_at: Some(come), is_same };
            let (found, words) = judge(&offer, &heard, &limits, now);
            assert_eq!((found.as_str(), words.as_str()), (standing, what));
        }
        let well = ["current", "waits", "held", "due"];
        assert!(Standing::ALL.iter().all(|standing| standing.is_trouble() != well.contains(&standing.as_str())));
        let newcomer = release(5, until_promoted());
        let Heard::Beat(mut alone) = beat(now, 1, None) else { panic!() };
        alone.release = None;
        let generation = newcomer.generations.values().next().unwrap();
        let offer = Offer { release: &newcomer, generation, logged_at: Some(come), is_same: false };
        let (standing, words) = judge(&offer, &Heard::Beat(alone), &limits, now);
        assert_eq!((standing.as_str(), words.as_str()), ("obeys-nothing", "obeys nothing, and waits to be promoted"));
        // A release that came long after its time is late for nobody at once.
        let release = release(5, come);
        let generation = release.generations.values().next().unwrap();
        let offer = Offer { release: &release, generation, logged_at: Some(now.plus_millis(-60_000)), is_same: false };
        assert_eq!(judge(&offer, &beat(now, 4, None), &limits, now).0, Standing::Due);
    }
}
