//! Probes on the real machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use writ_agent::probes::{self, ANNOUNCED, NETWORK, PROBES, ProbeContext, Watch};
use writ_policy::check::ProbeCall;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Probed;
use writ_policy::schema::Kind;
use writ_policy::values::Values;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

pub fn call(name: &str, parameters: Json) -> ProbeCall {
    ProbeCall { name: name.into(), parameters: parameters.as_object().cloned().unwrap() }
}

pub fn context() -> ProbeContext {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Time::from_unix_millis(i64::try_from(now.as_millis()).unwrap());
    ProbeContext::new(now, Instant::now(), PathBuf::from("/nowhere/profile"), None)
}

/// What a probe sees; every field must be one that its schema promises, with a value that it promises.
pub fn seen(name: &str, parameters: Json) -> Observation {
    let probed = probes::run(&call(name, parameters), &mut context());
    let Probed::Seen(observation) = probed else { panic!("{name}: {probed:?}") };
    check_schema(name, &observation);
    observation
}

fn check_schema(probe: &str, observation: &Observation) {
    let schema = probes::schema_of(probe).unwrap();
    assert_eq!(schema.unpromised(observation), [], "{probe}");
}

pub fn int(observation: &Observation, field: &str) -> i64 {
    let Some(Value::Int(n)) = observation.get(field) else { panic!("{field} in {observation:?}") };
    *n
}

fn list<'a>(observation: &'a Observation, field: &str) -> &'a [String] {
    let Some(Value::List(items)) = observation.get(field) else { panic!("{field} in {observation:?}") };
    items
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn every_name_is_there_once_and_every_field_is_documented() {
    let registry = probes::registry();
    assert_eq!(registry.probes.len(), PROBES.len() + NETWORK.len() + ANNOUNCED.len(), "no name is in two lists");
    assert_eq!((registry.announced.len(), registry.network.len()), (ANNOUNCED.len(), NETWORK.len()));
    for schema in registry.probes.values() {
        assert!(!schema.about.is_empty() && !schema.observation.is_empty(), "{}", schema.name);
        let mut names: Vec<_> = schema.observation.iter().map(|f| f.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), schema.observation.len(), "{}", schema.name);
        let fields = schema.observation.iter().map(|f| (f.name, f.about));
        for (name, about) in fields.chain(schema.parameters.iter().map(|p| (p.name, p.about))) {
            assert!(!about.is_empty() && !about.ends_with('.'), "{}.{name}: {about:?}", schema.name);
        }
    }
}

#[test]
fn what_values_there_can_be_fits_the_type_and_is_told_once() {
    let registry = probes::registry();
    let probes = registry.probes.values();
    let fields =
        probes.clone().flat_map(|probe| probe.observation.iter().map(|f| (probe.name, f.name, f.kind, f.values)));
    let takes = probes.map(|probe| (probe.name, probe.parameters));
    let takes = takes.chain(registry.steps.values().map(|step| (step.name, step.parameters)));
    let parameters = takes.flat_map(|(of, all)| all.iter().map(move |p| (of, p.name, p.kind, p.values)));
    for (of, name, kind, values) in fields.chain(parameters) {
        let fits = match values {
            Values::Any => true,
            Values::Between(least, most) => kind == Kind::Int && least < most,
            Values::Form(_) => matches!(kind, Kind::Text | Kind::List),
            Values::Closed(all) | Values::Known(all, _) => {
                let distinct: std::collections::BTreeSet<_> = all.iter().collect();
                matches!(kind, Kind::Text | Kind::List) && all.len() >= 2 && distinct.len() == all.len()
            }
        };
        assert!(fits, "{of}.{name}: {values:?}");
    }
}

