//! Each way to attack an import, each refused by its own error, which names the path.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use writ_nix::cache::EntryError;
use writ_nix::cache_key::CacheKey;
use writ_nix::import::ImportError;
use writ_nix::nar::{CopyError, hash_tree};
use writ_nix::publish::publish;
use writ_trust::digest::Digest;

use crate::world::World;

/// The error, after seeing that nothing of the system got into the store and nothing of ours was left behind.
fn refused(world: &World, result: Result<writ_nix::import::Imported, ImportError>) -> ImportError {
    let error = result.unwrap_err();
    assert!(!world.has_system(), "{error}");
    assert!(!world.staging().exists(), "staging is removed");
    error
}

fn entry_error(error: ImportError, name: &str) -> EntryError {
    match error {
        ImportError::Entry { path, source } if path.ends_with(name) => source,
        other => panic!("not an entry error about {name}: {other}"),
    }
}

#[test]
fn a_closure_is_imported_compared_and_kept() {
    let world = World::published();
    let imported = world.import().unwrap();
    assert_eq!((imported.paths, imported.fetched, imported.repaired), (5, 5, 0));
    assert_eq!(fs::read_link(world.gc_root()).unwrap(), Path::new(&world.toplevel));
    assert!(!world.staging().exists());
    assert!(world.has_system());
    let again = world.import().unwrap();
    assert_eq!((again.fetched, again.repaired), (0, 0));
}

#[test]
fn the_machine_s_own_configuration_adds_no_key() {
    let world = World::published();
    let other = CacheKey::generate("other-1", &[9; 32]).unwrap();
    let result = world.import_with(&world.closure, &[other.public_text()]);
    let error = entry_error(refused(&world, result), "");
    assert!(matches!(&error, EntryError::Unsigned { signed_by } if signed_by.contains("writ-test-1")), "{error}");
}

#[test]
fn an_unsigned_cache_is_refused() {
    let world = World::built();
    publish(&world.nix, &world.closure, &world.cache(), None).unwrap();
    let world = world.elsewhere();
    let result = world.import();
    let error = entry_error(refused(&world, result), "");
    assert!(matches!(&error, EntryError::Unsigned { signed_by } if signed_by.contains("nobody")), "{error}");
}

#[test]
fn no_trusted_key_or_a_broken_one_is_refused() {
    let world = World::published();
    let result = world.import_with(&world.closure, &[]);
    assert!(matches!(entry_error(refused(&world, result), ""), EntryError::Unsigned { .. }));
    let result = world.import_with(&world.closure, &["nonsense".into()]);
    assert!(matches!(refused(&world, result), ImportError::Key { .. }));
}

#[test]
fn a_signature_of_another_name_or_text_is_refused() {
    let world = World::published();
    world.edit_narinfo("-middle", |text| text.replace("Sig: writ-test-1:", "Sig: writ-test-1:AA"));
    let result = world.import();
    let error = refused(&world, result);
    assert!(matches!(entry_error(error, "-middle"), EntryError::Unsigned { .. } | EntryError::Malformed { .. }));
}

#[test]
fn a_tampered_nar_is_refused() {
    let world = World::published();
    let leaf_nar = fs::read(world.nar("-leaf")).unwrap();
    fs::write(world.nar("-middle"), leaf_nar).unwrap();
    let result = world.import();
    match refused(&world, result) {
        ImportError::Nar { path, source: CopyError::Hash { .. } | CopyError::TooLarge { .. }, .. } => {
            assert!(path.ends_with("-middle"));
        }
        other => panic!("{other}"),
    }
}

