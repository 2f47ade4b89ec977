//! Fetching closures: checked before they get their names, continued where they broke off, never more than they may be.

use std::fs;

use writ_agent::sync::schedule::Job;
use writ_trust::digest::Digest;

use super::depot::Answer;
use super::world::*;

fn paths(world: &World) -> Vec<Path_> {
    vec![
        world.store_path("system", b"the system, packed".repeat(10_000), true),
        world.store_path("tool", b"a tool, as it is".repeat(1_000), false),
        world.store_path("small", vec![7], true),
    ]
}

fn complete(world: &World, paths: &[Path_]) {
    for path in paths {
        let narinfo = fs::read_to_string(world.inbox(&format!("cache/{}.narinfo", hash_part(path)))).unwrap();
        let url = narinfo.lines().find_map(|line| line.strip_prefix("URL: ")).unwrap();
        let file = fs::read(world.inbox("cache").join(url)).unwrap();
        assert!(file == nar_file(path), "{url}");
    }
    assert_eq!(world.tree("cache/partial").len(), 0);
}

#[test]
fn a_closure_comes_before_its_release() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    world.depot().lies(|path, answer| {
        if path.starts_with("/nar/") {
            *answer = Answer::status(503);
        }
    });
    let report = world.once();
    assert!(matches!(&report.troubles[..], [(Job::Fetch, _)]), "{report:?}");
    assert!(!world.has(1));
    world.depot().is_honest();
    world.carry();
    assert!(world.has(1));
    complete(&world, &paths);
    let narinfos = world.depot().asked_for(".narinfo");
    world.carry();
    assert_eq!(world.depot().asked_for(".narinfo"), narinfos, "what is there is not fetched again");
}

#[test]
fn what_the_store_has_is_not_fetched() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    let here = world.path("store").join(&paths[1].path["/nix/store/".len()..]);
    fs::create_dir(&here).unwrap();
    let valid = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    fs::File::open(&here).unwrap().set_modified(valid).unwrap();
    // Half of an import that was killed.
    fs::create_dir(world.path("store").join(&paths[2].path["/nix/store/".len()..])).unwrap();
    world.carry();
    assert!(world.has(1));
    assert_eq!(world.depot().asked_for(hash_part(&paths[1])), 0);
    complete(&world, &[paths[0].clone(), paths[2].clone()]);
}

#[test]
fn a_download_that_breaks_off_is_continued() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    world.depot().lies(|path, answer| {
        if path.ends_with(".zst") {
            answer.cut = Some(50_000);
        }
    });
    let mut attempts = 0;
    while !world.has(1) {
        attempts += 1;
        assert!(attempts < 10);
        world.once();
    }
    complete(&world, &paths);
    assert_eq!(attempts, 4, "180,000 bytes in pieces of 50,000");
}

#[test]
fn a_nar_that_is_not_the_one_is_refused_and_fetched_anew() {
    let world = World::new();
    let paths = paths(&world);
    let url = format!("/{}", nar_url(&paths[0]));
    let size = paths[0].nar.len();
    let flipped = |at: usize| {
        let mut file = zstd(&paths[0].nar);
        file[at] ^= 1;
        file
    };
    let lies: Vec<(&str, Vec<u8>)> = vec![
        ("content", flipped(5_000)),
        ("frame", flipped(0)),
        ("block", flipped(8)),
        ("shorter", zstd(&paths[0].nar[..size - 1])),
        ("longer", zstd(&[&paths[0].nar[..], b"x"].concat())),
        ("something behind it", [&zstd(&paths[0].nar)[..], b"x"].concat()),
        ("nothing", Vec::new()),
        ("endless", vec![0; size * 2]),
        ("bomb", bomb(200)),
        ("not compressed", paths[0].nar.clone()),
        ("memory", [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff][..], &[0; 100]].concat()),
    ];
    world.publish_closure(1, &paths);
    for (name, file) in lies {
        let good = world.depot().files.insert(url.clone(), file).unwrap();
        let report = world.once();
        let (job, trouble) = &report.troubles[0];
        assert_eq!(*job, Job::Fetch, "{name}: {report:?}");
        assert!(matches!(trouble.rule(), Some("nar") | None), "{name}: {trouble}");
        assert!(!world.has(1), "{name}");
        let spooled: u64 = world.tree("cache").values().map(|bytes| bytes.len() as u64).sum();
        assert!(spooled < 2 * size as u64, "{name}: {spooled}");
        world.depot().files.insert(url.clone(), good);
        // What was wrong is not continued.
        assert_eq!(world.tree("cache/partial").len(), 0, "{name}");
    }
    world.carry();
    assert!(world.has(1));
    complete(&world, &paths);
}

