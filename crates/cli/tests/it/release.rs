//! `writ release draft` and `sign`.

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, SITE};

fn release_of(desk: &Desk, folder: &str, number: &str) -> Value {
    let file = format!("{folder}/releases/{SITE}/{number}/release.json");
    serde_json::from_slice(&desk.read(&file)).unwrap()
}

fn signature(desk: &Desk, folder: &str, number: &str, key: &str) -> String {
    format!("{folder}/releases/{SITE}/{number}/release.json.{}.minisig", desk.key_id(key))
}

#[test]
fn a_draft_names_its_sources_and_the_same_commit_gives_the_same_bytes() {
    let desk = Desk::ready(1);
    desk.draft("draft-1");
    desk.git("flake", &["clone", "--quiet", ".", "../other"]);
    let arguments = ["release", "draft", "--flake", "other", "--previous", "releases", "--to", "draft-2", "--json"];
    let drafted: Value = serde_json::from_str(&desk.ok(&arguments)).unwrap();
    assert_eq!(drafted[0]["serial"], 1);
    assert_eq!(desk.files("draft-1/documents"), desk.files("draft-2/documents"));
    let (one, two) = (release_of(&desk, "draft-1", "1-1"), release_of(&desk, "draft-2", "1-1"));
    assert_eq!(
        (&one["source"], &one["generations"]["front-desk"]["policy"]),
        (&two["source"], &two["generations"]["front-desk"]["policy"])
    );
    assert_eq!((&one["source"]["dirty"], &one["previous"]), (&Value::Bool(false), &Value::Null));
    assert_eq!(one["source"]["revision"].as_str().unwrap().len(), 40);
    // Canonical, and the hash of the sources is Nix's own.
    let bytes = desk.read(&format!("draft-1/releases/{SITE}/1-1/release.json"));
    assert_eq!(bytes, writ_trust::json::canonical(&one));
}

#[test]
fn untracked_files_are_no_part_of_a_release_and_changes_make_it_dirty() {
    let desk = Desk::ready(1);
    desk.draft("draft-1");
    desk.put("flake/hosts/clinic-001/stray.nix", "throw \"evaluated\"");
    let arguments = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-2"];
    let (_, said) = desk.expect(&arguments, 0);
    assert!(said.contains("does not track") && said.contains("stray.nix"), "{said}");
    assert_eq!(release_of(&desk, "draft-1", "1-1")["source"], release_of(&desk, "draft-2", "1-1")["source"]);
    fs::write(desk.path("flake/README"), "tracked").unwrap();
    desk.commit("flake");
    fs::write(desk.path("flake/README"), "changed").unwrap();
    let arguments = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-3"];
    let (_, said) = desk.expect(&arguments, 0);
    assert!(said.contains("no commit has"), "{said}");
    assert_eq!(release_of(&desk, "draft-3", "1-1")["source"]["dirty"], true);
}

#[test]
fn sources_with_mistakes_are_not_drafted() {
    let desk = Desk::ready(1);
    let key = format!("hosts/{SITE}/front-desk/key.pub");
    let arguments = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft"];
    let refused = |why: &str| {
        let said = desk.refused(&arguments);
        assert!(said.contains(why), "expected {why:?}:\n{said}");
        assert!(!desk.path("draft").exists(), "nothing was written");
    };
    let kept = desk.read(&format!("flake/{key}"));
    fs::remove_file(desk.path(&format!("flake/{key}"))).unwrap();
    desk.commit("flake");
    refused("writ keys new --name front-desk");
    let put = |content: Vec<u8>| {
        desk.put(&format!("flake/{key}"), content);
        desk.commit("flake");
    };
    put(b"not a key".to_vec());
    refused("no minisign public key");
    put(desk.read("keys/back-office.pub"));
    refused("same public key");
    put(kept);
    // What only the schemas of the probes tell.
    desk.edit(&format!("hosts/{SITE}/front-desk/policy.nix"), "active_state.eq", "active_states.eq");
    refused("front-desk/policy.nix");
    desk.edit(&format!("hosts/{SITE}/front-desk/policy.nix"), "active_states.eq", "active_state.eq");
    desk.edit(&format!("hosts/{SITE}/site.nix"), "title =", "titel =");
    refused("site.nix");
    desk.edit(&format!("hosts/{SITE}/site.nix"), "titel =", "title");
    refused("site.nix");
}

