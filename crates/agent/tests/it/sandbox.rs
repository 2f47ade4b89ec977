//! What each process takes from itself: this test program starts itself again, takes on a sandbox, and tries what is forbidden.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use serde_json::{Map, Value, json};
use writ_agent::config::SwitchCommand;
use writ_agent::logs;
use writ_agent::network;
use writ_agent::planner;
use writ_agent::sandbox;
use writ_agent::sync;
use writ_confine::{Enforced, Sandbox};

/// Tells the second start which sandbox to take on, and where.
const WHICH: &str = "WRIT_TEST_SANDBOX";
const WHERE: &str = "WRIT_TEST_SANDBOX_DIR";

fn profile(which: &str, dir: &Path, port: u16) -> Sandbox {
    let file = |text: String| {
        let path = dir.join("config.toml");
        fs::write(&path, text).unwrap();
        path
    };
    let spool = dir.join("spool").display().to_string();
    let state = dir.join("state").display().to_string();
    match which {
        "probe" => {
            let config = file(format!("spool = {spool:?}\nstate_dir = {state:?}\n"));
            sandbox::of_probe(&network::config::Config::read(&config).unwrap())
        }
        "planner" => {
            let config = file(format!("spool = {spool:?}\nstate_dir = {state:?}\n"));
            sandbox::of_planner(&planner::config::Config::read(&config).unwrap())
        }
        "asking" => {
            let config = file(format!(
                "spool = {spool:?}\nstate_dir = {state:?}\n[model]\nport = {port}\ncredentials = {state:?}\n"
            ));
            sandbox::of_planner(&planner::config::Config::read(&config).unwrap())
        }
        "sync" => {
            let trust = dir.join("trust.json").display().to_string();
            let config = file(format!(
                "site = \"clinic-001\"\nappliance = \"front-desk\"\ndepot = \"http://127.0.0.1:{port}\"\ntrust = {trust:?}\n\
                 spool = {spool:?}\nstate_dir = {state:?}\n"
            ));
            sandbox::of_sync(&sync::config::Config::read(&config).unwrap())
        }
        "logs" => {
            let config = file(format!("spool = {spool:?}\nstate_dir = {state:?}\n[sources.audit.journal]\n"));
            sandbox::of_logs(&logs::config::Config::read(&config).unwrap())
        }
        "page" => sandbox::of_page(&dir.join("spool/presence")),
        "sampler" => sandbox::of_sampler(&[dir.join("spool/outbox")], &dir.join("state")),
        "recorder" => sandbox::of_recorder(),
        "enforce" => sandbox::of_enforcer(SwitchCommand::SystemdRun),
        _ => sandbox::of_enforcer(SwitchCommand::Process),
    }
}

/// What came of an attempt: `ok`, or the system's error.
fn came<T>(result: io::Result<T>) -> Value {
    match result {
        Ok(_) => "ok".into(),
        Err(e) => match e.raw_os_error() {
            Some(libc_error) if libc_error == Errno::PERM.raw_os_error() => "EPERM".into(),
            Some(libc_error) if libc_error == Errno::ACCESS.raw_os_error() => "EACCES".into(),
            _ => e.to_string().into(),
        },
    }
}

