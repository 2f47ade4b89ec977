//! Releases with systems: built by the real Nix, published as a signed binary cache.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::desk::{Desk, SITE};

/// A desk whose front-desk has a system.
fn with_system() -> Desk {
    Desk::ready(1).with_system()
}

#[test]
fn a_system_is_built_signed_and_published_with_its_closure() {
    let desk = with_system();
    desk.draft("draft");
    desk.sign("draft", "alice");
    let publish = ["release", "publish", "draft", "--to", "releases"];
    assert!(desk.refused(&publish).contains("--cache-key"));
    desk.ok(&["keys", "new", "--name", "cache-2", "--out", "keys", "--role", "cache"]);
    let with = |key: &'static str| [&publish[..], &["--cache-key", key]].concat();
    assert!(desk.refused(&with("keys/cache-2.nix-key")).contains("would not take paths"));
    desk.refused(&with("keys/alice.key"));
    assert!(!desk.path(&format!("releases/releases/{SITE}/1-1")).exists(), "nothing was published");
    desk.ok(&with("keys/cache-1.nix-key"));
    desk.ok(&with("keys/cache-1.nix-key"));
    let release: Value =
        serde_json::from_slice(&desk.read(&format!("releases/releases/{SITE}/1-1/release.json"))).unwrap();
    let closure = &release["generations"]["front-desk"]["closure"];
    let toplevel = closure["toplevel"].as_str().unwrap();
    let document = closure["digest"].as_str().unwrap().replace("sha256:", "");
    let document: Value = serde_json::from_slice(&desk.read(&format!("releases/documents/{document}.json"))).unwrap();
    assert_eq!(document["toplevel"], toplevel);
    assert!(document["programs"].as_object().is_some_and(|programs| !programs.is_empty()));
    nix_imports(&desk, toplevel);
    let verified = desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
    assert!(verified.contains("lists every path as the closure does"), "{verified}");
    altered_cache_is_named(&desk, toplevel);
}

/// The real Nix copies the system out of the cache, trusting only our key.
fn nix_imports(desk: &Desk, toplevel: &str) {
    let key = desk.ok(&["keys", "show", "--nix", "cache-1", "keys/cache-1.pub"]);
    let cache = format!("file://{}", desk.path("releases/cache").display());
    let store = desk.path("store");
    let imported = |key: &str| {
        Command::new("nix")
            .args(["--extra-experimental-features", "nix-command", "--option", "build-users-group", ""])
            .args(["--option", "substituters", "", "--option", "trusted-public-keys", key])
            .args(["copy", "--from", &cache, "--to"])
            .arg(&store)
            .arg(toplevel)
            .output()
            .unwrap()
    };
    let refused = imported("cache-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert!(!refused.status.success());
    let output = imported(key.trim());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn altered_cache_is_named(desk: &Desk, toplevel: &str) {
    let hash = &toplevel["/nix/store/".len()..][..32];
    let narinfo = format!("releases/cache/{hash}.narinfo");
    let good = String::from_utf8(desk.read(&narinfo)).unwrap();
    for bad in [good.replace("NarSize: ", "NarSize: 1"), good.replace("Sig: cache-1", "Sig: cache-9"), String::new()] {
        desk.put(&narinfo, bad);
        let (shown, _) = desk.expect(&["verify", "releases", "--trust", "first-root.json"], 1);
        assert!(shown.contains("FAILED") && shown.contains(toplevel), "{shown}");
    }
    desk.put(&narinfo, good);
    desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
}

#[test]
fn a_closure_document_that_the_signer_s_store_contradicts_is_refused() {
    let desk = with_system();
    desk.draft("draft");
    let (file, mut release) = with_other_contents(&desk);
    assert!(desk.sign_refused("draft", "alice").contains("lists other contents"));
    release["generations"]["front-desk"]["closure"] = Value::Null;
    desk.put(&file, writ_trust::json::canonical(&release));
    assert!(desk.sign_refused("draft", "alice").contains("another store path"));
}

/// Makes the draft claim other contents for the system's path; returns the release and where it is.
fn with_other_contents(desk: &Desk) -> (String, Value) {
    let file = format!("draft/releases/{SITE}/1-1/release.json");
    let mut release: Value = serde_json::from_slice(&desk.read(&file)).unwrap();
    let named = &release["generations"]["front-desk"]["closure"]["digest"];
    let named = named.as_str().unwrap().replace("sha256:", "");
    let mut closure: Value = serde_json::from_slice(&desk.read(&format!("draft/documents/{named}.json"))).unwrap();
    closure["paths"][0]["nar_hash"] = format!("sha256:{}", "1".repeat(64)).into();
    let bytes = writ_trust::json::canonical(&closure);
    let digest = writ_trust::digest::Digest::of(&bytes);
    desk.put(&format!("draft/documents/{}.json", digest.hex()), &bytes);
    release["generations"]["front-desk"]["closure"]["digest"] = digest.to_string().into();
    release["generations"]["front-desk"]["closure"]["size"] = bytes.len().into();
    desk.put(&file, writ_trust::json::canonical(&release));
    (file, release)
}

/// A desk with a draft whose system no store has any more, not even its drafter's.
fn with_forgotten_system(marker: &str) -> (Desk, String) {
    let desk = with_system();
    let system = format!("hosts/{SITE}/front-desk/system.nix");
    let described = "Description=Connector to the electronic health record";
    desk.edit(&system, described, &format!("{described} ({marker} {})", std::process::id()));
    desk.draft("draft");
    let release: Value =
        serde_json::from_slice(&desk.read(&format!("draft/releases/{SITE}/1-1/release.json"))).unwrap();
    let toplevel = release["generations"]["front-desk"]["closure"]["toplevel"].as_str().unwrap().to_owned();
    fs::remove_dir_all(desk.path("draft/systems")).unwrap();
    let deleted = Command::new("nix-store").args(["--delete", &toplevel]).output().unwrap();
    assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    assert!(!std::path::Path::new(&toplevel).exists());
    (desk, toplevel)
}

fn signatures(desk: &Desk) -> usize {
    desk.names("draft").iter().filter(|name| name.ends_with(".minisig")).count()
}

#[test]
fn a_system_that_the_signer_has_not_is_built_and_compared() {
    let (desk, toplevel) = with_forgotten_system("built");
    desk.sign("draft", "alice");
    assert!(std::path::Path::new(&toplevel).exists(), "it was built");
    assert_eq!(signatures(&desk), 1);

    let (desk, _) = with_forgotten_system("other");
    with_other_contents(&desk);
    assert!(desk.sign_refused("draft", "alice").contains("lists other contents"));
    assert_eq!(signatures(&desk), 0);
}

#[test]
fn a_system_that_the_signer_cannot_build_is_refused_unless_that_is_asked_for() {
    let (desk, toplevel) = with_forgotten_system("unbuilt");
    let arguments = desk.sign_arguments("draft", "keys/alice.key");
    let sign = |more: &[&str]| {
        let mut command = desk.command(&arguments.each_ref().map(String::as_str));
        let output = command.args(more).env("NIX_CONFIG", "substituters =\nmax-jobs = 0").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = sign(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot be built from your sources") && said.contains("--system-unchecked"), "{said}");
    assert_eq!(signatures(&desk), 0);
    let (code, said) = sign(&["--system-unchecked"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("NOT CHECKED") && said.contains(&toplevel["/nix/store/".len()..]), "{said}");
    assert_eq!(signatures(&desk), 1);
}
