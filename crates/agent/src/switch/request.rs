//! What the enforcer asks of a switch, complete: the driver reads nothing else, so that no newer or older configuration
//! can come between.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Span;

use crate::config::{Boot, SwitchCommand};

/// [`SwitchRequest::activation_timeout`] when nothing else is wished.
pub const ACTIVATION_TIMEOUT: &str = "10m";
/// [`SwitchRequest::fallback_window`] when nothing else is wished.
pub const FALLBACK_WINDOW: &str = "60s";

/// [`FALLBACK_WINDOW`] as a span.
pub fn fallback_window() -> Span {
    FALLBACK_WINDOW.parse().expect("a duration")
}

/// One switch: from what runs to one verified generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchRequest {
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The release's epoch.
    pub epoch: Epoch,
    /// The release's serial.
    pub serial: Serial,
    /// The release's digest.
    pub release: Digest,
    /// The system to switch to: the closure's toplevel.
    pub toplevel: String,
    /// The policy document: a file that stays until the switch is over, and its digest.
    pub policy: Document,
    /// The closure document: a file that stays until the switch is over, and its digest.
    pub closure: Document,
    /// The folder that is the binary cache. Hostile.
    pub cache_dir: PathBuf,
    /// The `cache` keys of the newest accepted trust root, in Nix's form `name:base64`. Only these count.
    pub cache_keys: Vec<String>,
    /// The appliance's state directory, which holds the journal.
    pub state_dir: PathBuf,
    /// The profile that names the running system.
    pub profile: PathBuf,
    /// The activation command within a system, normally `bin/switch-to-configuration`.
    pub activation: PathBuf,
    /// How long one run of the activation command may take.
    pub activation_timeout: Span,
    /// How long probation is when this version cannot read the policy, and so not its own window.
    pub fallback_window: Span,
    /// Where links for Nix's garbage collector are put: a folder within `/nix/var/nix/gcroots`, of this appliance alone.
    pub gc_roots: PathBuf,
    /// How the driver and the rollback timer are started.
    pub launch: Launch,
    /// The program that drives: `writ-switch` beside the program that asks, when null.
    pub switch_binary: Option<PathBuf>,
    /// How this machine is booted. Beside the journal, see [`super::boot::asked`]; one of a version that wrote it within is read too.
    #[serde(default, skip_serializing)]
    pub boot: Boot,
    /// Whether no maintenance window is waited for: nothing is obeyed yet. Kept as `boot` is.
    #[serde(default, skip_serializing)]
    pub at_once: bool,
}

#[cfg(test)]
impl SwitchRequest {
    /// One of tests: it names what is not there.
    pub(super) fn of_tests(state_dir: &std::path::Path) -> Self {
        let document = |name: &str| Document { path: state_dir.join(name), digest: Digest::of(b"") };
        Self {
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            epoch: "1".parse().unwrap(),
            serial: "2".parse().unwrap(),
            release: Digest::of(b""),
            toplevel: "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system".to_owned(),
            policy: document("policy.json"),
            closure: document("closure.json"),
            cache_dir: state_dir.join("cache"),
            cache_keys: Vec::new(),
            state_dir: state_dir.to_owned(),
            profile: state_dir.join("profile"),
            activation: "bin/switch-to-configuration".into(),
            activation_timeout: "10m".parse().unwrap(),
            fallback_window: "60s".parse().unwrap(),
            gc_roots: state_dir.join("roots"),
            launch: Launch::Process,
            switch_binary: None,
            boot: Boot::default(),
            at_once: false,
        }
    }
}

/// A document by file and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The file.
    pub path: PathBuf,
    /// The digest of its exact bytes.
    pub digest: Digest,
}

/// How the driver and the rollback timer are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launch {
    /// As transient units of systemd.
    SystemdRun,
    /// As detached processes, for hosts without systemd.
    Process,
}

impl From<SwitchCommand> for Launch {
    fn from(command: SwitchCommand) -> Self {
        match command {
            SwitchCommand::SystemdRun => Self::SystemdRun,
            SwitchCommand::Process => Self::Process,
        }
    }
}

/// The folder for garbage collector links of one appliance: `/nix/var/nix/gcroots/writ/<site>/<appliance>`.
pub fn default_gc_roots(site: &SiteId, appliance: &ApplianceId) -> PathBuf {
    PathBuf::from("/nix/var/nix/gcroots/writ").join(site.as_str()).join(appliance.as_str())
}