fn attempts(dir: &Path, here: u16, there: u16) -> Map<String, Value> {
    let write = |path: PathBuf| came(fs::write(path, "x"));
    let connect = |port: u16| came(TcpStream::connect(("127.0.0.1", port)));
    let open = |family, kind| came(socket(family, kind, None).map_err(io::Error::from));
    let over_ip = |kind, protocol| {
        let protocol = rustix::net::Protocol::from_raw(std::num::NonZeroU32::new(protocol).unwrap());
        came(socket(AddressFamily::INET, kind, Some(protocol)).map_err(io::Error::from))
    };
    let tried = [
        ("run", came(Command::new("/bin/true").status())),
        ("read_elsewhere", came(fs::read(dir.join("secret")))),
        ("write_elsewhere", write(dir.join("elsewhere"))),
        ("read_asks", came(fs::read(dir.join("spool/asks/asks.json")))),
        ("write_asks", write(dir.join("spool/asks/asks.json"))),
        ("read_outbox", came(fs::read(dir.join("spool/outbox/1.json")))),
        ("read_presence", came(fs::read(dir.join("spool/presence/heartbeat.json")))),
        ("write_presence", write(dir.join("spool/presence/heartbeat.json"))),
        ("write_outbox", write(dir.join("spool/outbox/1.json"))),
        ("write_inbox", write(dir.join("spool/inbox/x"))),
        ("write_looks", write(dir.join("spool/looks/x"))),
        ("write_logs", write(dir.join("spool/logs/x"))),
        ("read_request", came(fs::read(dir.join("spool/plan/requests/a.json")))),
        ("write_request", write(dir.join("spool/plan/requests/a.json"))),
        ("read_verdict", came(fs::read(dir.join("spool/plan/verdicts/a.json")))),
        ("write_verdict", write(dir.join("spool/plan/verdicts/a.json"))),
        ("write_plan", write(dir.join("spool/plan/plans/a.json"))),
        ("write_state", write(dir.join("state/x"))),
        ("read_hosts", came(fs::read("/etc/hosts"))),
        ("connect_here", connect(here)),
        ("connect_there", connect(there)),
        ("listen", came(TcpListener::bind("127.0.0.1:0"))),
        ("ask_by_udp", came(ask_by_udp(here))),
        ("packets", open(AddressFamily::PACKET, SocketType::RAW)),
        ("multipath", over_ip(SocketType::STREAM, 262)),
        ("ping", over_ip(SocketType::DGRAM, 1)),
        ("connect_by_sending", came(connect_by_sending(there))),
        ("take_a_socket", raw(libc::SYS_pidfd_getfd, [-1, 0, 0])),
        ("by_x32", raw(0x4000_0000 | libc::SYS_getppid, [0; 3])),
        ("netlink", open(AddressFamily::NETLINK, SocketType::RAW)),
        ("unix", came(UnixDatagram::unbound())),
        ("signal_parent", came(signal_parent())),
        ("trace", came(trace())),
        ("set_the_clock", came(set_the_clock())),
    ];
    tried.into_iter().map(|(name, came)| (name.to_owned(), came)).collect()
}

/// A call by its number. Those that are tried do nothing where they are let through.
fn raw(call: libc::c_long, [a, b, c]: [libc::c_long; 3]) -> Value {
    // SAFETY: none of the arguments is an address.
    let result = unsafe { libc::syscall(call, a, b, c) };
    came(if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) })
}

/// Sends to this port, from whichever the kernel chooses.
fn ask_by_udp(port: u16) -> io::Result<()> {
    let udp = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    rustix::net::sendto(&udp, b"x", rustix::net::SendFlags::empty(), &to)?;
    Ok(())
}

/// Connects to this port without connect(2), by TCP Fast Open.
fn connect_by_sending(port: u16) -> io::Result<()> {
    let tcp = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    let fast_open = rustix::net::SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    rustix::net::sendto(&tcp, b"x", fast_open, &to)?;
    Ok(())
}

/// A signal that does nothing, to who started us.
fn signal_parent() -> io::Result<()> {
    let parent = rustix::process::getppid().unwrap();
    Ok(rustix::process::test_kill_process(parent)?)
}

/// Asks for the memory of this very process, as a tracer would.
fn trace() -> io::Result<()> {
    let (byte, mut into) = ([7_u8], [0_u8]);
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: byte.as_ptr().cast_mut().cast(), iov_len: 1 };
    // SAFETY: both vectors point to one byte each that outlives the call, in this process.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    if read == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets the clock to what it is not: to a time that the kernel refuses, so that nothing happens where it may be set.
