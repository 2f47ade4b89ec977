//! `nix_generation`: whether the system profile is the system that the accepted release names.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::time::Time;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, optional};

const CURRENT_SYSTEM: &str = "/run/current-system";

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "nix_generation",
    about: "whether the system profile is the system that the accepted release names",
    parameters: &[optional("profile", Kind::Text, "the profile; default: the agent's own").form(Form::AbsolutePath)],
    observation: &[
        field("profile_path", Kind::Text, "where the profile leads; empty when it leads nowhere"),
        field("age_seconds", Kind::Int, "time since the profile was last moved; absent when it leads nowhere"),
        field("expected_path", Kind::Text, "the system that the accepted release names"),
        field("matches", Kind::Bool, "whether the profile leads there"),
        field("current_system_path", Kind::Text, "the system that runs; absent where nothing says so"),
        field(
            "current_system_matches",
            Kind::Bool,
            "whether the system that runs is the one expected; likewise absent",
        ),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let profile = profile(parameters, context)?;
    let Some(expected) = context.expected_toplevel.as_deref() else {
        return Err(Unseen::not_applicable("the accepted release names no system for this appliance"));
    };
    let mut seen = observe(&profile, expected, Path::new(CURRENT_SYSTEM));
    if let Some(age) = age(&profile, context.now) {
        seen.set("age_seconds", age);
    }
    Ok(seen)
}

fn watch(parameters: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    let profile = profile(parameters, context).ok();
    profile.into_iter().chain([PathBuf::from(CURRENT_SYSTEM)]).map(Watch::Path).collect()
}

fn profile(parameters: &Parameters, context: &ProbeContext) -> Result<PathBuf, String> {
    Ok(parameters.optional_path("profile")?.map_or_else(|| context.profile.clone(), Path::to_owned))
}

fn observe(profile: &Path, expected: &str, current_system: &Path) -> Observation {
    let profile = resolved(profile).unwrap_or_default();
    let mut seen = Observation::new()
        .with("matches", profile == expected)
        .with("profile_path", profile)
        .with("expected_path", expected);
    if let Some(current) = resolved(current_system) {
        seen.set("current_system_matches", current == expected);
        seen.set("current_system_path", current);
    }
    seen
}

/// How long ago the profile was made to lead where it does; a link is made anew each time.
fn age(profile: &Path, now: Time) -> Option<i64> {
    let moved_at = profile.symlink_metadata().ok().filter(|_| profile.exists())?.mtime();
    Some((now.unix_millis().div_euclid(1000) - moved_at).max(0))
}

/// Where a link leads in the end; none when it leads nowhere.
fn resolved(link: &Path) -> Option<String> {
    Some(link.canonicalize().ok()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_profile_is_followed_to_its_system() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (one, two) = (root.join("one"), root.join("two"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&two).unwrap();
        symlink(&one, root.join("system-1-link")).unwrap();
        symlink("system-1-link", root.join("system")).unwrap();
        symlink(&two, root.join("current")).unwrap();
        let seen = observe(&root.join("system"), one.to_str().unwrap(), &root.join("current"));
        assert_eq!(seen.get("matches"), Some(&true.into()));
        assert_eq!(seen.get("current_system_matches"), Some(&false.into()));
        let seen = observe(&root.join("system"), two.to_str().unwrap(), &root.join("missing"));
        assert_eq!(seen.get("matches"), Some(&false.into()));
        assert_eq!(seen.get("current_system_path"), None);
    }

    #[test]
    fn a_profile_that_leads_nowhere_matches_nothing() {
        let dir = tempfile::tempdir().unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        symlink("/nowhere/at/all", dir.path().join("dangling")).unwrap();
        for name in ["loop", "dangling", "missing"] {
            let seen = observe(&dir.path().join(name), "/nix/store/x", Path::new("/missing"));
            assert_eq!(seen.get("matches"), Some(&false.into()), "{name}");
            assert_eq!(seen.get("profile_path"), Some(&"".into()), "{name}");
        }
    }
}
