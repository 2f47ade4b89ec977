//! `disk_health`: what the disks say of themselves, as `smartctl --json` tells it (smartctl(8)), the worst over the disks that
//! are looked at. In a container the disks are those of the machine that runs it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::reading::{below, in_container, names};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, integer, optional, unannounced};
use crate::command;

const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long all disks together have: whoever looks for longer is given up.
const ALTOGETHER: Duration = Duration::from_secs(25);
const MAX_OUTPUT: usize = 1024 * 1024;
/// How many disks are asked.
const MOST_DISKS: usize = 32;
/// Block devices that are disks of their own; the others are built upon these, or in memory, or of a hypervisor.
const DISKS: [&str; 3] = ["sd", "nvme", "mmcblk"];
/// Attributes of ATA disks (ATA-8 ACS, SMART): sectors moved, and waiting to be.
const REALLOCATED: u64 = 5;
const PENDING: u64 = 197;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "disk_health",
    about: "what the disks say of themselves",
    parameters: &[optional("device", Kind::Text, "one disk, for instance \"/dev/sda\"; default: all disks")
        .form(Form::AbsolutePath)],
    observation: &[
        field("passed", Kind::Bool, "whether every disk calls itself healthy"),
        field("device_count", Kind::Int, "how many disks were asked"),
        field("reallocated_count", Kind::Int, "sectors that were moved to spare ones"),
        field("pending_count", Kind::Int, "sectors that wait to be moved"),
        field("wear_percent", Kind::Int, "how much of the life of its flash is used; can exceed 100"),
        field("temperature_celsius", Kind::Int, "temperature of the hottest"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let given = parameters.optional_path("device")?.map(Path::to_owned);
    if in_container(&context.root) {
        return Err(Unseen::failed("disks", "this is a container: the disks are of the machine that runs it"));
    }
    let disks = given.map_or_else(|| all(&context.root), |device| Ok(vec![device]))?;
    if disks.is_empty() {
        return Err(Unseen::not_applicable("this machine has no disk that could tell of its health"));
    }
    let Some(smartctl) = command::find("smartctl") else {
        return Err(Unseen::failed("smartctl", "it is not installed (package smartmontools)"));
    };
    let told = ask(&smartctl, &disks[..disks.len().min(MOST_DISKS)], ALTOGETHER)?;
    observe(&told).ok_or_else(|| Unseen::failed("disks", "none of them says anything of its health"))
}

/// What each disk says, when all of them have said it within this time.
fn ask(smartctl: &Path, disks: &[PathBuf], altogether: Duration) -> Result<Vec<Health>, Unseen> {
    let began = Instant::now();
    let mut told = Vec::new();
    for disk in disks {
        let left = altogether.saturating_sub(began.elapsed());
        if left.is_zero() {
            let (seconds, answered, all) = (altogether.as_secs(), told.len(), disks.len());
            let why =
                format!("{answered} of {all} answered within {seconds} s, which is what there is for all of them");
            return Err(Unseen::failed("disks", why));
        }
        let arguments = ["--json", "--health", "--attributes"].map(OsStr::new);
        let arguments = [&arguments[..], &[disk.as_os_str()]].concat();
        // Its exit code says what it found; what it found is in its output.
        let output = command::run(smartctl, &arguments, left.min(TIME_LIMIT), MAX_OUTPUT);
        let output = output.map_err(|e| Unseen::Failed(e.to_string()))?;
        told.push(Health::parse(&output.stdout).map_err(|e| Unseen::failed(disk.display(), e))?);
    }
    Ok(told)
}

fn all(root: &Path) -> Result<Vec<PathBuf>, Unseen> {
    let disks = names(&below(root, "/sys/block"))?.into_iter();
    Ok(disks
        .filter(|name| DISKS.iter().any(|kind| name.starts_with(kind)))
        .map(|name| Path::new("/dev").join(name))
        .collect())
}

/// What one disk says of itself.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Health {
    smart_status: Option<Status>,
    temperature: Option<Temperature>,
    ata_smart_attributes: Option<Attributes>,
    nvme_smart_health_information_log: Option<Nvme>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Status {
    passed: bool,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Temperature {
    current: i32,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Attributes {
    table: Vec<Attribute>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Attribute {
    id: u64,
    raw: Raw,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Raw {
    value: u64,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Nvme {
    percentage_used: Option<u32>,
}

impl Health {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|e| format!("smartctl wrote no JSON of the form that is known: {e}"))
    }

    fn attribute(&self, id: u64) -> Option<u64> {
        let table = &self.ata_smart_attributes.as_ref()?.table;
        table.iter().find(|attribute| attribute.id == id).map(|attribute| attribute.raw.value)
    }
}

/// The worst of several disks; none when no disk says anything.
pub(super) fn observe(disks: &[Health]) -> Option<Observation> {
    let told: Vec<&Health> = disks.iter().filter(|disk| disk.smart_status.is_some()).collect();
    if told.is_empty() {
        return None;
    }
    // A disk that says nothing is not called healthy by the others.
    let passed =
        told.len() == disks.len() && told.iter().all(|disk| disk.smart_status.as_ref().is_some_and(|s| s.passed));
    let mut seen = Observation::new().with("passed", passed).with("device_count", integer(disks.len() as u64));
    let sum = |id: u64| told.iter().filter_map(|disk| disk.attribute(id)).reduce(u64::saturating_add);
    let wear = told.iter().filter_map(|disk| disk.nvme_smart_health_information_log.as_ref()?.percentage_used).max();
    let hottest = told.iter().filter_map(|disk| Some(disk.temperature.as_ref()?.current)).max();
    // A disk without sectors that could be moved has none that wait.
    let pending = sum(PENDING).or_else(|| wear.map(|_| 0));
    for (field, number) in [("reallocated_count", sum(REALLOCATED)), ("pending_count", pending)] {
        if let Some(number) = number {
            seen.set(field, integer(number));
        }
    }
    if let Some(wear) = wear {
        seen.set("wear_percent", i64::from(wear));
    }
    if let Some(hottest) = hottest {
        seen.set("temperature_celsius", i64::from(hottest));
    }
    Some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::looks::looker;

    /// Parts of what smartctl 7.3 writes of an ATA disk, of an NVMe disk, and of one without SMART.
    const ATA: &str = r#"{"json_format_version":[1,0],"smartctl":{"version":[7,3],"exit_status":0},"device":{"name":"/dev/sda","type":"sat","protocol":"ATA"},"smart_status":{"passed":true},"ata_smart_attributes":{"revision":16,"table":[{"id":5,"name":"Reallocated_Sector_Ct","value":100,"worst":100,"thresh":10,"raw":{"value":8,"string":"8"}},{"id":194,"name":"Temperature_Celsius","raw":{"value":34}},{"id":197,"name":"Current_Pending_Sector","value":100,"raw":{"value":2,"string":"2"}}]},"temperature":{"current":34}}"#;
    const NVME: &str = r#"{"smart_status":{"passed":true,"nvme":{"value":0}},"nvme_smart_health_information_log":{"critical_warning":0,"temperature":41,"percentage_used":103,"media_errors":0},"temperature":{"current":41}}"#;
    const WITHOUT: &str = r#"{"json_format_version":[1,0],"smartctl":{"exit_status":4,"messages":[{"string":"/dev/sdb: Unknown USB bridge","severity":"error"}]}}"#;

    #[test]
    fn disks_that_are_slow_together_take_no_longer_than_a_look_may() {
        assert!(ALTOGETHER < looker::LIMIT && TIME_LIMIT < ALTOGETHER);
        let (smartctl, disks) = (Path::new("/nowhere/smartctl"), ["/dev/sda", "/dev/sdb"].map(PathBuf::from));
        let why = |altogether| match ask(smartctl, &disks, altogether) {
            Err(Unseen::Failed(why)) => why,
            other => panic!("{other:?}"),
        };
        let over = why(Duration::ZERO);
        assert!(over.contains("0 of 2 answered within 0 s"), "no further disk is asked: {over}");
        let asked = why(ALTOGETHER);
        assert!(asked.contains("/nowhere/smartctl"), "{asked}");
    }

    #[test]
    fn the_worst_of_all_disks_is_told() {
        let parse = |text: &str| Health::parse(text.as_bytes()).unwrap();
        let seen = observe(&[parse(ATA), parse(NVME)]).unwrap();
        let expected = Observation::new()
            .with("passed", true)
            .with("device_count", 2)
            .with("reallocated_count", 8)
            .with("pending_count", 2)
            .with("wear_percent", 103)
            .with("temperature_celsius", 41);
        assert_eq!((&seen, SCHEMA.unpromised(&seen)), (&expected, vec![]));
        let failing = parse(&ATA.replace("\"passed\":true", "\"passed\":false"));
        assert_eq!(observe(&[parse(NVME), failing]).unwrap().get("passed"), Some(&false.into()));
        assert_eq!(observe(&[parse(NVME)]).unwrap().get("pending_count"), Some(&0.into()));
        assert_eq!(observe(&[parse(NVME), parse(WITHOUT)]).unwrap().get("passed"), Some(&false.into()));
        assert_eq!(observe(&[parse(WITHOUT)]), None);
        for bad in ["", "[]x", r#"{"temperature":{"current":1e99}}"#, &"[".repeat(100_000)] {
            assert!(Health::parse(bad.as_bytes()).is_err(), "{bad:.20}");
        }
    }
}
