//! The binary cache, with the real `nix` as its judge.

use std::fs;
use std::net::SocketAddr;
use std::ops::Add as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use writ_nix::cache_key::CacheKey;
use writ_nix::closure::closure_of;
use writ_nix::publish::publish as publish_closure;
use writ_nix::tool::Nix;
use writ_policy::closure::Closure;
use writ_trust::digest::Digest;
use writ_trust::release::{ClosureRef, Release};
use writ_trust::role::Role;
use writ_trust::root::TrustRoot;
use writ_wire::publication::{Publication, State};

use crate::client::{Answer, Connection, get, put, request};
use crate::daemon::{Daemon, Start, unique, until};
use crate::world::*;

/// A system that no other test has, built and published into a folder, and a depot that has nothing of it yet.
struct World {
    depot: Daemon,
    dir: TempDir,
    closure: Closure,
    document: Vec<u8>,
    key: CacheKey,
}

fn build(dir: &Path, nonce: &str) -> String {
    let tools = dir.join("tools/bin");
    fs::create_dir_all(&tools).unwrap();
    fs::copy("/bin/busybox", tools.join("busybox")).expect("busybox-static is needed");
    let out = Command::new("nix-build")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../nix/tests/it/system.nix"))
        .args(["--argstr", "nonce", nonce, "--argstr", "busybox"])
        .arg(dir.join("tools"))
        .args(["--option", "substituters", "", "--option", "build-users-group", "", "--option", "sandbox", "false"])
        .arg("-o")
        .arg(dir.join("result"))
        .stdin(Stdio::null())
        .output()
        .expect("nix-build is needed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn root_with(key: &CacheKey) -> TrustRoot {
    let mut root = root();
    let cache = root.keys.iter_mut().find(|key| key.roles == [Role::Cache]).unwrap();
    (cache.public_key, cache.name) = (key.public_key(), key.name().to_owned());
    root
}

fn release_of(closure: &Closure, document: &[u8]) -> Release {
    let named = ClosureRef {
        toplevel: closure.toplevel.parse().unwrap(),
        digest: Digest::of(document),
        size: document.len() as u64,
    };
    let mut release = release(1, None);
    release.generations = [("front-desk".parse().unwrap(), generation(FRONT_DESK, Some(named)))].into();
    release
}

impl World {
    fn new() -> Self {
        let key = CacheKey::generate("writ-test-1", &[7; 32]).unwrap();
        let dir = folder_with(&root_with(&key));
        let toplevel = build(dir.path(), &format!("{}-{}-{}", std::process::id(), unique(), now().unix_millis()));
        let closure = closure_of(&Nix::default(), Path::new(&toplevel)).unwrap();
        publish_closure(&Nix::default(), &closure, &dir.path().join("published"), Some(&key)).unwrap();
        let depot = Start::new(dir.path()).start();
        let document = writ_trust::json::canonical(&closure);
        Self { dir, depot, closure, document, key }
    }

    fn address(&self) -> SocketAddr {
        self.depot.address
    }

    fn release(&self) -> Release {
        release_of(&self.closure, &self.document)
    }

    /// Offers the release and its documents; what is missing then are the store paths.
    fn begin(&self) -> Publication {
        let envelope = signed(self.release().canonical(), &[RELEASE]).canonical();
        let answer = put(self.address(), &format!("/publish/releases/{SITE}"), &envelope).expect(200);
        let missing = Publication::parse(&answer).unwrap().missing.documents;
        for document in [POLICY, &self.document].into_iter().filter(|bytes| missing.contains(&Digest::of(bytes))) {
            put(self.address(), &format!("/publish/documents/{}", Digest::of(document)), document).expect(200);
        }
        self.state()
    }

    fn state(&self) -> Publication {
        Publication::parse(&get(self.address(), &format!("/publish/releases/{SITE}")).expect(200)).unwrap()
    }

    fn published(&self) -> PathBuf {
        self.dir.path().join("published")
    }

    fn narinfo(&self, part: &str) -> Vec<u8> {
        fs::read(self.published().join(format!("{part}.narinfo"))).unwrap()
    }

    /// The URL in a narinfo, and the file.
    fn nar(&self, part: &str) -> (String, Vec<u8>) {
        let text = String::from_utf8(self.narinfo(part)).unwrap();
        let url = text.lines().find_map(|line| line.strip_prefix("URL: ")).unwrap().to_owned();
        let bytes = fs::read(self.published().join(&url)).unwrap();
        (url, bytes)
    }

    fn put_narinfo(&self, part: &str, narinfo: &[u8]) -> Answer {
        put(self.address(), &format!("/publish/narinfo/{part}"), narinfo)
    }

    fn put_all(&self) -> Publication {
        let mut state = self.begin();
        for part in state.missing.paths.clone() {
            let answer = self.put_narinfo(part.as_str(), &self.narinfo(part.as_str())).expect(200);
            state = Publication::parse(&answer).unwrap();
            if !state.missing.paths.contains(&part) {
                // The same file came for another path, or before a kill.
                continue;
            }
            let (url, nar) = self.nar(part.as_str());
            state = Publication::parse(&put(self.address(), &format!("/publish/{url}"), &nar).expect(200)).unwrap();
        }
        state
    }

    /// Sends everything, until the depot is killed; `false` when it was.
    fn send_all(dir: &Path, address: SocketAddr, closure: &Closure, document: &[u8]) -> bool {
        let envelope = signed(release_of(closure, document).canonical(), &[RELEASE]).canonical();
        let mut all = vec![(format!("/publish/releases/{SITE}"), envelope)];
        for document in [POLICY, document] {
            all.push((format!("/publish/documents/{}", Digest::of(document)), document.to_vec()));
        }
        for path in &closure.paths {
            let part = &path.path["/nix/store/".len()..][..32];
            let narinfo = fs::read_to_string(dir.join(format!("published/{part}.narinfo"))).unwrap();
            let url = narinfo.lines().find_map(|line| line.strip_prefix("URL: ")).unwrap().to_owned();
            let nar = fs::read(dir.join("published").join(&url)).unwrap();
            all.push((format!("/publish/narinfo/{part}"), narinfo.into_bytes()));
            all.push((format!("/publish/{url}"), nar));
        }
        all.iter().all(|(target, body)| {
            let answer = Connection::try_open(address).ok().and_then(|mut on| on.request("PUT", target, &[], body));
            assert!(answer.as_ref().is_none_or(|answer| answer.status == 200), "{target}: {answer:?}");
            answer.is_some()
        })
    }

    /// Copies the system out of the depot into an empty store.
    fn copy(&self, key: &str) -> (Output, PathBuf) {
        let store = self.dir.path().join(format!("store-{}", unique()));
        let out = Command::new("nix")
            .args(["--extra-experimental-features", "nix-command", "copy", "--from"])
            .arg(format!("http://{}", self.address()))
            .arg("--to")
            .arg(&store)
            .arg(&self.closure.toplevel)
            .args(["--option", "trusted-public-keys", key, "--option", "require-sigs", "true"])
            .args(["--option", "narinfo-cache-positive-ttl", "0", "--option", "narinfo-cache-negative-ttl", "0"])
            .args(["--option", "substituters", "", "--option", "build-users-group", ""])
            .env("HOME", self.dir.path())
            .env("XDG_CACHE_HOME", self.dir.path().join(format!("cache-{}", unique())))
            .stdin(Stdio::null())
            .output()
            .expect("nix is needed");
        (out, store)
    }
}

#[test]
fn nix_takes_what_was_published_and_nothing_else() {
    let world = World::new();
    let state = world.begin();
    assert_eq!((state.state, state.missing.documents.len()), (State::Pending, 0));
    assert_eq!(state.missing.paths.len(), world.closure.paths.len());
    assert_eq!(world.put_all().state, State::Active);
    let address = world.address();
    assert_eq!(get(address, "/nix-cache-info").text(), "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n");

    let (copied, store) = world.copy(&world.key.public_text());
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    assert!(store.join(&world.closure.toplevel[1..]).exists());

    let foreign = CacheKey::generate("writ-test-1", &[8; 32]).unwrap();
    let (refused, _) = world.copy(&foreign.public_text());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("lacks a valid signature"), "{said}");

    // One byte of a NAR on the depot's disk, where nothing but a broken disk or a person would change it.
    let part = &world.closure.toplevel["/nix/store/".len()..][..32];
    let (url, _) = world.nar(part);
    let file = world.dir.path().join("data/cache").join(&url);
    let mut nar = fs::read(&file).unwrap();
    // In the last block: nix's decompressor and the hash of the NAR both see it.
    let at = nar.len() - 8;
    nar[at] ^= 1;
    fs::write(&file, nar).unwrap();
    let World { dir, depot, closure, document, key } = world;
    assert!(depot.stop().success());
    let depot = Start::new(dir.path()).start();
    let world = World { dir, depot, closure, document, key };
    let (refused, _) = world.copy(&world.key.public_text());
    assert!(!refused.status.success(), "a flipped byte");
}

