//! The page that an auditor keeps, run by Node's WebCrypto: what it says of a folder, and of every lie that a server could tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use writ_audit::report::verify_page;
use writ_evidence::{Kind, seal};
use writ_trust::digest::{Digest, hex};
use writ_trust::json as strict;
use writ_trust::minisign::Prehash;

use crate::log_world::*;
use crate::world::*;

/// The page in a file of its own, and Node beside it.
struct Page {
    temp: tempfile::TempDir,
}

impl Page {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("verify.html"), verify_page::page()).unwrap();
        Self { temp }
    }

    fn node(&self, arguments: &[&str], input: &str) -> String {
        let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/verify_page.js");
        let mut command = Command::new("node");
        command.arg(harness).arg(self.temp.path().join("verify.html")).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("node: {e}; apt-get install nodejs"));
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says of a world, given the digest of the first root.
    fn judge(&self, world: &World, digest: &str) -> Json {
        serde_json::from_str(&self.node(&[digest, world.path().to_str().unwrap()], "")).unwrap()
    }
}

/// What the page says of one file: verdict and reason.
fn row<'a>(said: &'a Json, path: &str) -> (&'a str, &'a str) {
    let rows = said["rows"].as_array().unwrap();
    let found = rows.iter().find(|row| row["path"] == path).unwrap_or_else(|| panic!("{path} is not among {rows:#?}"));
    (found["verdict"].as_str().unwrap(), found["why"].as_str().unwrap())
}

/// A site with a log, and the digest of its first root.
fn world() -> (World, String) {
    let root = logged_root(1, &[ORIGIN]);
    let digest = Digest::of(&strict::canonical(&root)).to_string();
    let mut world = World::under(root);
    world.begin_log(Log::new(1, ORIGIN));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.started(morning());
    for n in 0..5 {
        world.snapshot(morning().plus_millis(n * HOUR + 1));
    }
    world.write_log();
    (world, digest)
}

