# Runbooks for settings of the kernel. They last until the next boot: what lasts longer comes with the system.
{ writ, ... }:
let
  set = key: value: check: writ.runbook {
    title = "Set ${key} to ${value}";
    version = "1.0";
    steps = [
      { id = "write"; step = "sysctl.write"; parameters = { inherit key value; }; timeout = "5s"; }
    ];
    verify = [ check ];
  };
in
{
  runbooks."RB-KRN-001" = set "kernel.kptr_restrict" "1" "hardening.kernel-pointers";
  runbooks."RB-KRN-002" = set "kernel.dmesg_restrict" "1" "hardening.kernel-messages";
  runbooks."RB-KRN-003" = set "kernel.perf_event_paranoid" "2" "hardening.kernel-counters";
  runbooks."RB-KRN-004" = set "kernel.randomize_va_space" "2" "hardening.kernel-address-layout";
  runbooks."RB-KRN-005" = set "fs.suid_dumpable" "0" "hardening.kernel-core-dumps";
  runbooks."RB-KRN-006" = set "kernel.yama.ptrace_scope" "1" "hardening.kernel-tracing";
  runbooks."RB-KRN-007" = set "kernel.unprivileged_bpf_disabled" "1" "hardening.kernel-bpf";
  runbooks."RB-KRN-008" = set "net.core.bpf_jit_harden" "2" "hardening.kernel-bpf-compiler";
  runbooks."RB-KRN-009" = set "fs.protected_symlinks" "1" "hardening.kernel-links";
  runbooks."RB-KRN-010" = set "fs.protected_hardlinks" "1" "hardening.kernel-hard-links";
  runbooks."RB-KRN-011" = set "fs.protected_fifos" "1" "hardening.kernel-fifos";
  runbooks."RB-KRN-012" = set "fs.protected_regular" "1" "hardening.kernel-regular-files";
  runbooks."RB-KRN-013" = set "kernel.kexec_load_disabled" "1" "hardening.kernel-kexec";
  runbooks."RB-KRN-014" = set "kernel.sysrq" "0" "hardening.kernel-sysrq";
  # RB-NET-001 undoes this one: writing net.ipv4.ip_forward sets the kernel's own defaults for all interfaces again.
  runbooks."RB-KRN-015" = set "net.ipv4.conf.all.accept_redirects" "0" "hardening.network-redirects";
  runbooks."RB-KRN-016" = set "net.ipv4.conf.all.send_redirects" "0" "hardening.network-send-redirects";
  runbooks."RB-KRN-017" = set "net.ipv4.conf.all.accept_source_route" "0" "hardening.network-source-routes";
  runbooks."RB-KRN-018" = set "net.ipv4.conf.all.rp_filter" "1" "hardening.network-reverse-path";
  runbooks."RB-KRN-019" = set "net.ipv4.tcp_syncookies" "1" "hardening.network-syn-cookies";
  runbooks."RB-KRN-020" = set "net.ipv4.icmp_echo_ignore_broadcasts" "1" "hardening.network-echo";
  runbooks."RB-KRN-021" = set "net.ipv4.conf.all.log_martians" "1" "hardening.network-martians";
  runbooks."RB-KRN-022" = set "net.ipv6.conf.all.accept_redirects" "0" "hardening.network-redirects-v6";
  runbooks."RB-KRN-023" = set "net.ipv4.conf.default.accept_redirects" "0" "hardening.network-redirects-default";
  runbooks."RB-KRN-024" = set "net.ipv4.conf.default.send_redirects" "0" "hardening.network-send-redirects-default";
  runbooks."RB-KRN-025" = set "net.ipv6.conf.default.accept_redirects" "0" "hardening.network-redirects-v6-default";
}
