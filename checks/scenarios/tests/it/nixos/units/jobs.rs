//! What runs for a moment, in the container of the units: jobs by timers, and a program of a runbook.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use writ_scenarios::run;

use super::{World, texts};

impl World {
    /// Lays a unit, and beside it what is to be different.
    fn lay_unit(&self, name: &str, text: &str, different: &str) {
        let units = self.container.path("/etc/systemd/system");
        fs::write(units.join(name), text).unwrap();
        fs::create_dir_all(units.join(format!("{name}.d"))).unwrap();
        fs::write(units.join(format!("{name}.d/test.conf")), format!("[Service]\n{different}")).unwrap();
    }
}

/// Every unit of `writ-record`, the one that reads logs, and those that have others vouch for them: each is held by the kernel as
/// the daemons are. What it would run is replaced by a look at what it may.
pub fn are_confined(world: &World) {
    // The groups of the other machine's logs are not here.
    let powerless = [
        "writ-logs.service",
        "writ-timestamp-clinic-vm.service",
        "writ-witness-clinic-vm.service",
        "writ-audit-night-clinic-vm.service",
        "writ-audit-sample-clinic-vm.service",
    ];
    let logs = texts(&world.machines, "small", "units").filter(|(name, _)| powerless.contains(name));
    let records = texts(&world.machines, "full", "units").filter(|(_, text)| text.contains("/bin/writ-record "));
    let units: Vec<(&str, &str)> = logs.chain(records).collect();
    assert!(units.len() >= 13, "{units:?}");
    let shows = "Type=oneshot\nLoadCredential=\nEnvironmentFile=\nExecStartPre=\nExecStartPost=\nExecStart=\n\
                 ExecStart=/usr/bin/grep -E \"^(NoNewPrivs|Seccomp|CapBnd):\" /proc/self/status\n";
    for (name, text) in &units {
        world.lay_unit(name, text, shows);
    }
    world.container.run("systemctl", &["daemon-reload"]).unwrap();
    for (name, _) in units {
        let unit = name.replace("@.", "@records.");
        world.start(&unit);
        let said = world.container.journal(&unit);
        assert!(said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"), "{unit}: {said}");
        assert!(!powerless.contains(&name) || said.contains("CapBnd:\t0000000000000000"), "{unit}: {said}");
    }
}

/// The program of RB-ACC-001, with the limits of the enforcer's unit, which programs of runbooks inherit: real accounts past their end
/// are locked and in no group any more, others keep theirs, and what cannot be done is told.
pub fn expired_accounts_are_disabled(world: &World) {
    let at = |inside: &str| world.container.path(inside);
    let add = |file: &str, lines: &str| fs::write(at(file), fs::read_to_string(at(file)).unwrap() + lines).unwrap();
    let (_, unit) = texts(&world.machines, "small", "units").find(|(name, _)| *name == "writ-enforce.service").unwrap();
    let (_, program) =
        texts(&world.machines, "small", "programs").find(|(name, _)| *name == "disable-expired-accounts").unwrap();
    fs::write(at("/etc/disable"), format!("#!/bin/bash\nset -euo pipefail\n{program}")).unwrap();
    fs::set_permissions(at("/etc/disable"), fs::Permissions::from_mode(0o755)).unwrap();
    // What it says; usermod tells the journal what it did, by name.
    let different = "Type=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/etc/disable\n\
                     StandardOutput=append:/etc/said\nStandardError=append:/etc/said\n";
    world.lay_unit("disable.service", unit, different);
    world.container.run("systemctl", &["daemon-reload"]).unwrap();

    add("/etc/group", "gone:x:4001:\nstays:x:4002:\nincus-admin:x:4010:gone,stays\nrecords:x:4011:gone\n");
    add("/etc/passwd", "gone:x:4001:4001::/:/bin/sh\nstays:x:4002:4002::/:/bin/sh\n");
    add("/etc/shadow", "gone:$6$salt$hash:19000:0:99999:7::19001:\nstays:$6$salt$hash:19000:0:99999:7:::\n");
    world.start("disable.service");
    let shadow = fs::read_to_string(at("/etc/shadow")).unwrap();
    assert!(shadow.contains("\ngone:!$6$salt$hash:") && shadow.contains("\nstays:$6$salt$hash:"), "{shadow}");
    let group = fs::read_to_string(at("/etc/group")).unwrap();
    assert!(group.contains("incus-admin:x:4010:stays\n") && group.contains("records:x:4011:\n"), "{group}");
    let said = || fs::read_to_string(at("/etc/said")).unwrap();
    assert_eq!(said(), "disabled 1\n");

    // Its rights come with its own group, of which no account can be taken out; behind it stands a password of nobody.
    add("/etc/passwd", "trap:x:4003:4010::/:/bin/sh\n");
    add("/etc/shadow", "trap:$6$salt$hash:19000:0:99999:7::19001:\nghost:$6$salt$hash:19000:0:99999:7::19001:\n");
    let line = fs::read_to_string(at("/etc/shadow")).unwrap().lines().count();
    let status = run::any(&mut world.container.command("systemctl", &["start", "disable.service"])).unwrap().status;
    let trouble = format!(
        "account 4003: its own group is incus-admin, which gives rights: give it another\n\
         line {line} of /etc/shadow has no account in /etc/passwd\n"
    );
    assert_eq!((status.success(), said()), (false, format!("disabled 1\n{trouble}disabled 1\n")));
    assert!(fs::read_to_string(at("/etc/shadow")).unwrap().contains("\ntrap:!$6$salt$hash:"));
}
