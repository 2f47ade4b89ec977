# The system of the machine that is broken: what modules/nixos would make of it, as far as runbooks put it back. Its programs are
# those of the modules, run by this machine's bash.
{ busybox, minimalSystem, ... }:
let
  given = builtins.fromJSON (builtins.readFile ./given.json);
  texts = import ../../../baselines/hipaa/texts.nix { };
  connector = "poll_seconds = 30\n";
  ruleset = ''
    table inet filter {
    	chain input {
    		type filter hook input priority filter; policy accept;
    		ct state established,related accept
    	}
    }
  '';
  tls = "/var/lib/theatre/tls";
  renewCertificate = minimalSystem.selfSigned { folder = tls; hostName = "theatre.clinic-001.internal"; };
  bash = name: text: minimalSystem.script name "exec bash -euo pipefail ${minimalSystem.file "${name}.bash" text}\n";
in
minimalSystem.system {
  name = "library";
  inherit ruleset;
  files = {
    "/etc/issue.net".text = texts.banner;
    "/etc/systemd/journald.conf.d/50-retention.conf".text = texts.journald;
    "/etc/modprobe.d/writ-usb-storage.conf".text = "blacklist usb-storage\ninstall usb-storage /bin/sh -c 'exit 1'\n";
    "/etc/ssh/sshd_config".text = given.sshd;
    "/etc/ehr/connector.conf" = { text = connector; mode = "0640"; };
  };
  units."ehr-connector.service" = "[Service]\nExecStart=/usr/bin/sleep infinity\n";
  programs = builtins.mapAttrs bash given.programs // {
    "connector.conf" = minimalSystem.file "connector.conf" connector;
    renew-certificate = renewCertificate;
  };
  prepare = "[ -s ${tls}/server.crt ] || ${renewCertificate}\n";
}
