//! `chrony`: how well the clock is kept, as `chronyc -c tracking` and `chronyc -c sources` tell it (chronyc(1), "-c"). Where
//! nothing answers the clock follows nobody; in a container the machine that runs it keeps the clock.

use std::ffi::OsStr;
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::text::one_line;

use super::reading::in_container;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, identifier, integer, optional};
use crate::command;

const TIME_LIMIT: Duration = Duration::from_secs(5);
const MAX_OUTPUT: usize = 64 * 1024;
/// The most sources that are named.
const MOST_NAMED: usize = 100;
/// What chronyc says when no daemon answers, and its beginning for all other trouble.
const NO_DAEMON: &str = "506";

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "chrony",
    about: "how well the clock is kept",
    parameters: &[
        optional("binary", Kind::Text, "the program; default: the first chronyc in the system's path")
            .form(Form::AbsolutePath),
        optional("host", Kind::Text, "where chronyd listens for it; default: its socket on this machine"),
        optional("port", Kind::Int, "and at which port"),
    ],
    observation: &[
        field("synchronised", Kind::Bool, "whether the clock follows a source"),
        field("source_count", Kind::Int, "how many sources can be used"),
        field("stratum", Kind::Int, "distance from a reference clock; 0 when not synchronised").between(0, 15),
        field("offset_ms", Kind::Int, "how far the clock is off, either way, rounded up").between(0, i64::MAX),
        field("update_age_seconds", Kind::Int, "time since the last measurement; absent before the first"),
        field("leap_status", Kind::Text, "what becomes of the last second of the day").one_of(&[
            "normal",
            "insert-second",
            "delete-second",
            "not-synchronised",
        ]),
        identifier("sources", Kind::List, "what the clock follows"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let given = parameters.optional_path("binary")?;
    let (host, port) = (parameters.optional_text("host")?, parameters.optional_int("port")?);
    let binary = given.map_or_else(|| command::find("chronyc"), |path| path.is_file().then(|| path.to_owned()));
    let Some(binary) = binary else { return nobody(context, "chrony is not installed") };
    let port = port.map(|port| port.to_string());
    let mut begins = vec!["-n", "-c"];
    begins.extend(host.iter().flat_map(|host| ["-h", host]));
    begins.extend(port.iter().flat_map(|port| ["-p", port.as_str()]));
    let ask = |what: &str| {
        let arguments: Vec<&OsStr> = begins.iter().chain([&what]).map(OsStr::new).collect();
        let output = command::run(&binary, &arguments, TIME_LIMIT, MAX_OUTPUT).map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(said) } else { Err(one_line(said.trim())) }
    };
    match ask("tracking").and_then(|tracking| Ok((tracking, ask("sources")?))) {
        Ok((tracking, sources)) => Ok(observe(&tracking, &sources)),
        Err(reason) if reason.starts_with(NO_DAEMON) => nobody(context, "no chronyd answers"),
        Err(reason) => Err(Unseen::failed("chronyc", reason)),
    }
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Clock]
}

/// Where nothing keeps the clock.
fn nobody(context: &ProbeContext, why: &str) -> Result<Observation, Unseen> {
    if in_container(&context.root) {
        return Err(Unseen::failed("clock", format!("{why}: the machine that runs this container keeps the clock")));
    }
    Ok(Observation::new().with("synchronised", false).with("source_count", 0))
}

/// Reads `ref id,address,stratum,ref time,correction,…,update interval,leap status` of `tracking`, and of `sources` one line
/// `mode,state,address,stratum,poll,reach,last sample,…` for each.
pub(super) fn observe(tracking: &str, sources: &str) -> Observation {
    let fields: Vec<&str> = tracking.lines().next().unwrap_or("").split(',').collect();
    let leap = match fields.last().map(|leap| leap.trim()) {
        Some("Normal") => Some("normal"),
        Some("Insert second") => Some("insert-second"),
        Some("Delete second") => Some("delete-second"),
        Some("Not synchronised") => Some("not-synchronised"),
        _ => None,
    };
    let mut seen = Observation::new();
    let Some(leap) = leap.filter(|_| fields.len() >= 14) else { return seen };
    let synchronised = leap != "not-synchronised";
    seen.set("synchronised", synchronised);
    seen.set("leap_status", leap);
    if let Some(stratum) = fields[2].parse::<i64>().ok().filter(|stratum| (0..=15).contains(stratum)) {
        seen.set("stratum", if synchronised { stratum } else { 0 });
    }
    if let Some(offset) = fields[4].parse::<f64>().ok().filter(|offset| offset.is_finite() && synchronised) {
        // At most some 10^12 seconds fit in what chronyd can say; a float that large is exact in milliseconds.
        let milliseconds = (offset.abs() * 1000.0).ceil().min(1e15);
        seen.set("offset_ms", milliseconds as i64);
    }
    let lines: Vec<Vec<&str>> = sources.lines().map(|line| line.split(',').collect()).collect();
    // `*` is followed, `+` is combined with it: the others are not used.
    let used: Vec<&Vec<&str>> = lines.iter().filter(|line| line.len() >= 7 && matches!(line[1], "*" | "+")).collect();
    seen.set("source_count", integer(used.len() as u64));
    let ages =
        lines.iter().filter(|line| line.len() >= 7 && line[5] != "0").filter_map(|line| line[6].parse::<i64>().ok());
    if let Some(youngest) = ages.filter(|age| (0..=i64::from(u32::MAX)).contains(age)).min() {
        seen.set("update_age_seconds", youngest);
    }
    let named = used.iter().take(MOST_NAMED).map(|line| line[2].to_owned()).collect::<Vec<_>>();
    seen.with("sources", named)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of chronyc 4.3.
    const TRACKING: &str = "7F000001,127.0.0.1,9,1795793627.351209595,-0.000001361,-0.000000070,0.000000057,-0.037,-0.004,0.145,0.000005878,0.000000368,0.3,Normal\n";
    const SOURCES: &str = "^,*,192.0.2.1,8,-2,377,3,-0.000000106,-0.000000176,0.000002974\n^,+,192.0.2.2,8,6,377,12,0.1,0.1,0.2\n^,?,192.0.2.3,0,6,0,4294967295,0.0,0.0,0.0\n";

    #[test]
    fn tracking_and_sources_are_read() {
        let seen = observe(TRACKING, SOURCES);
        let expected = Observation::new()
            .with("synchronised", true)
            .with("leap_status", "normal")
            .with("stratum", 9)
            .with("offset_ms", 1)
            .with("source_count", 2)
            .with("update_age_seconds", 3)
            .with("sources", vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()]);
        assert_eq!((&seen, SCHEMA.unpromised(&seen)), (&expected, vec![]));
        let lost = "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised\n";
        let lost = observe(lost, "");
        assert_eq!(
            (lost.get("synchronised"), lost.get("stratum"), lost.get("offset_ms")),
            (Some(&false.into()), Some(&0.into()), None)
        );
    }

    #[test]
    fn odd_lines_show_nothing_that_is_not_so() {
        for odd in ["", "Normal", "506 Cannot talk to daemon", ",,,,,,,,,,,,,", "a,b,c,d,e,f,g,h,i,j,k,l,m,Normal"] {
            let seen = observe(odd, "^,*,x\n,,,,,,,,\n");
            assert_eq!(SCHEMA.unpromised(&seen), [], "{odd}");
            assert_eq!(seen.get("offset_ms"), None, "{odd}");
        }
        let far = TRACKING.replace("-0.000001361", "-1e300");
        assert!(observe(&far, "").get("offset_ms").is_some_and(|ms| *ms > 1.into()));
    }
}
