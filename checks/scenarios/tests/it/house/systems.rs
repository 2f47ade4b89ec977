//! Real systems for appliances that are processes: built with Nix, published as a signed cache, named by a release.

use std::fs;
use std::path::Path;
use std::process::Command;

use writ_nix::cache_key::CacheKey;
use writ_nix::closure::closure_of;
use writ_nix::publish::publish;
use writ_nix::tool::Nix;
use writ_scenarios::run;
use writ_trust::json::canonical;
use writ_trust::release::{ClosureRef, Release};

use super::{CACHE, House};

/// What a system is to do besides telling that it was activated.
#[derive(Default, Clone, Copy)]
pub struct System<'a> {
    /// Its name.
    pub name: &'a str,
    /// Commands of its activation, for sh.
    pub breaks: &'a str,
    /// The script that is its own `writ-enforce`; none when empty.
    pub enforcer: &'a str,
}

impl House {
    /// Builds a system and publishes it; gives what a release says of it.
    pub fn system(&self, system: System<'_>) -> ClosureRef {
        let toplevel = self.build(system);
        let nix = Nix::default();
        let closure = closure_of(&nix, Path::new(&toplevel)).unwrap();
        let key = CacheKey::generate("test-cache-1", &[CACHE; 32]).unwrap();
        publish(&nix, &closure, &self.path("releases/cache"), Some(&key)).unwrap();
        let bytes = canonical(&closure);
        let digest = self.put_document(&bytes);
        ClosureRef { toplevel: toplevel.parse().unwrap(), digest, size: bytes.len() as u64 }
    }

    fn build(&self, system: System<'_>) -> String {
        let tools = self.path("tools");
        fs::create_dir_all(tools.join("bin")).unwrap();
        let busybox = run::find_tool("busybox").expect("busybox-static is needed");
        fs::copy(busybox, tools.join("bin/busybox")).unwrap();
        let expression = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/house/system.nix");
        let mut build = Command::new("nix-build");
        build
            .arg(expression)
            .arg("--argstr")
            .arg("folder")
            .arg(self.path(""))
            .arg("--argstr")
            .arg("busybox")
            .arg(tools);
        for (name, value) in [("name", system.name), ("breaks", system.breaks), ("enforcer", system.enforcer)] {
            build.args(["--argstr", name, value]);
        }
        for (name, value) in [("substituters", ""), ("build-users-group", ""), ("sandbox", "false")] {
            build.args(["--option", name, value]);
        }
        // The link keeps it from the garbage collector as long as this house stands.
        build.arg("-o").arg(self.path(&format!("result-{}", system.name)));
        run::checked(&mut build).unwrap().trim().to_owned()
    }

    /// A release of the present policy that brings a system.
    pub fn release_with(&self, serial: u64, system: System<'_>) -> Release {
        let closure = self.system(system);
        self.release_of(serial, &self.policy_bytes(), Some(closure))
    }

    /// What was activated, in order: verb and system.
    pub fn activations(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("activations")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The system that the profile names.
    pub fn profile(&self) -> Option<String> {
        fs::canonicalize(self.path("profile")).ok().map(|path| path.display().to_string())
    }

    /// The journal of the switch.
    pub fn journal(&self) -> Option<writ_agent::switch::Journal> {
        writ_agent::switch::read_journal(&self.path("state")).unwrap()
    }
}
