use writ_nix::profile::{read_profile, remove_profile, set_profile};

use crate::world::World;

#[test]
fn a_profile_is_set_set_back_and_removed() {
    let (one, two) = (World::built(), World::built());
    let dir = tempfile::tempdir().unwrap();
    let profile = dir.path().join("profiles/system");
    assert_eq!(read_profile(&profile).unwrap(), None);
    for system in [&one.toplevel, &two.toplevel, &two.toplevel, &one.toplevel] {
        set_profile(&one.nix, &profile, system).unwrap();
        assert_eq!(read_profile(&profile).unwrap().as_ref(), Some(system));
    }
    remove_profile(&profile, &two.toplevel).unwrap();
    assert_eq!(read_profile(&profile).unwrap().as_ref(), Some(&one.toplevel), "only what it names may be removed");
    remove_profile(&profile, &one.toplevel).unwrap();
    assert_eq!(read_profile(&profile).unwrap(), None);
    remove_profile(&profile, &one.toplevel).unwrap();
}

#[test]
fn a_system_that_is_not_there_is_not_set() {
    let dir = tempfile::tempdir().unwrap();
    let profile = dir.path().join("system");
    let nix = writ_nix::tool::Nix::default();
    let missing = "/nix/store/00000000000000000000000000000000-none";
    assert!(set_profile(&nix, &profile, missing).is_err());
    assert_eq!(read_profile(&profile).unwrap(), None);
}