#[test]
fn files_are_served_in_part_and_not_twice() {
    let world = World::new();
    world.put_all();
    let (address, part) = (world.address(), &world.closure.toplevel["/nix/store/".len()..][..32]);
    let (url, nar) = world.nar(part);
    let target = format!("/{url}");
    let whole = get(address, &target);
    let tag = whole.header("etag").unwrap().to_owned();
    assert_eq!(whole.header("content-type"), Some("application/x-nix-nar"));
    assert_eq!(whole.expect(200), nar);
    let head = request(address, "HEAD", &target, &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some(nar.len().to_string().as_str())));
    let rest = request(address, "GET", &target, &[("range", "bytes=10-")], b"");
    assert_eq!(rest.header("content-range"), Some(format!("bytes 10-{}/{}", nar.len() - 1, nar.len()).as_str()));
    assert_eq!(rest.expect(206), nar[10..]);
    assert_eq!(request(address, "GET", &target, &[("range", "bytes=9999999-")], b"").status, 416);
    assert_eq!(request(address, "GET", &target, &[("if-none-match", &tag)], b"").status, 304);
    let changed = request(address, "GET", &target, &[("range", "bytes=10-"), ("if-range", "\"x\"")], b"");
    assert_eq!(changed.expect(200), nar);

    // Large ones, which are sent another way; several on one connection, in parts, and one that is cut off.
    let large: Vec<_> =
        world.closure.paths.iter().map(|path| world.nar(&path.path["/nix/store/".len()..][..32])).collect();
    assert!(large.iter().any(|(_, nar)| nar.len() > 300_000), "none is large");
    let mut connection = Connection::open(address);
    for (url, nar) in large.iter().chain(&large) {
        let target = format!("/{url}");
        assert_eq!(connection.request("GET", &target, &[], b"").unwrap().expect(200), *nar);
        let (from, to) = (nar.len() / 3, nar.len() - 2);
        let range = format!("bytes={from}-{}", to - 1);
        let part = connection.request("GET", &target, &[("range", &range)], b"").unwrap();
        assert_eq!(part.expect(206), nar[from..to]);
        let head = connection.request("HEAD", &target, &[], b"").unwrap();
        assert_eq!(head.header("content-length"), Some(nar.len().to_string().as_str()));
        assert_eq!(connection.request("GET", "/health", &[], b"").unwrap().text(), "ok\n");
        Connection::open(address).send(format!("GET {target} HTTP/1.1\r\nhost: d\r\n\r\n").as_bytes()).unwrap();
    }

    let narinfo = get(address, &format!("/{part}.narinfo"));
    assert_eq!(narinfo.header("content-type"), Some("text/x-nix-narinfo"));
    assert_eq!(narinfo.expect(200), world.narinfo(part));
    let listing = get(address, &format!("/{part}.ls")).expect(200);
    let listing: serde_json::Value = serde_json::from_slice(&listing).unwrap();
    assert_eq!(listing["root"]["entries"]["programs.json"]["type"], "regular");
    assert_eq!(listing["root"]["entries"]["middle"]["type"], "symlink");
    // nix itself makes the same listing.
    let out = Command::new("nix")
        .args(["--extra-experimental-features", "nix-command", "store", "ls", "--json", "-R", "--store"])
        .arg(format!("http://{address}"))
        .arg(&world.closure.toplevel)
        .env("HOME", world.dir.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let nix: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(nix, listing["root"]);
    for nothing in
        ["/00000000000000000000000000000000.narinfo", "/x.narinfo", "/nar/nothing.nar", &target.replace(".nar", "x")]
    {
        assert_eq!(get(address, nothing).status, 404, "{nothing}");
    }
}

