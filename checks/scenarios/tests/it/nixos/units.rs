//! The units of the modules, started by a real systemd with all of their hardening: a depot, an enforcer and a courier that do
//! their work, and can do nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use writ_scenarios::container::{Bind, Container};
use writ_scenarios::network::Network;
use writ_scenarios::{binaries, flake, outbox, run};

use super::{machines, texts};

mod auditing;
mod claims;
mod jobs;
mod watching;

const PATIENCE: Duration = Duration::from_secs(90);
const PACKAGE: &str = "/opt/writ";
/// Users of the modules, as numbers here.
const USERS: [(&str, u32); 9] = [
    ("writ-sync", 990),
    ("writ-depot", 991),
    ("writ-probe", 992),
    ("writ-logs", 993),
    ("writ-planner", 994),
    ("writ-notify", 995),
    ("writ-timestamp", 996),
    ("writ-witness", 997),
    ("writ-audit", 998),
];

struct World {
    // In the order in which they go: the container before the network that it stands in.
    container: Container,
    namespace: String,
    _network: Network,
    _dir: tempfile::TempDir,
    desk: PathBuf,
    machines: serde_json::Value,
}

impl World {
    /// A desk with keys and a trust root that names a log, and a container with the units, files and folders of the modules.
    fn new() -> Self {
        crate::house::needs_root();
        let dir = tempfile::Builder::new().prefix("writ-nixos-").tempdir().unwrap();
        let desk = dir.path().join("desk");
        let busybox = run::find_tool("busybox").expect("a static busybox").display().to_string();
        let lay = ["lay", &desk.display().to_string(), "@/checks/vm/tree", "@/modules", &busybox];
        run::checked(&mut script(Command::new("bash"), &lay)).unwrap();
        let package = dir.path().join("package");
        fs::create_dir_all(package.join("bin")).unwrap();
        for name in [
            "writ",
            "writ-enforce",
            "writ-switch",
            "writ-sync",
            "writ-probe",
            "writ-logs",
            "writ-planner",
            "writ-depot",
        ] {
            let from = binaries::folder().unwrap().join(name);
            fs::hard_link(&from, package.join("bin").join(name))
                .or_else(|_| fs::copy(&from, package.join("bin").join(name)).map(drop))
                .unwrap();
        }
        let binds = [
            Bind { from: package, to: PACKAGE, writable: false },
            Bind { from: desk.clone(), to: "/srv/desk", writable: true },
        ];
        let mut network = Network::new("nixos").unwrap();
        let namespace = network.join("desk").unwrap();
        let container = Container::boot("nixos", &dir.path().join("root"), &binds, Some(&namespace)).unwrap();
        let machines = machines(Path::new(PACKAGE));
        let world = Self { container, namespace, _network: network, _dir: dir, desk, machines };
        world.furnish();
        world
    }

