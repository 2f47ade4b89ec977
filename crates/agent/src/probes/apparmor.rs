//! `apparmor`: whether the kernel confines programs by AppArmor, and by which profiles, from
//! /sys/module/apparmor/parameters/enabled and /sys/kernel/security/apparmor/profiles (apparmor(7)).

use std::collections::BTreeSet;
use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, count, field, reading, unannounced};

const ENABLED: &str = "sys/module/apparmor/parameters/enabled";
const PROFILES: &str = "sys/kernel/security/apparmor/profiles";
const MAX_PROFILES: usize = 4 * 1024 * 1024;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "apparmor",
    about: "whether the kernel confines programs by AppArmor, and by which profiles",
    parameters: &[],
    observation: &[
        field("enabled", Kind::Bool, "whether the kernel has it switched on"),
        field("profile_count", Kind::Int, "profiles that are loaded"),
        field("enforced_count", Kind::Int, "of them, how many forbid what they do not allow"),
        field("complaining_count", Kind::Int, "of them, how many only record it"),
        field("enforced", Kind::List, "names of those that forbid, each once, sorted; at most 1000"),
    ],
};

/// How many names are shown.
const MAX_SHOWN: usize = 1000;

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&context.root)
}

fn observe(root: &Path) -> Result<Observation, Unseen> {
    let read = |name: &str, most: usize| {
        let path = root.join(name);
        reading::read(&path, most).map_err(|e| Unseen::failed(path.display(), e))
    };
    let Some(enabled) = read(ENABLED, 64)? else {
        return Err(Unseen::not_applicable("the kernel was built without AppArmor"));
    };
    let mut seen = Observation::new().with("enabled", enabled.starts_with(b"Y"));
    // Where it is off, and where securityfs is not mounted, no profiles are told.
    if let Some(profiles) = read(PROFILES, MAX_PROFILES)? {
        of_profiles(&profiles, &mut seen);
    }
    Ok(seen)
}

/// Lines `name (mode)`, where a name may hold anything but a line's end.
pub(super) fn of_profiles(bytes: &[u8], seen: &mut Observation) {
    let text = String::from_utf8_lossy(bytes);
    let profiles: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_suffix(')')?.rsplit_once(" (")).collect();
    let of_mode = |modes: &[&str]| profiles.iter().filter(|(_, mode)| modes.contains(mode)).count();
    let enforced: BTreeSet<&str> =
        profiles.iter().filter(|(_, mode)| matches!(*mode, "enforce" | "kill")).map(|(name, _)| *name).collect();
    seen.set("profile_count", count(profiles.len()));
    seen.set("enforced_count", count(of_mode(&["enforce", "kill"])));
    seen.set("complaining_count", count(of_mode(&["complain"])));
    seen.set("enforced", enforced.into_iter().take(MAX_SHOWN).map(str::to_owned).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    /// Of an Ubuntu 24.04, shortened.
    const CAPTURED: &str = "snap-update-ns.firefox (complain)\n/usr/bin/man (enforce)\nman_groff (enforce)\n\
        chrome (unconfined)\nlibreoffice-oosplash (complain)\n/usr/lib/snapd/snap-confine//mount (kill)\n\
        docker-default (odd) (enforce)\n";

    fn world(enabled: Option<&str>, profiles: Option<&str>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [(ENABLED, enabled), (PROFILES, profiles)] {
            if let Some(text) = text {
                let path = dir.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        dir
    }

    fn shown(enabled: Option<&str>, profiles: Option<&str>) -> Vec<String> {
        let seen = observe(world(enabled, profiles).path()).unwrap();
        assert_eq!(SCHEMA.unpromised(&seen), []);
        SCHEMA.observation.iter().map(|f| seen.get(f.name).map_or("-".into(), ToString::to_string)).collect()
    }

    #[test]
    fn profiles_are_counted_by_what_they_do() {
        let names = r#"["/usr/bin/man", "/usr/lib/snapd/snap-confine//mount", "docker-default (odd)", "man_groff"]"#;
        assert_eq!(shown(Some("Y\n"), Some(CAPTURED)), ["true", "7", "4", "2", names]);
        assert_eq!(shown(Some("Y\n"), Some("")), ["true", "0", "0", "0", "[]"]);
        assert_eq!(shown(Some("N\n"), None), ["false", "-", "-", "-", "-"]);
        assert_eq!(shown(Some("Y\n"), Some("(enforce)\nx enforce)\n x(enforce)\n"))[1], "0");
        assert!(matches!(observe(world(None, None).path()), Err(Unseen::NotApplicable(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), line in "[a-z ()]{0,20}(enforce\\))?") {
            for bytes in [&bytes[..], line.as_bytes()] {
                let mut seen = Observation::new();
                of_profiles(bytes, &mut seen);
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
            }
        }
    }
}