fn set_the_clock() -> io::Result<()> {
    let never = libc::timespec { tv_sec: 0, tv_nsec: -1 };
    // SAFETY: the time outlives the call, and no kernel takes it. The library's own function would not even ask.
    let set = unsafe { libc::syscall(libc::SYS_clock_settime, libc::CLOCK_REALTIME, &raw const never) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Not a test of its own: what the other tests start, in a process that ends with it.
#[test]
#[ignore = "started by the other tests of this file"]
fn inside() {
    let Ok(which) = std::env::var(WHICH) else { return };
    let dir = PathBuf::from(std::env::var_os(WHERE).unwrap());
    let ports: Vec<u16> =
        fs::read_to_string(dir.join("ports")).unwrap().split(' ').map(|port| port.parse().unwrap()).collect();
    let results = fs::File::create(dir.join("results")).unwrap();
    let enforced = profile(&which, &dir, ports[0]).apply();
    let attempts = attempts(&dir, ports[0], ports[1]);
    serde_json::to_writer(results, &json!({ "enforced": enforced, "attempts": attempts })).unwrap();
}

/// Takes on a sandbox in another process, and gives what was enforced and what came of each attempt.
fn within(which: &str) -> (Enforced, Map<String, Value>) {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["state", "spool/asks", "spool/looks", "spool/outbox", "spool/presence", "spool/inbox", "spool/logs"]
        .into_iter()
        .chain(["spool/plan/requests", "spool/plan/plans", "spool/plan/verdicts"])
    {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    for file in ["secret", "trust.json", "spool/asks/asks.json", "spool/outbox/1.json", "spool/presence/heartbeat.json"]
        .into_iter()
        .chain(["spool/plan/requests/a.json", "spool/plan/verdicts/a.json"])
    {
        fs::write(dir.path().join(file), "x").unwrap();
    }
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = listeners.each_ref().map(|listener| listener.local_addr().unwrap().port());
    fs::write(dir.path().join("ports"), format!("{} {}", ports[0], ports[1])).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "sandbox::inside", "--ignored", "--nocapture"]);
    let output = command.env(WHICH, which).env(WHERE, dir.path()).output().unwrap();
    let results = fs::read(dir.path().join("results")).unwrap();
    let results: Value =
        serde_json::from_slice(&results).unwrap_or_else(|e| panic!("{which}: {e}: {}", crate::support::said(&output)));
    let enforced = serde_json::from_value(results["enforced"].clone()).unwrap();
    (enforced, results["attempts"].as_object().unwrap().clone())
}

/// Says which Landlock an old kernel has, where these tests run on one: what rests on a later one is left out then.
const OLD_KERNEL: &str = "WRIT_TEST_LANDLOCK";
/// The Landlock that has all that is asked for (Linux 6.12).
const WHOLE: u8 = 6;

/// The Landlock that this kernel has to have.
fn landlock() -> u8 {
    std::env::var(OLD_KERNEL).map_or(WHOLE, |known| known.parse().expect("the number of a version of Landlock, or 0"))
}

/// Asserts what came of each attempt.
fn check(which: &str, expected: &[(&str, &str)]) {
    let (enforced, came) = within(which);
    assert!(enforced.seccomp, "{which}: {enforced:?}");
    let has = enforced.landlock.unwrap_or(0);
    let known = landlock();
    assert!(
        which == "enforce" || has >= known,
        "{which}: this kernel has Landlock {has}, and {known} is asked for: {OLD_KERNEL}={has} says that it is an old one"
    );
    assert_eq!(
        enforced.missing.is_empty(),
        which == "enforce" || has >= WHOLE,
        "what is not enforced is said: {enforced:?}"
    );
    let needs = |attempt: &str, result: &str| match (attempt, result) {
        ("signal_parent", _) => 6,
        ("connect_there" | "listen", "EACCES") => 4,
        (_, "EACCES") => 1,
        _ => 0,
    };
    for (attempt, result) in expected {
        if which != "enforce" && has < needs(attempt, result) {
            continue;
        }
        assert_eq!(came[*attempt], *result, "{which}: {attempt}: {came:?}");
    }
}

#[test]
fn one_who_looks_over_the_network_does_nothing_else() {
    check(
        "probe",
        &[
            ("read_asks", "ok"),
            ("write_looks", "ok"),
            ("write_state", "ok"),
            ("read_hosts", "ok"),
            ("connect_here", "ok"),
            ("connect_there", "ok"),
            ("ask_by_udp", "ok"),
            ("unix", "ok"),
            ("run", "EPERM"),
            ("read_elsewhere", "EACCES"),
            ("write_elsewhere", "EACCES"),
            ("write_asks", "EACCES"),
            ("read_outbox", "EACCES"),
            ("write_outbox", "EACCES"),
            ("write_inbox", "EACCES"),
            ("listen", "EACCES"),
            ("packets", "EPERM"),
            ("multipath", "EPERM"),
            ("ping", "EPERM"),
            ("connect_by_sending", "EPERM"),
            ("netlink", "EPERM"),
            ("signal_parent", "EPERM"),
            ("trace", "EPERM"),
            ("set_the_clock", "EPERM"),
        ],
    );
}

#[test]
fn one_who_chooses_reads_what_it_is_asked_and_writes_what_it_chose() {
    check(
        "planner",
        &[
            ("read_request", "ok"),
            ("read_verdict", "ok"),
            ("write_plan", "ok"),
            ("write_state", "ok"),
            ("run", "EPERM"),
            ("write_request", "EACCES"),
            ("write_verdict", "EACCES"),
            ("read_elsewhere", "EACCES"),
            ("write_elsewhere", "EACCES"),
            ("read_hosts", "EACCES"),
            ("read_outbox", "EACCES"),
            ("write_looks", "EACCES"),
            ("connect_here", "EPERM"),
            ("ask_by_udp", "EPERM"),
            ("listen", "EPERM"),
            ("unix", "EPERM"),
            ("packets", "EPERM"),
            ("netlink", "EPERM"),
            ("signal_parent", "EPERM"),
            ("trace", "EPERM"),
            ("set_the_clock", "EPERM"),
        ],
    );
}

/// Where it may ask a model, it has that one port, and no more of the files of others.
#[test]
fn one_who_asks_a_model_connects_to_its_port_alone() {
    check(
        "asking",
        &[
            ("read_request", "ok"),
            ("write_plan", "ok"),
            ("write_state", "ok"),
            ("connect_here", "ok"),
            ("connect_there", "EACCES"),
            ("run", "EPERM"),
            ("write_request", "EACCES"),
            ("write_verdict", "EACCES"),
            ("read_elsewhere", "EACCES"),
            ("write_elsewhere", "EACCES"),
            ("read_outbox", "EACCES"),
            ("write_looks", "EACCES"),
            ("listen", "EPERM"),
            ("packets", "EPERM"),
            ("multipath", "EPERM"),
            ("connect_by_sending", "EPERM"),
            ("netlink", "EPERM"),
            ("signal_parent", "EPERM"),
            ("trace", "EPERM"),
            ("set_the_clock", "EPERM"),
        ],
    );
}

#[test]
fn a_courier_carries_between_its_folders_and_its_depot() {
    check(
        "sync",
        &[
            ("read_outbox", "ok"),
            ("write_inbox", "ok"),
            ("write_state", "ok"),
            ("read_hosts", "ok"),
            ("connect_here", "ok"),
            ("unix", "ok"),
            ("run", "EPERM"),
            ("read_elsewhere", "EACCES"),
            ("write_elsewhere", "EACCES"),
            ("write_outbox", "EACCES"),
            ("write_looks", "EACCES"),
            ("connect_there", "EACCES"),
            ("ask_by_udp", "ok"),
            ("listen", "EPERM"),
            ("packets", "EPERM"),
            ("multipath", "EPERM"),
            ("ping", "EPERM"),
            ("connect_by_sending", "EPERM"),
            ("netlink", "EPERM"),
            ("signal_parent", "EPERM"),
            ("trace", "EPERM"),
            ("set_the_clock", "EPERM"),
        ],
    );
}

/// What may do less than any: not even make a socket.
const ALONE: &[(&str, &str)] = &[
    ("run", "EPERM"),
    ("read_elsewhere", "EACCES"),
    ("write_elsewhere", "EACCES"),
    ("write_outbox", "EACCES"),
    ("write_presence", "EACCES"),
    ("read_hosts", "EACCES"),
    ("connect_here", "EPERM"),
    ("listen", "EPERM"),
    ("ask_by_udp", "EPERM"),
    ("unix", "EPERM"),
    ("netlink", "EPERM"),
    ("signal_parent", "EPERM"),
    ("trace", "EPERM"),
    ("set_the_clock", "EPERM"),
];

#[test]
fn who_shows_a_page_reads_its_folder() {
    let own = [("read_presence", "ok"), ("read_outbox", "EACCES"), ("write_state", "EACCES")];
    check("page", &[ALONE, &own].concat());
}

#[test]
fn who_records_has_no_more_than_what_it_starts() {
    let own = [("read_outbox", "ok"), ("write_state", "ok"), ("read_presence", "EACCES")];
    check("sampler", &[ALONE, &own].concat());
    let (enforced, came) = within("recorder");
    assert!(enforced.seccomp && enforced.missing.is_empty(), "{enforced:?}");
    for (attempt, result) in [("run", "ok"), ("connect_here", "ok"), ("trace", "EPERM"), ("set_the_clock", "EPERM")] {
        assert_eq!(came[attempt], result, "{attempt}: {came:?}");
    }
}

#[test]
fn one_who_reads_logs_writes_batches_and_has_no_network() {
    check(
        "logs",
        &[
            ("run", "ok"),
            ("write_logs", "ok"),
            ("write_state", "ok"),
            ("unix", "ok"),
            ("read_elsewhere", "EACCES"),
            ("write_elsewhere", "EACCES"),
            ("read_outbox", "EACCES"),
            ("write_outbox", "EACCES"),
            ("write_inbox", "EACCES"),
            ("write_looks", "EACCES"),
            ("connect_here", "EPERM"),
            ("listen", "EPERM"),
            ("ask_by_udp", "EPERM"),
            ("packets", "EPERM"),
            ("netlink", "EPERM"),
            ("signal_parent", "EPERM"),
            ("trace", "EPERM"),
            ("set_the_clock", "EPERM"),
        ],
    );
}

#[test]
fn the_enforcer_has_no_network_and_heals_the_machine() {
    check(
        "enforce",
        &[
            ("run", "ok"),
            ("read_elsewhere", "ok"),
            ("write_elsewhere", "ok"),
            ("netlink", "ok"),
            ("unix", "ok"),
            ("connect_here", "EPERM"),
            ("listen", "EPERM"),
            ("ask_by_udp", "EPERM"),
            ("packets", "EPERM"),
            ("trace", "EPERM"),
            ("take_a_socket", "EPERM"),
            #[cfg(target_arch = "x86_64")]
            ("by_x32", "EPERM"),
            ("set_the_clock", "EPERM"),
        ],
    );
    // Where it starts the activation of a system itself, that keeps what it may need.
    let (enforced, came) = within("enforce-that-activates");
    assert!(enforced.seccomp && enforced.missing.is_empty(), "{enforced:?}");
    assert_eq!((&came["trace"], &came["connect_here"]), (&"EPERM".into(), &"ok".into()), "{came:?}");
    assert_ne!(came["set_the_clock"], "EPERM");
}