    /// What NixOS makes of the modules before any unit starts: users, files below /etc, folders.
    fn furnish(&self) {
        let (machines, at) = (&self.machines, |inside: &str| self.container.path(inside));
        for (file, line) in [("/etc/passwd", "::/:/usr/sbin/nologin"), ("/etc/group", ":")] {
            let mut text = fs::read_to_string(at(file)).unwrap();
            for (name, id) in USERS {
                let ids = if line == ":" { format!("{id}") } else { format!("{id}:{id}") };
                text.push_str(&format!("{name}:x:{ids}{line}\n"));
            }
            fs::write(at(file), text).unwrap();
        }
        fs::create_dir_all(at("/etc/writ")).unwrap();
        for (name, text) in texts(machines, "small", "etc") {
            // There is no system of Nix here.
            fs::write(at("/etc").join(name), text.replace("/nix/store/systemd", "/usr")).unwrap();
        }
        let rules: Vec<&str> =
            machines["small"]["tmpfiles"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
        fs::create_dir_all(at("/etc/tmpfiles.d")).unwrap();
        fs::write(at("/etc/tmpfiles.d/writ.conf"), rules.join("\n") + "\n").unwrap();
        self.container.run("systemd-tmpfiles", &["--create", "writ.conf"]).unwrap();
        for (name, text) in ["units", "starters"].iter().flat_map(|kind| texts(machines, "small", kind)) {
            fs::write(at("/etc/systemd/system").join(name), text).unwrap();
        }
        let front = self.desk.join("front");
        fs::copy(front.join("trust.json"), at("/var/lib/writ/trust.json")).unwrap();
        self.secret(&front.join("appliance.key"), "/var/lib/writ/appliance.key");
        fs::create_dir_all(at("/srv/secrets")).unwrap();
        fs::set_permissions(at("/srv/secrets"), fs::Permissions::from_mode(0o700)).unwrap();
        self.secret(&self.desk.join("keys/log.key"), "/srv/secrets/log.key");
        self.secret(&self.desk.join("keys/reader.key"), "/srv/secrets/reader.key");
        flake::copy(&self.desk.join("releases/trust"), &at("/srv/trust")).unwrap();
        // What the policy of checks/vm/tree looks at.
        fs::create_dir_all(at("/var/lib/records")).unwrap();
        fs::write(at("/var/lib/records/settings"), "retention = 6y\n").unwrap();
        fs::set_permissions(at("/var/lib/records/settings"), fs::Permissions::from_mode(0o640)).unwrap();
        let records = "[Service]\nExecStart=/usr/bin/sleep infinity\n";
        fs::write(at("/etc/systemd/system/records.service"), records).unwrap();
        self.container.run("systemctl", &["daemon-reload"]).unwrap();
        self.container.run("systemctl", &["start", "records.service"]).unwrap();
    }

    /// A secret for root alone.
    fn secret(&self, from: &Path, inside: &str) {
        let to = self.container.path(inside);
        fs::copy(from, &to).unwrap();
        chown(&to, Some(0), Some(0)).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn start(&self, unit: &str) {
        if let Err(e) = self.container.run("systemctl", &["start", unit]) {
            panic!("{e:#}\n{}", self.container.journal(unit));
        }
    }

    /// Publishes the next release, with this system if there is one, to the depot.
    fn release(&self, system: &str) {
        let namespace = Path::new(&self.namespace).file_name().unwrap();
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec"]).arg(namespace).arg("bash").env("DEPOT", "http://127.0.0.1:8080");
        let desk = self.desk.display().to_string();
        run::checked(&mut script(inside, &["release", &desk, system])).unwrap();
    }

    /// A system in this machine's store, whose activation tells how it was called and by whom.
    fn system(&self) -> String {
        let folder = self.desk.with_file_name("toplevel");
        let activate = folder.join("bin/switch-to-configuration");
        fs::create_dir_all(activate.parent().unwrap()).unwrap();
        let text = "#!/bin/sh\n\
                    echo \"$1 $(grep NoNewPrivs /proc/self/status | tr -d '\\t')\" >> /var/lib/records/activations\n";
        fs::write(&activate, text).unwrap();
        fs::set_permissions(&activate, fs::Permissions::from_mode(0o755)).unwrap();
        run::checked(Command::new("nix-store").arg("--add").arg(&folder)).unwrap().trim().to_owned()
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let waited = run::wait(what, PATIENCE, || Ok(holds().then_some(())));
        if let Err(e) = waited {
            let said: Vec<String> = ["writ-depot", "writ-enforce", "writ-sync", "writ-probe", "writ-planner"]
                .map(|unit| format!("{unit}:\n{}", self.container.journal(unit)))
                .to_vec();
            panic!("{e}\n{}", said.join("\n"));
        }
    }

    fn pid(&self, unit: &str) -> String {
        self.container.run("systemctl", &["show", unit, "--property=MainPID", "--value"]).unwrap().trim().to_owned()
    }

    /// What the kernel says of a daemon (proc(5), `status`).
    fn status(&self, unit: &str) -> String {
        self.container.run("cat", &[&format!("/proc/{}/status", self.pid(unit))]).unwrap()
    }

    /// Whether anybody could write to a folder as a daemon sees it: root stands for whatever user.
    fn writable(&self, unit: &str, folder: &str) -> bool {
        let (pid, file) = (self.pid(unit), format!("{folder}/.try"));
        let shell = format!("touch {file} && rm {file}");
        let arguments = ["--target", &pid, "--mount", "sh", "-c", &shell];
        run::any(&mut self.container.command("nsenter", &arguments)).unwrap().status.success()
    }

    /// What systemd says of a unit.
    fn properties(&self, unit: &str, names: &[&str]) -> String {
        let properties = names.iter().map(|name| format!("--property={name}"));
        let arguments: Vec<String> = ["show", unit].map(str::to_owned).into_iter().chain(properties).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.container.run("systemctl", &arguments).unwrap()
    }
}

/// `shell` running checks/vm/desk.sh, `@` standing for this repository.
fn script(mut shell: Command, arguments: &[&str]) -> Command {
    let root = flake::repository().canonicalize().unwrap().display().to_string();
    let path = format!("{}:{}", binaries::folder().unwrap().display(), std::env::var("PATH").unwrap());
    shell.arg(format!("{root}/checks/vm/desk.sh")).args(arguments.iter().map(|a| a.replacen('@', &root, 1)));
    shell.env("PATH", path).env("NO_COLOR", "1").env("LOGGED", "1");
    shell
}

#[test]
fn the_units_work_as_hardened() {
    let world = World::new();
    world.start("writ-depot.service");
    world.release("");
    world.start("writ-enforce.service");
    world.start("writ-sync.service");
    world.start("writ-probe.service");
    world.start("writ-logs.service");
    world.start("writ-planner.path");
    choose(&world);
    obey_and_heal(&world);
    deliver(&world);
    show(&world);
    switch(&world);
    are_confined(&world);
    watching::works(&world);
    auditing::works(&world);
    jobs::are_confined(&world);
    jobs::expired_accounts_are_disabled(&world);
    for unit in ["writ-depot.service", "writ-enforce.service", "writ-sync.service", "writ-probe.service"] {
        let state = world.properties(unit, &["NRestarts", "ActiveState"]);
        let steady = state.contains("NRestarts=0") && state.contains("=active");
        assert!(steady, "{unit}: {state}\n{}", world.container.journal(unit));
    }
    watch_over(&world);
    claims::is_carried(&world);
}

/// The status page: the first who asks starts it, with a fresh file that root wrote; it may do nothing, and what keeps the file
/// fresh ends with it.
fn show(world: &World) {
    world.start("writ-status-page.socket");
    let asked = "exec 3<>/dev/tcp/127.0.0.1/8086; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let page = world.container.run("bash", &["-c", asked]).unwrap();
    let journals = || ["writ-status-page", "writ-status-refresh"].map(|unit| world.container.journal(unit)).join("\n");
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("<h1>clinic-vm/desk</h1>"), "{page}\n{}", journals());
    assert!(page.contains("Looked 0 s ago") || page.contains("Looked 1 s ago"), "{page}");
    let unit = "writ-status-page.service";
    let status = world.status(unit);
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    assert!(!status.contains("\nUid:\t0\t"), "{status}");
    assert!(!world.writable(unit, "/run/writ/status"), "the page can write what it shows");
    let timer = || world.properties("writ-status-refresh.timer", &["ActiveState"]);
    assert!(timer().contains("=active"), "{}", timer());
    world.container.run("systemctl", &["stop", unit]).unwrap();
    world.until("the refresh to end with the page", || timer().contains("=inactive"));
}

/// The release comes and is obeyed, and what is broken is healed: a file's mode by the enforcer itself, a service by
/// systemd at its word.
fn obey_and_heal(world: &World) {
    let status = world.container.path("/var/lib/writ/enforce/status.json");
    world.until("the release to be obeyed", || fs::read_to_string(&status).unwrap_or_default().contains("\"1-1\""));
    let settings = world.container.path("/var/lib/records/settings");
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o666)).unwrap();
    let mode = || fs::metadata(&settings).unwrap().permissions().mode() & 0o7777;
    world.until("the settings to be closed again", || mode() == 0o640);
    world.container.run("systemctl", &["stop", "records.service"]).unwrap();
    let runs = || world.container.run("systemctl", &["is-active", "records.service"]).is_ok();
    world.until("the service to be started again", runs);
}