/// The cache is somebody else's folder, and may change under an import. What Nix reads is our own copy, checked while it was
/// made: here everything in the cache is exchanged right before each time that Nix is asked to copy.
#[test]
fn what_nix_reads_can_no_longer_change() {
    let mut world = World::published();
    let bin = world.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let find = |name: &str| {
        let path = std::env::var_os("PATH").unwrap();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists()).expect(name)
    };
    std::os::unix::fs::symlink(find("nix-store"), bin.join("nix-store")).unwrap();
    let (cache, real) = (world.cache(), find("nix"));
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" copy \"*) for file in {0}/*.narinfo {0}/nar/*; do echo tampered > $file; done; touch {0}/asked;; esac\n\
         exec {1} \"$@\"\n",
        cache.display(),
        real.display()
    );
    fs::write(bin.join("nix"), script).unwrap();
    fs::set_permissions(bin.join("nix"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.nix.bin_dir = Some(bin);
    let imported = world.import().unwrap();
    assert!(cache.join("asked").exists(), "the cache was exchanged");
    assert_eq!((imported.paths, imported.fetched), (5, 5));
    assert!(world.has_system());
}

/// The same at no moment in particular: an import of a cache whose files are exchanged all the while brings what the closure
/// document says, or nothing.
#[test]
fn a_cache_that_changes_all_the_while_brings_the_listed_content_or_none() {
    let mut world = World::published();
    let names = ["-leaf", "-middle"];
    let files: Vec<_> = names.iter().flat_map(|name| [world.nar(name), world.narinfo(name)]).collect();
    let files: Vec<_> = files.into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    for _ in 0..4 {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for (good, file) in &files {
                        let mut bad = good.clone();
                        bad[good.len() / 2] ^= 1;
                        fs::write(file, &bad[..good.len() / 2]).unwrap();
                        fs::write(file, &bad).unwrap();
                        fs::write(file.with_extension("swap"), good).unwrap();
                        fs::rename(file.with_extension("swap"), file).unwrap();
                    }
                }
            });
            let result = world.import();
            stop.store(true, Ordering::Relaxed);
            match result {
                Ok(_) => assert!(world.has_system()),
                // Refused on the way in, never found out afterwards.
                Err(ImportError::Entry { .. } | ImportError::Nar { .. }) => assert!(!world.has_system()),
                Err(other) => panic!("{other}"),
            }
        });
        for path in &world.closure.paths {
            let real = world.nix.on_disk(&path.path);
            if real.exists() {
                assert_eq!(hash_tree(&real).unwrap().hash, path.nar_hash, "{}", path.path);
            }
        }
        world = world.elsewhere();
    }
}

#[test]
fn every_flipped_byte_of_a_nar_is_refused_or_harmless() {
    let mut world = World::published();
    let good = fs::read(world.nar("-leaf")).unwrap();
    for at in (0..good.len()).step_by(9) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(world.nar("-leaf"), &bad).unwrap();
        if let Err(error) = world.import() {
            assert!(matches!(error, ImportError::Nar { .. }), "byte {at}: {error}");
        } else {
            world = world.elsewhere();
        }
    }
}

#[test]
fn a_nar_that_unpacks_without_end_is_stopped() {
    let world = World::published();
    let bomb =
        ruzstd::encoding::compress_to_vec(&vec![0_u8; 50_000_000][..], ruzstd::encoding::CompressionLevel::Fastest);
    fs::write(world.nar("-leaf"), bomb).unwrap();
    let result = world.import();
    let error = refused(&world, result);
    assert!(matches!(error, ImportError::Nar { source: CopyError::TooLarge { .. }, .. }), "{error}");
}

#[test]
fn tampered_narinfos_are_refused_each_by_its_own_error() {
    let world = World::published();
    type Case = (fn(String) -> String, fn(&EntryError) -> bool);
    let cases: [Case; 8] = [
        (|t| t.replace("NarSize: ", "NarSize: 9"), |e| matches!(e, EntryError::Size { .. })),
        (replace_hash, |e| matches!(e, EntryError::Hash { .. })),
        (|t| drop_reference(&t), |e| matches!(e, EntryError::References { .. })),
        (|t| t.replace("-writ-test-leaf\n", "-writ-test-life\n"), |e| matches!(e, EntryError::OtherPath { .. })),
        (|t| t.replace("URL: nar/", "URL: ../nar/"), |e| matches!(e, EntryError::Url(_))),
        (|t| t.replace("Compression: zstd", "Compression: xz"), |e| matches!(e, EntryError::Compression(_))),
        (|_| "StorePath: nonsense\n".into(), |e| matches!(e, EntryError::Malformed { .. })),
        (|t| t + &"Sig: a:AAAA\n".repeat(200_000), |e| matches!(e, EntryError::Malformed { .. })),
    ];
    let good = fs::read(world.narinfo("-leaf")).unwrap();
    for (number, (tamper, expected)) in cases.into_iter().enumerate() {
        world.edit_narinfo("-leaf", tamper);
        let result = world.import();
        let error = entry_error(refused(&world, result), "-leaf");
        assert!(expected(&error), "case {number}: {error}");
        fs::write(world.narinfo("-leaf"), &good).unwrap();
    }
    world.import().unwrap();
}

