//! `nix_store`: whether the store holds what its database says, by the record that `writ-record store-verify` leaves, and how
//! /nix/store is mounted.

use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_wire::record::{Facts, Record};

use super::backups::age;
use super::mount::Mounts;
use super::reading::below;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, integer, read_proc};
use crate::records;

const STORE: &str = "/nix/store";
/// The kind and the name of its record.
const RECORD: (&str, &str) = ("store-verify", "store");

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "nix_store",
    about: "whether the store holds what its database says",
    parameters: &[],
    observation: &[
        field(
            "verified_age_seconds",
            Kind::Int,
            "time since every path was last verified; absent before the first time",
        ),
        field("corrupt_count", Kind::Int, "paths that were not what the database says"),
        field("unsigned_count", Kind::Int, "paths without a trusted signature that were not built here"),
        field("read_only", Kind::Bool, "whether the store is mounted read-only"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    if !below(&context.root, STORE).exists() {
        return Err(Unseen::not_applicable("there is no Nix store"));
    }
    let mounts = Mounts::parse(&read_proc("/proc/self/mountinfo")?);
    let mut seen = Observation::new();
    if let Some(mount) = mounts.holding(Path::new(STORE)) {
        seen.set("read_only", mount.is_read_only());
    }
    let record = records::read(&context.records, RECORD.0, RECORD.1, context.now).map_err(Unseen::Failed)?;
    if let Some(Facts::StoreVerify(facts)) = record.map(|(record, _)| record.facts) {
        let numbers = [("corrupt_count", facts.corrupt), ("unsigned_count", facts.unsigned)];
        for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            seen.set(name, integer(number));
        }
        if let Some(at) = facts.at {
            seen.set("verified_age_seconds", age(at, context.now));
        }
    }
    Ok(seen)
}

fn watch(_: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Path(context.records.join(Record::file_name_of(RECORD.0, RECORD.1)))]
}