/// A receipt of the depot's log comes back for every bundle.
fn deliver(world: &World) {
    let count = |folder: &str, end: &str| {
        let names = fs::read_dir(world.container.path(folder)).into_iter().flatten().flatten();
        names.filter(|entry| entry.file_name().to_string_lossy().ends_with(end)).count()
    };
    world.until("all evidence to be delivered", || {
        let bundles = count("/var/lib/writ/spool/outbox", ".json");
        bundles >= 5 && count("/var/lib/writ/spool/inbox/receipts", ".receipt.json") == bundles
    });
}

/// Another system comes: the switch is a unit of its own, with none of the enforcer's limits.
fn switch(world: &World) {
    world.release(&world.system());
    let outbox = world.container.path("/var/lib/writ/spool/outbox");
    let switch = |found: &outbox::Found| {
        found.text(&["kind"]) == "switch" && found.text(&["switch", "outcome"]) != "adopted-without-closure"
    };
    let switched = outbox::wait_for(&outbox, 0, "the switch", PATIENCE, switch)
        .unwrap_or_else(|e| panic!("{e}\n{}", world.container.journal("writ-enforce.service")));
    assert_eq!(switched.text(&["switch", "outcome"]), "committed", "{}", switched.json);
    let activations = fs::read_to_string(world.container.path("/var/lib/records/activations")).unwrap();
    assert_eq!(activations, "test NoNewPrivs:0\nboot NoNewPrivs:0\n");
}