#[test]
fn ill_typed_unknown_and_missing_parameters_are_refused_by_every_probe() {
    let refused = |name: &str, parameters: Json| {
        let probed = probes::run(&call(name, parameters.clone()), &mut context());
        assert!(matches!(probed, Probed::Failed(_)), "{name} {parameters}: {probed:?}");
    };
    for probe in PROBES {
        let name = probe.schema.name;
        refused(name, json!({ "no_such_parameter": 1 }));
        for parameter in probe.schema.parameters {
            for odd in [json!(null), json!(1.5), json!([1]), json!({"secret": "x"}), json!({})] {
                refused(name, json!({ parameter.name: odd }));
            }
            if parameter.required {
                refused(name, json!({}));
            }
            if matches!(parameter.name, "path" | "binary" | "config" | "profile") {
                for odd in ["", "etc/motd", "/etc/../etc/motd", "/a\0b", "..", &format!("/{}", "x".repeat(5000))] {
                    refused(name, json!({ parameter.name: odd }));
                }
            }
        }
    }
    refused("no_such_probe", json!({}));
    refused("cpu", json!({ "window": "0s" }));
    refused("cpu", json!({ "window": "2d" }));
    refused("listening_ports", json!({ "protocol": "sctp" }));
    refused("process", json!({ "name": "/usr/bin/x" }));
    refused("sysctl", json!({ "key": "kernel.no_such_setting" }));
}

#[test]
fn a_file_is_described() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("motd");
    fs::write(&path, "hello").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4640)).unwrap();
    let file = seen("file", json!({ "path": path }));
    assert_eq!(file.get("exists"), Some(&true.into()));
    assert_eq!(file.get("kind"), Some(&"file".into()));
    assert_eq!(file.get("mode"), Some(&"4640".into()));
    assert_eq!(file.get("size_bytes"), Some(&5.into()));
    assert_eq!(file.get("sha256"), Some(&Digest::of(b"hello").to_string().into()));
    if is_root() {
        assert_eq!((file.get("owner"), file.get("group")), (Some(&"root".into()), Some(&"root".into())));
    }
    assert_eq!(seen("file", json!({ "path": dir.path() })).get("kind"), Some(&"directory".into()));
    assert_eq!(seen("file", json!({ "path": "/dev/null" })).get("kind"), Some(&"other".into()));
    for missing in [dir.path().join("missing"), path.join("below-a-file")] {
        assert_eq!(seen("file", json!({ "path": missing })), Observation::new().with("exists", false));
    }
}

#[test]
fn a_link_is_a_link_unless_it_is_to_be_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("motd"), dir.path().join("link"));
    fs::write(&path, "hello").unwrap();
    symlink("motd", &link).unwrap();
    let itself = seen("file", json!({ "path": link }));
    assert_eq!(itself.get("kind"), Some(&"symlink".into()));
    assert_eq!(itself.get("link_target"), Some(&"motd".into()));
    assert_eq!((itself.get("mode"), itself.get("sha256")), (Some(&"0777".into()), None));
    let followed = seen("file", json!({ "path": link, "follow": true }));
    assert_eq!(followed, seen("file", json!({ "path": path })));
    symlink("nowhere", dir.path().join("dangling")).unwrap();
    let dangling = json!({ "path": dir.path().join("dangling"), "follow": true });
    assert_eq!(seen("file", dangling), Observation::new().with("exists", false));
    symlink("loop", dir.path().join("loop")).unwrap();
    let looping =
        probes::run(&call("file", json!({ "path": dir.path().join("loop"), "follow": true })), &mut context());
    assert!(matches!(looping, Probed::Failed(_)), "{looping:?}");
}

#[test]
fn large_files_and_pipes_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let big = dir.path().join("big");
    let file = fs::File::create(&big).unwrap();
    file.set_len(16 << 20).unwrap();
    assert!(seen("file", json!({ "path": big })).get("sha256").is_some());
    file.set_len((16 << 20) + 1).unwrap();
    let observation = seen("file", json!({ "path": big }));
    assert_eq!((observation.get("sha256"), int(&observation, "size_bytes")), (None, (16 << 20) + 1));
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(seen("file", json!({ "path": pipe })).get("kind"), Some(&"other".into()));
}

#[test]
fn watches_name_what_announces_changes() {
    let watch = |name: &str, parameters| probes::watch(&call(name, parameters), &context());
    assert_eq!(watch("file", json!({ "path": "/etc/motd" })), [Watch::Path("/etc/motd".into())]);
    assert_eq!(watch("systemd_unit", json!({ "unit": "nginx" })), [Watch::Unit("nginx.service".into())]);
    assert!(watch("nix_generation", json!({})).contains(&Watch::Path("/nowhere/profile".into())));
    assert!(watch("users", json!({})).contains(&Watch::Path("/etc/shadow".into())));
    assert!(watch("memory", json!({})).is_empty());
    assert!(watch("file", json!({ "path": "relative" })).is_empty() && watch("nothing", json!({})).is_empty());
}

