use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use writ_nix::nar::{CopyError, NarId, copy_checked, hash_tree};
use writ_trust::digest::Digest;

fn dump(path: &Path) -> Vec<u8> {
    let out = Command::new("nix-store").arg("--dump").arg(path).output().expect("nix-store is needed");
    assert!(out.status.success());
    out.stdout
}

/// A tree with everything a NAR can hold.
fn odd_tree(dir: &Path) {
    fs::create_dir_all(dir.join("empty")).unwrap();
    fs::create_dir_all(dir.join("a.b/a")).unwrap();
    fs::write(dir.join("a"), b"").unwrap();
    fs::write(dir.join("A"), b"case").unwrap();
    fs::write(dir.join("seven"), b"1234567").unwrap();
    fs::write(dir.join("large"), vec![7; 300_000]).unwrap();
    fs::write(dir.join("program"), b"#!/bin/sh\n").unwrap();
    fs::set_permissions(dir.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(dir.join(std::ffi::OsStr::from_bytes(b"not-\xff-utf8")), b"x").unwrap();
    symlink("../elsewhere", dir.join("link")).unwrap();
    symlink("/nonexistent", dir.join("a.b/dangling")).unwrap();
}

#[test]
fn a_tree_hashes_as_nix_store_dump_serialises_it() {
    let dir = tempfile::tempdir().unwrap();
    odd_tree(dir.path());
    for path in [dir.path().to_owned(), dir.path().join("program"), dir.path().join("link"), dir.path().join("empty")] {
        let nar = dump(&path);
        let expected = NarId { hash: Digest::of(&nar), size: nar.len() as u64 };
        assert_eq!(hash_tree(&path).unwrap(), expected, "{}", path.display());
    }
}

fn copy(packed: &[u8], compressed: bool, expected: NarId) -> (Result<(), CopyError>, u64) {
    let mut from = tempfile::tempfile().unwrap();
    from.write_all(packed).unwrap();
    from.rewind().unwrap();
    let mut to = tempfile::tempfile().unwrap();
    let result = copy_checked(&mut from, &mut to, compressed, expected);
    (result, to.metadata().unwrap().len())
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn id(bytes: &[u8]) -> NarId {
    NarId { hash: Digest::of(bytes), size: bytes.len() as u64 }
}

#[test]
fn a_nar_is_copied_as_it_is_when_it_unpacks_into_what_it_should_be() {
    let nar = vec![42; 400_000];
    let packed = zstd(&nar);
    let (result, written) = copy(&packed, true, id(&nar));
    result.unwrap();
    assert_eq!(written, packed.len() as u64);
    copy(&nar, false, id(&nar)).0.unwrap();
    copy(b"", false, id(b"")).0.unwrap();
}

#[test]
fn a_bomb_is_stopped_at_the_size_it_should_have() {
    let bomb = zstd(&vec![0; 200_000_000]);
    assert!(bomb.len() < 1_000_000);
    let (result, written) = copy(&bomb, true, NarId { hash: Digest::of(b"x"), size: 1000 });
    assert!(matches!(result, Err(CopyError::TooLarge { .. })), "{result:?}");
    assert!(written < 200_000);
    // Uncompressed, or never ending: reading stops too.
    let (result, written) = copy(&vec![1; 1_000_000], false, NarId { hash: Digest::of(b"x"), size: 1000 });
    assert!(matches!(result, Err(CopyError::TooLarge { .. })), "{result:?}");
    assert!(written < 200_000);
    let mut zero = File::open("/dev/zero").unwrap();
    let mut to = tempfile::tempfile().unwrap();
    let result = copy_checked(&mut zero, &mut to, false, NarId { hash: Digest::of(b"x"), size: 1000 });
    assert!(matches!(result, Err(CopyError::TooLarge { .. })), "{result:?}");
}

#[test]
fn altered_cut_and_lengthened_nars_are_refused() {
    let nar: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    let packed = zstd(&nar);
    let mut cut = packed.clone();
    cut.truncate(packed.len() / 2);
    assert!(matches!(copy(&cut, true, id(&nar)).0, Err(CopyError::Unpack(_) | CopyError::Io(_))));
    assert!(matches!(copy(b"", true, id(&nar)).0, Err(CopyError::Unpack(_))));
    assert!(matches!(copy(&zstd(&nar[1..]), true, id(&nar)).0, Err(CopyError::Hash { .. })));
    let mut longer = packed.clone();
    longer.extend(zstd(b"more"));
    assert!(matches!(copy(&longer, true, id(&nar)).0, Err(CopyError::Trailing)));
    let mut altered = nar.clone();
    altered[77] ^= 1;
    assert!(matches!(copy(&altered, false, id(&nar)).0, Err(CopyError::Hash { .. })));
    // Every single byte flipped in a packed NAR is either harmless to its content or refused: it never panics.
    let small = zstd(&nar[..2000]);
    for at in 0..small.len() {
        let mut flipped = small.clone();
        flipped[at] ^= 0x55;
        let _ = copy(&flipped, true, id(&nar[..2000]));
    }
}

#[test]
fn what_nix_packs_is_understood() {
    let world = crate::world::World::published();
    for path in &world.closure.paths {
        let name = path.path.split_once('-').unwrap().1;
        let mut from = File::open(world.nar(name)).unwrap();
        let mut to = tempfile::tempfile().unwrap();
        copy_checked(&mut from, &mut to, true, NarId { hash: path.nar_hash, size: path.nar_size }).unwrap();
        to.rewind().unwrap();
        let mut copied = Vec::new();
        to.read_to_end(&mut copied).unwrap();
        assert_eq!(copied, fs::read(world.nar(name)).unwrap());
    }
}
