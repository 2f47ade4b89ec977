//! A depot whose database is in PostgreSQL: what only that can do wrong. The rest of these tests is run on it as well.

mod lost;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use writ_wire::Signed;

use crate::client::get;
use crate::daemon::{Daemon, Start, until};
use crate::server::{DEPOT, PASSWORD, Server, name_of, shared};
use crate::upkeep::{Ran, codes, ran, tamper};
use crate::world::*;

/// A depot's folder, and its database.
fn made(server: &Server) -> (TempDir, String) {
    let dir = folder();
    let name = server.database(&name_of(&dir.path().join("data")));
    (dir, name)
}

fn start(dir: &Path, url: &str) -> Daemon {
    Start::new(dir).arguments(&["--database", url]).start()
}

fn refused(dir: &Path, url: &str) -> String {
    match Start::new(dir).arguments(&["--database", url]).try_start() {
        Ok(_) => panic!("it started"),
        Err((status, log)) => {
            assert_eq!(status.code(), Some(2), "{log}");
            log.lines().last().unwrap_or_default().to_owned()
        }
    }
}

fn command(what: &str, data: &Path, url: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ-depot"));
    command.arg(what).arg("--data").arg(data).args(url.into_iter().flat_map(|url| ["--database", url]));
    command
}

#[track_caller]
fn fsck(data: &Path, url: Option<&str>, code: i32) -> Value {
    let Ran { .. } = ran(&mut command("fsck", data, url)).expect(code);
    ran(command("fsck", data, url).arg("--json")).expect(code).json()
}

/// Every entry once, every bundle once, and everything as it was signed.
#[track_caller]
fn assert_whole(dir: &Path, url: &str, depot: &Daemon, bundles: u64) {
    for first in (1..=bundles).step_by(100) {
        let some: Vec<Signed> = (first..=bundles.min(first + 99)).map(bundle).collect();
        let held = receipts(front_desk().submit(depot.address, some.clone()), &some);
        assert_eq!((held.held, held.newest), (bundles, bundles));
    }
    assert_eq!(checkpoint(depot.address).checkpoint.size, 2 + bundles, "a root, a release, each bundle once");
    let report = fsck(&dir.join("data"), Some(url), 0);
    let checked = &report["checked"];
    assert_eq!((&checked["bundles"], &checked["entries"]), (&bundles.into(), &(2 + bundles).into()), "{report}");
    assert_eq!(codes(&report), [""; 0], "{report}");
}

