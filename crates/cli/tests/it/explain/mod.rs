//! `writ explain` on a small tree: the pages as they are expected, to the letter, and on the policy of this repository.
//!
//! `WRIT_BLESS=1 cargo test -p writ-cli --test it explain` writes the expected pages anew; look at the difference.

mod json;
mod names;
mod pages;
mod sites;
pub mod state;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::check::tree::{NOW, Output, Tree};

/// The small tree with a second, stricter baseline, figures, and a rule that calls people.
pub fn tree() -> Tree {
    let tree = Tree::new();
    fs::create_dir_all(tree.path().join("baselines/strict")).unwrap();
    tree.write("baselines/default.nix", "{ small = ./small; strict = ./strict; }\n");
    tree.write(
        "baselines/strict/default.nix",
        "{ writ, ... }: writ.baseline {\n  title = \"A strict baseline\";\n  version = \"7\";\n  files = [ ./figures.nix ./disks.nix ];\n}\n",
    );
    tree.write(
        "baselines/strict/figures.nix",
        "{ writ, ... }: {
  figures.\"room.least\" = writ.figure {
    value = 25;
    unit = \"percent\";
    about = \"Less room than this is a failure\";
    source = [ \"RM-01\" ];
  };
}
",
    );
    tree.write(
        "baselines/strict/disks.nix",
        "{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls.\"S.1\" = writ.control {
    title = \"Room is never short\";
    coverage = \"automated\";
    requirement = \"required\";
    severity = \"critical\";
    maps.nist-800-53 = [ \"SC-5\" ];
    checks = [ \"disk.root\" \"server.scanner\" ];
  };

  checks.\"disk.root\" = writ.check {
    title = \"Free space\";
    probe.disk.path = \"/\";
    expect.available_percent.ge = f.\"room.least\";
    prefer.available_percent.ge = 20;
    every = \"30s\";
    severity = \"critical\";
    cites = [ \"nist-800-53:SC-5\" ];
  };

  # Nothing looks at machines of Windows yet.
  checks.\"server.scanner\" = writ.check {
    title = \"The scanner of the server cannot be switched off\";
    probe.windows_defender = { };
    expect.tamper_protected.eq = true;
    every = \"1h\";
  };
}
",
    );
    tree.edit(
        "hosts/clinic-001/site.nix",
        "baselines.small = \"1\";",
        "baselines = { small = \"1\"; strict = \"7\"; };",
    );
    let second = tree.path().join("hosts/clinic-002/kiosk");
    fs::create_dir_all(&second).unwrap();
    let site = tree.read("hosts/clinic-001/site.nix");
    let site = site.replace("small = \"1\"; strict = \"7\";", "small = \"1\";").replace("[ \"files\" ]", "[ ]");
    let without = site.split("  exceptions.").next().unwrap().to_owned();
    tree.write("hosts/clinic-002/site.nix", &format!("{without}}}\n"));
    tree.write("hosts/clinic-002/kiosk/policy.nix", "{ writ, ... }:\nwrit.appliance { }\n");
    tree
}

/// Runs `writ explain` on a tree, eighty columns wide.
pub fn explain(tree: &Tree, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.arg("explain").args(arguments).arg("--tree").arg(tree.path()).env("COLUMNS", "80");
    if !arguments.contains(&"--now") {
        command.args(["--now", NOW]);
    }
    let output = command.output().unwrap();
    Output {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Compares with a page that is kept.
fn expected(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/explain/pages").join(format!("{name}.txt"));
    if std::env::var_os("WRIT_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == found, "{name} is not as expected:\n{found}");
}
