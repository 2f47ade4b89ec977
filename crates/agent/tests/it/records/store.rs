//! A small Nix store: verified, damaged, verified again.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Desk, rot};

fn nix(store: &str, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command.env("NIX_REMOTE", format!("local?root={store}")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_path_that_is_not_what_the_database_says_is_counted() {
    let desk = Desk::new();
    let store = desk.text("store");
    let add = |name: &str| {
        fs::write(desk.path(name), format!("{name} is in the store")).unwrap();
        nix(&store, "nix-store", &["--add", &desk.text(name)])
    };
    let (_, path) = (add("one"), add("two"));
    let verify = || {
        desk.record(&["store-verify"], |command| {
            command.env("NIX_REMOTE", format!("local?root={store}"));
        })
    };
    let said = verify();
    assert_eq!(said.code, 0, "{}", said.text);
    let facts = || desk.read("store-verify")["facts"]["store-verify"].clone();
    assert_eq!((&facts()["corrupt"], &facts()["unsigned"]), (&json!(0), &json!(0)));
    let place = Path::new(&store).join(path.trim_start_matches('/'));
    rot(&place, 0);
    let said = verify();
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!((&facts()["corrupt"], &facts()["unsigned"]), (&json!(1), &json!(0)));
    // A store that cannot be verified keeps what was found last.
    let at = facts()["at"].clone();
    let said = desk.record(&["store-verify", "--nix", "/nowhere"], |_| ());
    assert!(said.code == 1 && said.text.contains("/nowhere/nix-store"), "{}", said.text);
    assert_eq!(facts()["at"], at);
}
