//! What probes know besides their parameters.

use std::path::PathBuf;
use std::time::Instant;

use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;

use super::cpu::CpuHistory;
use super::file_scan::Scans;
use super::manifest::Manifests;
use super::nftables::Listings;
use super::systemd_timer::TimerHistory;
use super::writ::WritFacts;
use crate::dbus::Bus;
use crate::secrets::Secrets;

/// What probes know besides their parameters; kept from one look to the next. `now` and `monotonic` are set anew for
/// each.
pub struct ProbeContext {
    /// The time of this look.
    pub now: Time,
    /// The same instant by a clock that nobody sets.
    pub monotonic: Instant,
    /// The agent's system profile, normally `/nix/var/nix/profiles/system`.
    pub profile: PathBuf,
    /// Where the files of this machine are: `/`, or a folder that stands for it in tests.
    pub root: PathBuf,
    /// The folder of the records that jobs leave (`writ.record.v1`).
    pub records: PathBuf,
    /// Where the programs of Writ have their state, a folder for each.
    pub programs: PathBuf,
    /// Lines of logs that the enforcer dropped within the day.
    pub logs_dropped: u64,
    /// The system that the accepted release names for this appliance; none when it names none.
    pub expected_toplevel: Option<String>,
    /// The public half of this appliance's own key; none where somebody looks who does not know it.
    pub own_key: Option<PublicKey>,
    /// What the enforcer knows of itself; none where somebody else looks.
    pub writ: Option<WritFacts>,
    /// The secrets of this appliance.
    pub secrets: Secrets,
    /// How busy the processors were at earlier looks.
    pub cpu: CpuHistory,
    pub(crate) manifests: Manifests,
    pub(crate) listings: Listings,
    pub(crate) scans: Scans,
    pub(crate) timers: TimerHistory,
    pub(crate) bus: Bus,
}

impl ProbeContext {
    /// A context that has seen nothing yet.
    pub fn new(now: Time, monotonic: Instant, profile: PathBuf, expected_toplevel: Option<String>) -> Self {
        let (root, records) = (PathBuf::from("/"), PathBuf::from(crate::records::FOLDER));
        let (programs, logs_dropped) = (PathBuf::from("/var/lib/writ"), 0);
        let (cpu, timers, scans) = (CpuHistory::default(), TimerHistory::default(), Scans::default());
        let (bus, manifests, listings) = (Bus::default(), Manifests::default(), Listings::default());
        Self {
            now,
            monotonic,
            profile,
            root,
            records,
            programs,
            logs_dropped,
            expected_toplevel,
            own_key: None,
            writ: None,
            secrets: Secrets::default(),
            cpu,
            listings,
            manifests,
            scans,
            timers,
            bus,
        }
    }
}