fn replace_hash(text: String) -> String {
    text.lines()
        .map(|l| match l.strip_prefix("NarHash: ") {
            Some(_) => format!("NarHash: sha256:{}\n", "0".repeat(52)),
            None => format!("{l}\n"),
        })
        .collect()
}

fn drop_reference(text: &str) -> String {
    text.lines()
        .map(|l| match l.strip_prefix("References: ") {
            Some(_) => "References: \n".to_owned(),
            None => format!("{l}\n"),
        })
        .collect()
}

#[test]
fn what_the_cache_lacks_is_named() {
    let world = World::published();
    let narinfo = fs::read(world.narinfo("-middle")).unwrap();
    fs::remove_file(world.narinfo("-middle")).unwrap();
    let result = world.import();
    let error = refused(&world, result);
    assert!(matches!(entry_error(error, "-middle"), EntryError::Absent { .. }));
    fs::write(world.narinfo("-middle"), narinfo).unwrap();
    fs::remove_file(world.nar("-leaf")).unwrap();
    let result = world.import();
    assert!(matches!(entry_error(refused(&world, result), "-leaf"), EntryError::Absent { .. }));
}

#[test]
fn links_and_pipes_in_a_cache_are_refused_without_waiting() {
    let world = World::published();
    let narinfo = world.narinfo("-leaf");
    let aside = world.dir.path().join("aside");
    fs::rename(&narinfo, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &narinfo).unwrap();
    let result = world.import();
    assert!(matches!(entry_error(refused(&world, result), "-leaf"), EntryError::NotAFile { .. }));
    fs::remove_file(&narinfo).unwrap();
    assert!(Command::new("mkfifo").arg(&narinfo).status().unwrap().success());
    let result = world.import();
    assert!(matches!(entry_error(refused(&world, result), "-leaf"), EntryError::NotAFile { .. }));
}

#[test]
fn a_content_addressed_path_needs_no_signature_but_must_be_the_listed_one() {
    let world = World::published();
    world.edit_narinfo("-source", |t| t.lines().filter(|l| !l.starts_with("Sig")).map(|l| format!("{l}\n")).collect());
    let mut other = world.closure.clone();
    let path = other.paths.iter_mut().find(|p| p.path.ends_with("-source")).unwrap();
    path.nar_hash = Digest::of(b"other");
    let result = world.import_with(&other, &[world.key.public_text()]);
    assert!(matches!(entry_error(refused(&world, result), "-source"), EntryError::Hash { .. }));
    // A content address that its name does not vouch for counts as none.
    world.edit_narinfo("-leaf", |t| {
        let unsigned: String = t.lines().filter(|l| !l.starts_with("Sig")).map(|l| format!("{l}\n")).collect();
        let hash = unsigned.lines().find_map(|l| l.strip_prefix("NarHash: ")).unwrap().to_owned();
        format!("{unsigned}CA: fixed:r:{hash}\n")
    });
    let result = world.import();
    assert!(matches!(entry_error(refused(&world, result), "-leaf"), EntryError::Unsigned { .. }));
}

#[test]
fn a_signed_system_with_another_reference_than_listed_is_refused() {
    let world = World::published();
    let mut fewer = world.closure.clone();
    let middle = world.path("-middle");
    fewer.paths.iter_mut().find(|p| p.path == world.toplevel).unwrap().references.retain(|r| *r != middle);
    let result = world.import_with(&fewer, &[world.key.public_text()]);
    assert!(
        matches!(entry_error(refused(&world, result), "-top"), EntryError::References { found } if found == middle)
    );
}