#[test]
fn what_cannot_be_drafted_says_why() {
    let desk = Desk::ready(1);
    let draft = |more: &[&str], code| {
        let given = ["release", "draft", "--previous", "releases", "--to", "draft"];
        desk.expect(&[&given[..], more].concat(), code).1
    };
    assert!(draft(&["--flake", "keys"], 2).contains("evaluate.nix"));
    assert!(draft(&["--flake", "nowhere"], 2).contains("nowhere"));
    assert!(draft(&["--flake", "flake", "--site", "clinic-002"], 1).contains("no site clinic-002"));
    draft(&["--flake", "flake", "--site", "Clinic"], 2);
    draft(&["--flake", "flake", "--serial", "0"], 2);
    draft(&["--flake", "flake", "--expires", "soon"], 2);
    assert!(draft(&["--flake", "flake", "--epoch", "2"], 1).contains("only a trust root raises the epoch"));
    assert!(draft(&["--flake", "flake", "--expires", "0s"], 1).contains("expires_at"));
    desk.put("ledger.json", "{}");
    assert!(draft(&["--flake", "flake"], 2).contains("ledger"));
    fs::remove_file(desk.path("ledger.json")).unwrap();
    assert!(!desk.path("draft").exists(), "nothing was written");
    fs::create_dir(desk.path("draft")).unwrap();
    desk.put("draft/x", "x");
    assert!(draft(&["--flake", "flake"], 1).contains("not empty"));
    let said = desk.could_not(&["release", "draft", "--flake", "flake", "--previous", "empty", "--to", "d"]);
    assert!(said.contains("writ trust init"), "{said}");
}

#[test]
fn two_of_three_sign_and_the_real_minisign_agrees() {
    let desk = Desk::ready(2);
    desk.draft("draft");
    let shown = desk.sign("draft", "alice");
    assert!(shown.contains("release 1-1 of clinic-001") && shown.contains("first release"), "{shown}");
    let said = desk.refused(&["release", "publish", "draft", "--to", "releases"]);
    assert!(said.contains("signature-threshold") && said.contains("expected 2"), "{said}");
    // The same key again is still one.
    desk.sign("draft", "alice");
    desk.refused(&["release", "publish", "draft", "--to", "releases"]);
    assert!(!desk.path("releases/releases").exists(), "nothing was published");
    desk.sign("draft", "carol");
    desk.publish("draft");
    let release = format!("releases/releases/{SITE}/1-1/release.json");
    for key in ["alice", "carol"] {
        let signature = signature(&desk, "releases", "1-1", key);
        assert!(desk.minisign_accepts(&release, &signature, &format!("keys/{key}.pub")), "{key}");
        assert!(!desk.minisign_accepts(&release, &signature, "keys/bob.pub"));
        let shown = desk.ok(&["keys", "show", &signature]);
        assert!(shown.contains("site=clinic-001 epoch=1 serial=1"), "{shown}");
    }
    assert!(!desk.path(&format!("{release}.minisig")).exists(), "one signature is not enough here");
    desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
}

