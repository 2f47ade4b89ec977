# The binaries of one crate: writ-cli (`writ`), writ-agent (`writ-enforce`, `writ-switch`, `writ-sync`, `writ-probe`, `writ-planner`, `writ-record`), writ-depot or writ-portal. For
# `pkgs.callPackage`.
{ lib, rustPlatform, crate }:
let
  cargo = lib.importTOML ../Cargo.toml;
  inherit (lib) fileset;
in
rustPlatform.buildRustPackage {
  pname = if crate == "writ-cli" then "writ" else crate;
  inherit (cargo.workspace.package) version;

  # The workspace, and what `writ` begins new trees from and shows people: for the daemons, a change of policy builds nothing anew.
  src = fileset.toSource {
    root = ../.;
    fileset = fileset.unions ([
      ../Cargo.toml
      ../Cargo.lock
      ../crates
      ../checks/scenarios
      ../checks/tools
      ../checks/workbench
    ] ++ lib.optionals (crate == "writ-cli") [
      ../modules
      ../baselines
      ../rules
      ../docs/procedures
      ../docs/auditor.md
      (fileset.maybeMissing ../checks/schemas)
      (fileset.maybeMissing ../templates)
    ] ++ lib.optional (crate == "writ-portal") ../docs);
  };
  cargoLock.lockFile = ../Cargo.lock;
  cargoBuildFlags = [ "--package" crate ];

  # The suite boots containers and writes to the store: `cargo xtask test`, not a sandbox.
  doCheck = false;

  meta = {
    description = "Declarative compliance control plane for small healthcare sites";
    homepage = cargo.workspace.package.repository;
    license = [ lib.licenses.mit lib.licenses.asl20 ];
    platforms = [ "x86_64-linux" "aarch64-linux" ];
    mainProgram = { writ-cli = "writ"; writ-agent = "writ-enforce"; writ-depot = "writ-depot"; writ-portal = "writ-portal"; }.${crate};
  };
}
