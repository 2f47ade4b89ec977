# Nix itself: who may use it, what it accepts, and what is in force.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."WH-NIX-1" = writ.control {
    title = "Only root and signed paths change the system";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AC-6(5)" "CM-5" "CM-14" "SR-4" ]; soc2 = [ "CC6.8" "CC8.1" ]; };
    checks = [
      "hardening.nix-users"
      "hardening.nix-signatures"
      "hardening.nix-sandbox"
      "hardening.nix-substituters"
      "hardening.nix-store-read-only"
    ];
  };

  controls."WH-NIX-2" = writ.control {
    title = "The system in force is whole and the released one";
    coverage = "automated";
    severity = "critical";
    maps = { nist-800-53 = [ "CM-2" "CM-3" "SI-7(1)" ]; soc2 = [ "CC7.1" "CC8.1" ]; };
    checks = [ "hardening.nix-store-whole" "hardening.nix-generation" ];
  };

  checks."hardening.nix-users" = writ.check {
    title = "Only root uses the Nix daemon";
    probe.nix_config = { };
    expect = {
      allowed_users.subset_of = [ "root" ];
      trusted_users.subset_of = [ "root" ];
    };
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:AC-6(5)" ];
    nixos.nix.settings = { allowed-users = [ "root" ]; trusted-users = [ "root" ]; };
  };

  checks."hardening.nix-signatures" = writ.check {
    title = "Only signed paths come into the store";
    probe.nix_config = { };
    expect = {
      require_signatures.eq = true;
      trusted_public_keys.exists = true;
    };
    every = "15m";
    severity = "critical";
    cites = [ "nist-800-53:CM-14" ];
    nixos.nix.settings.require-sigs = true;
  };

  checks."hardening.nix-sandbox" = writ.check {
    title = "Builds run in a sandbox";
    probe.nix_config = { };
    expect.sandbox.eq = "true";
    every = "1h";
    severity = "medium";
    cites = [ "nist-800-53:SC-39" ];
    nixos.nix.settings.sandbox = true;
  };

  # The enforcer imports what a release names; nothing else has reason to fetch.
  checks."hardening.nix-substituters" = writ.check {
    title = "Nix fetches from nowhere by itself";
    probe.nix_config = { };
    expect.substituters.subset_of = [ ];
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:SR-4" ];
  };

  checks."hardening.nix-store-read-only" = writ.check {
    title = "The store is mounted read-only";
    probe.mount = { path = "/nix/store"; };
    expect = {
      mounted.eq = true;
      options.superset_of = [ "ro" "nosuid" "nodev" ];
    };
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:CM-5" ];
  };

  checks."hardening.nix-store-whole" = writ.check {
    title = "The store holds what was built and signed, and was verified lately";
    probe.nix_store = { };
    expect = {
      corrupt_count.eq = 0;
      unsigned_count.eq = 0;
      verified_age_seconds.le = s "store.verify";
    };
    every = "6h";
    severity = "high";
    cites = [ "nist-800-53:SI-7(1)" ];
  };

  checks."hardening.nix-generation" = writ.check {
    title = "The system in force is the released one, booted and in its profile";
    probe.nix_generation = { };
    expect = {
      matches.eq = true;
      current_system_matches.eq = true;
    };
    every = "1m";
    severity = "critical";
    cites = [ "nist-800-53:CM-2" "nist-800-53:CM-3" ];
  };
}
