//! `writ release publish --depot`, to the real depot.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::judge::{self, Continuity};
use writ_trust::log::note::Note;
use writ_trust::log::proof;
use writ_trust::log::tile::{Tile, TileError, TileNodes, Tiles};
use writ_trust::minisign::SecretKeyFile;
use writ_trust::release::Release;
use writ_trust::root_chain::TrustChain;
use writ_wire::releases::Releases;

use crate::depot::{Appliance, Depot, Line, SECOND, now};
use crate::desk::{Desk, SITE};

/// A desk whose front-desk has a system.
fn with_system() -> Desk {
    Desk::logged().with_system()
}

#[test]
fn a_release_with_its_system_goes_up_once_and_is_verified_there() {
    let desk = with_system();
    let depot = Depot::start(&desk, "depot");
    desk.draft("draft");
    desk.sign("draft", "alice");
    let publish = desk.publish_to("draft", &depot.url);
    let said = desk.ok(&publish);
    assert!(said.contains(&format!("published {SITE} 1-1 at {}, in the log of", depot.url)), "{said}");
    let receipt = format!("releases/releases/{SITE}/1-1/release.receipt.json");
    let first = desk.read(&receipt);
    // Again changes nothing, neither here nor there.
    let said = desk.ok(&publish);
    assert!(said.contains("was published already"), "{said}");
    assert_eq!(desk.read(&receipt), first);
    // The cache is one that Nix reads, and the folder is what an appliance takes.
    let cached = desk.names("depot/cache").iter().filter(|name| name.ends_with(".narinfo")).count();
    assert!(cached > 0);
    desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
    // The next one sends only what is new.
    desk.retitle("Another title");
    let said = desk.release_to("draft-2", &depot.url);
    assert!(said.contains("1-2"), "{said}");
    assert_eq!(desk.names("depot/cache").iter().filter(|name| name.ends_with(".narinfo")).count(), cached);
}

#[test]
fn an_interrupted_publication_is_taken_up_again() {
    let desk = with_system();
    let depot = Depot::start(&desk, "depot");
    let line = Line::to(&depot);
    desk.draft("draft");
    desk.sign("draft", "alice");
    let publish = desk.publish_to("draft", &line.url);
    line.lie(
        |target, code, body| {
            if target.starts_with("PUT /publish/nar/") { (503, Vec::new()) } else { (code, body) }
        },
    );
    let said = desk.could_not(&publish);
    assert!(said.contains("busy"), "{said}");
    assert!(!desk.path(&format!("releases/releases/{SITE}/1-1")).exists(), "not here before it is there");
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    line.lie(move |target, code, body| {
        counted.fetch_add(usize::from(target.starts_with("PUT /publish/narinfo/")), Ordering::SeqCst);
        (code, body)
    });
    desk.ok(&publish);
    let all = desk.names("depot/cache").iter().filter(|name| name.ends_with(".narinfo")).count();
    assert_eq!(sent.load(Ordering::SeqCst), all - 1, "what had arrived is not sent again");
}

#[test]
fn without_a_folder_the_draft_keeps_what_is_sent() {
    let desk = with_system();
    let depot = Depot::start(&desk, "depot");
    desk.draft("draft");
    desk.sign("draft", "alice");
    let publish = ["release", "publish", "draft", "--depot", &depot.url, "--trust", "releases/trust"];
    let keys = ["--cache-key", "keys/cache-1.nix-key", "--read-key", "keys/reader.key"];
    assert!(desk.expect(&publish, 2).1.contains("--read-key"));
    desk.ok(&[&publish[..], &keys[..]].concat());
    assert!(!desk.path("releases/releases").exists());
    // What was published is newer than the folder knows, so the folder's next draft would overtake nothing unseen.
    desk.retitle("Two");
    fs::rename(desk.path("draft"), desk.path("old")).unwrap();
    fs::remove_file(desk.path("ledger.json")).ok();
    desk.ok(&[
        "release",
        "draft",
        "--flake",
        "flake",
        "--site",
        SITE,
        "--previous",
        "releases",
        "--to",
        "draft",
        "--ledger",
        "l",
    ]);
    desk.ok(&[
        "release",
        "sign",
        "draft",
        "--key",
        "keys/alice.key",
        "--passphrase-file",
        "pass",
        "--flake",
        "flake",
        "--previous",
        "releases",
        "--ledger",
        "l2",
    ]);
    let said = desk.refused(&[&publish[..], &keys[..], &["--ledger", "l3"]].concat());
    assert!(said.contains("rule floor") || said.contains("published meanwhile"), "{said}");
}

