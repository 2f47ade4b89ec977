//! A site for measuring: one appliance with fifty file-mode checks, each with a rule, enforced on this machine in a
//! folder of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use writ_scenarios::run;
use writ_scenarios::workshop::{SITE, Workshop};

/// How many files are checked.
pub const FILES: usize = 50;
const APPLIANCE: &str = "front-desk";

/// The site, released, with its files in place.
pub struct Clinic {
    desk: Workshop,
    scratch: tempfile::TempDir,
}

impl Clinic {
    /// Writes the flake, makes keys, releases serial 1.
    pub fn open() -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("writ-bench-").tempdir()?;
        let desk = Workshop::open(&scratch.path().join("desk"))?;
        let clinic = Self { desk, scratch };
        fs::create_dir_all(clinic.files())?;
        for n in 1..=FILES {
            fs::write(clinic.file(n), format!("file {n}\n"))?;
            clinic.set_mode(n, 0o644)?;
        }
        clinic.write_flake()?;
        clinic.desk.make_keys()?;
        clinic.desk.enrol(APPLIANCE)?;
        clinic.desk.commit("A site for measuring")?;
        clinic.desk.make_trust_root()?;
        clinic.desk.release()?;
        fs::write(clinic.config(), clinic.configuration())?;
        Ok(clinic)
    }

    /// The folder of the checked files.
    pub fn files(&self) -> PathBuf {
        self.scratch.path().join("files")
    }

    /// The n-th checked file, from 1.
    pub fn file(&self, n: usize) -> PathBuf {
        self.files().join(format!("f{n}"))
    }

    /// Sets the n-th file's mode.
    pub fn set_mode(&self, n: usize, mode: u32) -> Result<()> {
        Ok(fs::set_permissions(self.file(n), fs::Permissions::from_mode(mode))?)
    }

    /// The n-th file's mode.
    pub fn mode(&self, n: usize) -> Result<u32> {
        Ok(fs::metadata(self.file(n))?.permissions().mode() & 0o7777)
    }

    /// Where evidence appears.
    pub fn outbox(&self) -> PathBuf {
        self.scratch.path().join("outbox")
    }

    /// The enforcer's state folder.
    pub fn state(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    /// The enforcer with this site's configuration.
    pub fn enforcer(&self) -> Command {
        let mut command = Command::new(self.desk.bin.join("writ-enforce"));
        command.arg("--config").arg(self.config());
        command
    }

    /// Starts the enforcer as a daemon and waits for its first evidence of an adopted release.
    pub fn start(&self) -> Result<Daemon> {
        let log = fs::File::create(self.scratch.path().join("enforcer.log"))?;
        let child = self.enforcer().stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let daemon = Daemon { child };
        run::wait("the enforcer to adopt the release", Duration::from_secs(30), || {
            let found = writ_scenarios::outbox::read(&self.outbox())?;
            Ok(found.iter().any(|f| f.text(&["kind"]) == "switch").then_some(()))
        })
        .with_context(|| fs::read_to_string(self.scratch.path().join("enforcer.log")).unwrap_or_default())?;
        Ok(daemon)
    }

    fn config(&self) -> PathBuf {
        self.scratch.path().join("enforce.toml")
    }

    fn configuration(&self) -> String {
        let path = |p: &Path| p.display().to_string();
        format!(
            "site = \"{SITE}\"\nappliance = \"{APPLIANCE}\"\nreleases = \"{}\"\ntrust = \"{}\"\nkey = \"{}\"\n\
             state_dir = \"{}\"\noutbox_dir = \"{}\"\nprofile = \"{}\"\nswitch_command = \"process\"\n",
            path(&self.desk.releases()),
            path(&self.desk.first_root()),
            path(&self.desk.keys().join(format!("{APPLIANCE}.key"))),
            path(&self.state()),
            path(&self.outbox()),
            path(&self.scratch.path().join("profile")),
        )
    }

    fn write_flake(&self) -> Result<()> {
        let flake = self.desk.flake();
        for dir in ["baselines", "rules", "hosts", "rules/runbooks"] {
            if flake.join(dir).exists() {
                fs::remove_dir_all(flake.join(dir))?;
            }
            fs::create_dir_all(flake.join(dir))?;
        }
        let host = flake.join("hosts").join(SITE).join(APPLIANCE);
        fs::create_dir_all(&host)?;
        fs::create_dir_all(flake.join("baselines/files"))?;
        fs::write(flake.join("baselines/default.nix"), "{ files = ./files; }\n")?;
        fs::write(flake.join("baselines/files/default.nix"), BASELINE)?;
        fs::write(flake.join("baselines/files/files.nix"), self.fill(CHECKS))?;
        fs::write(
            flake.join("rules/default.nix"),
            "{ families.files = ./files.nix; runbooks = [ ./runbooks/files.nix ]; }\n",
        )?;
        fs::write(flake.join("rules/files.nix"), self.fill(RULES))?;
        fs::write(flake.join("rules/runbooks/files.nix"), self.fill(RUNBOOKS))?;
        fs::write(flake.join("hosts").join(SITE).join("site.nix"), SITE_NIX)?;
        fs::write(host.join("policy.nix"), "{ writ, ... }: writ.appliance { system_type = \"x86_64-linux\"; }\n")?;
        Ok(())
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@files@", &self.files().display().to_string()).replace("@count@", &FILES.to_string())
    }
}