#[test]
fn what_is_only_added_refuses_change_even_to_its_owner() {
    let server = shared();
    let (dir, name) = made(server);
    let url = server.url(&name);
    let depot = start(dir.path(), &url);
    publish(depot.address, &release(1, None));
    let one = [bundle(1)];
    receipts(front_desk().submit(depot.address, one.to_vec()), &one);
    let rows = "INSERT INTO log_batches VALUES ('clinic-001', '\\x00', '\\x00', 'access', 1, 2, 3, 1, 1, 4);
        INSERT INTO log_batches_gone VALUES ('clinic-001', '\\x00', '\\x01', 'access', 0, 1, 2, 1, 3, 5)";
    let mut owner = server.depot(&name);
    owner.batch_execute(rows).unwrap();
    let tables = ["roots", "releases", "keys", "evidence", "logs", "entries", "log_batches", "log_batches_gone"];
    let count = |owner: &mut postgres::Client| {
        tables.map(|table| owner.query_one(&format!("SELECT count(*) FROM {table}"), &[]).unwrap().get::<_, i64>(0))
    };
    let before = count(&mut owner);
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    let refuses = |owner: &mut postgres::Client, sql: &str| {
        let said = owner.batch_execute(sql).expect_err(sql);
        let said = said.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default();
        let ours = ["not changed", "not removed", "not forgotten", "only grow", "are kept as long"];
        assert!(ours.iter().any(|ours| said.contains(ours)), "{sql}: {said}");
    };
    // Also of one who says that it only replays what was done elsewhere, which only the owner of the server may.
    let mut replaying = server.owner(&name);
    replaying.batch_execute("SET session_replication_role = replica").unwrap();
    for client in [&mut owner, &mut replaying] {
        for (table, column, key) in [
            ("roots", "received_at = 1", "(version)"),
            ("releases", "received_at = 1", "(id)"),
            ("keys", "public_key = '\\x00'", "(id)"),
            ("evidence", "document = '\\x00'", "(key, sequence)"),
            ("logs", "root = '\\x00'", "(site, number)"),
            ("entries", "entry = '\\x00'", "(log, idx)"),
            ("log_batches", "bytes = 9", "(site, digest, public_key)"),
            ("log_batches_gone", "bytes = 9", "(site, digest, public_key)"),
        ] {
            refuses(client, &format!("UPDATE {table} SET {column}"));
            refuses(client, &format!("DELETE FROM {table}"));
            refuses(client, &format!("TRUNCATE {table} CASCADE"));
            refuses(
                client,
                &format!("INSERT INTO {table} SELECT * FROM {table} ON CONFLICT {key} DO UPDATE SET {column}"),
            );
            refuses(
                client,
                &format!("MERGE INTO {table} t USING {table} s ON true WHEN MATCHED THEN UPDATE SET {column}"),
            );
        }
        refuses(client, "UPDATE logs SET size = size - 1");
        refuses(client, "WITH gone AS (DELETE FROM evidence RETURNING 1) SELECT count(*) FROM gone");
    }
    assert_eq!(count(&mut owner), before);
    // What has to happen does: a batch goes once the policy says so and it is noted.
    owner.batch_execute("INSERT INTO retention VALUES ('clinic-001', 5, 1)").unwrap();
    refuses(&mut owner, "DELETE FROM log_batches");
    let gone = "INSERT INTO log_batches_gone
        SELECT site, public_key, digest, source, number, begins, ends, bytes, received_at, 9 FROM log_batches";
    owner.batch_execute(gone).unwrap();
    assert_eq!(owner.execute("DELETE FROM log_batches", &[]).unwrap(), 1);
    assert_whole(dir.path(), &url, &depot, 1);
    // Who owns the tables can take the triggers away, which is seen.
    for altered in [
        "ALTER TABLE evidence DISABLE TRIGGER evidence_is_only_added",
        "ALTER TABLE evidence ENABLE ALWAYS TRIGGER evidence_is_only_added; DROP TRIGGER logs_only_grow ON logs",
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ] {
        owner.batch_execute(altered).unwrap();
        let report = fsck(&dir.path().join("data"), Some(&url), 1);
        assert!(codes(&report).contains(&"schema-altered"), "{altered}: {report}");
    }
}

#[test]
fn each_damage_in_the_database_has_its_name() {
    let server = shared();
    let cases = [
        ("evidence-altered", "UPDATE evidence SET document = '\\x7b7d' WHERE sequence = 2"),
        ("evidence-unknown-key", "UPDATE keys SET public_key = decode(repeat('00', 32), 'hex')"),
        ("entry-broken", "UPDATE entries SET evidence = NULL WHERE idx = 3"),
        ("log-root", "DELETE FROM entries WHERE idx = 6"),
        ("checkpoint-unsigned", "UPDATE logs SET note = replace(note, 'log.example', 'x')"),
        ("root-broken", "UPDATE roots SET envelope = '\\x7b7d'"),
    ];
    let (dir, name) = made(server);
    let url = server.url(&name);
    let depot = start(dir.path(), &url);
    publish(depot.address, &release(1, None));
    let bundles: Vec<_> = (1..=5).map(bundle).collect();
    receipts(front_desk().submit(depot.address, bundles.clone()), &bundles);
    assert!(depot.stop().success());
    let mut owner = server.owner("postgres");
    for (number, (code, sql)) in cases.into_iter().enumerate() {
        let copy = format!("{name}_{number}");
        owner.batch_execute(&format!("CREATE DATABASE {copy} TEMPLATE {name} OWNER {DEPOT}")).unwrap();
        let mut client = server.owner(&copy);
        client.batch_execute("SET session_replication_role = replica").unwrap();
        let triggers = |state: &str| {
            format!(
                "DO $$ DECLARE t record; BEGIN
                FOR t IN SELECT CAST(tgrelid AS regclass) AS at, tgname FROM pg_trigger WHERE NOT tgisinternal LOOP
                    EXECUTE format('ALTER TABLE %s {state} TRIGGER %I', t.at, t.tgname);
                END LOOP; END $$"
            )
        };
        client.batch_execute(&triggers("DISABLE")).unwrap();
        client.batch_execute(sql).unwrap();
        client.batch_execute(&triggers("ENABLE ALWAYS")).unwrap();
        drop(client);
        let report = fsck(&dir.path().join("data"), Some(&server.url(&copy)), 1);
        assert!(codes(&report).contains(&code), "{code}: {report:#}");
        assert!(report["problems"]["list"][0]["path"].as_str().unwrap().starts_with("postgresql: "), "{report}");
    }
}

