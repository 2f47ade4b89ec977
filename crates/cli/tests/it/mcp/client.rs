//! A client that is not ours: `mcp` of PyPI, over standard input and output and over HTTP, in one process.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Clinic;
use super::by_http::{Server, TOKEN};

/// Where `cargo xtask test` has made its environment.
fn python() -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/mcp-venv/bin/python")).to_owned()
}

#[test]
fn a_client_of_others_uses_it_both_ways() {
    let clinic = Clinic::new();
    let server = Server::start(&clinic, &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mcp/client.py");
    let asked = json!({ "command": env!("CARGO_BIN_EXE_writ"), "args": clinic.with_proposals(),
        "url": format!("http://{}/mcp", server.address), "token": TOKEN });
    let ran = Command::new(python()).arg(script).arg(asked.to_string()).output();
    let ran = ran.unwrap_or_else(|e| panic!("{e}: `cargo xtask test` installs it into target/mcp-venv"));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let told: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let reading = ["controls", "drift", "incidents", "evidence", "coverage", "explain"];
    assert_eq!(told["http"]["tools"], json!(reading), "{told}");
    assert_eq!(told["stdio"]["tools"].as_array().unwrap().len(), 7, "{told}");
    for way in ["stdio", "http"] {
        let told = &told[way];
        assert_eq!(
            (&told["failing"], &told["verified"], &told["proven"]),
            (&json!(["file.motd"]), &true.into(), &true.into())
        );
        assert_eq!((&told["refused"], &told["unknown"]), (&true.into(), &true.into()), "{told}");
    }
    assert_eq!(told["stdio"]["proposed"].as_str().unwrap(), clinic.waiting()[0].1["id"].as_str().unwrap());
    assert!(clinic.waiting()[0].1["proposed_by"].as_str().unwrap().starts_with("a-client/"));
}
