//! `memory`: what is in use of memory and swap, from /proc/meminfo (proc(5)).

use procfs::{FromBufRead, Meminfo};
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
    let facts = Meminfo::from_buf_read(bytes).map_err(|e| Unseen::failed("/proc/meminfo", e))?;
    let Some(available) = facts.mem_available else {
        return Err(Unseen::failed("/proc/meminfo", "no MemAvailable; it needs Linux 3.14"));
    };
    let Some(available_percent) = percent(available, facts.mem_total) else {
        return Err(Unseen::failed("/proc/meminfo", "it names no memory"));
    };
    Ok(Observation::new()
        .with("total_bytes", integer(facts.mem_total))
        .with("available_bytes", integer(available))
        .with("used_percent", 100 - available_percent)
        .with("swap_used_percent", percent(facts.swap_free, facts.swap_total).map_or(0, |free| 100 - free)))
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
        fn what_is_seen_is_what_the_schema_promises(total in 1_u64.., available in any::<u64>()) {
            // More than 2^54 kB cannot be told in bytes.
            let available = format!("MemAvailable: {} kB\n", available >> 10);
            if let Ok(seen) = observe(captured(&(total >> 10).to_string(), &available).as_bytes()) {
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
            }
        }
    }
}