#[test]
fn what_cannot_be_right_is_refused_by_name() {
    let server = shared();
    let (dir, name) = made(server);
    let url = server.url(&name);
    let depot = start(dir.path(), &url);
    // Two depots on one database, with a data directory each.
    let other = folder();
    let second = refused(other.path(), &url);
    assert!(second.contains("another writ-depot has this database"), "{second}");
    assert!(get(depot.address, "/ready").status == 200 && depot.stop().success());
    // The files of one with the rows of another.
    let foreign = refused(other.path(), &url);
    assert!(foreign.contains("a depot with another data directory"), "{foreign}");
    let (third, third_name) = made(server);
    start(third.path(), &server.url(&third_name)).kill();
    let mixed = refused(third.path(), &url);
    assert!(mixed.contains("belongs to the database"), "{mixed}");
    // The other sort of database.
    let none = Start::new(dir.path()).command(&dir.path().join("address"));
    let bare = none
        .get_args()
        .filter(|argument| *argument != "--database" && !argument.to_string_lossy().contains("postgres:"));
    let said = Command::new(none.get_program()).args(bare).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("give --database"), "{said:?}");
    for what in ["fsck", "gc", "migrate"] {
        let said = ran(&mut command(what, &dir.path().join("data"), None)).expect(2).stderr;
        assert!(said.contains("give --database"), "{what}: {said}");
    }
    std::fs::create_dir_all(other.path().join("data")).unwrap();
    std::fs::write(other.path().join("data/depot.sqlite"), "").unwrap();
    let sqlite = refused(other.path(), &server.url(&third_name));
    assert!(sqlite.contains("leave out --database"), "{sqlite}");
    // Somebody else's tables, a newer schema, nobody there, a network.
    let fresh = folder();
    let used = server.database(&format!("{name}_used"));
    server.depot(&used).batch_execute("CREATE TABLE patients (id BIGINT)").unwrap();
    let tables = refused(fresh.path(), &server.url(&used));
    assert!(tables.contains("a database of its own"), "{tables}");
    server.depot(&name).batch_execute("UPDATE depot SET schema = 99").unwrap();
    let newer = refused(dir.path(), &url);
    assert!(newer.contains("schema 99, of a newer writ-depot"), "{newer}");
    let said = ran(&mut command("migrate", &dir.path().join("data"), Some(&url))).expect(2).stderr;
    assert!(said.contains("schema 99, of a newer writ-depot"), "{said}");
    let nobody = refused(fresh.path(), &format!("postgres://{DEPOT}@/x?host={}", fresh.path().display()));
    assert!(nobody.contains(".s.PGSQL.5432"), "{nobody}");
    let far = ran(&mut command("fsck", &dir.path().join("data"), Some("postgres://db.example/writ"))).expect(2).stderr;
    assert!(far.contains("in the clear"), "{far}");
    let missing = refused(fresh.path(), &server.url("nothing_here"));
    assert!(missing.contains("nothing_here"), "{missing}");
}