#[test]
fn new_trust_roots_go_up_first_and_strange_ones_stop_everything() {
    let desk = Desk::logged();
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft", &depot.url);
    desk.key("bob");
    desk.ok(&["trust", "next", "--from", "releases/trust", "--key", "keys/bob.pub:release"]);
    desk.sign_root(2);
    desk.retitle("Two");
    let said = desk.release_to("draft-2", &depot.url);
    assert!(said.contains("published trust root 2") && said.contains("1-2"), "{said}");
    // A depot of another house.
    let other = Desk::logged_of_others();
    other.draft("draft");
    other.sign("draft", "alice");
    let said = other.refused(&other.publish_to("draft", &depot.url));
    assert!(said.contains("another trust root 1"), "{said}");
}

#[test]
fn a_release_that_only_revoked_keys_signed_at_the_depot_is_not_published_again() {
    let desk = Desk::logged();
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft", &depot.url);
    desk.key("bob");
    let next = ["trust", "next", "--from", "releases/trust", "--key", "keys/bob.pub:trust,release"];
    desk.ok(&[&next[..], &["--revoke", "keys/alice.pub"]].concat());
    desk.sign_root(2);
    desk.ok(&["trust", "sign", "releases/trust/2.json", "--key", "keys/bob.key", "--passphrase-file", "pass"]);
    // Bob signs the same bytes: here they count again, and the depot keeps Alice's signature.
    let document = format!("draft/releases/{SITE}/1-1/release.json");
    let file = String::from_utf8(desk.read("keys/bob.key")).unwrap();
    let passphrase = String::from_utf8(desk.read("pass")).unwrap();
    let bob = SecretKeyFile::parse(&file).unwrap().unlock(passphrase.trim_end().as_bytes()).unwrap();
    let signature = bob.sign(&desk.read(&document), "again", "c").unwrap().to_string();
    desk.put(&format!("{document}.{}.minisig", desk.key_id("bob")), signature);
    let said = desk.refused(&desk.publish_to("draft", &depot.url));
    assert!(said.contains("draft a new serial") && said.contains("alice"), "{said}");
    assert!(said.contains("what the depot shows of") && !said.contains("takes its place"), "{said}");
}

#[test]
fn of_two_publishers_the_second_is_told() {
    let desk = Desk::logged();
    let depot = Depot::start(&desk, "depot");
    desk.release_to("draft-1", &depot.url);
    for (name, title) in [("draft-a", "A"), ("draft-b", "B")] {
        desk.retitle(title);
        let ledger = format!("{name}.json");
        desk.ok(&["release", "draft", "--flake", "flake", "--previous", "releases", "--to", name, "--ledger", &ledger]);
        desk.ok(&[
            "release",
            "sign",
            name,
            "--key",
            "keys/alice.key",
            "--passphrase-file",
            "pass",
            "--flake",
            "flake",
            "--previous",
            "releases",
            "--ledger",
            &ledger,
        ]);
    }
    let publish = |draft: &'static str, ledger: &'static str| {
        vec![
            "release",
            "publish",
            draft,
            "--trust",
            "releases/trust",
            "--read-key",
            "keys/reader.key",
            "--depot",
            &depot.url,
            "--ledger",
            ledger,
        ]
    };
    desk.ok(&publish("draft-a", "draft-a.json"));
    let said = desk.refused(&publish("draft-b", "draft-b.json"));
    assert!(said.contains("rule floor") || said.contains("published meanwhile"), "{said}");
}

