use std::fs;
use std::process::Command;

use writ_nix::cache_key::CacheKey;
use writ_nix::publish::{PublishError, publish};

use crate::world::World;

#[test]
fn the_nix_client_itself_accepts_what_was_published() {
    let world = World::published();
    let root = world.dir.path().join("root");
    let out = Command::new("nix")
        .args(["--extra-experimental-features", "nix-command", "copy", "--from"])
        .arg(format!("file://{}", world.cache().display()))
        .arg("--to")
        .arg(&root)
        .arg(&world.toplevel)
        .args(["--option", "trusted-public-keys", &world.key.public_text()])
        .args(["--option", "substituters", "", "--option", "require-sigs", "true"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(root.join(&world.toplevel[1..]).exists());
}

#[test]
fn publishing_again_changes_nothing_and_a_new_key_is_added() {
    let world = World::built();
    publish(&world.nix, &world.closure, &world.cache(), Some(&world.key)).unwrap();
    let first = fs::read(world.narinfo("-top")).unwrap();
    publish(&world.nix, &world.closure, &world.cache(), Some(&world.key)).unwrap();
    assert_eq!(fs::read(world.narinfo("-top")).unwrap(), first);
    let second = CacheKey::generate("writ-test-2", &[8; 32]).unwrap();
    publish(&world.nix, &world.closure, &world.cache(), Some(&second)).unwrap();
    let text = fs::read_to_string(world.narinfo("-top")).unwrap();
    assert!(text.contains("Sig: writ-test-1:") && text.contains("Sig: writ-test-2:"), "{text}");
    let world = world.elsewhere();
    world.import_with(&world.closure, &[second.public_text()]).unwrap();
}

#[test]
fn a_stale_entry_of_another_build_is_named() {
    let world = World::built();
    publish(&world.nix, &world.closure, &world.cache(), Some(&world.key)).unwrap();
    world.edit_narinfo("-leaf", |text| text.replace("NarSize: ", "NarSize: 1"));
    let error = publish(&world.nix, &world.closure, &world.cache(), Some(&world.key)).unwrap_err();
    assert!(error.to_string().contains("-writ-test-leaf"), "{error}");
}

#[test]
fn odd_folders_are_refused() {
    let world = World::built();
    for folder in ["relative", "/tmp/a?b", "/tmp/a b"] {
        let result = publish(&world.nix, &world.closure, folder.as_ref(), None);
        assert!(matches!(result, Err(PublishError::Folder(_))), "{result:?}");
    }
}
