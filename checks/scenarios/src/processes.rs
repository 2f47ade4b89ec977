//! An appliance without a container: `writ-enforce` as a process on this machine, in a folder of its own. It observes this
//! machine and changes nothing but files of that folder: the policy it obeys has no other rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::flake::repository;
use crate::outbox::{self, Found};
use crate::run;
use crate::workshop::{SITE, Workshop};

/// The appliance that is played.
pub const APPLIANCE: &str = "front-desk";

/// A running enforcer; ended when dropped.
pub struct Processes {
    folder: PathBuf,
    child: Child,
}

/// Rewrites the desk's flake for this way of playing: the front desk's files are those in `folder`, and no rule concerns
/// anything else.
pub fn prepare(desk: &Workshop, folder: &Path) -> Result<()> {
    let flake = desk.flake();
    let host = flake.join("hosts").join(SITE).join(APPLIANCE);
    fs::remove_dir_all(&host)?;
    let fill = |from: &str, to: PathBuf| -> Result<()> {
        let path = repository().join("checks/scenarios/process").join(from);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        let key = desk.keys().join(format!("{APPLIANCE}.key")).display().to_string();
        Ok(fs::write(to, text.replace("@folder@", &folder.display().to_string()).replace("@key@", &key))?)
    };
    fill("policy.nix", host.join("policy.nix"))?;
    fs::remove_dir_all(flake.join("rules"))?;
    fill("rules.nix", flake.join("rules/demo.nix"))?;
    fill("runbooks.nix", flake.join("rules/runbooks/demo.nix"))?;
    fs::write(
        flake.join("rules/default.nix"),
        "{ families.demo = ./demo.nix; runbooks = [ ./runbooks/demo.nix ]; }\n",
    )?;
    let site = flake.join("hosts").join(SITE).join("site.nix");
    without_rules(&site)?;
    without_rules(&flake.join("hosts").join(SITE).join("back-office/policy.nix"))
}

/// Empties `rule_families` of a file.
fn without_rules(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let lines = text.lines().map(|line| match line.trim_start().starts_with("rule_families") {
        true => "  rule_families = [ ];",
        false => line,
    });
    Ok(fs::write(file, lines.collect::<Vec<_>>().join("\n") + "\n")?)
}

impl Processes {
    /// Starts the enforcer on `folder`, which holds its files, state and outbox.
    pub fn start(desk: &Workshop, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let path = |p: PathBuf| p.display().to_string();
        let configuration = format!(
            "site = \"{SITE}\"\nappliance = \"{APPLIANCE}\"\nreleases = \"{}\"\ntrust = \"{}\"\nkey = \"{}\"\n\
             state_dir = \"{}\"\noutbox_dir = \"{}\"\nprofile = \"{}\"\nswitch_command = \"process\"\npoll_releases = \"1s\"\n",
            path(desk.releases()),
            path(desk.first_root()),
            path(desk.keys().join(format!("{APPLIANCE}.key"))),
            path(folder.join("state")),
            path(folder.join("outbox")),
            path(folder.join("profile")),
        );
        fs::write(folder.join("enforce.toml"), configuration)?;
        let log = fs::File::create(folder.join("enforcer.log"))?;
        let mut command = Command::new(desk.bin.join("writ-enforce"));
        command.arg("--config").arg(folder.join("enforce.toml")).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn().context("cannot start writ-enforce")?;
        Ok(Self { folder: folder.to_owned(), child })
    }

    /// Where its evidence appears.
    pub fn outbox(&self) -> PathBuf {
        self.folder.join("outbox")
    }

    /// Waits for a bundle past `after`; when it does not come, the error carries what the enforcer said.
    pub fn await_bundle(&self, after: u64, what: &str, wanted: impl Fn(&Found) -> bool) -> Result<Found> {
        let log = || fs::read_to_string(self.folder.join("enforcer.log")).unwrap_or_default();
        outbox::wait_for(&self.outbox(), after, what, Duration::from_secs(60), wanted).with_context(log)
    }

    /// Asks the enforcer to stop and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        run::checked(Command::new("kill").arg(self.child.id().to_string()))?;
        run::wait("writ-enforce to stop", Duration::from_secs(120), || Ok(self.child.try_wait()?.map(drop)))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
