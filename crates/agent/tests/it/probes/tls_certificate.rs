//! `tls_certificate` on what openssl makes.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use writ_agent::probes;
use writ_policy::observation::Observation;
use writ_policy::outcome::Probed;

use super::{call, context, int, seen};

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn certificates_made_by_openssl_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    openssl(dir.path(), "req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.crt -days 30 -subj /O=Clinic/CN=ca");
    openssl(dir.path(), "req -new -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=front-desk");
    openssl(dir.path(), "x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 7 -out leaf.crt");
    openssl(dir.path(), "x509 -in leaf.crt -outform der -out leaf.der");
    let ca = seen("tls_certificate", json!({ "path": path("ca.crt") }));
    assert_eq!(ca.get("self_signed"), Some(&true.into()));
    assert!((29 * 86_400..=30 * 86_400).contains(&int(&ca, "valid_for_seconds")));
    let leaf = seen("tls_certificate", json!({ "path": path("leaf.crt") }));
    assert_eq!(leaf.get("self_signed"), Some(&false.into()));
    assert_eq!(
        (leaf.get("subject"), leaf.get("issuer")),
        (Some(&"CN=front-desk".into()), Some(&"O=Clinic, CN=ca".into()))
    );
    assert_eq!(seen("tls_certificate", json!({ "path": path("leaf.der") })).get("not_after"), leaf.get("not_after"));
    // A server's file often holds its key first and the chain after it.
    let chain = ["leaf.key", "leaf.crt", "ca.crt"].map(|name| fs::read(path(name)).unwrap()).concat();
    fs::write(path("chain.pem"), chain).unwrap();
    assert_eq!(seen("tls_certificate", json!({ "path": path("chain.pem") })).get("subject"), leaf.get("subject"));
    let mut later = context();
    later.now = later.now.plus_millis(8 * 86_400_000);
    let Probed::Seen(expired) = probes::run(&call("tls_certificate", json!({ "path": path("leaf.crt") })), &mut later)
    else {
        panic!()
    };
    assert!((-2 * 86_400..0).contains(&int(&expired, "valid_for_seconds")));
    assert_eq!(seen("tls_certificate", json!({ "path": path("none") })), Observation::new().with("exists", false));
    let key = probes::run(&call("tls_certificate", json!({ "path": path("leaf.key") })), &mut context());
    assert!(matches!(key, Probed::Failed(_)), "{key:?}");
}
