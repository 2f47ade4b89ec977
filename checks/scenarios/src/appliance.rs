//! An appliance of the story: a container in which `writ-enforce` runs as a unit.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::{Bind, Container};
use crate::furnish::{self, furnish};
use crate::outbox::{self, Found};
use crate::run;
use crate::workshop::{SITE, Workshop};

/// Where the binaries, the releases and the state are inside.
const BINARIES: &str = "/opt/writ";
const RELEASES: &str = "/srv/releases";
const STATE: &str = "/var/lib/writ";
/// Where the courier and the enforcer meet.
const SPOOL: &str = "/var/lib/writ/spool";
/// The courier's user and group inside, and those of writ-probe and writ-planner.
const COURIER: u32 = 990;
const PROBE: u32 = 992;
const PLANNER: u32 = 993;
/// How long anything that an appliance does by itself may take before the story is given up.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Where an appliance's releases come from.
#[derive(Debug, Clone, Copy)]
pub enum Supply<'a> {
    /// The desk's own folder, shown inside.
    Folder,
    /// A depot, by `writ-sync`.
    Depot {
        /// Its address.
        url: &'a str,
        /// The network namespace that the appliance lives in.
        namespace: &'a str,
    },
}

/// An appliance; powered off when dropped.
pub struct Appliance {
    /// Its machine.
    pub container: Container,
    /// Its name.
    pub name: String,
    courier: bool,
}

impl Appliance {
    /// Boots the container, furnishes it, and gives the appliance its identity: site, name, key, first trust root, and where
    /// releases come from. Nothing of ours is started yet.
    pub fn boot(desk: &Workshop, name: &str, root: &Path, supply: Supply) -> Result<Self> {
        let mut binds = vec![Bind { from: desk.bin.clone(), to: BINARIES, writable: false }];
        let (releases, namespace, courier) = match supply {
            Supply::Folder => {
                binds.push(Bind { from: desk.releases(), to: RELEASES, writable: false });
                (RELEASES.to_owned(), None, false)
            }
            Supply::Depot { namespace, .. } => (format!("{SPOOL}/inbox"), Some(namespace), true),
        };
        let container = Container::boot(name, root, &binds, namespace)?;
        furnish(&container)?;
        let (etc, state) = (container.path("/etc/writ"), container.path(STATE));
        fs::create_dir_all(&etc)?;
        fs::create_dir_all(&state)?;
        fs::copy(desk.first_root(), etc.join("trust.json"))?;
        fs::copy(desk.keys().join(format!("{name}.key")), state.join("appliance.key"))?;
        fs::set_permissions(state.join("appliance.key"), fs::Permissions::from_mode(0o600))?;
        let secrets = desk.keys().join(format!("{name}.secrets.key"));
        if secrets.exists() {
            fs::copy(secrets, state.join("secrets.key"))?;
            fs::set_permissions(state.join("secrets.key"), fs::Permissions::from_mode(0o600))?;
        }
        furnish::records::furnish(&container, &state.join("appliance.key"))?;
        fs::write(etc.join("enforce.toml"), configuration(name, &releases, courier))?;
        make_pause_code(desk, &etc)?;
        let appliance = Self { container, name: name.to_owned(), courier };
        if let Supply::Depot { url, .. } = supply {
            appliance.furnish_courier(url)?;
        }
        Ok(appliance)
    }

    /// The courier's user, its configuration, and the spool: what it may write and what it may only read.
    fn furnish_courier(&self, url: &str) -> Result<()> {
        self.add_user("writ-sync", COURIER)?;
        fs::write(self.container.path("/etc/writ/sync.toml"), courier_configuration(&self.name, url))?;
        self.folder(&format!("{SPOOL}/inbox"), Some(COURIER), COURIER, 0o750)?;
        self.folder(&format!("{STATE}/sync"), Some(COURIER), COURIER, 0o700)?;
        // What root lays down there belongs to the courier's group, which may read it.
        self.folder(&format!("{SPOOL}/outbox"), None, COURIER, 0o2750)?;
        self.folder(&format!("{SPOOL}/presence"), None, COURIER, 0o2750)?;
        self.folder(&format!("{SPOOL}/notices"), None, COURIER, 0o2750)?;
        self.folder(&format!("{SPOOL}/logs"), None, COURIER, 0o2750)?;
        // Once, as its timer would every five minutes.
        fs::write(self.container.path("/etc/writ/logs.toml"), "[sources.journal.journal]\n")?;
        self.run(&format!("{BINARIES}/writ-logs"), &[]).map(drop)
    }

    fn add_user(&self, name: &str, id: u32) -> Result<()> {
        for (file, line) in [
            ("/etc/passwd", format!("{name}:x:{id}:{id}::/:/usr/sbin/nologin\n")),
            ("/etc/group", format!("{name}:x:{id}:\n")),
        ] {
            let path = self.container.path(file);
            fs::write(&path, fs::read_to_string(&path)? + &line)?;
        }
        Ok(())
    }

