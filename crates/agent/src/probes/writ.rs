//! `writ`: how Writ itself fares on this appliance, by the enforcer's own state and what the courier says of itself in its
//! status.json. What a courier tells is absent without one; everything is absent where no enforcer looks.

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, unannounced};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

/// What the enforcer knows of itself, as fields of this probe; it gathers them before each look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WritFacts {
    /// Seconds, counts and so on, by the name of the field; those that are not known are left out.
    pub numbers: Vec<(&'static str, i64)>,
    /// Whether a code for pausing is set.
    pub pause_code_set: bool,
}

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "writ",
    about: "how Writ itself fares on this appliance",
    parameters: &[],
    observation: &[
        field("checkin_age_seconds", Kind::Int, "time since the depot last took a heartbeat"),
        field("sync_failure_count", Kind::Int, "pulls in a row that failed"),
        field("release_expires_in_seconds", Kind::Int, "time until the release expires; negative when it has expired"),
        field("root_expires_in_seconds", Kind::Int, "time until the trust root expires; negative when it has expired"),
        field("log_checkpoint_age_seconds", Kind::Int, "age of the newest checkpoint of the site's log"),
        field("outbox_used_percent", Kind::Int, "how much of the evidence's room is used"),
        field("undelivered_age_seconds", Kind::Int, "age of the oldest bundle that is not delivered; 0 when all are"),
        field("overdue_incident_count", Kind::Int, "open incidents past the time that they must be answered in"),
        field("open_critical_count", Kind::Int, "open critical incidents"),
        field("pause_code_set", Kind::Bool, "whether a code for pausing is set"),
        field("longest_pause_seconds", Kind::Int, "length of the longest pause in force; 0 without any"),
        field("key_age_seconds", Kind::Int, "age of the appliance's key"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let Some(facts) = &context.writ else {
        return Err(Unseen::failed("enforcer", "only writ-enforce itself knows: what it last saw is in `writ doctor`"));
    };
    let mut seen = Observation::new().with("pause_code_set", facts.pause_code_set);
    for (field, number) in &facts.numbers {
        seen.set(field, *number);
    }
    Ok(seen)
}