#[test]
fn a_password_on_a_command_line_is_refused_and_not_repeated() {
    let dir = folder();
    let data = dir.path().join("data");
    for url in [
        "postgres://depot:hunter2@db.example/writ",
        "postgres:///writ?password=hunter2",
        "postgres://depot:a@b?hunter2=c@db.example/writ",
        "hunter2",
    ] {
        let started = match Start::new(dir.path()).arguments(&["--database", url]).try_start() {
            Ok(_) => panic!("it started with {url}"),
            Err((status, log)) => (status.code(), log),
        };
        let asked = ["fsck", "gc", "migrate"].map(|what| {
            let ran = ran(&mut command(what, &data, Some(url))).expect(2);
            (Some(2), ran.stdout + &ran.stderr)
        });
        for (code, said) in asked.into_iter().chain([started]) {
            let why = if url == "hunter2" { "expected a URL" } else { "--database-password-file" };
            assert!(code == Some(2) && said.contains(why) && !said.contains("hunter2"), "{url}: {said}");
        }
    }
}

#[test]
fn a_server_that_does_not_flush_is_refused() {
    let mut server = Server::with(&["fsync=off"]);
    let (dir, name) = made(&server);
    let said = refused(dir.path(), &server.url(&name));
    assert!(said.contains("fsync = off"), "{said}");
    server.stop("-INT");
    server.start(&["full_page_writes=off"]);
    assert!(refused(dir.path(), &server.url(&name)).contains("full_page_writes = off"));
    // What a connection decides by itself is decided by the depot.
    server.stop("-INT");
    server.start(&["synchronous_commit=off"]);
    let url = server.url(&name);
    let depot = start(dir.path(), &url);
    publish(depot.address, &release(1, None));
    assert_whole(dir.path(), &url, &depot, 1);
}

/// By the network of this machine alone, with a password that stands in a file; a depot reaches no other port.
#[test]
fn a_password_and_a_port_of_this_machine() {
    let server = shared();
    let (dir, name) = made(server);
    let file = dir.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let file = file.display().to_string();
    let url = |host: &str| format!("postgres://{DEPOT}@{host}:{}/{name}", server.port);
    let with = ["--database", &url("localhost"), "--database-password-file", &file];
    let depot = Start::new(dir.path()).arguments(&with).start();
    publish(depot.address, &release(1, None));
    let one = [bundle(1)];
    receipts(front_desk().submit(depot.address, one.to_vec()), &one);
    // After the connection was lost as well: what is confined asks nobody for a name.
    assert!(server.terminate(&name) > 0);
    assert_whole(dir.path(), &server.url(&name), &depot, 1);
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", depot.pid())).unwrap();
    assert!(!line.contains(PASSWORD) && !depot.log().contains(PASSWORD));
    assert!(depot.stop().success());
    std::fs::write(dir.path().join("password"), "wrong").unwrap();
    let Err((status, log)) = Start::new(dir.path()).arguments(&with).try_start() else { panic!("it started") };
    assert!(
        status.code() == Some(2) && log.contains("password authentication failed") && !log.contains("wrong"),
        "{log}"
    );
}

