//! What tells the enforcer at once: the kernel itself, in namespaces of its own.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::json;
use writ_agent::clock::{Clock, Simulated};
use writ_agent::config::{Config, SwitchCommand};
use writ_agent::enforce::driver::{Driver, Units};
use writ_agent::enforce::engine::Engine;
use writ_agent::probes::{self, ProbeContext, Watch};
use writ_agent::sandbox;
use writ_agent::watch::account::{Account, Standing};
use writ_agent::watch::events::{Events, FILES, Wanted};
use writ_agent::watch::{Message, Topic};
use writ_policy::check::ProbeCall;
use writ_policy::outcome::Probed;

use crate::support::{Site, now};

/// Runs one ignored test of this binary in namespaces of its own.
fn in_namespaces(namespaces: &[&str], inner: &str) {
    assert!(rustix::process::geteuid().is_root(), "this test makes namespaces: run the suite as root");
    let arguments = ["--exact", inner, "--ignored", "--nocapture"];
    let this = std::env::current_exe().unwrap();
    let output = Command::new("unshare").args(namespaces).arg(this).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn told(messages: &Receiver<Message>, expected: &Message) {
    while messages.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|e| panic!("{expected:?}: {e}")) != *expected {}
}

#[test]
fn the_kernel_tells_of_addresses_rules_mounts_and_devices() {
    in_namespaces(&["--net", "--mount"], "watch::inside_namespaces");
}

#[test]
#[ignore = "run by the_kernel_tells_of_addresses_rules_mounts_and_devices in namespaces of its own"]
fn inside_namespaces() {
    let enforced = sandbox::of_enforcer(SwitchCommand::SystemdRun).apply();
    assert!(enforced.seccomp, "{enforced:?}: what the enforcer takes from itself leaves all of this");
    let (sender, messages) = channel();
    let account = Account::default();
    let events = Events::new(sender, account.clone()).unwrap();
    let all = [Watch::Addresses, Watch::Firewall, Watch::Mounts, Watch::Devices, Watch::Clock];
    events.set(Wanted { paths: Vec::new(), watches: all.clone().into() });
    let standings = account.standings();
    assert_eq!(standings.len(), 6);
    assert!(standings.values().all(|standing| standing.polling.is_none() && standing.missing == 0), "{standings:?}");

    let dir = tempfile::tempdir().unwrap();
    for (about, program, arguments) in [
        (Watch::Addresses, "ip", "link set lo up"),
        (Watch::Addresses, "ip", "address add 192.0.2.7/32 dev lo"),
        (Watch::Addresses, "ip", "route add blackhole 198.51.100.0/24"),
        (Watch::Firewall, "nft", "add table inet clinic"),
        (Watch::Firewall, "nft", "delete table inet clinic"),
        (Watch::Mounts, "mount", &format!("-t tmpfs none {}", dir.path().display())),
        (Watch::Mounts, "mount", &format!("-o remount,noexec {}", dir.path().display())),
        (Watch::Mounts, "umount", &dir.path().display().to_string()),
        (Watch::Devices, "ip", "link add writ0 type veth"),
    ] {
        while messages.try_recv().is_ok() {}
        run(program, &arguments.split(' ').collect::<Vec<_>>());
        told(&messages, &Message::Happened(about));
    }
    listed_only_when_something_has_changed(dir.path());
}

/// nft is started again only after the kernel has counted a change.
fn listed_only_when_something_has_changed(dir: &Path) {
    let (real, started, wrapper) = (dir.join("real"), dir.join("started"), dir.join("nft"));
    fs::copy("/usr/sbin/nft", &real).unwrap();
    fs::write(&wrapper, format!("#!/bin/sh\necho >> {}\nexec {} \"$@\"\n", started.display(), real.display())).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    run("mount", &["--bind", &wrapper.display().to_string(), "/usr/sbin/nft"]);
    let nft = |arguments: &str| run(&real.display().to_string(), &arguments.split(' ').collect::<Vec<_>>());
    let starts = || fs::read(&started).map_or(0, |bytes| bytes.len());
    let mut context = ProbeContext::new(now(), std::time::Instant::now(), "/nowhere".into(), None);
    let parameters = json!({ "family": "inet" }).as_object().unwrap().clone();
    let call = ProbeCall { name: "nftables".to_owned(), parameters };
    let mut rules = || match probes::run(&call, &mut context) {
        Probed::Seen(seen) => seen.get("rules").cloned(),
        other => panic!("{other:?}"),
    };
    assert_eq!((rules(), rules(), starts()), (Some(0.into()), Some(0.into()), 1));
    nft("add table inet clinic");
    nft("add chain inet clinic in");
    nft("add rule inet clinic in tcp dport 22 accept");
    assert_eq!((rules(), rules(), starts()), (Some(1.into()), Some(1.into()), 2));
    nft("flush ruleset");
    assert_eq!((rules(), starts()), (Some(0.into()), 3));
    // The kernel keeps an interface by its number and counts no change when that is renamed; nft lists its name.
    nft("add table inet clinic");
    nft("add chain inet clinic in");
    nft("add rule inet clinic in iif writ0 accept");
    assert_eq!((rules(), rules(), starts()), (Some(1.into()), Some(1.into()), 4));
    run("ip", &["link", "set", "writ0", "name", "writ7"]);
    assert_eq!((rules(), starts()), (Some(1.into()), 5));
    run("umount", &["/usr/sbin/nft"]);
}