#[test]
fn an_extra_path_that_is_in_the_store_already_is_found() {
    let world = World::built();
    for hidden in ["-leaf", "-middle"] {
        let mut fewer = world.closure.clone();
        let path = world.path(hidden);
        fewer.paths.retain(|p| p.path != path);
        fewer.programs.clear();
        fewer.paths.iter_mut().for_each(|p| p.references.retain(|r| *r != path));
        let error = world.import_with(&fewer, &[]).unwrap_err();
        assert!(matches!(&error, ImportError::Extra { path: extra } if *extra == path), "{error}");
    }
}

#[test]
fn references_that_differ_among_listed_paths_are_found() {
    let world = World::built();
    let mut other = world.closure.clone();
    let leaf = world.path("-leaf");
    other.paths.iter_mut().find(|p| p.path.ends_with("-source")).unwrap().references.push(leaf);
    let error = world.import_with(&other, &[]).unwrap_err();
    assert!(matches!(&error, ImportError::References { path, .. } if path.ends_with("-source")), "{error}");
}

#[test]
fn a_path_that_the_system_does_not_need_is_found() {
    let (world, other) = (World::built(), World::built());
    let mut more = world.closure.clone();
    more.paths.extend(other.closure.paths.iter().filter(|p| p.path.ends_with("-source")).cloned());
    let error = world.import_with(&more, &[]).unwrap_err();
    assert!(matches!(&error, ImportError::Superfluous { path } if path.ends_with("-source")), "{error}");
}

#[test]
fn other_content_under_a_listed_name_is_found() {
    let world = World::built();
    let mut other = world.closure.clone();
    let leaf = other.paths.iter_mut().find(|p| p.path.ends_with("-leaf")).unwrap();
    leaf.nar_hash = Digest::of(b"what the signers built");
    fs::create_dir_all(world.cache()).unwrap();
    let error = world.import_with(&other, &[]).unwrap_err();
    // It is not what the document says, and the cache has nothing better.
    assert!(matches!(entry_error(error, "-leaf"), EntryError::Absent { .. }));
}

#[test]
fn content_that_was_damaged_on_the_disk_is_repaired_from_the_cache() {
    let world = World::published();
    world.import().unwrap();
    let program = world.nix.on_disk(&format!("{}/bin/leaf", world.path("-leaf")));
    let whole = fs::read(&program).unwrap();
    // As a power cut leaves it: registered, and empty.
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(&program, b"").unwrap();
    let imported = world.import().unwrap();
    assert_eq!((imported.fetched, imported.repaired), (0, 1));
    assert_eq!(fs::read(&program).unwrap(), whole);
    // Or as an impatient hand leaves it: registered, and gone.
    fs::rename(world.nix.on_disk(&world.path("-leaf")), world.cache().join("gone")).unwrap();
    let imported = world.import().unwrap();
    assert_eq!((imported.fetched, imported.repaired), (0, 1));
    assert_eq!(fs::read(&program).unwrap(), whole);
}

#[test]
fn a_document_for_another_store_or_that_is_not_closed_is_refused() {
    let world = World::built();
    let mut other = world.closure.clone();
    other.paths.retain(|p| !p.path.ends_with("-leaf"));
    assert!(matches!(world.import_with(&other, &[]), Err(ImportError::Document(_))));
    let text = serde_json::to_string(&world.closure).unwrap().replace("/nix/store", "/gnu/store");
    let elsewhere = serde_json::from_str(&text).unwrap();
    assert!(matches!(world.import_with(&elsewhere, &[]), Err(ImportError::OtherStore { .. })));
}

#[test]
fn a_closure_larger_than_the_disk_is_refused_before_anything_is_read() {
    let world = World::published();
    let mut huge = world.closure.clone();
    huge.paths.iter_mut().find(|p| p.path.ends_with("-leaf")).unwrap().nar_size = 1 << 50;
    let result = world.import_with(&huge, &[world.key.public_text()]);
    assert!(matches!(refused(&world, result), ImportError::NoSpace { .. }));
}
