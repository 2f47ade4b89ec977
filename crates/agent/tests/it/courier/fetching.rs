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
        let expected = if path.compressed { zstd(&path.nar) } else { path.nar.clone() };
        assert!(file == expected, "{url}");
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
    let good = narinfo(&paths[0], &nar_url(&paths[0]), CACHE);
    let at = format!("/{}.narinfo", hash_part(&paths[0]));
    let other = Digest::of(b"other");
    world.publish_closure(1, &paths);
    let lies = [
        ("unsigned", good.lines().filter(|l| !l.starts_with("Sig")).fold(String::new(), |all, l| all + l + "\n")),
        ("signed by another", narinfo(&paths[0], &nar_url(&paths[0]), STRANGER)),
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
    world.depot().files.insert(at.clone(), narinfo(&paths[0], &nar_url(&paths[2]), CACHE).into_bytes());
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
