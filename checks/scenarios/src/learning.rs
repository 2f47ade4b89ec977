//! A clinic with three appliances as processes, whose people thought of altered files, and not of one that may not be read: what its
//! planner finds out about that can become a rule.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::endpoint::Endpoint;
use crate::flake::{copy, repository};
use crate::outbox::{self, Found};
use crate::planner::Planner;
use crate::workshop::{SITE, Workshop};

/// The appliances.
pub const APPLIANCES: [&str; 3] = ["back-office", "front-desk", "laboratory"];
/// The check that no rule answers.
pub const CHECK: &str = "desk.notice-mode";
/// One that a rule answers.
const ALTERED: &str = "desk.notice-text";
/// The runbook that helps.
pub const HELPS: &str = "RB-DESK-002";
/// The runbook that says that it helps, and does not.
pub const USELESS: &str = "RB-DESK-001";
/// How long anything that an appliance does by itself may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The files under watch, and what stands in them.
const FILES: [(&str, &str); 2] =
    [("banner", "Authorised use only.\n"), ("notice", "How we use what we know of you.\n")];

/// The clinic's desk, with release 1 published.
pub struct Learning {
    /// The desk.
    pub desk: Workshop,
    /// The one name under which each appliance has its own files.
    shared: PathBuf,
    /// The port of the endpoint, which planners may connect to.
    port: u16,
}

impl Learning {
    /// Writes the flake, with this endpoint as its model, makes keys, and releases serial 1.
    pub fn open(dir: &Path, endpoint: &Endpoint) -> Result<Self> {
        let desk = Workshop::open(&dir.join("desk"))?;
        let shared = desk.dir.join("files");
        fs::create_dir_all(&shared)?;
        let learning = Self { desk, shared, port: endpoint.address().port() };
        learning.write_flake(&endpoint.url())?;
        learning.desk.make_keys()?;
        for appliance in APPLIANCES {
            learning.desk.enrol(appliance)?;
        }
        learning.desk.commit("A clinic with three appliances")?;
        learning.desk.make_trust_root()?;
        learning.desk.release()?;
        Ok(learning)
    }

    fn write_flake(&self, url: &str) -> Result<()> {
        let flake = self.desk.flake();
        for own in ["baselines", "rules", "hosts"] {
            fs::remove_dir_all(flake.join(own))?;
        }
        let fill = |from: &str, to: &str| -> Result<()> {
            let path = repository().join("checks/scenarios/life").join(from);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let to = flake.join(to);
            fs::create_dir_all(to.parent().context("a file without a folder")?)?;
            let text = text.replace("@folder@", &self.shared.display().to_string()).replace("@url@", url);
            Ok(fs::write(to, text)?)
        };
        fill("baseline.nix", "baselines/life/default.nix")?;
        fill("files.nix", "baselines/life/files.nix")?;
        fill("rules.nix", "rules/desk.nix")?;
        fill("runbooks.nix", "rules/runbooks/desk.nix")?;
        fill("site.nix", &format!("hosts/{SITE}/site.nix"))?;
        for appliance in APPLIANCES {
            fill("appliance.nix", &format!("hosts/{SITE}/{appliance}/policy.nix"))?;
        }
        copy(&repository().join("rules/learned"), &flake.join("rules/learned"))?;
        fs::write(flake.join("baselines/default.nix"), "{ life = ./life; }\n")?;
        let families = "{ desk = ./desk.nix; learned = ./learned/rules.nix; }";
        let lists = format!("{{ families = {families}; runbooks = [ ./runbooks/desk.nix ]; }}\n");
        Ok(fs::write(flake.join("rules/default.nix"), lists)?)
    }

    /// Starts an appliance: an enforcer that sees its own files under the name that all have, and a planner.
    pub fn start(&self, name: &str) -> Result<Learner> {
        let folder = self.desk.dir.join("appliances").join(name);
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        for (name, content) in FILES {
            fs::write(files.join(name), content)?;
            fs::set_permissions(files.join(name), fs::Permissions::from_mode(0o644))?;
        }
        let planner = Planner::start(&folder.join("planner"), &folder, &format!("[model]\nport = {}\n", self.port))?;
        let path = |path: PathBuf| path.display().to_string();
        let configuration = format!(
            "site = \"{SITE}\"\nappliance = \"{name}\"\nreleases = {:?}\ntrust = {:?}\nkey = {:?}\nstate_dir = {:?}\n\
             outbox_dir = {:?}\nprofile = {:?}\nswitch_command = \"process\"\npoll_releases = \"100ms\"\nplan_within = \"20s\"\n",
            path(self.desk.releases()),
            path(self.desk.first_root()),
            path(self.desk.keys().join(format!("{name}.key"))),
            path(folder.join("state")),
            path(folder.join("outbox")),
            path(folder.join("profile")),
        );
        fs::write(folder.join("enforce.toml"), configuration)?;
        // In a namespace of its own, which ends with it.
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.args(["mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"", "sh"]).arg(&files).arg(&self.shared);
        command.arg(self.desk.bin.join("writ-enforce")).arg("--config").arg(folder.join("enforce.toml"));
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.context("cannot start writ-enforce in a namespace of its own")?;
        Ok(Learner { folder, child, planner })
    }
}

/// One of the appliances; ended when dropped.
pub struct Learner {
    folder: PathBuf,
    child: Child,
    /// Its planner.
    pub planner: Planner,
}

impl Learner {
    /// Where its evidence appears.
    pub fn outbox(&self) -> PathBuf {
        self.folder.join("outbox")
    }

    /// Its notice.
    pub fn notice(&self) -> PathBuf {
        self.folder.join("files/notice")
    }

    /// Waits until it obeys a release by its serial.
    pub fn await_release(&self, serial: u64) -> Result<Found> {
        self.await_bundle(0, &format!("release {serial}"), |found| {
            // It names no system: what it brings is its policy.
            found.text(&["switch", "outcome"]) == "adopted-without-closure"
                && found.json["switch"]["to"]["serial"] == serial
        })
    }

    /// Closes the notice to everybody, and waits until that is healed; gives the bundle that tells it.
    pub fn breaks_and_heals(&self) -> Result<Found> {
        self.heals(CHECK, || fs::set_permissions(self.notice(), fs::Permissions::from_mode(0o600)))
    }

    /// The same of a notice whose text is altered, which a rule answers.
    pub fn heals_an_altered_notice(&self) -> Result<Found> {
        self.heals(ALTERED, || fs::write(self.notice(), "We tell everybody.\n"))
    }

    fn heals(&self, check: &str, breaks: impl FnOnce() -> std::io::Result<()>) -> Result<Found> {
        let after = outbox::last_sequence(&self.outbox())?;
        breaks()?;
        self.await_bundle(after, check, |found| {
            found.text(&["kind"]) == "incident-closed" && found.text(&["incident", "check"]) == check
        })
    }

    fn await_bundle(&self, after: u64, what: &str, wanted: impl Fn(&Found) -> bool) -> Result<Found> {
        outbox::wait_for(&self.outbox(), after, what, PATIENCE, wanted).with_context(|| {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            format!("the enforcer said:\n{log}\nthe planner said:\n{}", self.planner.said())
        })
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