#[test]
fn a_narinfo_that_lies_is_refused() {
    let world = World::new();
    let paths = paths(&world);
    let good = narinfo(&paths[0], &paths[0], CACHE);
    let at = format!("/{}.narinfo", hash_part(&paths[0]));
    let other = Digest::of(b"other");
    world.publish_closure(1, &paths);
    let lies = [
        ("unsigned", good.lines().filter(|l| !l.starts_with("Sig")).fold(String::new(), |all, l| all + l + "\n")),
        ("signed by another", narinfo(&paths[0], &paths[0], STRANGER)),
        ("another hash", good.replace("NarHash: sha256:", &format!("NarHash: sha256:{}X", &other.hex()[..1]))),
        ("another size", good.replace("NarSize: ", "NarSize: 9")),
        ("another path", good.replace(&paths[0].path, &paths[1].path)),
        (
            "a reference more",
            good.replace("References: ", &format!("References: {}", &paths[1].path["/nix/store/".len()..])),
        ),
        ("climbs", good.replace("URL: nar/", "URL: nar/../../")),
        ("elsewhere", good.replace("URL: nar/", "URL: http://127.0.0.1:1/nar/")),
        ("bzip2", good.replace("Compression: zstd", "Compression: bzip2")),
        ("a name of its own", good.replace("URL: nar/", "URL: nar/0")),
        ("no digest of the file", good.replace("FileHash: ", "FileHashes: ")),
        ("no size of the file", good.replace("FileSize: ", "FileSizes: ")),
        ("a file far larger than the path", good.replace("FileSize: ", "FileSize: 99")),
        ("garbage", "\u{0}\u{1}".to_owned()),
        ("nothing", String::new()),
        ("huge", "X".repeat(300 * 1024)),
    ];
    for (name, text) in lies {
        world.depot().files.insert(at.clone(), text.into_bytes());
        let report = world.once();
        let (job, trouble) = &report.troubles[0];
        assert_eq!(*job, Job::Fetch, "{name}: {report:?}");
        assert!(matches!(trouble.rule(), Some("narinfo")) || name == "huge", "{name}: {trouble}");
        assert!(!world.has(1), "{name}");
    }
    // Another path's file under one's own, signed narinfo.
    world.depot().files.insert(at.clone(), narinfo(&paths[0], &paths[2], CACHE).into_bytes());
    let report = world.once();
    assert!(matches!(report.troubles[0].1.rule(), Some("nar")), "{report:?}");
    world.depot().files.insert(at, good.into_bytes());
    world.carry();
    complete(&world, &paths);
}

#[test]
fn a_newer_release_takes_the_place_of_one_that_waits() {
    let world = World::new();
    let old = paths(&world);
    world.publish_closure(1, &old);
    world.depot().files.retain(|path, _| !path.starts_with("/nar/"));
    world.once();
    let new = vec![world.store_path("newer", b"newer".repeat(100), true)];
    world.publish_closure(2, &new);
    world.carry();
    assert!(world.has(2) && !world.has(1));
    complete(&world, &new);
    assert_eq!(world.tree("cache").len(), 3, "only what the release names: its NAR, its narinfo, nix-cache-info");
}

/// The enforcer would otherwise take up the older one when the time of that comes.
#[test]
fn a_release_to_come_is_told_of_before_its_closure_is_here() {
    let world = World::new();
    let publish = |serial: u64, paths: &[Path_]| {
        let mut release = world.release(serial);
        let closure = world.closure(paths);
        release["generations"][APPLIANCE]["closure"] = closure;
        release["generations"][APPLIANCE]["not_before"] = serde_json::to_value(now().plus_millis(86_400_000)).unwrap();
        world.publish(&release);
    };
    let paths = paths(&world);
    publish(1, &paths[2..]);
    world.carry();
    assert!(world.has(1));
    publish(2, &paths);
    world.depot().lies(|path, answer| {
        if path.starts_with("/nar/") {
            *answer = Answer::status(503);
        }
    });
    let report = world.once();
    assert!(matches!(&report.troubles[..], [(Job::Fetch, _)]), "{report:?}");
    assert!(world.has(2) && world.has(1));
    world.depot().is_honest();
    world.carry();
    assert!(world.has(2));
    complete(&world, &paths);
}