#[test]
fn kernel_facts_are_those_the_kernel_tells() {
    let sysctl = seen("sysctl", json!({ "key": "kernel.pid_max" }));
    let told: i64 = fs::read_to_string("/proc/sys/kernel/pid_max").unwrap().trim().parse().unwrap();
    assert_eq!(int(&sysctl, "value_number"), told);
    let options = seen("kernel_command_line", json!({}));
    let told = fs::read_to_string("/proc/cmdline").unwrap();
    assert!(list(&options, "options").iter().all(|option| told.contains(option.split('=').next().unwrap())));
    let memory = seen("memory", json!({}));
    assert!((1..=100).contains(&int(&memory, "used_percent")));
    assert!(int(&memory, "available_bytes") < int(&memory, "total_bytes"));
    let mount = seen("mount", json!({ "path": "/proc" }));
    assert_eq!(mount.get("fstype"), Some(&"proc".into()));
    assert!(list(&mount, "options").contains(&"rw".to_owned()));
    assert_eq!(seen("mount", json!({ "path": "/proc/sys/no" })).get("mounted"), Some(&false.into()));
}

#[test]
fn disk_agrees_with_df() {
    let disk = seen("disk", json!({ "path": "/" }));
    let df = Command::new("df").args(["-B1", "--output=size", "/"]).output().unwrap();
    let size: i64 = String::from_utf8(df.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap();
    assert_eq!(int(&disk, "total_bytes"), size);
    assert!((0..=100).contains(&int(&disk, "available_percent")));
    let missing = probes::run(&call("disk", json!({ "path": "/no/such/place" })), &mut context());
    assert!(matches!(missing, Probed::Failed(_)));
}

#[test]
fn cpu_is_known_once_its_window_is_full() {
    let mut context = context();
    let probe = call("cpu", json!({ "window": "1s" }));
    let Probed::Seen(first) = probes::run(&probe, &mut context) else { panic!() };
    assert_eq!(first.get("used_percent"), None);
    // The counters move in ticks: spin until some have passed, on a clock that is told to have moved a second.
    let deadline = Instant::now() + Duration::from_secs(10);
    context.monotonic += Duration::from_secs(1);
    loop {
        let Probed::Seen(observation) = probes::run(&probe, &mut context) else { panic!() };
        check_schema("cpu", &observation);
        if observation.get("used_percent").is_some() {
            assert!((0..=100).contains(&int(&observation, "used_percent")));
            return;
        }
        assert!(Instant::now() < deadline, "{observation:?}");
    }
}

#[test]
fn a_process_is_found_by_its_whole_name() {
    let dir = tempfile::tempdir().unwrap();
    // Longer than the 15 characters the kernel keeps of a process's name.
    let program = dir.path().join("writ-probe-sleeper");
    fs::copy(fs::canonicalize("/bin/sleep").unwrap(), &program).unwrap();
    let name = json!({ "name": "writ-probe-sleeper" });
    assert_eq!(int(&seen("process", name.clone()), "count"), 0);
    let mut child = Command::new(&program).arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let running = seen("process", name.clone());
    child.kill().unwrap();
    // The kill is on its way; the process is a zombie once it has arrived.
    let stat = format!("/proc/{}/stat", child.id());
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        assert!(Instant::now() < deadline, "it did not die");
        std::thread::yield_now();
    }
    let zombie = seen("process", name.clone());
    child.wait().unwrap();
    assert_eq!(int(&running, "count"), 1);
    assert!((0..60).contains(&int(&running, "oldest_age_seconds")));
    assert_eq!(list(&running, "users").len(), 1);
    assert_eq!(int(&zombie, "count"), 0);
    assert_eq!(int(&seen("process", name), "count"), 0);
}

