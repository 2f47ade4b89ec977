# The one appliance of the practice: it keeps the pictures of the X-ray unit, which sends them as DICOM over TLS (port 2762).
{ writ, ... }:
let
  # Written exactly as `nft -s list ruleset` prints it, so that its digest is the expected one.
  ruleset = ''
    table inet filter {
    	chain input {
    		type filter hook input priority filter; policy drop;
    		iif "lo" accept
    		ct state established,related accept
    		tcp dport { 22, 2762 } accept
    	}

    	chain forward {
    		type filter hook forward priority filter; policy drop;
    	}
    }
  '';
in
writ.appliance {
  system_type = "x86_64-linux";
  # What system.nix provides to runbooks.
  programs = [ "activate" "renew-certificate" "ruleset.nft" ];

  checks."imaging.folder" = writ.check {
    title = "Only the imaging service reads the X-ray pictures";
    probe.file = { path = "/srv/imaging"; };
    expect = {
      kind.eq = "directory";
      mode."in" = [ "0700" "0750" ];
    };
    every = "5m";
    severity = "high";
    controls = [ "164.312(a)(1)" ];
  };

  overrides = {
    checks."access.firewall".expect.ruleset_sha256.eq = writ.override {
      value = writ.digest ruleset;
      reason = "The ruleset of this appliance is part of its system and known to the letter.";
    };
    checks."transmission.certificate".probe.tls_certificate.path = writ.override {
      value = "/var/lib/imaging/tls/server.crt";
      reason = "The imaging service keeps its certificate beside its other state.";
    };
    settings.probation.checks = writ.override {
      value = [ "access.firewall" "imaging.folder" ];
      reason = "What the practice would notice first when a release is bad.";
    };
  };

  # For system.nix: no part of the policy.
  system = {
    inherit ruleset;
    inherit (import ../../../baselines/hipaa/texts.nix { }) banner journald;
  };
}