#[test]
fn what_a_pending_closure_does_not_say_is_not_taken() {
    let world = World::new();
    let part = world.closure.toplevel["/nix/store/".len()..][..32].to_owned();
    let (narinfo, (url, nar)) = (world.narinfo(&part), world.nar(&part));
    let address = world.address();
    assert_eq!(world.put_narinfo(&part, &narinfo).status, 404, "nothing is pending");
    world.begin();
    let text = String::from_utf8(narinfo.clone()).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        world.put_narinfo(&part, text.replace(from, to).as_bytes()).status
    };
    assert_eq!(put(address, &format!("/publish/{url}"), &nar).status, 404, "the narinfo comes first");
    assert_eq!(changed("NarSize: ", "NarSize: 1"), 422);
    assert_eq!(changed("FileSize: ", "FileSize: 9000000"), 422, "more than it could be packed");
    assert_eq!(changed("Sig: ", &"Sig: other:AAAA\n".repeat(40).add("Sig: ")), 422, "a hundred verifications each");
    assert_eq!(changed("Sig: writ-test-1:", "Sig: writ-test-1:AAAA"), 422);
    assert_eq!(changed("URL: nar/", "URL: nar/../../"), 422);
    assert_eq!(changed("URL: nar/", "URL: http://elsewhere/nar/"), 422);
    assert_eq!(changed(&url, "nar/another.nar.zst"), 422, "a name that is not the file's content");
    assert_eq!(changed("Compression: zstd", "Compression: xz"), 422);
    assert_eq!(changed("References: ", "References: 00000000000000000000000000000000-x "), 422);
    assert_eq!(world.put_narinfo(&part, b"StorePath: x").status, 422);
    assert_eq!(world.put_narinfo(&part, &vec![b'x'; 2 * 1024 * 1024]).status, 413);
    assert_eq!(world.put_narinfo("00000000000000000000000000000000", &narinfo).status, 404);
    world.put_narinfo(&part, &narinfo).expect(200);
    assert_eq!(get(address, &format!("/{part}.narinfo")).status, 404, "not before its NAR is here");

    let target = format!("/publish/{url}");
    let mut longer = nar.clone();
    longer.push(0);
    assert_eq!(put(address, &target, &longer).status, 413);
    assert_eq!(put(address, &target, &nar[..nar.len() - 1]).status, 422);
    for at in [0, nar.len() / 2, nar.len() - 1] {
        let mut flipped = nar.clone();
        flipped[at] ^= 1;
        assert_eq!(put(address, &target, &flipped).status, 422, "byte {at}");
    }
    assert_eq!(put(address, "/publish/nar/other.nar.zst", &nar).status, 404);
    assert_eq!(fs::read_dir(world.dir.path().join("data/uploads")).unwrap().count(), 0, "nothing half is left");
    // One at a time; the other hears that it is to come again.
    let mut first = Connection::open(address);
    let head = format!("PUT {target} HTTP/1.1\r\nhost: d\r\ncontent-length: {}\r\n\r\n", nar.len());
    first.send(head.as_bytes()).unwrap();
    first.send(&nar[..1]).unwrap();
    let uploads = world.dir.path().join("data/uploads");
    until("the first to be received", || (fs::read_dir(&uploads).unwrap().count() == 1).then_some(()));
    assert_eq!(put(address, &target, &nar).status, 503);
    first.send(&nar[1..]).unwrap();
    first.answer(false).unwrap().expect(200);
    get(address, &format!("/{part}.narinfo")).expect(200);
    assert_eq!(world.state().state, State::Pending);
    assert_eq!(world.state().missing.paths.len(), world.closure.paths.len() - 1);

    // Restarted in the middle, it goes on where it was.
    let World { dir, depot, closure, document, key } = world;
    depot.kill();
    let depot = Start::new(dir.path()).start();
    let world = World { dir, depot, closure, document, key };
    assert_eq!(world.state().missing.paths.len(), world.closure.paths.len() - 1);
    assert_eq!(world.put_all().state, State::Active);
}