#[test]
fn what_a_lying_depot_shows_is_not_built_on() {
    let desk = Desk::logged();
    let depot = Depot::start(&desk, "depot");
    let line = Line::to(&depot);
    desk.release_to("draft-1", &line.url);
    let mut appliance = Appliance::new(&desk, &depot.url);
    appliance.obey(&desk, 1);
    appliance.deliver(3);
    desk.retitle("Two");
    desk.release_to("draft-2", &line.url);
    appliance.deliver(3);
    desk.retitle("Three");
    desk.draft("draft-3");
    desk.sign("draft-3", "alice");
    let publish = desk.publish_to("draft-3", &line.url);
    // It hides the newest release: the log has it.
    line.lie(|target, code, body| match Releases::parse(&body) {
        Ok(mut list) if target.starts_with("/api/releases/") => {
            list.releases.pop();
            (code, list.canonical())
        }
        _ => (code, body),
    });
    let said = desk.refused(&publish);
    assert!(said.contains("is release 1-2, and the depot does not show it"), "{said}");
    // It shows a checkpoint that nobody signed.
    line.lie(|target, code, mut body| {
        if target.ends_with("/checkpoint") {
            body[40] ^= 1;
        }
        (code, body)
    });
    assert!(desk.refused(&publish).contains("head of the log"));
    // It exchanges an entry.
    line.lie(|target, code, mut body| {
        if target.contains("/tile/entries/") {
            let middle = body.len() - 40;
            body[middle] ^= 1;
        }
        (code, body)
    });
    let said = desk.refused(&publish);
    assert!(said.contains("is not the one that the log committed to"), "{said}");
    // The release itself, altered.
    line.lie(|target, code, body| {
        let altered = String::from_utf8_lossy(&body).replacen("\"document\":\"e", "\"document\":\"f", 1);
        if target.starts_with("/api/releases/") { (code, altered.into_bytes()) } else { (code, body) }
    });
    assert!(desk.refused(&publish).contains("does not hold"));
    // A document that comes back otherwise than it went up.
    line.lie(
        |target, code, body| {
            if target.starts_with("/documents/") { (code, b"{}".to_vec()) } else { (code, body) }
        },
    );
    let said = desk.refused(&publish);
    assert!(said.contains("gives other bytes for document"), "{said}");
    line.honest();
    desk.ok(&publish);
}

#[test]
fn depots_that_cannot_be_talked_to_are_said() {
    let desk = Desk::logged();
    desk.draft("draft");
    desk.sign("draft", "alice");
    for (url, why) in [
        ("http://127.0.0.1:1", "cannot be reached"),
        ("ftp://depot.example", "expected https://host"),
        ("http://depot.example", "plain HTTP"),
    ] {
        let said = desk.could_not(&desk.publish_to("draft", url));
        assert!(said.contains(why), "{said}");
    }
    let depot = Depot::start(&desk, "depot");
    let mut stranger = desk.publish_to("draft", &depot.url);
    *stranger.last_mut().unwrap() = "keys/depot-log.key";
    let said = desk.could_not(&stranger);
    assert!(said.contains("401") && said.contains("role"), "{said}");
}

/// The tiles of the site's log in a folder.
struct Tiled(PathBuf);

impl Tiles for Tiled {
    type Error = TileError;

    fn tile(&mut self, tile: &Tile) -> Result<Vec<u8>, TileError> {
        let read = |path: String| fs::read(self.0.join(path)).ok();
        Ok(read(tile.path()).or_else(|| read(tile.full().path())).unwrap_or_default())
    }
}

