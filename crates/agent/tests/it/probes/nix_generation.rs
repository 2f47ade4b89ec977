//! `nix_generation` on links of ours.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, check_schema, context};

#[test]
fn a_generation_is_judged_only_where_one_is_expected() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let (system, profile) = (root.join("system"), root.join("profile"));
    fs::create_dir(&system).unwrap();
    symlink(&system, &profile).unwrap();
    let look = |expected: Option<&Path>| {
        let mut context = context();
        context.profile.clone_from(&profile);
        context.expected_toplevel = expected.map(|path| path.display().to_string());
        probes::run(&call("nix_generation", json!({})), &mut context)
    };
    assert!(matches!(look(None), Probed::NotApplicable(reason) if !reason.is_empty()));
    let matches = |expected| {
        let Probed::Seen(observation) = look(Some(expected)) else { panic!() };
        check_schema("nix_generation", &observation);
        observation.get("matches").cloned()
    };
    assert_eq!(matches(&system), Some(true.into()));
    assert_eq!(matches(&root), Some(false.into()));
}
