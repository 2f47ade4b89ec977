# What everybody can write, and what runs with the rights of another.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls."WH-FILES-1" = writ.control {
    title = "Nothing is open to everybody, runs as another unasked, or belongs to nobody";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AC-3" "AC-6" "CM-6" ]; soc2 = [ "CC6.1" ]; };
    checks = [ "hardening.file-rights" "hardening.apparmor" ];
  };

  # Each look goes on where the one before broke off, and what it could not read may hide anything. NixOS keeps its programs with such rights in /run/wrappers, a file
  # system of its own; whoever has others names them by an override of `allowed`.
  checks."hardening.file-rights" = writ.check {
    title = "On the root file system, nothing is open to everybody, runs as another, or belongs to nobody";
    probe.file_scan = { path = "/"; };
    expect = {
      world_writable_count.eq = 0;
      unknown_privileged_count.eq = 0;
      unowned_count.eq = 0;
      unread_count.eq = 0;
      age_seconds.le = writ.inSeconds f."files.pass";
    };
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:AC-3" "nist-800-53:AC-6" "nist-800-53:CM-6" ];
  };

  # A kernel without AppArmor is confined by something else, or by nothing: that is another question.
  checks."hardening.apparmor" = writ.check {
    title = "AppArmor is switched on where the kernel has it";
    probe.apparmor = { };
    expect.enabled.eq = true;
    prefer.complaining_count.eq = 0;
    every = "1h";
    severity = "medium";
    cites = [ "nist-800-53:AC-3" "nist-800-53:AC-6" ];
    nixos.security.apparmor.enable = true;
  };
}
