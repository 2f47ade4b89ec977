//! `memory`: what is in use of memory and swap, from /proc/meminfo (proc(5)).

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, integer, percent, read_proc, unannounced};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "memory",
    about: "what is in use of memory and swap",
    parameters: &[],
    observation: &[
        field("total_bytes", Kind::Int, "usable memory"),
        field("available_bytes", Kind::Int, "memory that programs can get without swapping"),
        field("used_percent", Kind::Int, "what is not available, in percent, rounded up").between(0, 100),
        field("swap_used_percent", Kind::Int, "swap in use, in percent, rounded up; 0 without swap").between(0, 100),
    ],
};

fn run(_: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&read_proc("/proc/meminfo")?)
}

pub(super) fn observe(bytes: &[u8]) -> Result<Observation, Unseen> {
    let text = String::from_utf8_lossy(bytes);
    let told = |name: &str| size(&text, name).ok_or_else(|| Unseen::failed("/proc/meminfo", format!("no {name}")));
    let Some(available) = size(&text, "MemAvailable") else {
        return Err(Unseen::failed("/proc/meminfo", "no MemAvailable; it needs Linux 3.14"));
    };
    let (total, swap, swap_free) = (told("MemTotal")?, told("SwapTotal")?, told("SwapFree")?);
    let Some(available_percent) = percent(available, total) else {
        return Err(Unseen::failed("/proc/meminfo", "it names no memory"));
    };
    Ok(Observation::new()
        .with("total_bytes", integer(total))
        .with("available_bytes", integer(available))
        .with("used_percent", 100 - available_percent)
        .with("swap_used_percent", percent(swap_free, swap).map_or(0, |free| 100 - free)))
}

/// The bytes of a line such as `MemTotal:  1024 kB`, the first of its name. The unit is always that, and is 1024 bytes. None
/// for what no machine has: a number beyond 2^64 bytes.
fn size(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines that matter, with the others that the kernel always writes.
    fn captured(total: &str, available: &str) -> String {
        format!(
            "MemTotal: {total} kB\nMemFree: 100 kB\n{available}Buffers: 1 kB\nCached: 1 kB\nSwapCached: 0 kB\nActive: 1 kB\n\
             Inactive: 1 kB\nSwapTotal: 1000 kB\nSwapFree: 749 kB\nDirty: 0 kB\nWriteback: 0 kB\nMapped: 1 kB\nSlab: 1 kB\n\
             PageTables: 1 kB\nCommitted_AS: 1 kB\nVmallocTotal: 1 kB\nVmallocUsed: 1 kB\nVmallocChunk: 0 kB\n"
        )
    }

    #[test]
    fn percentages_are_of_what_is_there() {
        let seen = observe(captured("1000", "MemAvailable: 249 kB\n").as_bytes()).unwrap();
        assert_eq!(seen.get("total_bytes"), Some(&1_024_000.into()));
        assert_eq!(seen.get("used_percent"), Some(&76.into()));
        assert_eq!(seen.get("swap_used_percent"), Some(&26.into()));
    }

    #[test]
    fn odd_input_is_an_error() {
        let many = "99999999999999999999999";
        for odd in [
            String::new(),
            "MemTotal".into(),
            captured("1000", ""),
            captured("0", "MemAvailable: 1 kB\n"),
            captured(many, ""),
            captured("x", "\0"),
            captured("1000", "MemAvailable: 18014398509481984 kB\n"),
        ] {
            assert!(observe(odd.as_bytes()).is_err(), "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), total in ".{0,12}", available in ".{0,24}") {
            let _ = observe(&bytes);
            let _ = observe(captured(&total, &available).as_bytes());
        }

        #[test]
        fn what_is_seen_is_what_the_schema_promises(total in 1_u64.., available in any::<u64>(), less in 0_u32..12) {
            let available = format!("MemAvailable: {} kB\n", available >> less);
            if let Ok(seen) = observe(captured(&(total >> less).to_string(), &available).as_bytes()) {
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
            }
        }
    }
}
