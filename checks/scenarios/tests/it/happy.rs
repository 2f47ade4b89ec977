//! The whole chain in one container: released, switched to, one thing broken and healed, proved, judged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use writ_scenarios::appliance::Appliance;
use writ_scenarios::{outbox, run};

use crate::clinic::Clinic;
use crate::house::{evidence, ran};

const POLICY: &str = "hosts/clinic-001/front-desk/policy.nix";

#[test]
fn from_a_release_to_a_verdict() {
    let clinic = Clinic::shared();
    let appliance = clinic.front_desk("happy");
    heal_a_mode(&appliance);
    let snapshot = |f: &outbox::Found| f.json["posture"]["snapshot"].is_object();
    appliance.await_bundle(0, "a snapshot of all checks", snapshot).unwrap();
    appliance.run("systemctl", &["stop", "writ-enforce.service"]).unwrap();

    // minisign knows nothing of us.
    let key = clinic.desk.keys().join("front-desk.pub");
    let bundles = outbox::read(&appliance.outbox()).unwrap();
    assert!(bundles.len() >= 5, "{}", bundles.len());
    for bundle in &bundles {
        let mut minisign = Command::new("minisign");
        minisign.arg("-QVm").arg(&bundle.file).arg("-p").arg(&key);
        run::checked(&mut minisign).unwrap();
    }
    let text = fs::read_to_string(&key).unwrap();
    let public = writ_trust::minisign::PublicKey::parse(&text).unwrap();
    let chain = evidence::read(&appliance.outbox(), "clinic-001", "front-desk", &public);
    assert!(!chain.open_incidents().contains("ehr.connector-config"));

    audit(&clinic, &appliance);
}

fn heal_a_mode(appliance: &Appliance) {
    let after = outbox::last_sequence(&appliance.outbox()).unwrap();
    let file = appliance.container.path("/etc/ehr/connector.conf");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let of = |kind: &'static str| {
        move |f: &outbox::Found| f.text(&["kind"]) == kind && f.text(&["incident", "check"]) == "ehr.connector-config"
    };
    let opened = appliance.await_bundle(after, "the incident", of("incident-opened")).unwrap();
    let closed = appliance.await_bundle(after, "the end of the incident", of("incident-closed")).unwrap();
    assert_eq!(opened.text(&["incident", "incident_id"]), closed.text(&["incident", "incident_id"]));
    assert_eq!(opened.text(&["drift", "before", "mode"]), "0666");
    assert_eq!(closed.text(&["drift", "after", "mode"]), "0640");
    assert_eq!(closed.text(&["outputs", "resolution_status"]), "success");
    assert_eq!(closed.text(&["execution", "rule"]), "L1-EHR-001");
    assert_eq!(closed.text(&["change"]), "corrective");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
}

fn audit(clinic: &Clinic, appliance: &Appliance) {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    clinic.desk.collect(&[appliance.outbox()], &audit).unwrap();
    let root = clinic.desk.first_root();
    let of = |verb: &str| {
        let mut command = clinic.desk.writ(["audit", verb]);
        command.arg(&audit).arg("--trust").arg(&root);
        command
    };
    let verified = ran(&mut of("verify"));
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    let html = folder.path().join("report.html");
    let compared = ran(of("compare").args(["--site", "clinic-001", "--json", "--html"]).arg(&html));
    let comparison: serde_json::Value = serde_json::from_str(&compared.stdout).expect(&compared.stderr);
    let controls = comparison["controls"].as_array().unwrap();
    assert!(controls.len() >= 10, "{} controls", controls.len());
    let integrity = controls.iter().find(|c| c["control"] == "164.312(c)(1)").expect("a verdict on integrity");
    // The back office has said nothing: that is not passed over because the front desk is well.
    assert_eq!(integrity["verdict"], "no-evidence", "{integrity}");
    let checks = comparison["checks"].as_array().unwrap();
    let own = |c: &&serde_json::Value| c["check"] == "ehr.connector-config" && c["appliance"] == "front-desk";
    let check = checks.iter().find(own).unwrap();
    assert_eq!((&check["verdict"], &check["declared_at"]["file"]), (&json!("demonstrated"), &json!(POLICY)), "{check}");
    assert_eq!((&check["arithmetic"]["failures"], &check["arithmetic"]["healed_by"]), (&json!(1), &json!({ "L1": 1 })));
    assert_eq!(check["observed"]["values"]["mode"], "0640");
    self_contained(&html);
    one_flipped_byte_is_named(clinic, &audit, &root);
}

/// A file to hand over: it fetches nothing.
fn self_contained(html: &Path) {
    let text = fs::read_to_string(html).unwrap();
    assert!(text.contains("164.312(c)(1)") && text.contains(POLICY));
    for foreign in ["<script", "src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!text.contains(foreign), "the report has {foreign}");
    }
}

fn one_flipped_byte_is_named(clinic: &Clinic, audit: &Path, root: &Path) {
    let evidence = audit.join("evidence/clinic-001");
    let key = fs::read_dir(&evidence).unwrap().next().unwrap().unwrap().path();
    let mut bundles: Vec<_> = fs::read_dir(key).unwrap().map(|e| e.unwrap().path()).collect();
    bundles.retain(|p| p.extension().is_some_and(|e| e == "json"));
    bundles.sort();
    let victim = &bundles[bundles.len() / 2];
    let mut bytes = fs::read(victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(victim, bytes).unwrap();
    let mut verify = clinic.desk.writ(["audit", "verify"]);
    let said = ran(verify.arg(audit).arg("--trust").arg(root));
    let name = victim.file_name().unwrap().to_str().unwrap();
    assert!(said.code == Some(1) && said.stdout.contains(name), "{}{}", said.stdout, said.stderr);
}
