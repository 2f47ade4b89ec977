# The kernel: what it tells, what it lets programs do, and that it stays the one that was booted.
{ writ, ... }:
let
  sysctl = title: key: op: value: severity: cites: writ.check {
    inherit title severity cites;
    probe.sysctl = { inherit key; };
    expect.value_number.${op} = value;
    every = "15m";
    nixos.boot.kernel.sysctl.${key} = value;
  };

  # Protocols and file systems that no appliance needs; each has been a way in.
  module = title: name: writ.check {
    inherit title;
    probe.kernel_module = { inherit name; };
    expect = {
      loaded.eq = false;
      loadable.eq = false;
    };
    every = "1h";
    severity = "low";
    cites = [ "nist-800-53:CM-7" ];
    # NixOS has no /bin/false.
    nixos.environment.etc."modprobe.d/writ-${name}.conf".text = "blacklist ${name}\ninstall ${name} /bin/sh -c 'exit 1'\n";
  };
in
{
  controls."WH-KERNEL-1" = writ.control {
    title = "The kernel hides its addresses, messages and counters";
    coverage = "automated";
    severity = "medium";
    maps = { nist-800-53 = [ "SC-4" "SI-16" ]; soc2 = [ "CC6.1" ]; };
    checks = [
      "hardening.kernel-pointers"
      "hardening.kernel-messages"
      "hardening.kernel-counters"
      "hardening.kernel-address-layout"
      "hardening.kernel-core-dumps"
    ];
  };

  controls."WH-KERNEL-2" = writ.control {
    title = "The kernel lets programs do nothing to one another";
    coverage = "automated";
    severity = "medium";
    maps = { nist-800-53 = [ "AC-6" "SC-39" "AC-3(4)" ]; soc2 = [ "CC6.1" ]; };
    checks = [
      "hardening.kernel-tracing"
      "hardening.kernel-bpf"
      "hardening.kernel-bpf-compiler"
      "hardening.kernel-links"
      "hardening.kernel-hard-links"
      "hardening.kernel-fifos"
      "hardening.kernel-regular-files"
    ];
  };

  controls."WH-KERNEL-3" = writ.control {
    title = "The kernel cannot be replaced while it runs";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "CM-14" "CM-7" "SI-7" ]; soc2 = [ "CC6.8" ]; };
    checks = [
      "hardening.kernel-kexec"
      "hardening.kernel-sysrq"
      "hardening.kernel-lockdown"
      "hardening.kernel-options"
      "hardening.module-dccp"
      "hardening.module-sctp"
      "hardening.module-rds"
      "hardening.module-tipc"
      "hardening.module-firewire-core"
      "hardening.module-cramfs"
    ];
  };

  checks."hardening.kernel-pointers" = sysctl "The kernel hides its addresses"
    "kernel.kptr_restrict" "ge" 1 "medium" [ "nist-800-53:SI-16" ];

  checks."hardening.kernel-messages" = sysctl "Only root reads the kernel's messages"
    "kernel.dmesg_restrict" "eq" 1 "medium" [ "nist-800-53:SC-4" ];

  checks."hardening.kernel-counters" = sysctl "Only root reads the processor's performance counters"
    "kernel.perf_event_paranoid" "ge" 2 "low" [ "nist-800-53:SC-4" ];

  checks."hardening.kernel-address-layout" = sysctl "Programs are laid out at random addresses"
    "kernel.randomize_va_space" "eq" 2 "high" [ "nist-800-53:SI-16" ];

  checks."hardening.kernel-core-dumps" = sysctl "Set-user-id programs leave no core dumps"
    "fs.suid_dumpable" "eq" 0 "medium" [ "nist-800-53:SC-4" ];

  checks."hardening.kernel-tracing" = sysctl "A program traces its own children only"
    "kernel.yama.ptrace_scope" "ge" 1 "medium" [ "nist-800-53:AC-6" "nist-800-53:SC-39" ];

  checks."hardening.kernel-bpf" = sysctl "Only root loads BPF programs"
    "kernel.unprivileged_bpf_disabled" "ge" 1 "high" [ "nist-800-53:AC-6" ];

  checks."hardening.kernel-bpf-compiler" = sysctl "Compiled BPF programs are hardened against spraying"
    "net.core.bpf_jit_harden" "eq" 2 "medium" [ "nist-800-53:SI-16" ];

  checks."hardening.kernel-links" = sysctl "Symbolic links in shared folders are followed by their owners only"
    "fs.protected_symlinks" "eq" 1 "medium" [ "nist-800-53:AC-3(4)" ];

  checks."hardening.kernel-hard-links" = sysctl "Nobody links to files that they cannot write"
    "fs.protected_hardlinks" "eq" 1 "medium" [ "nist-800-53:AC-3(4)" ];

  checks."hardening.kernel-fifos" = sysctl "Pipes in shared folders are opened by their owners only"
    "fs.protected_fifos" "ge" 1 "low" [ "nist-800-53:AC-3" ];

  checks."hardening.kernel-regular-files" = sysctl "Files in shared folders are overwritten by their owners only"
    "fs.protected_regular" "ge" 1 "low" [ "nist-800-53:AC-3" ];

  checks."hardening.kernel-kexec" = sysctl "The kernel cannot be replaced while it runs"
    "kernel.kexec_load_disabled" "eq" 1 "high" [ "nist-800-53:CM-14" ];

  checks."hardening.kernel-sysrq" = sysctl "Keys at the console command nothing"
    "kernel.sysrq" "eq" 0 "low" [ "nist-800-53:CM-7" ];

  # Only as a preference: kernels of NixOS have no lockdown.
  checks."hardening.kernel-lockdown" = writ.check {
    title = "The kernel is locked down, also against root, where it can be";
    probe.secure_boot = { };
    expect.any = [
      { lockdown.exists = false; }
      { lockdown."in" = [ "none" "integrity" "confidentiality" ]; }
    ];
    prefer.lockdown."in" = [ "integrity" "confidentiality" ];
    every = "1h";
    severity = "low";
    cites = [ "nist-800-53:SI-7" "nist-800-53:CM-14" ];
  };

  checks."hardening.kernel-options" = writ.check {
    title = "The kernel was not booted with its protections off";
    probe.kernel_command_line = { };
    expect.all = [
      { not.options.contains = "mitigations=off"; }
      { not.options.contains = "nokaslr"; }
      { not.options.contains = "module.sig_enforce=0"; }
    ];
    every = "1h";
    severity = "high";
    cites = [ "nist-800-53:SI-16" "nist-800-53:CM-6" ];
  };

  checks."hardening.module-dccp" = module "The DCCP protocol cannot be loaded" "dccp";

  checks."hardening.module-sctp" = module "The SCTP protocol cannot be loaded" "sctp";

  checks."hardening.module-rds" = module "The RDS protocol cannot be loaded" "rds";

  checks."hardening.module-tipc" = module "The TIPC protocol cannot be loaded" "tipc";

  checks."hardening.module-firewire-core" = module "FireWire cannot be loaded, which reads memory from outside" "firewire-core";

  checks."hardening.module-cramfs" = module "The cramfs file system cannot be loaded" "cramfs";
}
