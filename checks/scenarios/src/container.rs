//! An appliance as a container: systemd as pid 1 from this machine's read-only /usr, an own /etc, an own network
//! namespace, an own empty Nix store. It boots in under a second and needs no image.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run;

/// A running container; it is powered off when dropped.
pub struct Container {
    root: PathBuf,
    nspawn: Child,
    leader: u32,
}

/// Whether containers can be had here, or why not.
pub fn available() -> Result<()> {
    if !run::is_root() {
        bail!("not root");
    }
    for tool in ["systemd-nspawn", "nsenter", "busybox"] {
        if run::find_tool(tool).is_none() {
            bail!("{tool} is not installed");
        }
    }
    if !Path::new("/usr/lib/systemd/systemd").exists() && !Path::new("/lib/systemd/systemd").exists() {
        bail!("this machine's /usr holds no systemd to boot");
    }
    Ok(())
}

/// A folder of this machine shown inside the container.
pub struct Bind {
    /// The folder here.
    pub from: PathBuf,
    /// Where it appears inside.
    pub to: &'static str,
    /// Whether it may be written from inside.
    pub writable: bool,
}

impl Container {
    /// Boots a container in `root` (made here), with `binds` shown inside; returns when its systemd is up. It has a network
    /// namespace of its own: one without anything, or the one at this path.
    pub fn boot(name: &str, root: &Path, binds: &[Bind], namespace: Option<&str>) -> Result<Self> {
        lay_out(root, name)?;
        let machine = format!("writ-{name}-{}", std::process::id());
        let mut command = Command::new("systemd-nspawn");
        command.args(["-q", "--register=no", "--keep-unit", "--capability=CAP_NET_ADMIN"]);
        // What processes confine themselves with, as they may on a machine of their own.
        command.arg("--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self");
        match namespace {
            Some(path) => command.arg(format!("--network-namespace-path={path}")),
            None => command.arg("--private-network"),
        };
        command.args(["--bind-ro=/usr:/usr", "-M", &machine, "-D"]).arg(root);
        for bind in binds {
            let flag = if bind.writable { "--bind" } else { "--bind-ro" };
            command.arg(format!("{flag}={}:{}", bind.from.display(), bind.to));
        }
        let console = fs::File::create(root.with_extension("console"))?;
        command.arg("-b").env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network");
        command.stdin(Stdio::null()).stdout(console.try_clone()?).stderr(console);
        let nspawn = command.spawn().context("cannot start systemd-nspawn")?;
        let mut container = Self { root: root.to_owned(), nspawn, leader: 0 };
        container.wait_until_up()?;
        Ok(container)
    }

    /// Waits until the container's systemd says that it is up. Which of nspawn's children is its pid 1 is asked anew each
    /// time: the first child only sets things up and goes away.
    fn wait_until_up(&mut self) -> Result<()> {
        let id = self.nspawn.id();
        let children = format!("/proc/{id}/task/{id}/children");
        let mut state = String::new();
        let up = run::wait("systemd in the container", Duration::from_secs(60), || {
            if let Some(status) = self.nspawn.try_wait()? {
                bail!("systemd-nspawn ended with {status}");
            }
            let text = fs::read_to_string(&children).unwrap_or_default();
            let Some(leader) = text.split_whitespace().next_back().and_then(|pid| pid.parse().ok()) else {
                return Ok(None);
            };
            self.leader = leader;
            state = run::both(&run::any(&mut self.command("systemctl", &["is-system-running"]))?).trim().to_owned();
            Ok(matches!(state.as_str(), "running" | "degraded").then_some(()))
        });
        up.with_context(|| format!("{}\nlast state: {state}", self.console()))
    }

    fn console(&self) -> String {
        fs::read_to_string(self.root.with_extension("console")).unwrap_or_default()
    }

    /// A path inside, as seen from here.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// A command that will run inside, with more rights than the container's units have: for breaking things and for
    /// looking, never for healing.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader.to_string(), "-m", "-u", "-i", "-n", "-p", "--", "/usr/bin/env", "-i"]);
        command.args(["PATH=/usr/sbin:/usr/bin", "HOME=/root", program]).args(arguments);
        command
    }

    /// Runs a command inside to its end; see [`Container::command`].
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        run::checked(&mut self.command(program, arguments))
    }

    /// Writes a unit file and starts the unit, as an administrator would.
    pub fn start_unit(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path(&format!("/etc/systemd/system/{name}")), text)?;
        self.run("systemctl", &["daemon-reload"])?;
        self.run("systemctl", &["start", name]).map(drop).with_context(|| self.journal(name))
    }

    /// The processes inside that run this program, as they are numbered here.
    pub fn processes(&self, program: &str) -> Vec<u32> {
        let space = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let ours = space(self.leader);
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let runs = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
            first.rsplit(|byte| *byte == b'/').next() == Some(program.as_bytes())
        };
        pids.filter(|pid| runs(pid) && ours.is_some() && space(*pid) == ours).collect()
    }

    /// Ends everything inside at once, as a power cut does.
    pub fn cut(mut self) -> Result<()> {
        let leader = i32::try_from(self.leader).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(leader.context("it was never up")?, rustix::process::Signal::KILL)?;
        run::wait("the container's end", Duration::from_secs(20), || Ok(self.nspawn.try_wait()?.map(drop)))
    }

    /// The last lines that a unit wrote to the journal.
    pub fn journal(&self, unit: &str) -> String {
        self.run("journalctl", &["--no-pager", "-o", "cat", "-n", "60", "-u", unit]).unwrap_or_default()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if matches!(self.nspawn.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = run::any(&mut self.command("systemctl", &["poweroff", "--force", "--force"]));
        let gone = run::wait("the container's end", Duration::from_secs(5), || Ok(self.nspawn.try_wait()?.map(drop)));
        if gone.is_err() {
            let _ = self.nspawn.kill();
            let _ = self.nspawn.wait();
        }
    }
}

fn lay_out(root: &Path, name: &str) -> Result<()> {
    for dir in [
        "etc/systemd/system",
        "var/lib",
        "var/log/journal",
        "run",
        "tmp",
        "proc",
        "sys",
        "dev",
        "root",
        "nix",
        "usr",
        "srv",
    ] {
        fs::create_dir_all(root.join(dir)).with_context(|| format!("cannot make {} in {}", dir, root.display()))?;
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        if root.join(link).symlink_metadata().is_err() {
            symlink(format!("usr/{link}"), root.join(link))?;
        }
    }
    // What is there was made by an earlier boot of this machine.
    let keep = |file: &str, make: &dyn Fn(&Path) -> std::io::Result<()>| {
        let path = root.join("etc").join(file);
        if path.exists() { Ok(()) } else { make(&path) }
    };
    for file in ["passwd", "group", "nsswitch.conf", "os-release"] {
        keep(file, &|path| fs::copy(Path::new("/etc").join(file), path).map(drop))?;
    }
    keep("shadow", &|path| {
        fs::write(path, "root:*:20000:0:90:7:::\n")?;
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
    })?;
    keep("hostname", &|path| fs::write(path, format!("{name}\n")))?;
    keep("machine-id", &|path| fs::write(path, ""))?;
    Ok(())
}
