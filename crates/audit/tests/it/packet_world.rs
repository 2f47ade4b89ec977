//! A site with something of everything that packets tell of, some of it in hostile words.

use serde_json::{Value, json};
use writ_evidence::incident::{ResolutionStatus, ResolutionType, Tier};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::time::Time;

use crate::world::*;

/// What is in words of bundles and policies that an enemy wrote.
pub const HOSTILE: &str = "=cmd|' /C calc'!A0 <script>alert(1)</script> \u{202e}gnp \u{7}";

/// Two days with incidents that a rule, a planner and people resolved, one that nobody did, and one that is open.
pub fn eventful() -> World {
    let mut world = World::empty();
    let policy = policy_json(|p| {
        p["exceptions"] = json!({ "EX-001": exception("file.audit", "2026-12-10T00:00:00Z") });
        p["exceptions"]["EX-001"]["risk"] = HOSTILE.into();
        p["settings"]["sla"]["high"] = "25m".into();
        p["settings"]["title"] = HOSTILE.replace('\u{7}', "").into();
        p["checks"]["file.motd"]["title"] = "x".repeat(400).into();
        for (id, probe) in [("disk.sealed", "luks"), ("login.ssh", "sshd")] {
            p["checks"][id] = p["checks"]["file.tls"].clone();
            p["checks"][id]["probe"] = json!({ probe: {} });
        }
        *p = writ_policy::policy::upgrade(p.take());
        p["settings"]["contacts"] = json!({ "on-call": { "person": "Kim Lee", "role": "primary", "email": null,
            "phone": "+1 555 0100", "answers_within": "15m" } });
    });
    world.release(1, &policy, |_| {});
    world.started(morning());
    let ends = [
        (Tier::L1, ResolutionType::Auto, ResolutionStatus::Success),
        (Tier::L2, ResolutionType::Auto, ResolutionStatus::Success),
        (Tier::L3, ResolutionType::Manual, ResolutionStatus::Success),
        (Tier::L3, ResolutionType::Manual, ResolutionStatus::Failed),
    ];
    for hour in 0..48 {
        let from = morning().plus_millis(hour * HOUR);
        if let Some((tier, kind, status)) = usize::try_from(hour - 2).ok().and_then(|n| ends.get(n)) {
            let drift = from.plus_millis(5 * MINUTE);
            let opened = world.open("file.motd", drift);
            let end = drift.plus_millis((hour - 1) * 10 * MINUTE);
            let mut draft = world.closing("file.motd", opened, drift, end);
            if let Some(execution) = &mut draft.execution {
                (execution.tier, execution.resolution_type) = (Some(*tier), *kind);
            }
            if let Some(outputs) = &mut draft.outputs {
                outputs.resolution_status = *status;
            }
            if *status == ResolutionStatus::Failed {
                draft.verification.iter_mut().for_each(|v| v.outcome = Outcome::Fail);
            }
            world.seal(draft, end);
        }
        world.vector(from, from.plus_millis(HOUR), |_, _| {});
    }
    world.change("file.audit", Outcome::Fail, &[HOSTILE], morning().plus_millis(48 * HOUR));
    world.open("file.tls", morning().plus_millis(48 * HOUR));
    world
}

/// A day of quiet evidence that begins with the release, which `edit` may change.
pub fn quiet(edit: impl FnOnce(&mut Value)) -> World {
    let mut world = World::empty();
    world.release(1, &policy_json(|_| {}), |release| {
        // Otherwise the time from the release to the first word would be silence.
        release["issued_at"] = json!(morning().plus_millis(-10 * MINUTE));
        edit(release);
    });
    world.live();
    world
}

/// The same with another appliance that never answered, and whose policy is of a schema that nobody here knows.
pub fn half_known() -> World {
    let other = strict::canonical(&json!({ "schema": "writ.policy.v9" }));
    let world = quiet(|release| {
        let mut generation = release["generations"]["front-desk"].clone();
        generation["public_key"] = key(7).public_key().line().into();
        generation["policy"] =
            json!({ "schema": "writ.policy.v9", "digest": Digest::of(&other).to_string(), "size": other.len() });
        release["generations"]["back-office"] = generation;
    });
    world.write(&format!("documents/{}.json", Digest::of(&other).hex()), &other);
    world
}

/// Some time after.
pub fn evening() -> Time {
    morning().plus_millis(49 * HOUR)
}
