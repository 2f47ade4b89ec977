//! An appliance of the story: a container in which `writ-enforce` runs as a unit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::{Bind, Container};
use crate::outbox::{self, Found};
use crate::run;
use crate::workshop::{SITE, Workshop};

/// Where the binaries, the releases and the state are inside.
const BINARIES: &str = "/opt/writ";
const RELEASES: &str = "/srv/releases";
const STATE: &str = "/var/lib/writ";
/// How long anything that an appliance does by itself may take before the story is given up.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// An appliance; powered off when dropped.
pub struct Appliance {
    /// Its machine.
    pub container: Container,
    /// Its name.
    pub name: String,
}

impl Appliance {
    /// Boots the container and gives the appliance its identity: site, name, key, first trust root, folder of releases.
    /// The enforcer is not started yet.
    pub fn boot(desk: &Workshop, name: &str, root: &Path) -> Result<Self> {
        let binds = [
            Bind { from: desk.bin.clone(), to: BINARIES, writable: false },
            Bind { from: desk.releases(), to: RELEASES, writable: false },
        ];
        let container = Container::boot(name, root, &binds)?;
        let (etc, state) = (container.path("/etc/writ"), container.path(STATE));
        fs::create_dir_all(&etc)?;
        fs::create_dir_all(&state)?;
        fs::copy(desk.first_root(), etc.join("trust.json"))?;
        fs::copy(desk.keys().join(format!("{name}.key")), state.join("appliance.key"))?;
        fs::set_permissions(state.join("appliance.key"), fs::Permissions::from_mode(0o600))?;
        fs::write(etc.join("enforce.toml"), configuration(name))?;
        Ok(Self { container, name: name.to_owned() })
    }

    /// Starts `writ-enforce` as a unit and waits until it says that it is ready.
    pub fn start(&self) -> Result<()> {
        self.container.start_unit("writ-enforce.service", &unit())
    }

    /// The folder of its evidence, as seen from here.
    pub fn outbox(&self) -> PathBuf {
        self.container.path(STATE).join("spool/outbox")
    }

    /// Its state folder, as seen from here.
    pub fn state(&self) -> PathBuf {
        self.container.path(STATE).join("enforce")
    }

    /// Waits for a bundle past `after`; when it does not come, the error carries what the enforcer said.
    pub fn await_bundle(&self, after: u64, what: &str, wanted: impl Fn(&Found) -> bool) -> Result<Found> {
        outbox::wait_for(&self.outbox(), after, what, PATIENCE, wanted).with_context(|| self.last_words())
    }

    /// Waits until `wanted` holds inside.
    pub fn await_inside(&self, what: &str, wanted: impl FnMut() -> Result<Option<()>>) -> Result<()> {
        run::wait(what, PATIENCE, wanted).with_context(|| self.last_words())
    }

    /// The last lines of the enforcer's journal.
    pub fn last_words(&self) -> String {
        format!("{} said:\n{}", self.name, self.container.journal("writ-enforce.service"))
    }

    /// Runs a command inside, for breaking and looking.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        self.container.run(program, arguments)
    }

    /// Runs a command inside as a transient unit, with the rights that units have.
    pub fn run_as_unit(&self, program: &str, arguments: &[&str]) -> Command {
        let mut all = vec!["--quiet", "--wait", "--pipe", "--collect", program];
        all.extend(arguments);
        self.container.command("systemd-run", &all)
    }
}

/// The configuration of an appliance in a container.
fn configuration(name: &str) -> String {
    format!(
        "site = \"{SITE}\"\nappliance = \"{name}\"\nreleases = \"{RELEASES}\"\ntrust = \"/etc/writ/trust.json\"\n\
         key = \"{STATE}/appliance.key\"\nstate_dir = \"{STATE}/enforce\"\noutbox_dir = \"{STATE}/spool/outbox\"\n\
         poll_releases = \"1s\"\n"
    )
}

/// The unit of the enforcer: no IP sockets; the network namespace is the machine's own.
fn unit() -> String {
    format!(
        "[Unit]\nDescription=Enforce the signed policy of this appliance\n\n\
         [Service]\nType=notify\nExecStart={BINARIES}/writ-enforce --config /etc/writ/enforce.toml\n\
         Restart=always\nRestartSec=1\nRestrictAddressFamilies=AF_UNIX AF_NETLINK\n"
    )
}