#[test]
fn nothing_is_signed_that_the_signer_did_not_evaluate() {
    let desk = Desk::ready(1);
    desk.draft("draft");
    // Another commit, with the same policies.
    desk.put("flake/README", "other sources");
    desk.commit("flake");
    assert!(desk.sign_refused("draft", "alice").contains("not made from your sources"));
    desk.git("flake", &["checkout", "--quiet", "HEAD~1"]);
    let release = format!("draft/releases/{SITE}/1-1/release.json");
    let good = desk.read(&release);
    let edit = |edit: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&good).unwrap();
        edit(&mut value);
        desk.put(&release, serde_json::to_vec(&value).unwrap());
    };
    edit(&|r| r["generations"]["front-desk"]["system_type"] = "aarch64-linux".into());
    assert!(desk.sign_refused("draft", "alice").contains("system_type"));
    edit(&|r| r["generations"]["front-desk"]["public_key"] = r["generations"]["back-office"]["public_key"].clone());
    assert!(desk.sign_refused("draft", "alice").contains("same public key"));
    edit(&|r| r["generations"] = serde_json::json!({ "front-desk": r["generations"]["front-desk"] }));
    assert!(desk.sign_refused("draft", "alice").contains("appliances are others"));
    edit(&|r| r["previous"] = format!("sha256:{}", "0".repeat(64)).into());
    desk.run(&["release", "sign", "draft", "--key", "keys/alice.key", "--passphrase-file", "pass", "--flake", "flake"]);
    edit(&|r| r["serial"] = 2.into());
    assert!(desk.sign_refused("draft", "alice").contains("another site or number"));
    edit(&|r| r["trust_version"] = 2.into());
    assert!(desk.sign_refused("draft", "alice").contains("newest trust root"));
    desk.put(&release, &good);
    // A policy exchanged for another one, with the release naming it truthfully.
    let policy = desk.names("draft/documents")[0].clone();
    desk.flip(&format!("draft/documents/{policy}"));
    assert!(desk.sign_refused("draft", "alice").contains("draft again"));
    assert!(!desk.path(&signature(&desk, "draft", "1-1", "alice")).exists(), "nothing was signed");
    assert!(!desk.path("keys/ledger.json").exists());
}

#[test]
fn a_weakened_policy_in_an_otherwise_true_draft_is_found() {
    let desk = Desk::ready(1);
    desk.draft("draft");
    let release = format!("draft/releases/{SITE}/1-1/release.json");
    let mut value: Value = serde_json::from_slice(&desk.read(&release)).unwrap();
    let named = value["generations"]["front-desk"]["policy"]["digest"].as_str().unwrap().replace("sha256:", "");
    let mut policy: Value = serde_json::from_slice(&desk.read(&format!("draft/documents/{named}.json"))).unwrap();
    policy["controls"] = serde_json::json!({});
    let weaker = writ_trust::json::canonical(&policy);
    let digest = writ_trust::digest::Digest::of(&weaker);
    desk.put(&format!("draft/documents/{}.json", digest.hex()), &weaker);
    value["generations"]["front-desk"]["policy"]["digest"] = digest.to_string().into();
    value["generations"]["front-desk"]["policy"]["size"] = weaker.len().into();
    desk.put(&release, writ_trust::json::canonical(&value));
    let said = desk.sign_refused("draft", "alice");
    assert!(said.contains("front-desk") && said.contains("policy has other bytes"), "{said}");
}

#[test]
fn keys_that_do_not_open_or_do_not_count_sign_nothing() {
    let desk = Desk::ready(1);
    desk.key("mallory");
    desk.draft("draft");
    desk.put("wrong", "not the passphrase\n");
    let with = |key: &str, pass: &str, code| {
        let previous = ["--flake", "flake", "--previous", "releases"];
        let sign = ["release", "sign", "draft", "--key", key, "--passphrase-file", pass];
        desk.expect(&[&sign[..], &previous].concat(), code).1
    };
    assert!(with("keys/alice.key", "wrong", 1).contains("wrong passphrase"));
    assert!(with("keys/alice.pub", "pass", 1).contains("not a usable secret key"));
    assert!(with("keys/none.key", "pass", 2).contains("none.key"));
    assert!(with("keys/mallory.key", "pass", 1).contains("not in the trust root"));
    assert!(with("keys/cache-1.nix-key", "pass", 1).contains("not a usable secret key"));
    assert!(with("keys/front-desk.key", "pass", 1).contains("not in the trust root"));
    desk.flip("keys/alice.key");
    with("keys/alice.key", "pass", 1);
    assert!(desk.names("draft").iter().all(|name| !name.ends_with(".minisig")), "nothing was signed");
    assert!(!desk.path("keys/ledger.json").exists());
}