/// A server elsewhere, for which this machine's address stands: by TLS, under its name, by certificates that are given.
#[test]
fn a_server_elsewhere_is_asked_by_tls_alone() {
    let mut server = Server::new();
    let (dir, name) = made(&server);
    let data = server.dir.path().join("data");
    let openssl = |arguments: &[&str]| {
        let out = Command::new("openssl").args(arguments).current_dir(&data).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    for authority in ["ca", "other"] {
        let (key, certificate) = (format!("{authority}.key"), format!("{authority}.crt"));
        let of = ["req", "-x509", "-days", "9", "-subj", "/CN=an authority", "-keyout", &key, "-out", &certificate];
        openssl(&[&of[..], &curve].concat());
    }
    openssl(&[&["req", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=db.example"][..], &curve].concat());
    std::fs::write(data.join("names"), "subjectAltName=DNS:db.example\n").unwrap();
    let sign =
        ["x509", "-req", "-days", "9", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(&[&sign[..], &["-extfile", "names", "-out", "server.crt"]].concat());
    let whose = std::fs::metadata(&data).unwrap();
    let whose = (std::os::unix::fs::MetadataExt::uid(&whose), std::os::unix::fs::MetadataExt::gid(&whose));
    for file in ["server.key", "server.crt"] {
        std::os::unix::fs::chown(data.join(file), Some(whose.0), Some(whose.1)).unwrap();
    }
    let (password, path) = (dir.path().join("password"), |path: std::path::PathBuf| path.display().to_string());
    std::fs::write(&password, PASSWORD).unwrap();
    let port = server.port;
    let url = |host: &str| format!("postgres://{DEPOT}@{host}:{port}/{name}?hostaddr=127.0.0.1");
    let with = |host: &str, ca: &str| {
        let (ca, password) = (path(data.join(ca)), path(password.clone()));
        ["--database", &url(host), "--database-password-file", &password, "--database-ca", &ca].map(str::to_owned)
    };
    let refused = |arguments: [String; 6]| {
        let arguments = arguments.each_ref().map(String::as_str);
        let Err((status, log)) = Start::new(dir.path()).arguments(&arguments).try_start() else { panic!("it started") };
        assert_eq!(status.code(), Some(2), "{log}");
        log
    };
    // A server that speaks none is not spoken with.
    let plain = refused(with("db.example", "ca.crt"));
    assert!(plain.contains("TLS"), "{plain}");
    server.stop("-INT");
    server.start(&["ssl=on"]);
    for (host, ca, why) in [("db.example", "other.crt", "certificate"), ("another.example", "ca.crt", "name")] {
        let said = refused(with(host, ca));
        assert!(said.contains(why), "{said}");
    }
    let arguments = with("db.example", "ca.crt");
    let depot = Start::new(dir.path()).arguments(&arguments.each_ref().map(String::as_str)).start();
    publish(depot.address, &release(1, None));
    assert!(server.terminate(&name) > 0);
    assert_whole(dir.path(), &server.url(&name), &depot, 1);
    let sql = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name = 'writ-depot' AND s.version = 'TLSv1.3'";
    assert!(server.owner("postgres").query_one(sql, &[]).unwrap().get::<_, i64>(0) > 0);
    let socket =
        ran(command("fsck", &dir.path().join("data"), Some(&server.url(&name))).args(["--database-ca", "x"])).expect(2);
    assert!(socket.stderr.contains("not by its socket"), "{}", socket.stderr);
}

#[test]
fn a_backup_moves_a_depot_to_postgresql_and_back() {
    let server = shared();
    let (dir, depot) = crate::upkeep::used();
    let at = |name: &str| dir.path().join(name);
    let (data, moved, back) = (at("data"), at("moved"), at("back"));
    let own = crate::server::is_everywhere().then(|| server.url(&name_of(&data)));
    let url = server.url(&server.database(&name_of(&moved)));
    let backup = |data: &Path, url: Option<&str>, to: &Path| {
        ran(command("backup", data, url).arg("--json").arg("--to").arg(to)).expect(0).json()
    };
    let restore = |from: &Path, data: &Path, url: Option<&str>| {
        let mut command = command("restore", data, url);
        command.arg("--json").arg("--from").arg(from);
        command
    };
    let first = backup(&data, own.as_deref(), &at("backup"));
    depot.kill();
    // A restore that is killed goes on, wherever that was.
    for point in 1..=3 {
        let mut interrupted = restore(&at("backup"), &moved, Some(&url));
        let ended = ran(interrupted.env("WRIT_CRASH_AT", point.to_string()));
        assert_eq!(ended.code, None, "{}{}", ended.stdout, ended.stderr);
        let said = ran(&mut command("fsck", &moved, Some(&url))).expect(2).stderr;
        assert!(said.contains("was interrupted"), "{said}");
    }
    let restored = ran(&mut restore(&at("backup"), &moved, Some(&url))).expect(0).json();
    assert_eq!(restored["fsck"]["ok"], true, "{restored}");
    let full = ran(&mut restore(&at("backup"), &moved, Some(&url))).expect(1).stderr;
    assert!(full.contains("not empty"), "{full}");
    let taken = ran(&mut restore(&at("backup"), &at("another"), Some(&url))).expect(2).stderr;
    assert!(taken.contains("give an empty one"), "{taken}");
    let counted = |url: &str| fsck(&moved, Some(url), 0)["checked"].clone();
    assert_eq!((&counted(&url)["bundles"], &counted(&url)["batches"]), (&5.into(), &1.into()));
    // It goes on there, with numbers after those that came along.
    let on_moved = || Start { data: moved.clone(), ..Start::new(dir.path()) }.arguments(&["--database", &url]);
    let depot = on_moved().start();
    let all: Vec<Signed> = (1..=8).map(bundle).collect();
    assert_eq!(receipts(front_desk().submit(depot.address, all.clone()), &all).held, 8);
    assert_eq!(checkpoint(depot.address).checkpoint.size, 10);
    // And back, out of a backup that is made while it serves.
    let second = backup(&moved, Some(&url), &at("backup-2"));
    assert_eq!((&first["logs"][0]["size"], &second["logs"][0]["size"]), (&7.into(), &10.into()));
    assert!(depot.stop().success());
    let restored = ran(&mut restore(&at("backup-2"), &back, None)).expect(0).json();
    assert_eq!(restored["fsck"]["checked"], counted(&url), "{restored}");
    let mut sqlite = Start { data: back.clone(), ..Start::new(dir.path()) }.command(&at("address"));
    let bare: Vec<_> = sqlite.get_args().map(std::ffi::OsStr::to_owned).collect();
    let bare = bare.into_iter().filter(|a| a != "--database" && !a.to_string_lossy().contains("postgres:"));
    sqlite = Command::new(env!("CARGO_BIN_EXE_writ-depot"));
    let mut child = sqlite.args(bare).stderr(std::process::Stdio::null()).spawn().unwrap();
    let address: SocketAddr =
        until("the depot to listen", || std::fs::read_to_string(at("address")).ok()).trim().parse().unwrap();
    assert_eq!(receipts(front_desk().submit(address, all.clone()), &all).held, 8);
    assert_eq!(checkpoint(address).checkpoint.size, 10, "nothing is logged twice");
    child.kill().unwrap();
    child.wait().unwrap();
    // The tamper of the other tests would need the file that there is again.
    tamper(&back, "UPDATE evidence SET document = x'7b7d' WHERE sequence = 2");
    assert!(codes(&fsck(&back, None, 1)).contains(&"evidence-altered"));
}

/// Beside a depot, on its way to a bucket that is away. There is no archive of it: no day has ended here.
#[test]
fn a_confined_shipper_reaches_it_and_mend_refuses_it() {
    let server = shared();
    let (dir, name) = made(server);
    let at = |name: &str| dir.path().join(name);
    let (data, password, key) = (at("data"), at("password"), at("key"));
    std::fs::write(&password, PASSWORD).unwrap();
    std::fs::write(&key, "aws_access_key_id = a\naws_secret_access_key = b\n").unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let depot = start(dir.path(), &server.url(&name));
    publish(depot.address, &release(1, None));
    let one = [bundle(1)];
    receipts(front_desk().submit(depot.address, one.to_vec()), &one);
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let by_port = format!("postgres://{DEPOT}@127.0.0.1:{}/{name}", server.port);
    for (database, file) in [(server.url(&name), None), (by_port, Some(&password))] {
        let mut ship = command("ship", &data, Some(&database));
        ship.arg("--spool").arg(at("ship")).args(["--json", "--to", "s3://evidence", "--endpoint"]);
        ship.arg(format!("http://{away}")).arg("--credentials").arg(&key);
        file.map(|file| ship.arg("--database-password-file").arg(file));
        let report = ran(&mut ship).expect(1).json();
        let problems = report["problems"].to_string();
        assert!(problems.contains(&away.to_string()) && !problems.contains("database"), "{report}");
    }
    // What is put back into a database is put into SQLite's file.
    let mut mend = command("mend", &data, Some(&server.url(&name)));
    let refused = ran(mend.arg("--from").arg(at("audit")).arg("--quarantine").arg(at("quarantine"))).expect(1).stderr;
    assert!(refused.contains("PostgreSQL has none") && !at("quarantine").exists(), "{refused}");
}
