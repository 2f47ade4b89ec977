//! `nix_config` beside Nix itself.

use std::fs;
use std::process::Command;

use serde_json::{Value as Json, json};
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, check_schema, context, list};

#[test]
fn settings_agree_with_those_of_nix() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("etc/nix");
    fs::create_dir_all(&folder).unwrap();
    let files = [
        ("more.conf", "extra-substituters = https://more.example\nallowed-users = root @wheel # and nobody else\n"),
        ("late.conf", "sandbox = relaxed\n"),
        ("abs.conf", "extra-experimental-features = flakes\n"),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    for own in [
        "",
        "substituters = https://one.example https://two.example\nrequire-sigs = false\ntrusted-users = root ann\n",
        "include more.conf\n!include none.conf\nexperimental-features = nix-command\n!include abs.conf\ninclude late.conf\n",
        "sandbox = false\ntrusted-public-keys = a-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\nsandbox = true\n",
    ] {
        fs::write(folder.join("nix.conf"), own).unwrap();
        let mut nix = Command::new("nix");
        nix.args(["--extra-experimental-features", "nix-command", "show-config", "--json"]);
        nix.env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", dir.path())
            .env("NIX_CONF_DIR", &folder);
        let said = nix.output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let told: Json = serde_json::from_slice(&said.stdout).unwrap();
        let told = |name: &str| told[name]["value"].clone();

        let mut context = context();
        dir.path().clone_into(&mut context.root);
        let Probed::Seen(seen) = probes::run(&call("nix_config", json!({})), &mut context) else { panic!() };
        check_schema("nix_config", &seen);
        let sorted = |value: Json| {
            let mut all: Vec<String> =
                value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect();
            all.sort();
            all
        };
        for (field, name) in [
            ("allowed_users", "allowed-users"),
            ("trusted_users", "trusted-users"),
            ("substituters", "substituters"),
            ("trusted_public_keys", "trusted-public-keys"),
        ] {
            let mut ours = list(&seen, field).to_vec();
            ours.sort();
            assert_eq!(ours, sorted(told(name)), "{field} with {own:?}");
        }
        assert_eq!(seen.get("require_signatures"), told("require-sigs").as_bool().map(Into::into).as_ref(), "{own:?}");
        let sandbox = told("sandbox");
        let sandbox = sandbox.as_str().map_or_else(|| sandbox.to_string(), str::to_owned);
        assert_eq!(seen.get("sandbox"), Some(&sandbox.into()), "{own:?}");
        // The call itself switches one feature on.
        let mut features = list(&seen, "experimental_features").to_vec();
        features.push("nix-command".into());
        features.sort();
        features.dedup();
        let mut theirs: Vec<String> = match told("experimental-features") {
            Json::Array(all) => all.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect(),
            other => panic!("{other}"),
        };
        theirs.sort();
        assert_eq!(features.len(), theirs.len(), "{own:?}: {features:?}, {theirs:?}");
    }
}