#[test]
fn listening_sockets_are_found() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (protocol, address) in [("tcp", tcp.local_addr().unwrap()), ("udp", udp.local_addr().unwrap())] {
        let ports = seen("listening_ports", json!({ "protocol": protocol }));
        assert!(list(&ports, "ports").contains(&address.to_string()), "{ports:?}");
        assert!(list(&ports, "port_numbers").contains(&address.port().to_string()));
        assert_eq!(int(&ports, "count"), i64::try_from(list(&ports, "ports").len()).unwrap());
    }
    if let Ok(v6) = TcpListener::bind("[::1]:0") {
        let address = v6.local_addr().unwrap().to_string();
        assert!(list(&seen("listening_ports", json!({ "protocol": "tcp" })), "ports").contains(&address));
    }
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn certificates_made_by_openssl_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    openssl(dir.path(), "req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.crt -days 30 -subj /O=Clinic/CN=ca");
    openssl(dir.path(), "req -new -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=front-desk");
    openssl(dir.path(), "x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 7 -out leaf.crt");
    openssl(dir.path(), "x509 -in leaf.crt -outform der -out leaf.der");
    let ca = seen("tls_certificate", json!({ "path": path("ca.crt") }));
    assert_eq!(ca.get("self_signed"), Some(&true.into()));
    assert!((29 * 86_400..=30 * 86_400).contains(&int(&ca, "valid_for_seconds")));
    let leaf = seen("tls_certificate", json!({ "path": path("leaf.crt") }));
    assert_eq!(leaf.get("self_signed"), Some(&false.into()));
    assert_eq!(
        (leaf.get("subject"), leaf.get("issuer")),
        (Some(&"CN=front-desk".into()), Some(&"O=Clinic, CN=ca".into()))
    );
    assert_eq!(seen("tls_certificate", json!({ "path": path("leaf.der") })).get("not_after"), leaf.get("not_after"));
    // A server's file often holds its key first and the chain after it.
    let chain = ["leaf.key", "leaf.crt", "ca.crt"].map(|name| fs::read(path(name)).unwrap()).concat();
    fs::write(path("chain.pem"), chain).unwrap();
    assert_eq!(seen("tls_certificate", json!({ "path": path("chain.pem") })).get("subject"), leaf.get("subject"));
    let mut later = context();
    later.now = later.now.plus_millis(8 * 86_400_000);
    let Probed::Seen(expired) = probes::run(&call("tls_certificate", json!({ "path": path("leaf.crt") })), &mut later)
    else {
        panic!()
    };
    assert!((-2 * 86_400..0).contains(&int(&expired, "valid_for_seconds")));
    assert_eq!(seen("tls_certificate", json!({ "path": path("none") })), Observation::new().with("exists", false));
    let key = probes::run(&call("tls_certificate", json!({ "path": path("leaf.key") })), &mut context());
    assert!(matches!(key, Probed::Failed(_)), "{key:?}");
}

/// The real sshd: installed, or unpacked by `cargo xtask test`. It refuses to say anything without an account `sshd`, which
/// installing it would make; here it sees one in a mount namespace of its own.
fn sshd_with_its_account(dir: &Path) -> PathBuf {
    assert!(is_root(), "this test mounts a file: run the suite as root");
    let sshd = std::env::var("WRIT_TEST_SSHD").unwrap_or_else(|_| "/usr/sbin/sshd".into());
    assert!(
        Path::new(&sshd).exists(),
        "no {sshd}: run `cargo xtask test`, which unpacks one, or name it in WRIT_TEST_SSHD"
    );
    let mut accounts = fs::read_to_string("/etc/passwd").unwrap();
    if !accounts.lines().any(|line| line.starts_with("sshd:")) {
        accounts.push_str("sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n");
    }
    let (passwd, wrapper) = (dir.join("passwd"), dir.join("sshd"));
    fs::write(&passwd, accounts).unwrap();
    let libraries = std::env::var("WRIT_TEST_SSHD_LIBRARIES").unwrap_or_default();
    let script = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}\n\
         exec unshare --mount sh -c 'mount --bind {} /etc/passwd && exec {sshd} \"$@\"' sshd \"$@\"\n",
        passwd.display()
    );
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    wrapper
}

