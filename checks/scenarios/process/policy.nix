# The front desk where no container can be had: files in a folder of the demo stand for the appliance's. There is no
# system closure, so no unit, packet filter or program of its own; the baseline's checks look at this machine as it is,
# and nothing here has a rule that would change it.
{ writ, ... }:
let
  folder = "@folder@";
  pollSeconds = 30;
  connectorConf = ''
    # Managed: changes made here are undone and recorded.
    endpoint = "https://ehr.example/hl7"
    poll_seconds = ${toString pollSeconds}
  '';
  banner = "Authorised use only. Activity is recorded.\n";
in
writ.appliance {
  system_type = "x86_64-linux";
  rule_families = [ "demo" ];

  checks."ehr.connector-config" = writ.check {
    title = "The connector's configuration is the released one, closed to others";
    probe.file = { path = "${folder}/connector.conf"; };
    expect = { exists.eq = true; mode.eq = "0640"; sha256.eq = writ.digest connectorConf; };
    every = "1m";
    severity = "high";
    controls = [ "164.312(a)(1)" "164.312(c)(1)" ];
  };

  checks."demo.banner" = writ.check {
    title = "The login banner is the released one";
    probe.file = { path = "${folder}/issue.net"; };
    expect = { exists.eq = true; sha256.eq = writ.digest banner; };
    every = "1m";
    severity = "low";
    controls = [ "164.310(b)" ];
  };

  overrides.checks."transmission.certificate".probe.tls_certificate.path = writ.override {
    value = "${folder}/server.crt";
    reason = "The connector keeps its certificate beside its other state.";
  };

  overrides.checks."keys.appliance-file".probe.file.path = writ.override {
    value = "@key@";
    reason = "The enforcer reads its key where the desk made it.";
  };
}
