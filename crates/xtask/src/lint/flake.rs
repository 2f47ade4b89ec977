//! What the flake gives, with no network to fetch its input from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use writ_tools::flake::{self, SITE};
use writ_tools::phase::root;
use writ_tools::run;

const CONFIG: &str =
    "experimental-features = nix-command flakes\nsubstituters =\nflake-registry =\nbuild-users-group =\n";

/// The flake and plain `nix-instantiate` come to the same policies, with no network to ask: the pinned nixpkgs is not
/// touched.
pub fn agrees() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let copy = scratch.path().join("flake");
    flake::lay(&copy)?;
    flake::commit(&copy, "The policy of this repository")?;
    let mut flake = Command::new("nix");
    flake.current_dir(&copy).env("NIX_CONFIG", CONFIG);
    flake.args(["eval", "--json", &format!(".#policies.{SITE}.front-desk")]);
    let mut plain = Command::new("nix-instantiate");
    plain.current_dir(&copy).env("NIX_CONFIG", CONFIG).args(["--eval", "--strict", "--json"]);
    plain.args(["modules/policy/evaluate.nix", "--arg", "root", "./.", "-A", &format!("policies.{SITE}.front-desk")]);
    if run::checked(&mut flake)?.trim() != run::checked(&mut plain)?.trim() {
        bail!("the flake's policy of {SITE}/front-desk is another than that of nix-instantiate");
    }
    Ok(())
}

/// What can be said of the outputs without nixpkgs: their names, and whether the checks that need none hold.
const OUTPUTS: &str = r#"
let
  flake = builtins.getFlake "git+file://@copy@";
  names = builtins.attrNames;
  here = "x86_64-linux";
in
{
  outputs = names (removeAttrs flake (names flake.sourceInfo ++ [ "_type" "inputs" "outputs" "sourceInfo" ]));
  lib = names flake.lib;
  nixosModules = names flake.nixosModules;
  nixosConfigurations = names flake.nixosConfigurations;
  configurations = names (flake.lib.configurations {
    evaluated = flake.lib.evaluate { root = flake.outPath; };
    root = flake.outPath;
  });
  packages = names flake.packages.${here};
  apps = names flake.apps.${here};
  devShells = names flake.devShells.${here};
  checks = names flake.checks.${here};
  held = map (name: flake.checks.${here}.${name}.name) [ "policy" "policy-library" "content" "nixos-modules" ];
  sites = names flake.policies;
  systems = builtins.isAttrs flake.systems;
  modules = builtins.all (m: builtins.all builtins.pathExists m.imports) (builtins.attrValues flake.nixosModules);
  judged = flake.lib.judge { mode.eq = "0600"; } { mode = "0644"; };
}"#;

/// The outputs that docs/nixos.md promises are there, by their names, and none that is evaluated here asks for nixpkgs.
pub fn outputs(files: &[PathBuf]) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let copy = scratch.path().canonicalize()?.join("flake");
    for file in files.iter().filter(|file| root().join(file).is_file()) {
        flake::copy(&root().join(file), &copy.join(file))?;
    }
    flake::git(&copy, &["init", "--quiet", "--initial-branch=main"])?;
    flake::commit(&copy, "This repository")?;
    let expression = OUTPUTS.replace("@copy@", &copy.display().to_string());
    let mut command = Command::new("nix");
    command.env("NIX_CONFIG", CONFIG).args(["eval", "--impure", "--json", "--expr", &expression]);
    let given: BTreeMap<String, Value> = serde_json::from_str(&run::checked(&mut command)?)?;
    let wrong: Vec<String> = expected(&copy)
        .into_iter()
        .filter(|(name, value)| given.get(*name) != Some(value))
        .map(|(name, value)| format!("{name}: expected {value}, got {}", given.get(name).unwrap_or(&Value::Null)))
        .collect();
    if wrong.is_empty() { Ok(()) } else { bail!("flake.nix:\n  {}", wrong.join("\n  ")) }
}

fn expected(copy: &Path) -> Vec<(&'static str, Value)> {
    let pure = json!(["policy", "policy-library", "content", "nixos-modules"]);
    let sites: Vec<String> = std::fs::read_dir(copy.join("hosts"))
        .map(|entries| entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    let mut sites: Vec<String> = sites.into_iter().filter(|site| copy.join("hosts").join(site).is_dir()).collect();
    sites.sort();
    vec![
        (
            "outputs",
            json!([
                "apps",
                "checks",
                "delta",
                "devShells",
                "lib",
                "nixosConfigurations",
                "nixosModules",
                "packages",
                "policies",
                "report",
                "systems",
                "templates"
            ]),
        ),
        ("lib", json!(["appliance", "checks", "configurations", "evaluate", "expectations", "figures", "judge"])),
        ("nixosModules", json!(["appliance", "default", "depot", "portal", "watch"])),
        ("nixosConfigurations", json!(["northfield-surgery-theatre", "northfield-surgery-ward"])),
        ("configurations", json!(["northfield-surgery-theatre", "northfield-surgery-ward"])),
        ("packages", json!(["default", "iso", "writ", "writ-agent", "writ-depot", "writ-portal"])),
        ("apps", json!(["default", "demo", "writ"])),
        ("devShells", json!(["default", "site"])),
        (
            "checks",
            json!([
                "config-expectations",
                "content",
                "nixos-modules",
                "policy",
                "policy-library",
                "vm-heals",
                "vm-reboot",
                "vm-refuses",
                "vm-rollback"
            ]),
        ),
        ("held", pure),
        ("sites", json!(sites)),
        ("systems", json!(true)),
        ("modules", json!(true)),
        ("judged", json!(false)),
    ]
}
