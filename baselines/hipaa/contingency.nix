# 164.308(a)(7) Contingency plan.
{ writ, ... }:
let
  figures = import ./figures.nix { inherit writ; };
in
{
  controls."164.308(a)(7)(i)" = writ.control {
    title = "Contingency plan";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "A1.1" ]; nist-800-53 = [ "CP-2" ]; };
    checks = [ "capacity.disk" "capacity.memory" "capacity.cpu" "capacity.cpu-trend" ];
    not_assessed = "The plan itself, who knows it, and whether it works: only that this appliance has room to keep running.";
  };

  controls."164.308(a)(7)(ii)(A)" = writ.control {
    title = "Data backup plan";
    coverage = "procedural";
    severity = "critical";
    maps = { soc2 = [ "A1.2" ]; nist-800-53 = [ "CP-9" ]; };
    procedure = "The record system is backed up every night to a second place; the result is read every morning and recorded.";
  };

  controls."164.308(a)(7)(ii)(D)" = writ.control {
    title = "Testing and revision procedures";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "A1.3" ]; nist-800-53 = [ "CP-4" ]; };
    procedure = "A restore is rehearsed every quarter, and the plan is revised after each rehearsal; both are recorded.";
  };

  checks."capacity.disk" = writ.check {
    title = "The root file system has room";
    probe.disk = { path = "/"; };
    expect.available_percent.ge = figures.disk.failed_below_percent;
    prefer.available_percent.ge = figures.disk.warning_below_percent;
    every = "1m";
    severity = "critical";
  };

  checks."capacity.memory" = writ.check {
    title = "Memory is not exhausted";
    probe.memory = { };
    expect.used_percent.le = figures.memory.failed_above_percent;
    prefer.used_percent.le = figures.memory.warning_above_percent;
    every = "1m";
    severity = "critical";
  };

  checks."capacity.cpu" = writ.check {
    title = "The processor is not saturated";
    probe.cpu = { inherit (figures.cpu.failed) window; };
    expect.used_percent.le = figures.cpu.failed.above_percent;
    every = "30s";
    severity = "critical";
  };

  # A second window, for the warning alone: any measured load satisfies `expect`.
  checks."capacity.cpu-trend" = writ.check {
    title = "The processor has reserve";
    probe.cpu = { inherit (figures.cpu.warning) window; };
    expect.used_percent.le = 100;
    prefer.used_percent.le = figures.cpu.warning.above_percent;
    every = "1m";
    severity = "low";
  };
}