/// Whoever does not turn any more is started again by systemd, and goes on. With less patience than the units have.
fn watch_over(world: &World) {
    let units = ["writ-enforce.service", "writ-sync.service"];
    for unit in units {
        let usec = world.properties(unit, &["WatchdogUSec"]);
        assert!(!usec.contains("=0") && !usec.contains("=infinity"), "nobody watches over {unit}: {usec}");
        let folder = world.container.path(&format!("/etc/systemd/system/{unit}.d"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("impatient.conf"), "[Service]\nWatchdogSec=4s\nTimeoutStopSec=2s\n").unwrap();
    }
    world.container.run("systemctl", &["daemon-reload"]).unwrap();
    for unit in units {
        world.container.run("systemctl", &["restart", unit]).unwrap();
    }
    let before = units.map(|unit| world.pid(unit));
    for pid in &before {
        world.container.run("kill", &["-STOP", pid]).unwrap();
    }
    for (unit, before) in units.into_iter().zip(&before) {
        world.until("systemd to start it again", || !["0", before].contains(&world.pid(unit).as_str()));
        let said = world.container.journal(unit);
        assert!(said.contains("Watchdog timeout"), "{unit}: {said}");
    }
    let settings = world.container.path("/var/lib/records/settings");
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o666)).unwrap();
    let mode = || fs::metadata(&settings).unwrap().permissions().mode() & 0o7777;
    world.until("the settings to be closed by the one that was started again", || mode() == 0o640);
}