/// What an appliance judges that has nothing but the folder, and has seen a checkpoint: whether it includes the release, and
/// under which checkpoint.
fn judged(desk: &Desk, serial: u64, number: u64, seen: Option<&Checkpoint>) -> Checkpoint {
    let roots: Vec<_> = (1..).map_while(|n| fs::read(desk.path(&format!("releases/trust/{n}.json"))).ok()).collect();
    let beside = |folder: &str, name: &str| -> Vec<Vec<u8>> {
        let all = desk.files(folder).into_iter().filter(|(file, _)| file.ends_with(".minisig"));
        all.filter(|(file, _)| file.starts_with(name)).map(|(_, bytes)| bytes).collect()
    };
    let mut chain = TrustChain::pinned(&roots[0]).unwrap();
    for (n, root) in roots.iter().enumerate().skip(1) {
        chain.extend(root, &beside("releases/trust", &format!("{}.json.", n + 1))).unwrap();
    }
    let folder = format!("releases/releases/{SITE}/1-{serial}");
    let bytes = desk.read(&format!("{folder}/release.json"));
    let receipt = desk.read(&format!("{folder}/release.receipt.json"));
    let log = desk.path(&format!("releases/log/{SITE}/{number}"));
    let head = fs::read(log.join("checkpoint")).unwrap();
    let head = Checkpoint::parse(&Note::parse(&head).unwrap().text).unwrap();
    let mut nodes = TileNodes::new(Tiled(log), head.size);
    let consistency = match seen {
        Some(seen) if seen.origin == head.origin => proof::consistency(&mut nodes, seen.size, head.size).unwrap(),
        _ => Vec::new(),
    };
    let restarts: Vec<_> = (2..=number)
        .map(|n| {
            let folder = format!("releases/log/{SITE}/{n}");
            (desk.read(&format!("{folder}/restart.json")), beside(&folder, "restart.json."))
        })
        .collect();
    let continuity = Continuity { seen, consistency: &consistency, restarts: &restarts };
    let release = Release::parse(&bytes).unwrap();
    let judged = judge::inclusion(&chain, &release, Digest::of(&bytes), Some(&receipt), &continuity, now());
    let found = judged.unwrap().expect("a log").checkpoint.checkpoint;
    assert_eq!(found, head, "the head beside it is the one of the receipt");
    found
}

#[test]
fn a_folder_has_all_that_an_appliance_without_courier_needs() {
    let desk = Desk::logged();
    let depot = Depot::start(&desk, "depot");
    let line = Line::to(&depot);
    desk.release_to("draft-1", &line.url);
    let first = judged(&desk, 1, 1, None);
    let mut appliance = Appliance::new(&desk, &depot.url);
    appliance.obey(&desk, 1);
    appliance.deliver(90);
    let between = Checkpoint::parse(&Note::parse(appliance.last_checkpoint.as_ref().unwrap().as_bytes()).unwrap().text);
    (0..3).for_each(|_| drop(appliance.deliver(90)));
    desk.retitle("Two");
    desk.release_to("draft-2", &line.url);
    // Whether it followed the folder, or a courier up to some moment between.
    for seen in [&first, &between.unwrap()] {
        assert_eq!(judged(&desk, 2, 1, Some(seen)).size, 363);
    }
    // Tiles that are not those of the log do not come in, and the next try goes on.
    appliance.deliver(10);
    desk.retitle("Three");
    desk.draft("draft-3");
    desk.sign("draft-3", "alice");
    let before = desk.files("releases/log");
    let publish = desk.publish_to("draft-3", &line.url);
    line.lie(|target, code, mut body| {
        if target.contains("/tile/0/001.p/118") {
            body[118 * 32 - 1] ^= 1;
        }
        (code, body)
    });
    desk.refused(&publish);
    assert_eq!(desk.files("releases/log"), before);
    assert!(!desk.path(&format!("releases/releases/{SITE}/1-3")).exists());
    line.honest();
    desk.ok(&publish);
    judged(&desk, 3, 1, Some(&first));
    // A log takes over: the order comes with it, and a receipt of the new one.
    desk.draft_restart(&format!("releases/log/{SITE}/1/checkpoint"));
    desk.sign_restart();
    desk.ok(&["log", "publish", "restart.json", "--trust", "releases/trust", "--depot", &depot.url]);
    desk.ok(&publish);
    let second = judged(&desk, 3, 2, Some(&first));
    assert_eq!(second.origin, SECOND);
    // A folder that has seen more than the depot shows.
    drop((line, depot));
    let other = Depot::start(&desk, "other");
    let said = desk.refused(&desk.publish_to("draft-3", &other.url));
    assert!(said.contains("the depot shows none") && said.contains("nothing was published"), "{said}");
}

#[test]
fn a_folder_alone_does_not_do_for_a_site_with_a_log() {
    let desk = Desk::logged();
    desk.draft("draft");
    desk.sign("draft", "alice");
    let publish = ["release", "publish", "draft", "--to", "releases", "--cache-key", "keys/cache-1.nix-key"];
    let (_, said) = desk.expect(&publish, 0);
    assert!(said.contains("only with the receipt of its log"), "{said}");
}