/// The same where somebody may attest, and has.
fn attested() -> (World, String, String) {
    let mut root = logged_root(1, &[ORIGIN]);
    let mut people = crate::attesting::attest_root(|_| {});
    root["keys"].as_array_mut().unwrap().push(people["keys"][1].take());
    let digest = Digest::of(&strict::canonical(&root)).to_string();
    let mut world = World::under(root);
    world.begin_log(Log::new(1, ORIGIN));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.started(morning());
    world.write_log();
    let sealed = crate::attesting::attest(&world, crate::attesting::statement("review.keys"), "2026-11-24T09:00:00Z");
    let path = format!(
        "attestations/clinic-001/{}/{}",
        crate::attesting::sam().public_key().fingerprint(),
        sealed.file_name()
    );
    (world, digest, path)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn receipt(world: &World, sequence: usize) -> PathBuf {
    world.path().join(world.place(&world.sealed[sequence - 1]).replace(".json", ".receipt.json"))
}

#[test]
fn its_blake2b_is_that_of_minisign() {
    let lengths = [0, 1, 63, 64, 127, 128, 129, 255, 256, 257, 1023, 4096];
    let inputs = lengths.map(|n| (0..n).map(|i: u32| u8::try_from(i * 7 % 251).unwrap()).collect::<Vec<u8>>());
    let said = Page::new().node(&[], &inputs.iter().map(|input| hex(input) + "\n").collect::<String>());
    let expected = inputs.map(|input| hex(Prehash::of(&input).as_bytes()));
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_folder_that_holds_is_told_so_and_only_with_the_root_that_was_given() {
    let (world, digest) = world();
    let page = Page::new();
    let said = page.judge(&world, &digest);
    assert_eq!(said["quality"], "good", "{said:#}");
    assert_eq!(said["sentence"], "6 bundles are signed by the appliance that it names, and in the site's log.");
    let (verdict, why) = row(&said, &world.place(&world.sealed[2]));
    assert_eq!((verdict, why), ("good", "signed by front-desk (release 1-1), entry 4 of the log"));
    assert_eq!(row(&said, "releases/clinic-001/1-1/release.json"), ("good", "signed by signer-0"));

    let unpinned = page.judge(&world, "");
    assert_eq!(unpinned["quality"], "doubt", "nobody said which root to trust");
    assert!(unpinned["sentence"].as_str().unwrap().contains("give the digest"));
    let other = page.judge(&world, &Digest::of(b"another").to_string());
    assert_eq!(other["quality"], "bad");
    assert!(row(&other, "(none)").1.contains("nothing can be judged"));

    fs::remove_file(receipt(&world, 2)).unwrap();
    let said = page.judge(&world, &digest);
    assert_eq!(said["quality"], "doubt", "one is signed, and not shown to be in the log: {said:#}");
    let nothing = World::under(logged_root(1, &[ORIGIN]));
    let said = page.judge(&nothing, &digest);
    assert_eq!(
        (said["quality"].as_str(), said["sentence"].as_str()),
        (Some("doubt"), Some("No bundle was given: nothing was shown."))
    );
}

#[test]
fn what_people_attest_holds_by_their_own_keys() {
    let page = Page::new();
    let (world, digest, path) = attested();
    let said = page.judge(&world, &digest);
    assert_eq!(said["quality"], "good", "{said:#}");
    assert!(row(&said, &path).1.starts_with("attested by Sam Okafor; no log holds attestations"), "{said:#}");
    assert!(
        said["sentence"].as_str().unwrap().starts_with("One bundle is signed"),
        "statements are not counted among them"
    );
    flip(&world.path().join(&path), 300);
    assert_eq!(row(&page.judge(&world, &digest), &path).0, "bad");
    // It speaks for nobody but itself, also where it signed what it says of an appliance.
    let (world, digest, _) = attested();
    let said = crate::attesting::statement("review.keys");
    let folder = writ_audit::Folder::open(world.path()).unwrap();
    let (key, now) = (crate::attesting::sam(), at("2026-11-24T09:00:00Z"));
    let standing = writ_audit::attest::standing(&world.archive(), &folder, &site(), &key.public_key(), now).unwrap();
    let mut draft = writ_audit::attest::draft(&site(), &standing, said);
    draft.appliance = front_desk();
    let sealed = seal(draft, &standing.state, &key, now).unwrap();
    let other = format!("attestations/clinic-001/{}/{}", key.public_key().fingerprint(), sealed.file_name());
    world.write(&other, &sealed.bytes);
    world.write(&format!("{other}.minisig"), sealed.signature_text.as_bytes());
    let said = page.judge(&world, &digest);
    let (verdict, why) = row(&said, &other);
    assert!(verdict == "bad" && why.starts_with("it speaks for front-desk, "), "{why}");
    // Only a key that may attest does.
    let (attests, _, path) = attested();
    let (world, digest) = self::world();
    for name in [path.clone(), format!("{path}.minisig")] {
        world.write(&name, &fs::read(attests.path().join(&name)).unwrap());
    }
    assert!(row(&page.judge(&world, &digest), &path).1.contains("anybody could have written it"));
}

#[test]
fn one_bad_file_is_named_and_stops_nothing_and_one_root_may_be_there_twice() {
    let page = Page::new();
    let (world, digest) = world();
    world.write("root-you-were-given.json", &fs::read(world.path().join("trust/1.json")).unwrap());
    assert_eq!(page.judge(&world, &digest)["quality"], "good");
    let bundle: Json = serde_json::from_slice(&fs::read(world.file(2)).unwrap()).unwrap();
    let root: Json = serde_json::from_slice(&fs::read(world.path().join("trust/1.json")).unwrap()).unwrap();
    let release: Json =
        serde_json::from_slice(&fs::read(world.path().join("releases/clinic-001/1-1/release.json")).unwrap()).unwrap();
    let mut odd = Vec::new();
    for (document, fields) in [
        (&bundle, &["bundle_id", "client_id", "appliance", "public_key", "kind", "generated_at", "chain"][..]),
        (&root, &["version", "epoch", "keys", "thresholds", "log_origins"]),
        (&release, &["site", "epoch", "trust_version", "issued_at", "generations", "revoked_appliance_keys"]),
    ] {
        for field in fields {
            for (n, value) in [json!({ "x": {} }), json!([[]]), json!(-1), Json::Null].into_iter().enumerate() {
                let mut document = document.clone();
                document[*field] = value;
                let name = format!("odd-{}-{field}-{n}.json", document["schema"].as_str().unwrap());
                world.write(&name, &serde_json::to_vec(&document).unwrap());
                odd.push(name);
            }
        }
    }
    let said = page.judge(&world, &digest);
    for name in odd {
        assert_eq!(row(&said, &name).0, "bad", "{name}: {said:#}");
    }
    for sealed in &world.sealed {
        assert_eq!(row(&said, &world.place(sealed)).0, "good");
    }
}

/// The key of the log in a root.
fn log_key(root: &mut Json) -> &mut Json {
    let keys = root["keys"].as_array_mut().unwrap().iter_mut();
    let mut logs = keys.filter(|key| key["roles"].as_array().unwrap().contains(&"log".into()));
    logs.next().unwrap()
}

#[test]
fn later_roots_take_nothing_back() {
    let page = Page::new();
    let told = |edit: &dyn Fn(&mut Json)| {
        let (world, digest) = world();
        let mut next = logged_root(2, &[ORIGIN]);
        edit(&mut next);
        world.write_root(&next, 2, &[&signer()]);
        row(&page.judge(&world, &digest), "trust/2.json").1.to_owned()
    };
    assert_eq!(told(&|_| {}), "it follows root 1");
    assert!(told(&|root| root["epoch"] = json!(0)).contains("epoch is lower"));
    assert!(told(&|root| drop(root["keys"].as_array_mut().unwrap().pop())).contains("a key of the root before"));
    assert!(told(&|root| root["log_origins"] = json!({ "clinic-001": ["other"] })).contains("takes back a log"));
    let narrowed = "takes the role log, or a site, from a key";
    assert!(told(&|root| log_key(root)["roles"] = json!(["release"])).contains(narrowed));
    assert!(told(&|root| log_key(root)["sites"] = json!(["clinic-002"])).contains(narrowed));
    assert!(told(&|root| root["thresholds"]["release"] = json!(0)).contains("asks for nobody"));
    assert!(
        told(&|root| {
            let twice = root["keys"][0].clone();
            root["keys"].as_array_mut().unwrap().push(twice);
        })
        .contains("listed twice")
    );
}

#[test]
fn later_roots_count_only_by_the_signatures_of_the_ones_before() {
    let (world, digest) = world();
    let page = Page::new();
    let mut next = logged_root(2, &[ORIGIN]);
    world.write_root(&next, 2, &[&signer()]);
    assert_eq!(page.judge(&world, &digest)["quality"], "good");
    world.write_root(&next, 2, &[&key(9)]);
    fs::remove_file(world.path().join(format!("trust/2.json.{}.minisig", signer().key_id()))).unwrap();
    assert!(
        row(&page.judge(&world, &digest), "trust/2.json")
            .1
            .contains("signed by 0 of the 1 trust keys that the root before")
    );
    // A release key that a later root revokes leaves nothing of its releases here.
    next["keys"][0]["revoked_at"] = json!("2026-11-25T00:00:00Z");
    next["keys"].as_array_mut().unwrap().push(json!({ "public_key": key(8).public_key().line(), "name": "signer-8",
        "roles": ["trust", "release"], "sites": [], "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2030-01-01T00:00:00Z",
        "revoked_at": null }));
    world.write_root(&next, 2, &[&signer(), &key(8)]);
    let said = page.judge(&world, &digest);
    assert_eq!(row(&said, "trust/2.json").0, "good", "{said:#}");
    assert!(row(&said, "releases/clinic-001/1-1/release.json").1.contains("not enough release keys"));
    assert_eq!(row(&said, &world.place(&world.sealed[0])).0, "bad");
}

/// One lie: what is done to a world, the file that must be named, and a piece of the reason.
type Lie = (&'static str, fn(&World), fn(&World) -> String, &'static str);

fn bundle_2(world: &World) -> String {
    world.place(&world.sealed[1])
}

#[test]
fn a_lying_server_is_caught() {
    let lies: &[Lie] = &[
        ("a byte of a bundle", |w| flip(&w.file(2), 400), bundle_2, "one of the two was altered"),
        ("a byte of a signature", |w| flip(&w.signature(2), 100), bundle_2, "altered"),
        ("no signature", |w| fs::remove_file(w.signature(2)).unwrap(), bundle_2, "its signature is not here"),
        ("another's signature", |w| fs::copy(w.signature(3), w.signature(2)).map(|_| ()).unwrap(), bundle_2, "altered"),
        (
            "another bundle under this name",
            |w| {
                fs::copy(w.file(3), w.file(2)).unwrap();
                fs::copy(w.signature(3), w.signature(2)).unwrap();
            },
            bundle_2,
            "of the log is of other bytes",
        ),
        (
            "a bundle of a stranger's key",
            |w| {
                let mut draft = w.draft(Kind::Started);
                draft.started = w.sealed[0].bundle.started.clone();
                let forged = seal(draft, &writ_evidence::chain::ChainState::new(), &key(77), morning()).unwrap();
                fs::write(w.file(2), &forged.bytes).unwrap();
                fs::write(w.signature(2), &forged.signature_text).unwrap();
            },
            bundle_2,
            "anybody could have written it",
        ),
        (
            "a second history of the appliance",
            |w| {
                let mut draft = w.draft(Kind::Started);
                draft.started = w.sealed[0].bundle.started.clone();
                let state = writ_evidence::chain::ChainState { next_sequence: 2, ..w.state };
                let forged = seal(draft, &state, &device(), morning().plus_millis(9)).unwrap();
                w.write(&format!("zz/{}", forged.file_name()), &forged.bytes);
                w.write(&format!("zz/{}.minisig", forged.file_name()), forged.signature_text.as_bytes());
            },
            |w| format!("zz/2-{}.json", w.state.last_date.map_or(String::new(), |_| "EB-20261123-0002".to_owned())),
            "another bundle has its place 2",
        ),
        (
            "a proof of another entry",
            |w| {
                let mut document: Json = serde_json::from_slice(&fs::read(receipt(w, 2)).unwrap()).unwrap();
                document["index"] = json!(1);
                fs::write(receipt(w, 2), strict::canonical(&document)).unwrap();
            },
            bundle_2,
            "is not proven to be in the log",
        ),
        (
            "a checkpoint by a stranger",
            |w| {
                let mut log = w.log().clone();
                log.key = 77;
                fs::write(receipt(w, 2), log.receipt(3)).unwrap();
            },
            bundle_2,
            "no log key of the trust root signed",
        ),
        (
            "another log",
            |w| {
                let mut log = w.log().clone();
                log.origin = "log.example/clinic-002".to_owned();
                fs::write(receipt(w, 2), log.receipt(3)).unwrap();
            },
            bundle_2,
            "a log that the trust root does not name",
        ),
        (
            "two logs of one size",
            |w| {
                let (mut whole, mut rewritten) = (w.log().clone(), w.log().rewritten(5));
                fs::write(receipt(w, 1), whole.receipt(2)).unwrap();
                fs::write(receipt(w, 2), rewritten.receipt(3)).unwrap();
            },
            bundle_2,
            "somebody was lied to",
        ),
        (
            "no release",
            |w| fs::remove_dir_all(w.path().join("releases")).unwrap(),
            bundle_2,
            "no signed release here names its key",
        ),
        (
            "a byte of the release",
            |w| flip(&w.path().join("releases/clinic-001/1-1/release.json"), 60),
            |_| "releases/clinic-001/1-1/release.json".to_owned(),
            "",
        ),
        (
            "a key twice",
            |w| fs::write(w.file(2), br#"{"schema":"writ.bundle.v1","schema":"writ.bundle.v1"}"#).unwrap(),
            bundle_2,
            "a second time",
        ),
        ("a bundle of nothing", |w| fs::write(w.file(2), br#"{"schema":"writ.bundle.v1"}"#).unwrap(), bundle_2, ""),
        ("a fraction", |w| fs::write(w.file(2), b"{\"schema\":1.5}").unwrap(), bundle_2, "a value was expected"),
        ("no text", |w| fs::write(w.file(2), [0xff, 0xfe]).unwrap(), bundle_2, "not UTF-8"),
        ("deep nesting", |w| fs::write(w.file(2), "[".repeat(100_000)).unwrap(), bundle_2, "nesting too deep"),
        (
            "a receipt of nothing",
            |w| fs::remove_file(w.file(2)).unwrap(),
            |w| bundle_2(w).replace(".json", ".receipt.json"),
            "is not here",
        ),
        (
            "a root of nothing",
            |w| w.write("trust/2.json", br#"{"schema":"writ.trust.v1","version":2,"keys":[{}]}"#),
            |_| "trust/2.json".to_owned(),
            "",
        ),
    ];
    let page = Page::new();
    for (name, tell, place, reason) in lies {
        let (world, digest) = world();
        tell(&world);
        let said = page.judge(&world, &digest);
        assert_eq!(said["quality"], "bad", "{name}: {said:#}");
        let (verdict, why) = row(&said, &place(&world));
        assert!(verdict == "bad" && why.contains(reason), "{name}: {verdict}: {why}");
    }
}

/// All files that the page reads, side by side under their names, as somebody downloads them.
fn downloads(world: &World) -> tempfile::TempDir {
    let flat = tempfile::tempdir().unwrap();
    let mut folders = vec![world.path().join("trust"), world.path().join("releases"), world.path().join("evidence")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => fs::copy(&path, flat.path().join(path.file_name().unwrap())).map(|_| ()).unwrap(),
            }
        }
    }
    flat
}

/// What the page shows once it is given a digest and files: in Chromium where the runner names one (`cargo xtask test --all`),
/// otherwise in as much of a document as the page uses.
fn shown(page: &Page, digest: &str, files: &Path) -> Json {
    match std::env::var_os("WRIT_TEST_CHROMIUM") {
        Some(folder) => crate::browser::Browser::start(Path::new(&folder)).shown(
            &page.temp.path().join("verify.html"),
            digest,
            files,
        ),
        None => serde_json::from_str(&page.node(&[digest, files.to_str().unwrap(), "shown"], "")).unwrap(),
    }
}

#[test]
fn the_page_shows_what_it_found() {
    let (world, digest) = world();
    let page = Page::new();
    let files = downloads(&world);
    let good = shown(&page, &digest, files.path());
    assert_eq!(good["quality"], "good", "{good:#}");
    assert_eq!(good["sentence"], "6 bundles are signed by the appliance that it names, and in the site's log.");
    let rows = good["rows"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row[0] == "release.json" && row[2] == "holds" && row[3] == "signed by signer-0"),
        "{rows:#?}"
    );
    flip(&files.path().join(world.sealed[1].file_name()), 400);
    let bad = shown(&page, &digest, files.path());
    assert_eq!(
        (&bad["quality"], &bad["rows"][0][2]),
        (&json!("bad"), &json!("does not hold")),
        "the worst comes first: {bad:#}"
    );
    assert!(bad["rows"][0][3].as_str().unwrap().contains("altered"));
    assert!(bad["sentence"].as_str().unwrap().starts_with("One thing does not hold."));
}

#[test]
fn the_documents_name_the_digest_of_the_page_that_this_version_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/audit.md");
    let documents = fs::read_to_string(path).unwrap();
    let digest = verify_page::digest().to_string();
    assert!(documents.contains(&digest), "docs/audit.md must list {digest}");
}
