//! `writ diff` in real repositories: what it says of each kind of change, to the letter.

mod hostile;
mod inert;
pub mod repo;
mod revisions;

use serde_json::json;

use self::repo::{Repo, expect};

/// A repository with a commit for each kind of change, each tagged.
fn history() -> Repo {
    let repo = Repo::new();
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    repo.commit("figure");
    // The same said otherwise, and a title.
    repo.edit(
        "baselines/small/files.nix",
        "{ mode.eq = \"0640\"; owner.eq = \"root\"; }\n        { exists.eq = false; }",
        "{ exists.eq = false; }\n        { owner.eq = \"root\"; mode.eq = \"0640\"; }",
    );
    repo.edit("baselines/small/files.nix", "[ \"file\" \"symlink\" ]", "[ \"symlink\" \"file\" ]");
    repo.edit("baselines/small/files.nix", "title = \"Password hashes\"", "title = \"Hashes of passwords\"");
    repo.commit("reworded");
    repo.edit("hosts/clinic-001/site.nix", "expires = \"2027-03-01T00:00:00Z\"", "expires = \"2027-06-01T00:00:00Z\"");
    repo.commit("exception");
    repo.write("hosts/clinic-001/ward/policy.nix", "{ writ, ... }: writ.appliance { }\n");
    repo.commit("appliance");
    repo.edit("hosts/clinic-001/front-desk/system.nix", "Welcome", "Come in");
    repo.commit("system");
    repo.edit("baselines/small/files.nix", "expect.mode.eq = \"0644\";", "expect.mode.matches = \"0[0-7]{3}\";");
    repo.commit("pattern");
    let site = "hosts/clinic-001/site.nix";
    repo.edit(site, "risk = \"The disk may fill up.\"", "risk = \"Nobody knows.\"");
    repo.commit("risk");
    let window =
        "maintenance.windows = [ { days = [ \"sun\" ]; from = \"02:00\"; to = \"06:00\"; allows = [ \"switch\" ]; } ];";
    repo.edit(site, "  probation =", &format!("  {window}\n  probation ="));
    repo.commit("window");
    repo.edit(site, "to = \"06:00\"", "to = \"04:00\"");
    repo.commit("shorter");
    repo.edit(site, "rule_families = [ \"files\" ]", "rule_families = [ ]");
    repo.commit("family");
    repo
}

#[test]
fn each_kind_of_change_is_told_in_its_own_words() {
    let repo = history();
    for (from, to, weaker, unclear) in [
        ("start", "figure", true, false),
        ("figure", "reworded", false, false),
        ("reworded", "exception", true, false),
        ("exception", "appliance", false, true),
        ("appliance", "exception", true, false),
        ("appliance", "system", false, false),
        ("system", "pattern", true, false),
        ("pattern", "system", false, false),
        ("start", "pattern", true, true),
        ("start", "start", false, false),
        ("pattern", "risk", false, true),
        ("risk", "window", false, true),
        ("window", "shorter", false, true),
        ("shorter", "family", true, false),
        ("family", "shorter", false, true),
    ] {
        let revisions = ["--from", from, "--to", to];
        let run = |more: &[&str]| repo.diff(&[&revisions[..], more].concat());
        let name = format!("{from}-{to}");
        let human = run(&["--deny-weaker"]);
        assert_eq!(human.code, i32::from(weaker), "{name}: {}", human.stderr);
        expect(&format!("{name}.txt"), &human.stdout);
        let markdown = run(&["--format", "markdown", "--deny-unclear"]);
        assert_eq!(markdown.code, i32::from(weaker || unclear), "{name}: {}", markdown.stderr);
        expect(&format!("{name}.md"), &markdown.stdout);
    }
}

#[test]
fn json_says_all_of_it() {
    let repo = history();
    let json = repo.json(1, &["--from", "start", "--to", "pattern", "--deny-weaker"]);
    assert_eq!(
        (&json["schema"], &json["from"]["rev"], &json["to"]["rev"]),
        (&json!("writ.diff.v1"), &json!("start"), &json!("pattern"))
    );
    assert_eq!(json["from"]["commit"].as_str().unwrap().len(), 40);
    let changes: Vec<&serde_json::Value> =
        json["groups"].as_array().unwrap().iter().flat_map(|group| group["changes"].as_array().unwrap()).collect();
    let age = changes.iter().find(|change| change["id"] == "malware.scan").unwrap();
    assert_eq!(age["path"], json!(["checks", "malware.scan", "expect", "quick_scan_age_seconds", "le"]));
    assert_eq!((&age["before"], &age["after"]), (&json!(93_600), &json!(180_000)));
    assert_eq!((&age["effect"], &age["witness"]), (&json!("weaker"), &json!({ "quick_scan_age_seconds": 180_000 })));
    assert_eq!(age["why"], "passes with quick_scan_age_seconds = 180000 as well");
    assert_eq!(age["section"], "checks");
    assert!(age["at"].as_str().unwrap().starts_with("baselines/small/files.nix:"), "{age}");
    assert_eq!(
        json["figures"],
        json!([{
            "baseline": "small", "id": "scan.age-most", "before": "26h", "after": "50h",
            "moved": ["checks.\"malware.scan\".expect.quick_scan_age_seconds.le"],
        }])
    );
    let exceptions = json["exceptions"].as_array().unwrap();
    let extended = exceptions.iter().find(|one| one["event"] == "extended").unwrap();
    assert_eq!(
        (&extended["id"], &extended["days"], &extended["lifts"]),
        (&json!("EX-001"), &json!(92), &json!("disk.root"))
    );
    let site = &json["sites"]["clinic-001"]["appliances"];
    assert_eq!((&site["ward"]["status"], &site["front-desk"]["status"]), (&json!("added"), &json!("changed")));
    let closure = &site["front-desk"]["closure"];
    assert_eq!(closure["is"], "changed");
    assert_ne!(closure["before"], closure["after"]);
    assert_eq!(closure["files"][0], "hosts/clinic-001/front-desk/system.nix");
    assert_eq!(site["back-office"]["closure"]["is"], "not-managed");
    let group = &json["groups"][site["front-desk"]["groups"][0].as_u64().unwrap() as usize];
    assert!(group["appliances"].as_array().unwrap().contains(&json!("clinic-001/front-desk")), "{group}");
}

