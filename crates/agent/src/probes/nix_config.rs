//! `nix_config`: Nix's own settings in effect for the daemon: nix.conf(5) of the machine with all that it includes, and
//! Nix's defaults for the rest. Nix itself is not asked: `nix show-config` says the same, and takes a process.

use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::reading::below;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field};

const CONFIG: &str = "/etc/nix/nix.conf";
const MAX_FILE: usize = 1024 * 1024;
/// How many files are read, those that others include counted.
const MOST_FILES: usize = 50;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "nix_config",
    about: "Nix's own settings in effect",
    parameters: &[],
    observation: &[
        field("allowed_users", Kind::List, "who may use the Nix daemon; names, @groups or *"),
        field("trusted_users", Kind::List, "who may give it settings and unsigned paths"),
        field("substituters", Kind::List, "where it takes built paths from"),
        field("trusted_public_keys", Kind::List, "whose signatures it takes"),
        field("require_signatures", Kind::Bool, "whether a path from elsewhere needs one"),
        field("sandbox", Kind::Text, "whether builds see only what they name")
            .known(&["true", "false", "relaxed"], "Nix 2.31"),
        field("experimental_features", Kind::List, "features switched on, sorted"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&context.root)
}

fn observe(root: &Path) -> Result<Observation, Unseen> {
    let config = below(root, CONFIG);
    if !config.exists() && !below(root, "/nix/store").exists() {
        return Err(Unseen::not_applicable("Nix is not installed"));
    }
    let mut settings = Settings::default();
    let mut left = MOST_FILES;
    if config.exists() {
        settings.read(&config, root, &mut left)?;
    }
    Ok(settings.observed())
}

/// The settings that are shown, with Nix's defaults (nix.conf(5)).
#[derive(Debug)]
pub(super) struct Settings {
    allowed_users: Vec<String>,
    trusted_users: Vec<String>,
    substituters: Vec<String>,
    trusted_public_keys: Vec<String>,
    experimental_features: Vec<String>,
    require_signatures: bool,
    sandbox: String,
}

impl Default for Settings {
    fn default() -> Self {
        let one = |text: &str| vec![text.to_owned()];
        Self {
            allowed_users: one("*"),
            trusted_users: one("root"),
            substituters: one("https://cache.nixos.org/"),
            trusted_public_keys: one("cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="),
            experimental_features: Vec::new(),
            require_signatures: true,
            sandbox: "true".to_owned(),
        }
    }
}

impl Settings {
    fn read(&mut self, file: &Path, root: &Path, left: &mut usize) -> Result<(), Unseen> {
        if *left == 0 {
            return Err(Unseen::failed(file.display(), format!("more than {MOST_FILES} files include one another")));
        }
        *left -= 1;
        let bytes = writ_durable::read_bounded(file, MAX_FILE).map_err(|e| Unseen::failed(file.display(), e))?;
        for (needed, included) in self.merge(&bytes) {
            let place = Path::new(&included);
            let beside = || file.parent().unwrap_or(root).join(place);
            let path = if place.is_absolute() { below(root, &included) } else { beside() };
            if needed || path.exists() {
                self.read(&path, root, left)?;
            }
        }
        Ok(())
    }

