//! `restore_test`: the last restore that was tried, by the record that `writ-record restore-test` leaves at its end.

use writ_policy::check::ProbeCall;
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::text::one_line;
use writ_wire::record::{Facts, Record};

use super::backups::age;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, integer, required, text};
use crate::records;

/// The kind of its records.
pub(crate) const KIND: &str = "restore-test";

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "restore_test",
    about: "the last restore that was tried",
    parameters: &[required("name", Kind::Text, "the test, for instance \"records\"")],
    observation: &[
        field("exists", Kind::Bool, "whether it was ever tried; the rest is absent before"),
        field("succeeded", Kind::Bool, "whether files were restored, and each is what it was"),
        field("age_seconds", Kind::Int, "time since it ended"),
        field("duration_seconds", Kind::Int, "how long it took"),
        field("compared_count", Kind::Int, "files that were compared with what they were"),
        field("mismatch_count", Kind::Int, "of them, how many differed"),
        field("consecutive_failure_count", Kind::Int, "tries in a row that failed; 0 after one that succeeded"),
        text("notes", Kind::Text, "what the test wrote down"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let name = name(parameters)?;
    let Some((record, _)) = records::read(&context.records, KIND, name, context.now).map_err(Unseen::Failed)? else {
        return Ok(Observation::new().with("exists", false));
    };
    let Facts::RestoreTest(test) = &record.facts else {
        return Err(Unseen::failed(name, "its record is of another job"));
    };
    Ok(Observation::new()
        .with("exists", true)
        .with("succeeded", record.ok)
        .with("age_seconds", age(record.ended_at, context.now))
        .with("duration_seconds", age(record.began_at, record.ended_at))
        .with("compared_count", integer(test.compared))
        .with("mismatch_count", integer(test.mismatched))
        .with("consecutive_failure_count", integer(test.failures))
        .with("notes", record.notes.join("; ")))
}

/// The test that a call of this probe looks at; none for another probe, or one that names none that there could be.
pub(crate) fn named(call: &ProbeCall) -> Option<&str> {
    let name = call.parameters.get("name").filter(|_| call.name == SCHEMA.name)?.as_str()?;
    Record::is_name(name).then_some(name)
}

fn name<'p>(parameters: &Parameters<'p>) -> Result<&'p str, Unseen> {
    let name = parameters.text("name")?;
    if Record::is_name(name) {
        return Ok(name);
    }
    let expected = "expected at most 64 letters, digits, '-', '_' and '.'";
    Err(Unseen::failed("parameter name", format!("{:?}: {expected}", one_line(name))))
}

fn watch(parameters: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    let file = name(parameters).map(|name| context.records.join(Record::file_name_of(KIND, name)));
    file.into_iter().map(Watch::Path).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use writ_trust::time::Time;
    use writ_wire::record::RestoreTest;

    use super::*;
    use crate::records::Run;

    #[test]
    fn the_last_try_is_told_with_its_length_and_age() {
        let dir = tempfile::tempdir().unwrap();
        let at = |text: &str| -> Time { text.parse().unwrap() };
        let mut context = ProbeContext::new(at("2026-11-27T12:00:00Z"), Instant::now(), "/nowhere".into(), None);
        context.records = dir.path().to_owned();
        let parameters = serde_json::json!({ "name": "records" });
        let call = parameters.as_object().unwrap();
        let mut look = || run(&Parameters::checked(call, SCHEMA.parameters).unwrap(), &mut context);
        assert_eq!(look().unwrap(), Observation::new().with("exists", false));
        let mut run = Run::begin(at("2026-11-20T23:00:00Z"));
        run.note("a file cannot be restored: no such pack");
        let test = RestoreTest { sampled: 50, compared: 49, missing: 1, failures: 2, ..RestoreTest::default() };
        let record = run.end("records", at("2026-11-20T23:20:00Z"), false, Facts::RestoreTest(test));
        records::keep(dir.path(), &record).unwrap();
        let seen = look().unwrap();
        let expected = Observation::new()
            .with("exists", true)
            .with("succeeded", false)
            .with("age_seconds", 6 * 86_400 + 12 * 3_600 + 40 * 60)
            .with("duration_seconds", 1_200)
            .with("compared_count", 49)
            .with("mismatch_count", 0)
            .with("consecutive_failure_count", 2)
            .with("notes", "a file cannot be restored: no such pack");
        assert_eq!((&seen, SCHEMA.unpromised(&seen)), (&expected, vec![]));
    }
}
