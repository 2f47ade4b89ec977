//! The policy and the system of the machine that is broken: those of the theatre of northfield-surgery, which has both
//! baselines and nearly all families of rules.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use writ_scenarios::flake::{copy, repository};
use writ_scenarios::workshop::{SITE, Workshop};

/// The appliance.
pub const NAME: &str = "theatre";

/// What a story of a minute has no time for, what the other appliances have, certificates, and rings: there is one appliance.
const SITE_EDITS: [(&str, &str); 6] = [
    (r#"    { name = "ward"; appliances = [ "ward" ]; }"#, ""),
    (r#"    { name = "theatre"; after = "promotion"; appliances = "others"; }"#, ""),
    (r#"    { days = [ "sun" ]; from = "02:00"; to = "06:00"; allows = [ "switch" "reboot" ]; }"#, ""),
    (r#"    { days = [ "sat" ]; from = "22:00"; to = "02:00"; allows = [ "scan" "restore-test" ]; }"#, ""),
    (r#"window = "5m";"#, r#"window = "5s";"#),
    ("    \"backup\"\n", "    \"backup\"\n    \"certificates\"\n"),
];

/// The connector of another appliance, and what is looked at elsewhere: where a container has something of its own.
const APPLIANCE_EDITS: [(&str, &str); 2] = [
    (
        "  programs = [\n",
        r#"  rule_families = [ "ehr" ];
  checks."ehr.connector-config" = writ.check {
    title = "The connector's configuration is closed to others";
    probe.file = { path = "/etc/ehr/connector.conf"; };
    expect = { exists.eq = true; mode.eq = "0640"; sha256.eq = writ.digest "poll_seconds = 30\n"; };
    every = "1m";
    severity = "high";
    controls = [ "164.312(a)(1)" ];
  };
  checks."ehr.connector-service" = writ.check {
    title = "The connector runs";
    probe.systemd_unit = { unit = "ehr-connector.service"; };
    expect.active_state.eq = "active";
    every = "30s";
    severity = "critical";
    controls = [ "164.308(a)(7)(i)" ];
  };
  programs = [
    "connector.conf"
    "renew-certificate"
"#,
    ),
    (
        "  overrides.checks = {\n",
        r#"  overrides.checks = let here = value: writ.override { inherit value; reason = "A container has this of its own."; }; in {
    "capacity.disk".probe.disk.path = here "/var/tmp";
    "capacity.inodes".probe.disk.path = here "/var/tmp";
    "transmission.certificate".probe.tls_certificate.path = here "/var/lib/theatre/tls/server.crt";
    "hardening.file-rights".probe.file_scan.path = here "/etc";
"#,
    ),
];

/// Makes the site of the desk one with a theatre, with these programs of the modules and these settings of its SSH server.
pub fn lay(desk: &Workshop, programs: &Value, sshd: &str) {
    let hosts = desk.flake().join("hosts");
    for other in ["front-desk", "back-office"] {
        fs::remove_dir_all(hosts.join(SITE).join(other)).unwrap();
    }
    let from = repository().join("hosts/northfield-surgery");
    let (site, appliance) = (format!("hosts/{SITE}/site.nix"), format!("hosts/{SITE}/{NAME}/policy.nix"));
    copy(&from.join("site.nix"), &desk.flake().join(&site)).unwrap();
    copy(&from.join(NAME).join("policy.nix"), &desk.flake().join(&appliance)).unwrap();
    for (file, edits) in [(&site, &SITE_EDITS[..]), (&appliance, &APPLIANCE_EDITS)] {
        edits.iter().for_each(|(from, to)| desk.edit(file, from, to).unwrap());
    }
    let given = json!({ "programs": programs, "sshd": sshd });
    let folder = hosts.join(SITE).join(NAME);
    fs::write(folder.join("given.json"), given.to_string()).unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/library/system.nix"), &folder.join("system.nix"))
        .unwrap();
}