    /// Takes over the lines of a file; returns what it includes, and whether that must be there.
    ///
    /// Nix reads an included file where its name stands; what is set twice is rare, and then the later file counts here.
    pub(super) fn merge(&mut self, bytes: &[u8]) -> Vec<(bool, String)> {
        let mut included = Vec::new();
        for line in String::from_utf8_lossy(bytes).lines() {
            let line = line.split('#').next().unwrap_or("");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["include", path] => included.push((true, (*path).to_owned())),
                ["!include", path] => included.push((false, (*path).to_owned())),
                [name, "=", values @ ..] => self.set(name, values),
                _ => {}
            }
        }
        included
    }

    fn set(&mut self, name: &str, values: &[&str]) {
        let (more, name) = name.strip_prefix("extra-").map_or((false, name), |name| (true, name));
        let list = match name {
            "allowed-users" => &mut self.allowed_users,
            "trusted-users" => &mut self.trusted_users,
            "substituters" | "binary-caches" => &mut self.substituters,
            "trusted-public-keys" | "binary-cache-public-keys" => &mut self.trusted_public_keys,
            "experimental-features" => &mut self.experimental_features,
            "require-sigs" => {
                return if let Some(yes) = boolean(values) {
                    self.require_signatures = yes
                };
            }
            "sandbox" | "build-use-chroot" | "build-use-sandbox" => {
                match values {
                    ["relaxed"] => "relaxed".clone_into(&mut self.sandbox),
                    other => {
                        if let Some(yes) = boolean(other) {
                            self.sandbox = yes.to_string();
                        }
                    }
                }
                return;
            }
            _ => return,
        };
        if !more {
            list.clear();
        }
        for value in values {
            if !list.iter().any(|known| known == value) {
                list.push((*value).to_owned());
            }
        }
    }

    pub(super) fn observed(mut self) -> Observation {
        self.experimental_features.sort();
        Observation::new()
            .with("allowed_users", self.allowed_users)
            .with("trusted_users", self.trusted_users)
            .with("substituters", self.substituters)
            .with("trusted_public_keys", self.trusted_public_keys)
            .with("require_signatures", self.require_signatures)
            .with("sandbox", self.sandbox)
            .with("experimental_features", self.experimental_features)
    }
}

fn boolean(values: &[&str]) -> Option<bool> {
    match values {
        ["true" | "yes" | "1"] => Some(true),
        ["false" | "no" | "0"] => Some(false),
        _ => None,
    }
}

fn watch(_: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    let files: [PathBuf; 1] = [below(&context.root, CONFIG)];
    files.map(Watch::Path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As NixOS writes it.
    const CAPTURED: &[u8] = b"# WARNING: this file is generated from the nix.* options in\n\
        allowed-users = root @wheel\nauto-optimise-store = false\nbuilders =\ncores = 0\n\
        experimental-features = nix-command flakes\nrequire-sigs = true\nsandbox = true\n\
        sandbox-fallback = false\nsubstituters = https://cache.nixos.org/\ntrusted-users = root\n\
        extra-substituters = file:///srv/cache # ours\n";

    #[test]
    fn settings_are_merged_as_nix_merges_them() {
        let mut settings = Settings::default();
        assert_eq!(settings.merge(CAPTURED), []);
        let seen = settings.observed();
        let list = |name: &str| seen.get(name).unwrap().to_string();
        assert_eq!(list("allowed_users"), "[\"root\", \"@wheel\"]");
        assert_eq!(list("substituters"), "[\"https://cache.nixos.org/\", \"file:///srv/cache\"]");
        assert_eq!(list("experimental_features"), "[\"flakes\", \"nix-command\"]");
        let mut settings = Settings::default();
        settings.merge(b"require-sigs = no\nsandbox = relaxed\nsubstituters =\nsandbox = maybe\ntrusted-users root\n");
        let seen = settings.observed();
        assert_eq!(seen.get("require_signatures"), Some(&false.into()));
        assert_eq!((seen.get("sandbox"), seen.get("substituters")), (Some(&"relaxed".into()), Some(&vec![].into())));
    }

    #[test]
    fn includes_are_followed_and_do_not_go_round_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(observe(dir.path()), Err(Unseen::NotApplicable(_))));
        std::fs::create_dir_all(dir.path().join("etc/nix")).unwrap();
        let lay = |name: &str, text: &str| std::fs::write(dir.path().join("etc/nix").join(name), text).unwrap();
        lay("nix.conf", "!include none.conf\ninclude more.conf\n!include /etc/nix/abs.conf\n");
        lay("more.conf", "trusted-users = ann\n");
        lay("abs.conf", "sandbox = false\n");
        let seen = observe(dir.path()).unwrap();
        assert_eq!(
            (seen.get("trusted_users"), seen.get("sandbox")),
            (Some(&vec!["ann".to_owned()].into()), Some(&"false".into()))
        );
        lay("more.conf", "include nix.conf\n");
        assert!(matches!(observe(dir.path()), Err(Unseen::Failed(reason)) if reason.contains("include one another")));
        lay("nix.conf", "include none.conf\n");
        assert!(matches!(observe(dir.path()), Err(Unseen::Failed(reason)) if reason.contains("none.conf")));
    }
}