const BASELINE: &str = r#"{ writ, ... }:
writ.baseline {
  title = "Fifty files";
  version = "1";
  files = [ ./files.nix ];
  data = [ ];
  settings = {
    sla = { critical = "15m"; high = "1h"; medium = "4h"; low = "24h"; };
    escalation.l1_failures = { critical = 3; high = 2; medium = 3; low = 3; };
    retention = { evidence = "6y"; logs = "365d"; };
  };
}
"#;

const CHECKS: &str = r#"{ writ, ... }:
let
  numbers = builtins.genList (n: toString (n + 1)) @count@;
  each = name: value: builtins.listToAttrs (map (n: { name = name n; value = value n; }) numbers);
in
{
  controls."files" = writ.control {
    title = "Fifty files keep their mode";
    coverage = "automated";
    severity = "medium";
    maps = { };
    checks = map (n: "file.${n}") numbers;
  };
  checks = each (n: "file.${n}") (n: writ.check {
    title = "The mode of file ${n}";
    probe.file = { path = "@files@/f${n}"; };
    expect.mode.eq = "0644";
    every = "5m";
  });
}
"#;

const RULES: &str = r#"{ writ, ... }:
let numbers = builtins.genList (n: toString (n + 1)) @count@; in
{
  rules = builtins.listToAttrs (map (n: {
    name = "L1-FILE-${n}";
    value = writ.rule {
      title = "The mode of file ${n} changed";
      when = { check = "file.${n}"; };
      run = "RB-FILE-${n}";
      priority = 100;
      attempts = 3;
      cooldown = "1s";
      controls = [ "files" ];
    };
  }) numbers);
}
"#;

const RUNBOOKS: &str = r#"{ writ, ... }:
let numbers = builtins.genList (n: toString (n + 1)) @count@; in
{
  runbooks = builtins.listToAttrs (map (n: {
    name = "RB-FILE-${n}";
    value = writ.runbook {
      title = "Set the mode of file ${n}";
      version = "1.0";
      steps = [ { id = "mode"; step = "file.restore"; parameters = { path = "@files@/f${n}"; mode = "0644"; }; timeout = "10s"; } ];
      verify = [ "file.${n}" ];
    };
  }) numbers);
}
"#;

const SITE_NIX: &str = r#"{ writ, ... }:
writ.site {
  title = "A site for measuring";
  time_zone = "UTC";
  baselines.files = "1";
  rule_families = [ "files" ];
  approvers = [ "nobody" ];
  contacts = [ "nobody@example.org" ];
  circuit_breaker = { fires = 1000000; within = "1h"; };
  posture = { vector = "1h"; snapshot = "24h"; };
  probation.window = "1s";
  evidence_budget_mb = 512;
}
"#;

/// A running enforcer; stopped when dropped.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