/// Signatures do not cover which file a narinfo names.
#[test]
fn a_path_that_is_given_another_s_file_stands_in_nobody_s_way() {
    let world = World::new();
    let (first, second) =
        (world.store_path("a", b"one".repeat(99), true), world.store_path("b", b"two".repeat(99), true));
    // The first file comes under the second one's name, then all is honest.
    world.publish_closure(1, &[first.clone(), second.clone()]);
    let crossed = Path_ { nar: first.nar.clone(), ..second.clone() };
    let lie = narinfo(&first, &first, CACHE).replace(&nar_url(&first), &nar_url(&second));
    world.depot().files.insert(format!("/{}.narinfo", hash_part(&first)), lie.into_bytes());
    let good = world.depot().files.insert(format!("/{}", nar_url(&second)), nar_file(&crossed)).unwrap();
    assert_eq!(world.refused(Job::Fetch), "narinfo");
    let lie = narinfo(&first, &second, CACHE);
    world.depot().files.insert(format!("/{}.narinfo", hash_part(&first)), lie.into_bytes());
    assert_eq!(world.refused(Job::Fetch), "nar");
    assert_eq!(world.tree("cache/nar").len(), 0, "nothing has the second one's name that is not its file");
    world.depot().files.insert(format!("/{}.narinfo", hash_part(&first)), narinfo(&first, &first, CACHE).into_bytes());
    world.depot().files.insert(format!("/{}", nar_url(&second)), good);
    world.carry();
    complete(&world, &[first, second]);
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_fetched_again_and_nothing_names_it_meanwhile() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    world.depot().files.retain(|name, _| !name.contains(hash_part(&paths[0])));
    world.once();
    // What an earlier courier was made to keep: another path's file, promised by that path's narinfo.
    let file = world.inbox("cache").join(nar_url(&paths[0]));
    fs::write(&file, nar_file(&paths[1])).unwrap();
    let odd = world.inbox("cache").join(format!("{}.narinfo", "0".repeat(32)));
    fs::write(&odd, narinfo(&paths[1], &paths[0], CACHE)).unwrap();
    world.publish_closure(1, &paths);
    world.carry();
    complete(&world, &paths);
    assert!(!odd.exists());
}

#[test]
fn a_partial_download_that_is_longer_than_the_file_is_dropped() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    let partial = world.inbox("cache/partial").join(&nar_url(&paths[0])["nar/".len()..]);
    drop(world.courier());
    fs::write(&partial, vec![7; nar_file(&paths[0]).len() + 1]).unwrap();
    // Nothing is tidied before a pull has come to its end.
    world.depot().lies(altered("/agent/sync", |sync| sync["site"] = "clinic-002".into()));
    world.once();
    assert!(partial.exists());
    world.depot().is_honest();
    let mut courier = world.courier();
    let vouched = courier.vouched().unwrap();
    courier.pull(&vouched).unwrap();
    let run = |courier: &writ_agent::sync::courier::Courier| {
        let fetch = courier.fetch().unwrap().unwrap();
        fetch.run(&Default::default(), &Default::default())
    };
    run(&courier).unwrap_err();
    assert!(!partial.exists());
    run(&courier).unwrap();
}

#[test]
fn a_depot_that_does_not_continue_downloads_is_asked_for_the_whole() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    let url = format!("/{}", nar_url(&paths[0]));
    let half = move |path: &str, answer: &mut Answer| {
        if path == url {
            answer.cut = Some(50_000);
        }
    };
    world.depot().lies(half);
    world.once();
    let partial = world.inbox("cache/partial").join(&nar_url(&paths[0])["nar/".len()..]);
    assert_eq!(fs::metadata(&partial).unwrap().len(), 50_000);
    world.depot().lies(|_, answer| answer.headers.retain(|(name, _)| name != "Content-Range"));
    world.once();
    assert!(!partial.exists());
    world.carry();
    complete(&world, &paths);
}

#[test]
fn a_restart_without_a_network_keeps_what_was_downloaded() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    let url = format!("/{}", nar_url(&paths[0]));
    world.depot().lies(move |path, answer| {
        if path == url {
            answer.cut = Some(50_000);
        }
    });
    world.once();
    let before = (world.tree("cache/partial"), world.tree("documents"));
    assert_eq!((before.0.len(), before.1.len()), (1, 2));
    world.depot().lies(|_, answer| *answer = Answer::status(503));
    world.once();
    assert!(before == (world.tree("cache/partial"), world.tree("documents")));
    world.depot().is_honest();
    world.carry();
    complete(&world, &paths);
}

#[test]
fn what_the_cache_of_the_newest_release_has_lost_is_fetched_again() {
    let world = World::new();
    let paths = paths(&world);
    world.publish_closure(1, &paths);
    world.carry();
    let lost = world.inbox("cache").join(nar_url(&paths[0]));
    let short = world.inbox("cache").join(nar_url(&paths[1]));
    let document = world.tree("documents").into_keys().next().unwrap();
    let mut courier = world.courier();
    // Also when the depot has nothing new to say.
    for _ in 0..2 {
        fs::remove_file(&lost).unwrap();
        fs::File::options().write(true).open(&short).unwrap().set_len(3).unwrap();
        fs::remove_file(world.inbox("documents").join(&document)).unwrap();
        assert!(writ_agent::sync::once::run(&mut courier).unwrap().troubles.is_empty());
        complete(&world, &paths);
        assert!(world.has(1));
    }
}