#[test]
fn two_releases_of_one_number_are_never_signed_with_one_key() {
    let desk = Desk::ready(1);
    desk.draft("draft-1");
    desk.sign("draft-1", "alice");
    desk.retitle("Other");
    desk.draft("draft-2");
    let said = desk.sign_refused("draft-2", "alice");
    assert!(said.contains("numbered 1-1 already") && said.contains("ledger.json"), "{said}");
    assert!(said.contains("--serial 2"), "{said}");
    desk.ok(&["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-3", "--serial", "2"]);
    desk.sign("draft-3", "alice");
}

#[test]
fn a_second_release_shows_what_it_changes_and_carries_revocations_forward() {
    let desk = Desk::published();
    desk.retitle("Renamed Clinic");
    desk.key("stolen");
    let arguments = [
        "release",
        "draft",
        "--flake",
        "flake",
        "--previous",
        "releases",
        "--to",
        "draft-2",
        "--revoke",
        "keys/stolen.pub=stolen with the machine",
    ];
    desk.ok(&arguments);
    let shown = desk.sign("draft-2", "alice");
    assert!(shown.contains("after 1-1") && shown.contains("settings"), "{shown}");
    assert!(shown.contains("stolen with the machine"), "{shown}");
    desk.publish("draft-2");
    desk.draft("draft-3");
    let (two, three) = (release_of(&desk, "draft-2", "1-2"), release_of(&desk, "draft-3", "1-3"));
    assert_eq!(three["revoked_appliance_keys"], two["revoked_appliance_keys"]);
    let digest = writ_trust::digest::Digest::of(&desk.read(&format!("draft-2/releases/{SITE}/1-2/release.json")));
    assert_eq!(three["previous"], digest.to_string());
    // Revoked again as of an earlier time, it moves there, and the signers see it.
    let again = |to: &'static str, at: &'static str| {
        let revoke = ["--revoke", "keys/stolen.pub=seen earlier", "--revoked-at", at];
        let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", to];
        [&draft[..], &revoke[..]].concat()
    };
    let said = desk.ok(&again("draft-earlier", "2026-01-01T00:00:00Z"));
    assert!(said.contains("is revoked as of 2026-01-01T00:00:00Z, until now as of"), "{said}");
    let earlier = release_of(&desk, "draft-earlier", "1-3");
    assert_eq!(earlier["revoked_appliance_keys"][0]["revoked_at"], "2026-01-01T00:00:00Z");
    assert_eq!(earlier["revoked_appliance_keys"][0]["reason"], "stolen with the machine");
    // A draft that forgets it is not signed.
    let file = format!("draft-3/releases/{SITE}/1-3/release.json");
    let mut forgetful = three.clone();
    forgetful["revoked_appliance_keys"] = serde_json::json!([]);
    desk.put(&file, serde_json::to_vec(&forgetful).unwrap());
    assert!(desk.sign_refused("draft-3", "alice").contains("forgets"));
    // Nor one that delays it.
    let mut delayed = three.clone();
    delayed["revoked_appliance_keys"][0]["revoked_at"] = "2099-01-01T00:00:00Z".into();
    desk.put(&file, serde_json::to_vec(&delayed).unwrap());
    assert!(desk.sign_refused("draft-3", "alice").contains("forgets"));
    // A new revocation shows wherever it stands in the list.
    let mut further = three.clone();
    desk.key("other");
    let known = further["revoked_appliance_keys"][0].clone();
    let mut first = known.clone();
    let public = String::from_utf8(desk.read("keys/other.pub")).unwrap();
    first["public_key"] = public.lines().last().unwrap().into();
    first["reason"] = "slipped in".into();
    further["revoked_appliance_keys"] = serde_json::json!([first, known]);
    desk.put(&file, serde_json::to_vec(&further).unwrap());
    let shown = desk.sign("draft-3", "alice");
    assert!(shown.contains("slipped in") && !shown.contains("stolen with the machine"), "{shown}");
}

