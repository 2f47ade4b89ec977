use std::path::Path;

use writ_nix::closure::{ClosureOfError, closure_of};
use writ_nix::tool::Nix;

use crate::world::World;

#[test]
fn a_closure_lists_every_path_and_the_programs() {
    let world = World::built();
    let closure = &world.closure;
    assert_eq!(closure.toplevel, world.toplevel);
    assert_eq!(closure.paths.len(), 5, "{closure:?}");
    assert_eq!(closure.programs["leaf"], format!("{}/bin/leaf", world.path("-leaf")));
    let linked = closure_of(&world.nix, &world.dir.path().join("result")).unwrap();
    assert_eq!(&linked, closure);
    let own = closure.paths.iter().find(|p| p.path == world.toplevel).unwrap();
    assert!(own.references.contains(&world.toplevel), "a self-reference is kept");
}

#[test]
fn what_is_not_in_the_store_is_refused() {
    let nix = Nix::default();
    assert!(matches!(closure_of(&nix, Path::new("/etc/passwd")), Err(ClosureOfError::NotInStore { .. })));
    assert!(matches!(closure_of(&nix, Path::new("/nonexistent")), Err(ClosureOfError::NotInStore { .. })));
}