#[test]
fn sshd_tells_its_configuration() {
    fs::create_dir_all("/run/sshd").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (key, config) = (dir.path().join("key"), dir.path().join("sshd_config"));
    let binary = sshd_with_its_account(dir.path());
    let keygen = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(keygen.success());
    let write = |more: &str| fs::write(&config, format!("HostKey {}\nPort 2222\n{more}\n", key.display())).unwrap();
    write("PermitRootLogin prohibit-password\nMaxAuthTries 3\nAllowUsers ann ben\nLoginGraceTime 2m");
    let sshd = seen("sshd", json!({ "binary": binary, "config": config }));
    assert_eq!(sshd.get("permit_root_login"), Some(&"without-password".into()));
    assert_eq!(int(&sshd, "max_auth_tries"), 3);
    assert_eq!(int(&sshd, "login_grace_time_seconds"), 120);
    assert_eq!(list(&sshd, "ports"), ["2222"]);
    assert_eq!(list(&sshd, "allow_users"), ["ann", "ben"]);
    assert!(list(&sshd, "ciphers").len() > 1);
    // Every field but the two lists of names must be what this sshd really prints.
    let missing: Vec<_> =
        probes::named("sshd").unwrap().schema.observation.iter().filter(|f| sshd.get(f.name).is_none()).collect();
    assert_eq!(missing.iter().map(|f| f.name).collect::<Vec<_>>(), ["allow_groups"]);
    write("PasswordAuthentication no");
    assert_eq!(
        seen("sshd", json!({ "binary": binary, "config": config })).get("password_authentication"),
        Some(&"no".into())
    );
    write("NoSuchSetting yes");
    let bad = probes::run(&call("sshd", json!({ "binary": binary, "config": config })), &mut context());
    assert!(matches!(&bad, Probed::Failed(reason) if reason.contains("NoSuchSetting")), "{bad:?}");
    let absent = probes::run(&call("sshd", json!({ "binary": "/no/such/sshd" })), &mut context());
    assert!(matches!(&absent, Probed::NotApplicable(reason) if reason.contains("not installed")), "{absent:?}");
}

#[test]
fn accounts_of_this_machine_are_read() {
    let users = seen("users", json!({}));
    assert!(list(&users, "uid_zero_users").contains(&"root".to_owned()));
    assert!(int(&users, "uid_zero_count") >= 1);
    assert_eq!(users.get("empty_password_count").is_some(), fs::File::open("/etc/shadow").is_ok());
}

#[test]
fn a_generation_is_judged_only_where_one_is_expected() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let (system, profile) = (root.join("system"), root.join("profile"));
    fs::create_dir(&system).unwrap();
    symlink(&system, &profile).unwrap();
    let look = |expected: Option<&Path>| {
        let mut context = context();
        context.profile.clone_from(&profile);
        context.expected_toplevel = expected.map(|path| path.display().to_string());
        probes::run(&call("nix_generation", json!({})), &mut context)
    };
    assert!(matches!(look(None), Probed::NotApplicable(reason) if !reason.is_empty()));
    let matches = |expected| {
        let Probed::Seen(observation) = look(Some(expected)) else { panic!() };
        check_schema("nix_generation", &observation);
        observation.get("matches").cloned()
    };
    assert_eq!(matches(&system), Some(true.into()));
    assert_eq!(matches(&root), Some(false.into()));
}

#[test]
fn without_systemd_its_probes_do_not_apply() {
    if writ_agent::dbus::booted_with_systemd() {
        return;
    }
    for (name, parameters) in [("systemd_unit", json!({ "unit": "dbus" })), ("journald", json!({}))] {
        let probed = probes::run(&call(name, parameters), &mut context());
        assert_eq!(probed, Probed::NotApplicable("no systemd on this host".into()), "{name}");
    }
}

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,20}".prop_map(Json::from),
        "/[a-z./]{0,12}".prop_map(Json::from),
        "[0-9]{1,3}(s|m|h)".prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::hash_map("program|secret|[a-z]{1,4}", inner, 0..2)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_parameters_make_a_probe_panic(values in proptest::collection::vec(any_json(), 3), which in 0..PROBES.len()) {
        let schema = PROBES[which].schema;
        let parameters = schema.parameters.iter().map(|p| p.name).zip(values).map(|(n, v)| (n.to_owned(), v)).collect();
        let call = ProbeCall { name: schema.name.into(), parameters };
        let mut context = context();
        probes::watch(&call, &context);
        if let Probed::NotApplicable(reason) | Probed::Failed(reason) = probes::run(&call, &mut context) {
            prop_assert!(!reason.is_empty() && !reason.contains('\n'));
        }
    }
}
