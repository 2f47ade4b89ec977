//! Whatever is typed is text and never code: evaluating the written file gives exactly the given text back.

use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;

use super::world::World;

/// Evaluates a site.nix with constructors that hand on what they are given.
fn evaluated(file: &std::path::Path) -> Value {
    let expression = format!(
        "let site = import {} {{ writ = {{ site = given: given; secret = name: name; }}; }};
         in {{ inherit (site) title approvers; persons = map (c: c.person) (builtins.attrValues site.contacts); }}",
        file.display()
    );
    let mut nix = Command::new("nix-instantiate");
    nix.args(["--store", "dummy://", "--eval", "--strict", "--json", "-E", &expression]);
    let output = nix.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Text that means something to Nix, to a shell, to a terminal or to nobody. No NUL: arguments cannot hold one.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\"",
            "''",
            "${",
            "$${",
            "}",
            "\\",
            "\\n",
            "\n",
            "\r\n",
            "\r",
            "\t",
            "$",
            "#",
            "/*",
            ";",
            "''${",
            "\u{1b}[31m",
            "é",
            "\u{202e}",
            "builtins.abort \"x\"",
            "${builtins.readFile /etc/passwd}",
            "<nixpkgs>",
            "in",
            "\u{7f}",
            "🏥",
        ])
        .prop_map(str::to_owned),
        "[ -~]{1,8}",
        "\\PC{1,4}",
    ];
    let all = prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat());
    all.prop_filter("blank", |text| !text.trim().is_empty())
}

proptest! {
    // Each case runs Nix four times.
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn what_is_typed_comes_back(title in text(), approvers in prop::collection::vec(text(), 1..4), person in text()) {
        // Commas and signs divide a contact; a person has none of them here.
        let person = person.replace([',', '@', '='], "");
        prop_assume!(!person.trim().is_empty() && person.trim() == person);
        prop_assume!(person.chars().any(|c| c.is_alphabetic()));
        let world = World::small();
        let contact = format!("primary={person},sam@msp.example");
        let title_option = format!("--title={title}");
        let approver_options: Vec<String> = approvers.iter().map(|a| format!("--approver={a}")).collect();
        let contact_option = format!("--contact={contact}");
        let mut arguments = vec!["site", "new", "riverside-clinic", "--time-zone", "America/Denver", "--appliance", "front", "--baseline", "hipaa"];
        arguments.extend([title_option.as_str(), contact_option.as_str()]);
        arguments.extend(approver_options.iter().map(String::as_str));
        let ran = world.run(&arguments);
        prop_assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let read = evaluated(&world.tree().join("hosts/riverside-clinic/site.nix"));
        prop_assert_eq!(&read["title"], &Value::from(title));
        prop_assert_eq!(&read["approvers"], &Value::from(approvers));
        prop_assert_eq!(&read["persons"][0], &Value::from(person));
        world.is_clean();
    }
}

/// A password does not get into a policy by way of a title either.
#[test]
fn a_secret_in_the_clear_is_refused_and_not_shown() {
    let world = World::small();
    let before = world.paths();
    let key = "AKIAIOSFODNN7EXAMPLE";
    let ran = world.new_site("riverside-clinic", &[("--title", key)]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains(key) && !ran.stdout.contains(key), "{}", ran.stderr);
    assert_eq!(world.paths(), before);
}