/// What is asked starts who chooses, and it answers. What is asked stays, so it stays too.
fn choose(world: &World) {
    let request = serde_json::json!({
        "schema": "writ.plan-request.v1", "id": "INC-20261123-0001-1", "site": "small", "appliance": "desk", "release": null,
        "asked_at": "2026-11-23T12:00:00Z", "expires_at": "2099-11-23T12:00:00Z", "check": "c", "title": "t",
        "severity": "high", "target": "self", "probe": "file", "seen": { "observation": {}, "reasons": [] }, "tried": [],
        "allowed": [{ "runbook": "RB-A", "title": "t", "steps": [], "verify": ["c"], "past": null }],
    });
    let plan = world.container.path("/var/lib/writ/spool/plan");
    fs::write(plan.join(".request"), request.to_string()).unwrap();
    fs::set_permissions(plan.join(".request"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::rename(plan.join(".request"), plan.join("requests/INC-20261123-0001-1.json")).unwrap();
    world.until("a plan", || {
        let plan = fs::read_to_string(plan.join("plans/INC-20261123-0001-1.json")).unwrap_or_default();
        plan.contains("\"runbook\":\"RB-A\"")
    });
}

/// What the daemons share is for those two, secrets are for nobody else, and the kernel holds them to it: no capability, no
/// new ones, a filter of system calls, and nowhere to write but there.
fn are_confined(world: &World) {
    let as_user = |id: u32, command: &str| {
        let (user, group) = (format!("--reuid={id}"), format!("--regid={id}"));
        let arguments = [user.as_str(), &group, "--clear-groups", "sh", "-c", command];
        run::any(&mut world.container.command("setpriv", &arguments)).unwrap().status.success()
    };
    let courier = |command: &str| as_user(990, command);
    let looker = |command: &str| as_user(992, command);
    let planner = |command: &str| as_user(994, command);
    assert!(
        planner("ls /var/lib/writ/spool/plan/requests && touch /var/lib/writ/spool/plan/plans/x"),
        "it cannot work"
    );
    for forbidden in [
        "touch /var/lib/writ/spool/plan/requests/x",
        "touch /var/lib/writ/spool/plan/verdicts/x",
        "ls /var/lib/writ/spool/looks",
        "ls /var/lib/writ/spool/outbox",
        "cat /var/lib/writ/appliance.key",
    ] {
        assert!(!planner(forbidden), "whoever chooses may: {forbidden}");
    }
    assert!(looker("cat /var/lib/writ/spool/asks/asks.json && touch /var/lib/writ/spool/looks/x"), "it cannot work");
    for forbidden in [
        "touch /var/lib/writ/spool/asks/x",
        "touch /var/lib/writ/spool/inbox/x",
        "ls /var/lib/writ/spool/outbox",
        "ls /var/lib/writ/spool/presence",
        "cat /var/lib/writ/appliance.key",
        "ls /var/lib/writ/enforce",
    ] {
        assert!(!looker(forbidden), "whoever looks over the network may: {forbidden}");
    }
    assert!(
        !courier("ls /var/lib/writ/spool/asks") && !courier("ls /var/lib/writ/spool/looks"),
        "the courier looks in"
    );
    assert!(courier("cat /var/lib/writ/spool/outbox/*.json > /dev/null"), "the courier cannot read the evidence");
    assert!(!courier("touch /var/lib/writ/spool/outbox/x"), "the courier writes into the outbox");
    assert!(!courier("cat /var/lib/writ/appliance.key"), "the courier reads the appliance's key");
    assert!(!courier("ls /var/lib/writ/enforce"), "the courier looks into the enforcer's state");
    assert!(!courier("ls /var/lib/writ/depot"), "the courier looks into the depot");
    for name in ["enforce", "sync", "probe", "logs", "planner"] {
        let status = fs::read(world.container.path(&format!("/var/lib/writ/{name}/status.json"))).unwrap();
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
        let confined = &status["confined"];
        assert!(confined["seccomp"] == true && confined["missing"] == serde_json::json!([]), "{name}: {confined}");
        assert_eq!(confined["landlock"].is_number(), name != "enforce", "{name}: {confined}");
        let sources = &status["sources"];
        let polled = sources.as_object().into_iter().flatten().filter(|(_, source)| !source["polling"].is_null());
        assert_eq!(polled.count(), 0, "{name}: its unit keeps it from hearing: {sources}");
    }
    // This machine's own journal, read by one who may do nothing else; the courier reads what came of it.
    let status = fs::read(world.container.path("/var/lib/writ/logs/status.json")).unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
    assert!(status["sources"]["application"]["lines"].as_u64().unwrap() > 0, "{status}");
    let problems = status["sources"].as_object().unwrap().values().filter(|source| !source["problem"].is_null());
    assert_eq!(problems.count(), 0, "{status}");
    assert!(courier("cat /var/lib/writ/spool/logs/application/1.jsonl.gz > /dev/null"), "the courier cannot read logs");
    assert!(!courier("touch /var/lib/writ/spool/logs/application/x"), "the courier writes logs");
    for unit in [
        "writ-depot.service",
        "writ-sync.service",
        "writ-probe.service",
        "writ-planner.service",
        "writ-enforce.service",
    ] {
        let status = world.status(unit);
        assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{unit}: {status}");
        let powerless = status.contains("CapEff:\t0000000000000000") && status.contains("CapBnd:\t0000000000000000");
        assert_eq!(powerless, unit != "writ-enforce.service", "{unit}: {status}");
    }
    for (unit, folder, writable) in [
        ("writ-sync.service", "/var/lib/writ/spool/inbox", true),
        ("writ-sync.service", "/var/lib/writ/spool", false),
        ("writ-sync.service", "/etc", false),
        ("writ-probe.service", "/var/lib/writ/spool/looks", true),
        ("writ-probe.service", "/var/lib/writ/spool/asks", false),
        ("writ-probe.service", "/var/lib/writ/spool/inbox", false),
        ("writ-planner.service", "/var/lib/writ/spool/plan/plans", true),
        ("writ-planner.service", "/var/lib/writ/spool/plan/requests", false),
        ("writ-planner.service", "/var/lib/writ/spool/looks", false),
        ("writ-depot.service", "/var/lib/writ/depot", true),
        ("writ-depot.service", "/var/lib/writ", false),
        ("writ-enforce.service", "/etc", true),
    ] {
        assert_eq!(world.writable(unit, folder), writable, "{unit}: {folder}");
    }
}