#[test]
fn settings_and_exceptions_are_told_with_their_place_and_values() {
    let repo = history();
    let json = repo.json(0, &["--from", "pattern", "--to", "shorter"]);
    let line = |wanted: &str| {
        let site = std::fs::read_to_string(repo.path().join("hosts/clinic-001/site.nix")).unwrap();
        1 + site.lines().position(|line| line.contains(wanted)).unwrap()
    };
    let windows = &json["groups"][0]["changes"][0];
    assert_eq!(windows["at"], format!("hosts/clinic-001/site.nix:{}", line("maintenance.windows")));
    assert_eq!(windows["text"], "settings.maintenance.windows: +Sundays 02:00–04:00 America/New_York (switch)");
    assert_eq!((&windows["before"], &windows["after"][0]["to"]), (&json!([]), &json!("04:00")));
    let exception = &json["exceptions"][0];
    assert_eq!(
        exception["changes"],
        json!([{ "field": "risk", "before": "The disk may fill up.", "after": "Nobody knows." }])
    );
    assert_eq!(exception["text"], "exception EX-001 changed: risk");
    assert_eq!(exception["at"], format!("hosts/clinic-001/site.nix:{}", line("exceptions.\"EX-001\"")));
    // What is in no file of the site any more is told where it was.
    let back = repo.json(0, &["--from", "shorter", "--to", "risk"]);
    assert_eq!(back["groups"][0]["changes"][0]["at"], windows["at"]);
}

/// The runbooks of a family come and go with its rules: what happens is told of these.
#[test]
fn runbooks_that_no_rule_runs_any_more_are_told_with_their_rules() {
    let repo = history();
    let json = repo.json(1, &["--from", "shorter", "--to", "family", "--deny-weaker"]);
    let changes = json["groups"][0]["changes"].as_array().unwrap();
    assert!(!changes.is_empty() && changes.iter().all(|change| change["section"] == "rules"), "{changes:#?}");
    assert_eq!((&json["totals"]["weaker"], &json["unclear"]), (&json!(changes.len()), &json!(0)), "{json:#}");
}

#[test]
fn one_site_and_one_appliance_can_be_asked_for() {
    let repo = history();
    repo.edit("hosts/clinic-001/front-desk/policy.nix", "value = 10;", "value = 5;");
    repo.commit("override");
    let asked = |more: &[&str]| repo.json(0, &[&["--from", "family", "--to", "override"][..], more].concat());
    for more in [&["--appliance", "front-desk"][..], &["--site", "clinic-001"], &[]] {
        let json = asked(more);
        assert_eq!(json["groups"][0]["appliances"], json!(["clinic-001/front-desk"]), "{json}");
        let change = &json["groups"][0]["changes"][0];
        assert_eq!(change["witness"], json!({ "available_percent": 5 }));
        // An override is what made it: its place and its reason are told.
        assert_eq!(change["reason"], "A small disk.");
        assert!(change["at"].as_str().unwrap().starts_with("hosts/clinic-001/front-desk/policy.nix:"), "{change}");
    }
    assert_eq!(asked(&["--appliance", "ward"])["groups"], json!([]));
    for (more, near) in [(["--appliance", "front-dest"], "`front-desk`"), (["--site", "clinic-01"], "`clinic-001`")] {
        let ran = repo.diff(&[&["--from", "pattern"][..], &more].concat());
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains(&format!("did you mean {near}?")), "{}", ran.stderr);
    }
}

#[test]
fn exceptions_that_end_soon_are_told_without_a_change() {
    let repo = Repo::new();
    let ran = repo.diff(&["--from", "start", "--now", "2027-02-20T12:00:00Z", "--deny-unclear"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("exception EX-001 ends in 9 days, on 2027-03-01"), "{}", ran.stdout);
    assert!(ran.stdout.starts_with("Nothing changes"), "{}", ran.stdout);
}

#[test]
fn a_key_that_is_replaced_is_no_small_thing() {
    let repo = Repo::new();
    let key = |name: &str| {
        let mut new = std::process::Command::new(env!("CARGO_BIN_EXE_writ"));
        new.args(["keys", "new", "--name", name, "--role", "appliance", "--no-passphrase", "--out"])
            .arg(repo.path().join(".keys"));
        assert!(new.output().unwrap().status.success());
        std::fs::copy(
            repo.path().join(format!(".keys/{name}.pub")),
            repo.path().join("hosts/clinic-001/front-desk/key.pub"),
        )
        .unwrap();
        std::fs::remove_dir_all(repo.path().join(".keys")).unwrap();
    };
    key("first");
    repo.commit("first");
    key("second");
    repo.commit("second");
    let first = repo.json(0, &["--from", "start", "--to", "first", "--deny-unclear"]);
    assert!(first["sites"]["clinic-001"]["appliances"]["front-desk"]["public_key"]["after"].is_string(), "{first}");
    let second = repo.diff(&["--from", "first", "--to", "second", "--deny-unclear"]);
    assert_eq!(second.code, 1);
    assert!(second.stdout.contains("clinic-001/front-desk: its public key is another one"), "{}", second.stdout);
}
