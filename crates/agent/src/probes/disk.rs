//! `disk`: room on the file system that holds a path (statvfs(3)).

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, integer, percent, required, unannounced};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "disk",
    about: "room on the file system that holds a path",
    parameters: &[required("path", Kind::Text, "any path on the file system").form(Form::AbsolutePath)],
    observation: &[
        field("total_bytes", Kind::Int, "size of the file system"),
        field("available_bytes", Kind::Int, "room for users other than root"),
        field("available_percent", Kind::Int, "that room in percent of the size, rounded down").between(0, 100),
        field("inodes_available_percent", Kind::Int, "files that can still be made; absent where there is no limit")
            .between(0, 100),
    ],
};

fn run(parameters: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    let path = parameters.path("path")?;
    let facts = rustix::fs::statvfs(path).map_err(|e| Unseen::failed(path.display(), e))?;
    let unit = facts.f_frsize;
    let mut seen = Observation::new()
        .with("total_bytes", integer(facts.f_blocks.saturating_mul(unit)))
        .with("available_bytes", integer(facts.f_bavail.saturating_mul(unit)));
    if let Some(available) = percent(facts.f_bavail, facts.f_blocks) {
        seen.set("available_percent", available);
    }
    if let Some(inodes) = percent(facts.f_favail, facts.f_files) {
        seen.set("inodes_available_percent", inodes);
    }
    Ok(seen)
}