    fn folder(&self, inside: &str, user: Option<u32>, group: u32, mode: u32) -> Result<()> {
        let path = self.container.path(inside);
        fs::create_dir_all(&path)?;
        chown(&path, user, Some(group))?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(mode))?)
    }

    /// Starts `writ-probe` as a unit, as an ordinary user.
    pub fn start_probe(&self) -> Result<()> {
        self.add_user("writ-probe", PROBE)?;
        self.folder(&format!("{SPOOL}/asks"), None, PROBE, 0o2750)?;
        self.folder(&format!("{SPOOL}/looks"), Some(PROBE), PROBE, 0o750)?;
        self.folder(&format!("{STATE}/probe"), Some(PROBE), PROBE, 0o700)?;
        self.container.start_unit("writ-probe.service", &probe_unit())
    }

    /// Starts `writ-planner` as a unit, as an ordinary user.
    pub fn start_planner(&self) -> Result<()> {
        self.add_user("writ-planner", PLANNER)?;
        self.folder(&format!("{SPOOL}/plan/requests"), None, PLANNER, 0o2750)?;
        self.folder(&format!("{SPOOL}/plan/plans"), Some(PLANNER), PLANNER, 0o750)?;
        self.folder(&format!("{SPOOL}/plan/verdicts"), None, PLANNER, 0o2750)?;
        self.folder(&format!("{STATE}/planner"), Some(PLANNER), PLANNER, 0o700)?;
        self.container.start_unit("writ-planner.service", &planner_unit())
    }

    /// Starts `writ-sync` as a unit, as an ordinary user.
    pub fn start_courier(&self) -> Result<()> {
        self.container.start_unit("writ-sync.service", &courier_unit())
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

    /// The courier's own folder, as seen from here.
    pub fn courier_state(&self) -> PathBuf {
        self.container.path(STATE).join("sync")
    }

    /// The folder that the courier fills, as seen from here.
    pub fn inbox(&self) -> PathBuf {
        self.container.path(SPOOL).join("inbox")
    }

    /// The last lines of our journals inside.
    pub fn last_words(&self) -> String {
        let enforcer = self.container.journal("writ-enforce.service");
        let courier = if self.courier { self.container.journal("writ-sync.service") } else { String::new() };
        format!("{} said:\n{enforcer}{courier}", self.name)
    }

    /// All that the enforcer and the courier wrote to the journal.
    pub fn journal(&self) -> Result<String> {
        let units = ["-u", "writ-enforce.service", "-u", "writ-sync.service"];
        let mut arguments = vec!["--no-pager", "-o", "cat"];
        arguments.extend(units);
        self.container.run("journalctl", &arguments)
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

/// Makes the break-glass code that a clinic keeps in a sealed envelope.
fn make_pause_code(desk: &Workshop, etc: &Path) -> Result<()> {
    let code = etc.join("code");
    fs::write(&code, "open sesame\n")?;
    let mut command = Command::new(desk.bin.join("writ-enforce"));
    command.arg("pause-code").arg("--out").arg(etc.join("pause-code")).arg("--code-file").arg(&code);
    run::checked(&mut command)?;
    Ok(fs::remove_file(code)?)
}

/// The configuration of an appliance in a container.
fn configuration(name: &str, releases: &str, courier: bool) -> String {
    let presence =
        if courier { format!("presence_dir = \"{SPOOL}/presence\"\nheartbeat = \"1s\"\n") } else { String::new() };
    format!(
        "site = \"{SITE}\"\nappliance = \"{name}\"\nreleases = \"{releases}\"\ntrust = \"/etc/writ/trust.json\"\n\
         key = \"{STATE}/appliance.key\"\nstate_dir = \"{STATE}/enforce\"\noutbox_dir = \"{SPOOL}/outbox\"\n\
         secrets_out = \"/run/writ/secrets\"\npoll_releases = \"1s\"\npause_code_file = \"/etc/writ/pause-code\"\n{presence}"
    )
}

/// The configuration of its courier: impatient, for a story has to go on.
fn courier_configuration(name: &str, url: &str) -> String {
    format!(
        "site = \"{SITE}\"\nappliance = \"{name}\"\ndepot = \"{url}\"\ntrust = \"/etc/writ/trust.json\"\n\
         spool = \"{SPOOL}\"\nstate_dir = \"{STATE}/sync\"\nallow_http = true\n\
         checkin = \"1s\"\nsync = \"10s\"\n"
    )
}

/// The unit of the courier: a user who may talk to the network and owns nothing but the inbox.
fn courier_unit() -> String {
    format!(
        "[Unit]\nDescription=Carry releases in and evidence out\n\n\
         [Service]\nType=notify\nUser=writ-sync\nGroup=writ-sync\n\
         ExecStart={BINARIES}/writ-sync --config /etc/writ/sync.toml\nRestart=always\nRestartSec=1\n\
         NoNewPrivileges=yes\nProtectHome=yes\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
    )
}

/// The unit of writ-probe: a user who may talk to the network and owns nothing but what it saw.
fn probe_unit() -> String {
    format!(
        "[Unit]\nDescription=Look over the network\n\n\
         [Service]\nType=notify\nUser=writ-probe\nGroup=writ-probe\nExecStart={BINARIES}/writ-probe\n\
         Restart=always\nRestartSec=1\nNoNewPrivileges=yes\nProtectHome=yes\n"
    )
}

/// The unit of writ-planner: a user who owns nothing but what it chose.
fn planner_unit() -> String {
    format!(
        "[Unit]\nDescription=Choose a runbook where rules did not help\n\n\
         [Service]\nType=exec\nUser=writ-planner\nGroup=writ-planner\nExecStart={BINARIES}/writ-planner\n\
         Restart=always\nRestartSec=1\nNoNewPrivileges=yes\nProtectHome=yes\n"
    )
}

/// The unit of the enforcer: no IP sockets; the network namespace is the machine's own. Where cgroups are of version 1, nobody
/// tells a container's systemd that a unit's last process has ended: it is not waited for long.
fn unit() -> String {
    format!(
        "[Unit]\nDescription=Enforce the signed policy of this appliance\n\n\
         [Service]\nType=notify\nExecStart={BINARIES}/writ-enforce --config /etc/writ/enforce.toml\n\
         Restart=always\nRestartSec=1\nTimeoutStopSec=2\nRestrictAddressFamilies=AF_UNIX AF_NETLINK\n"
    )
}