/// A NAR as a zstd frame that wants 16 MiB of memory to be unpacked, as `zstd --long` would make: twice what a reader need have.
fn wide(nar: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (24 - 10) << 3];
    let mut blocks = nar.chunks(128 * 1024).peekable();
    while let Some(block) = blocks.next() {
        let last = u32::from(blocks.peek().is_none());
        let header = last | u32::try_from(block.len()).unwrap() << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

/// A narinfo that names another file.
fn renamed(narinfo: &[u8], file: &Path) -> (Vec<u8>, String) {
    let hashed = Command::new("nix-hash").args(["--type", "sha256", "--flat", "--base32"]).arg(file).output().unwrap();
    let hash = String::from_utf8(hashed.stdout).unwrap().trim().to_owned();
    let (url, size) = (format!("nar/{hash}.nar.zst"), file.metadata().unwrap().len());
    let line = |line: &str| match line.split_once(':').unwrap().0 {
        "URL" => format!("URL: {url}\n"),
        "FileHash" => format!("FileHash: sha256:{hash}\n"),
        "FileSize" => format!("FileSize: {size}\n"),
        _ => format!("{line}\n"),
    };
    let text = String::from_utf8(narinfo.to_vec()).unwrap();
    (text.lines().map(line).collect::<String>().into_bytes(), url)
}

#[test]
fn nobody_makes_a_path_unimportable() {
    let world = World::new();
    let (address, toplevel) = (world.address(), &world.closure.toplevel);
    let part = toplevel["/nix/store/".len()..][..32].to_owned();
    world.begin();
    let nar = Command::new("nix-store").arg("--dump").arg(toplevel).output().unwrap().stdout;
    let file = world.dir.path().join("wide.nar.zst");
    fs::write(&file, wide(&nar)).unwrap();
    let (narinfo, url) = renamed(&world.narinfo(&part), &file);
    // The signature is genuine and the content right: what is wrong is only that importers do not unpack it.
    world.put_narinfo(&part, &narinfo).expect(200);
    assert_eq!(put(address, &format!("/publish/{url}"), &wide(&nar)).status, 422);

    // What is cached is not replaced while other paths are still missing.
    let (own, bytes) = world.nar(&part);
    world.put_narinfo(&part, &world.narinfo(&part)).expect(200);
    put(address, &format!("/publish/{own}"), &bytes).expect(200);
    assert_eq!(world.state().state, State::Pending);
    world.put_narinfo(&part, &narinfo).expect(200);
    assert_eq!(put(address, &format!("/publish/{url}"), &wide(&nar)).status, 404);
    assert_eq!(get(address, &format!("/{part}.narinfo")).expect(200), world.narinfo(&part));
    assert_eq!(world.put_all().state, State::Active);
}

#[test]
fn two_sites_share_a_path_with_the_signatures_of_both() {
    let first = World::new();
    let other_key = CacheKey::generate("writ-test-2", &[8; 32]).unwrap();
    // The same system for a second site, whose appliances trust another cache key.
    let elsewhere: writ_trust::ids::SiteId = "clinic-002".parse().unwrap();
    let mut root = root_with(&first.key);
    let own = root.keys.iter_mut().find(|key| key.roles == [Role::Cache]).unwrap();
    own.sites = vec![site()];
    let mut second = own.clone();
    (second.public_key, second.name) = (other_key.public_key(), other_key.name().to_owned());
    second.sites = vec![elsewhere.clone()];
    root.keys.push(second);
    let World { depot, dir, closure, document, key } = first;
    drop(depot);
    fs::remove_dir_all(dir.path().join("data")).unwrap();
    prepare(dir.path(), &root);
    let depot = Start::new(dir.path()).start();
    let world = World { depot, dir, closure, document, key };
    assert_eq!(world.put_all().state, State::Active);

    let mut release = world.release();
    release.site = elsewhere.clone();
    let target = format!("/publish/releases/{elsewhere}");
    let envelope = signed(release.canonical(), &[RELEASE]).canonical();
    let state = Publication::parse(&put(world.address(), &target, &envelope).expect(200)).unwrap();
    assert!(!state.missing.paths.is_empty(), "signed by nobody who counts there");
    let again = world.dir.path().join("published-again");
    publish_closure(&Nix::default(), &world.closure, &again, Some(&other_key)).unwrap();
    let mut state = state;
    for part in state.missing.paths.clone() {
        let narinfo = fs::read(again.join(format!("{part}.narinfo"))).unwrap();
        state = Publication::parse(&world.put_narinfo(part.as_str(), &narinfo).expect(200)).unwrap();
        let served = get(world.address(), &format!("/{part}.narinfo")).text();
        assert!(served.contains("Sig: writ-test-1:") && served.contains("Sig: writ-test-2:"), "{served}");
    }
    assert_eq!(state.state, State::Active);
    for key in [&world.key, &other_key] {
        let (copied, _) = world.copy(&key.public_text());
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    }
}

/// Kills a depot at one passage of a crash point while a release is published to it, starts it again and checks; `false` when
/// it was not killed.
fn killed_at(at: u64) -> bool {
    let World { depot, dir, closure, document, key } = World::new();
    depot.kill();
    fs::remove_dir_all(dir.path().join("data")).unwrap();
    let start = Start::new(dir.path()).environment("WRIT_CRASH_AT", &at.to_string());
    let killed = match start.try_start() {
        Err(_) => true,
        Ok(mut depot) => {
            let sent = World::send_all(dir.path(), depot.address, &closure, &document);
            if !sent {
                depot.ended();
            }
            !sent
        }
    };
    let depot = Start::new(dir.path()).start();
    let world = World { depot, dir, closure, document, key };
    // What is served is whole.
    for path in &world.closure.paths {
        let part = &path.path["/nix/store/".len()..][..32];
        let narinfo = get(world.address(), &format!("/{part}.narinfo"));
        if narinfo.status == 200 {
            let (url, nar) = world.nar(part);
            assert_eq!(get(world.address(), &format!("/{url}")).expect(200), nar);
            get(world.address(), &format!("/{part}.ls")).expect(200);
        }
    }
    assert_eq!(world.put_all().state, State::Active, "kill {at}");
    assert_eq!(fs::read_dir(world.dir.path().join("data/waiting")).unwrap().count(), 0);
    let (copied, _) = world.copy(&world.key.public_text());
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    killed
}

#[test]
fn a_kill_while_publishing_leaves_nothing_half() {
    let kills = crate::daemon::until_not_killed(killed_at);
    assert!(kills >= 15, "{kills}");
}

/// What is active is looked at file by file; what is damaged stays as it is, and gc takes none of it.
#[test]
fn a_damaged_cache_is_found_and_its_listings_are_made_again() {
    use crate::upkeep::{codes, command, fsck, ran};

    let world = World::new();
    assert_eq!(world.put_all().state, State::Active);
    let data = world.dir.path().join("data");
    let part = writ_nix::cache::hash_part(&world.closure.toplevel).to_owned();
    let at = |name: &str| data.join("cache").join(name);
    let (narinfo, listing, nar) = (at(&format!("{part}.narinfo")), at(&format!("{part}.ls")), at(&world.nar(&part).0));
    let World { depot, dir: _dir, closure, document, .. } = world;
    assert!(depot.stop().success());
    let report = fsck(&data, 0);
    assert_eq!(report["checked"]["narinfos"], closure.paths.len(), "{report}");
    for (code, file) in [("narinfo-missing", &narinfo), ("nar-missing", &nar), ("listing-missing", &listing)] {
        let whole = fs::read(file).unwrap();
        fs::remove_file(file).unwrap();
        let report = fsck(&data, 1);
        assert!(codes(&report).contains(&code), "{report}");
        fs::write(file, whole).unwrap();
    }
    for (code, file) in [("narinfo-broken", &narinfo), ("nar-altered", &nar)] {
        let whole = fs::read(file).unwrap();
        let mut altered = whole.clone();
        altered.truncate(whole.len() - 1 - whole.len() / 3);
        fs::write(file, &altered).unwrap();
        assert!(codes(&fsck(&data, 1)).contains(&code), "{code}");
        ran(command("fsck", &data).arg("--repair")).expect(1);
        assert_eq!(fs::read(file).unwrap(), altered, "damaged originals stay as they are");
        fs::write(file, whole).unwrap();
    }
    let whole = fs::read(&listing).unwrap();
    fs::remove_file(&listing).unwrap();
    ran(command("fsck", &data).arg("--repair")).expect(0);
    assert_eq!(fs::read(&listing).unwrap(), whole);
    let went = ran(command("gc", &data).args(["--json", "--grace", "1ms", "--keep-releases", "1"])).expect(0).json();
    assert_eq!(went["removed"], serde_json::json!({}), "{went}");
    // Nobody knows what a closure names that is lost: nothing of the cache goes then.
    fs::write(at("0c5b8vw40dy178xlpddw65q9gf1h2186.ls"), "unnamed").unwrap();
    fs::remove_file(data.join(format!("documents/{}.json", Digest::of(&document).hex()))).unwrap();
    let left = ran(command("gc", &data).args(["--json", "--grace", "1ms"])).expect(1).json();
    assert!(left["left"][0].as_str().unwrap().contains("nobody knows what the closure"), "{left}");
    assert!(at("0c5b8vw40dy178xlpddw65q9gf1h2186.ls").exists());
}
