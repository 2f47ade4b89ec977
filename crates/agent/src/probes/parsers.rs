//! The parsers of what probes read, in one list: what a generic test and the fuzzer throw bytes at.
//!
//! Each judges what came of the bytes: only fields that its probe promises, and not much more than went in.

use std::path::Path;
use std::time::Instant;

use writ_policy::observation::Observation;
use writ_trust::json;
use writ_trust::time::Time;

use super::{Probe, cpu, journald, kernel_command_line, listening_ports, memory, mount, nftables, sshd, sysctl};
use super::{process, tls_certificate, users};

/// One parser: its name, and what reads any bytes with it and panics only when a promise is broken.
pub type Parser = (&'static str, fn(&[u8]));

const PARSERS: &[Parser] = &[
    ("cpu", |bytes| drop(cpu::Sample::parse(bytes, Instant::now()))),
    ("journald", |bytes| journald::Settings::default().merge(bytes)),
    ("kernel_command_line", |bytes| fits(&kernel_command_line::PROBE, bytes, kernel_command_line::observe(bytes))),
    ("listening_ports", |bytes| {
        fits(&listening_ports::PROBE, bytes, listening_ports::observe(&listening_ports::listening(bytes, "0A")));
    }),
    ("memory", |bytes| fits(&memory::PROBE, bytes, memory::observe(bytes))),
    ("mount", |bytes| fits(&mount::PROBE, bytes, mount::observe(bytes, Path::new("/")))),
    ("nftables", |bytes| fits(&nftables::PROBE, bytes, nftables::observe(bytes))),
    ("sshd", |bytes| fits(&sshd::PROBE, bytes, sshd::observe(bytes))),
    ("sysctl", |bytes| fits(&sysctl::PROBE, bytes, sysctl::observe(bytes))),
    ("tls_certificate", |bytes| {
        fits(&tls_certificate::PROBE, bytes, tls_certificate::observe(bytes, Time::from_unix_millis(0)));
    }),
    ("uptime", |bytes| drop(process::uptime_seconds(bytes))),
    ("users", |bytes| fits(&users::PROBE, bytes, users::observe(bytes, Some(bytes)))),
];

/// Every parser of what probes read.
pub fn parsers() -> &'static [Parser] {
    PARSERS
}

/// What a parser made of bytes: an observation, or why there is none.
trait Made {
    fn seen(self) -> Option<Observation>;
}

impl Made for Observation {
    fn seen(self) -> Option<Observation> {
        Some(self)
    }
}

impl<E> Made for Result<Observation, E> {
    fn seen(self) -> Option<Observation> {
        self.ok()
    }
}

/// Panics when an observation is not what the probe promises, or is out of proportion to the bytes that it was made of.
fn fits(probe: &Probe, bytes: &[u8], made: impl Made) {
    let Some(seen) = made.seen() else { return };
    let name = probe.schema.name;
    assert_eq!(probe.schema.unpromised(&seen), [], "{name}");
    // A byte that is no UTF-8 becomes three, a control character six in JSON, and two files can be made of one.
    let (size, most) = (json::canonical(&seen).len(), bytes.len().saturating_mul(16).saturating_add(8 * 1024));
    assert!(size <= most, "{name}: {size} bytes were made of {}", bytes.len());
}