#[test]
fn the_home_of_an_account_that_comes_later_is_watched() {
    in_namespaces(&["--mount"], "watch::inside_another_passwd");
}

#[test]
#[ignore = "run by the_home_of_an_account_that_comes_later_is_watched in a namespace of its own"]
fn inside_another_passwd() {
    let site = Site::new();
    let (passwd, root) = (site.path("passwd"), "root:x:0:0::/root:/bin/sh\n");
    fs::write(&passwd, root).unwrap();
    run("mount", &["--bind", &passwd.display().to_string(), "/etc/passwd"]);
    let mut policy = site.policy();
    site.file_check(&mut policy, "motd");
    policy["checks"]["file.motd"]["probe"] = json!({ "authorised_keys": {} });
    policy["checks"]["file.motd"]["expect"] = json!({ "weak_count": { "eq": 0 } });
    (policy["rules"], policy["runbooks"]) = (json!({}), json!({}));
    site.publish(1, &policy);
    let time = Simulated::starting(now());
    let config = Config::read(&site.path("etc/enforce.toml")).unwrap();
    let mut engine = Engine::open_at(config, Clock::Simulated(time.clone())).unwrap();
    engine.start(false);
    let (sender, asked) = channel();
    let watcher = Box::new(move |wanted| sender.send(wanted).unwrap());
    let mut driver = Driver::new(engine, watcher, Units::default());
    let mut is_watched = |home: &str| {
        time.advance(Duration::from_millis(20));
        assert!(driver.take(Message::Changed(Topic::Check("file.motd".to_owned()))));
        assert!(driver.act(&mut std::iter::empty()));
        let last: Option<Wanted> = asked.try_iter().last();
        last.is_some_and(|wanted| wanted.paths.iter().any(|(path, _)| path == Path::new(home)))
    };
    assert!(is_watched("/root/.ssh"));
    fs::write(&passwd, format!("{root}newcomer:x:1000:1000::/home/newcomer:/bin/sh\n")).unwrap();
    assert!(is_watched("/home/newcomer/.ssh"));
    assert!(!is_watched("/home/newcomer/.ssh"), "nothing is said anew where nothing has changed");
}

#[test]
fn where_inotify_has_a_limit_the_rest_is_polled_and_that_is_told() {
    in_namespaces(&["--user", "--map-root-user"], "watch::inside_a_limit");
}

#[test]
#[ignore = "run by where_inotify_has_a_limit_the_rest_is_polled_and_that_is_told in a namespace of its own"]
fn inside_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = |number: usize| dir.path().join(number.to_string()).join("file");
    let paths: Vec<_> = (0..6).map(|n| (path(n), Topic::Check(n.to_string()))).collect();
    for number in 0..6 {
        fs::create_dir(path(number).parent().unwrap()).unwrap();
    }
    fs::write("/proc/sys/user/max_inotify_watches", "4").unwrap();
    let (sender, messages) = channel();
    let account = Account::default();
    let events = Events::new(sender, account.clone()).unwrap();
    events.set(Wanted { paths: paths.clone(), watches: BTreeSet::new() });
    let files = account.standings().remove(FILES).unwrap();
    let why = "the limit fs.inotify.max_user_watches is reached".to_owned();
    let expected = Standing { watches: Some(4), missing: 2, why: Some(why), ..Standing::default() };
    assert_eq!(files, expected);
    fs::write(path(0), "1").unwrap();
    told(&messages, &Message::Changed(Topic::Check("0".to_owned())));
    // What could not be watched may have changed until it can be.
    fs::write("/proc/sys/user/max_inotify_watches", "100").unwrap();
    events.set(Wanted { paths: paths.clone(), watches: BTreeSet::new() });
    told(&messages, &Message::Changed(Topic::Check("5".to_owned())));
    assert_eq!(account.standings()[FILES].missing, 0);

    fs::write("/proc/sys/user/max_inotify_instances", "0").unwrap();
    let (sender, _messages) = channel();
    let none = Account::default();
    let events = Events::new(sender, none.clone()).unwrap();
    events.set(Wanted { paths, watches: BTreeSet::new() });
    assert!(none.standings()[FILES].polling.as_ref().is_some_and(|why| why.contains("os error 24")), "{none:?}");
}