#[test]
fn what_a_hostile_folder_is_called_does_not_reach_the_terminal() {
    let desk = Desk::published();
    desk.put(&format!("releases/releases/{SITE}/1-1/release.json.\u{1b}]0;owned\u{7}.minisig"), "nonsense");
    let shown = desk.ok(&["release", "show", "releases"]);
    assert!(shown.contains("unreadable") && !shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn a_pipe_or_a_link_in_a_shared_folder_is_neither_waited_for_nor_followed() {
    let desk = Desk::published();
    let release = desk.path(&format!("releases/releases/{SITE}/1-1/release.json"));
    fs::remove_file(&release).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&release).status().unwrap().success());
    let verify = ["verify", "releases", "--trust", "first-root.json"];
    assert!(desk.expect(&verify, 1).0.contains("not a regular file"));
    fs::remove_file(&release).unwrap();
    std::os::unix::fs::symlink(desk.path(&format!("draft-1/releases/{SITE}/1-1/release.json")), &release).unwrap();
    assert!(
        desk.expect(&verify, 1).0.contains("cannot read the release (releases/releases/clinic-001/1-1/release.json")
    );
}

#[test]
fn one_passphrase_signs_every_site_of_a_draft() {
    let desk = Desk::ready(1);
    let second = desk.path("flake/hosts/clinic-002/only-one");
    fs::create_dir_all(&second).unwrap();
    let from = desk.path(&format!("flake/hosts/{SITE}"));
    fs::copy(from.join("site.nix"), desk.path("flake/hosts/clinic-002/site.nix")).unwrap();
    fs::write(second.join("policy.nix"), "{ writ, ... }: writ.appliance { }").unwrap();
    desk.ok(&["keys", "new", "--name", "only-one", "--out", "keys", "--role", "appliance", "--no-passphrase"]);
    fs::copy(desk.path("keys/only-one.pub"), second.join("key.pub")).unwrap();
    desk.commit("flake");
    desk.ok(&["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft"]);
    desk.sign("draft", "alice");
    desk.publish("draft");
    let verified = desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
    assert!(verified.contains("clinic-001 1-1") && verified.contains("clinic-002 1-1"), "{verified}");
}

#[test]
fn a_raised_epoch_restarts_the_serials_and_keeps_the_history() {
    let desk = Desk::published();
    desk.ok(&["trust", "next", "--from", "releases/trust", "--raise-epoch", "--expires", "30d"]);
    let draft = ["release", "draft", "--flake", "flake", "--previous", "releases", "--to", "draft-2"];
    assert!(desk.refused(&draft).contains("2.json"), "an unsigned root stops the release");
    desk.ok(&["trust", "sign", "releases/trust/2.json", "--key", "keys/alice.key", "--passphrase-file", "pass"]);
    desk.release("draft-2");
    let release = release_of(&desk, "releases", "2-1");
    assert_eq!((&release["epoch"], &release["serial"], &release["trust_version"]), (&2.into(), &1.into(), &2.into()));
    let verified = desk.ok(&["verify", "releases", "--trust", "first-root.json"]);
    assert!(verified.contains("the chain from it to root 2"), "{verified}");
    assert!(verified.contains("2 releases, each naming the one before it"), "{verified}");
}

#[test]
fn one_of_a_kind_is_counted_as_one() {
    let drafted = Desk::ready(1).draft("draft");
    assert!(drafted.contains("1 exception\n") && !drafted.contains("1 exceptions"), "{drafted}");
}
