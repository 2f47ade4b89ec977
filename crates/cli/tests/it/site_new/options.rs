//! A site from options alone.

use std::fs;

use super::world::{NEEDED, World};

#[test]
fn what_is_written_passes_the_check() {
    let world = World::new();
    world.git(&["init", "--quiet"]);
    world.git(&["add", "--all"]);
    let ran = world.new_site("riverside-clinic", &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    // Not into the tree: `git add` would take the secret key along.
    assert!(ran.stdout.contains(" --name front --out ../keys\n"), "{}", ran.stdout);
    // What it tells to do next makes the check pass, and nothing less does: a flake does not see what git does not.
    assert_eq!(world.run(&["check", "--deny-warnings"]).code, Some(1));
    assert!(ran.stdout.contains("\n  git add hosts/riverside-clinic\n"), "{}", ran.stdout);
    world.git(&["add", "hosts/riverside-clinic"]);
    world.is_clean();
}

#[test]
fn everything_that_can_be_said_is_said() {
    let world = World::new();
    let changes = [
        ("--appliance", "front"),
        ("--appliance", "back"),
        ("--baseline", "hipaa=2026.2"),
        ("--baseline", "hardening"),
        ("--contact", "primary=Sam Reed,+1 555 0150"),
        ("--contact", "primary=Jo Lind,jo@msp.example"),
        ("--contact", "clinic=Ana Ruiz, office manager,office@riverside.example"),
        ("--approver", "Dr. Ellen Ortiz, owner"),
        ("--approver", "Sam Okafor, privacy officer"),
        ("--tier", "professional"),
        ("--rule-family", "files"),
        ("--rule-family", "kernel"),
        ("--rule-family", "certificates"),
        ("--program", "renew-certificate"),
        ("--program", "activate"),
        ("--window", "sun 02:00-06:00"),
        ("--window", "sat,sun 22:00-02:00 scan,restore-test"),
        ("--secret", "backup"),
        ("--secret", "pager-key"),
        ("--notify", "in=pagerduty:pager-key"),
        ("--notify", "desk=email:desk@msp.example"),
        ("--review", "never"),
    ];
    let ran = world.new_site("riverside-clinic", &changes);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    world.is_clean();
    let site = world.read("hosts/riverside-clinic/site.nix");
    for said in [
        "baselines.hardening = \"2026.1\";",
        "baselines.hipaa = \"2026.2\";",
        "rule_families = [ \"files\" \"kernel\" \"certificates\" ];",
        "critical = [ \"primary\" \"primary-2\" \"clinic\" ];",
        "high = [ \"primary\" \"primary-2\" ];",
        "person = \"Ana Ruiz, office manager\";",
        "notify.\"in\" = {",
        "secret = writ.secret \"pager-key\";",
        "{ days = [ \"sat\" \"sun\" ]; from = \"22:00\"; to = \"02:00\"; allows = [ \"scan\" \"restore-test\" ]; }",
        "planner.review = \"never\";",
        "secrets = [ \"backup\" \"pager-key\" ];",
    ] {
        assert!(site.contains(said), "{said} is not in\n{site}");
    }
    let back = world.read("hosts/riverside-clinic/back/policy.nix");
    assert!(back.contains("programs = [ \"renew-certificate\" \"activate\" ];"), "{back}");
}

#[test]
fn the_secret_of_a_channel_is_kept_and_named_secrets_are_further_ones() {
    let world = World::new();
    let ran = world.new_site("riverside-clinic", &[("--notify", "pager=pagerduty:pager-key")]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let secrets = |site: &str| {
        let text = world.read(&format!("hosts/{site}/site.nix"));
        text.lines().find(|line| line.trim_start().starts_with("secrets = ")).unwrap().trim().to_owned()
    };
    assert_eq!(secrets("riverside-clinic"), "secrets = [ \"backup\" \"pager-key\" ];");
    let changes = [("--secret", "vault"), ("--secret", "backup"), ("--notify", "hook=webhook:hook-url")];
    let ran = world.new_site("second-clinic", &changes);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(secrets("second-clinic"), "secrets = [ \"backup\" \"vault\" \"hook-url\" ];");
    world.is_clean();
}

#[test]
fn a_notification_is_named_once() {
    let world = World::small();
    let before = world.paths();
    let twice = [("--notify", "desk=email:a@msp.example"), ("--notify", "desk=email:b@msp.example")];
    let ran = world.new_site("riverside-clinic", &twice);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("the notification `desk` is named twice"), "{}", ran.stderr);
    assert_eq!(world.paths(), before);
}

#[test]
fn what_nobody_typed_is_announced() {
    let world = World::small();
    let changes = [("--contact", "primary=Sam Reed,sam@msp.example"), ("--contact", "clinic=Ana Ruiz,+1 555 0151")];
    let ran = world.new_site("riverside-clinic", &changes);
    let told = "It says how soon people answer, by their roles: Sam Reed (primary) 15m, Ana Ruiz (clinic) 4h";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    assert!(ran.stdout.contains("answers_within in hosts/riverside-clinic/site.nix"), "{}", ran.stdout);
    let site = world.read("hosts/riverside-clinic/site.nix");
    assert!(site.contains("answers_within = \"15m\";") && site.contains("answers_within = \"4h\";"), "{site}");
}

#[test]
fn whatever_is_missing_is_named() {
    let world = World::small();
    let before = world.paths();
    // Nothing, one alone, and all but one.
    let one = || (0..NEEDED.len()).map(|i| 1u32 << i);
    let all = (1 << NEEDED.len()) - 1;
    for chosen in one().chain(one().map(|one| all & !one)).chain([0]) {
        let given = NEEDED.iter().enumerate().filter(|(i, _)| chosen & (1 << i) != 0);
        let options = given.flat_map(|(_, (option, value))| [*option, *value]);
        let ran = world.run(&["site", "new", "riverside-clinic"].into_iter().chain(options).collect::<Vec<_>>());
        assert_eq!(ran.code, Some(2), "{chosen:b}: {}", ran.stderr);
        let first = ran.stderr.lines().next().unwrap();
        for (i, (option, _)) in NEEDED.iter().enumerate() {
            assert_eq!(first.contains(option), chosen & (1 << i) == 0, "{chosen:b}: {option}: {first}");
        }
    }
    let nameless = world.run(&["site", "new"]);
    assert!(nameless.stderr.contains("NAME, --title"), "{}", nameless.stderr);
    assert_eq!(world.paths(), before);
}

/// Every mistake is told as `writ check` tells it, with its place, and nothing is left behind.
#[test]
fn what_the_check_would_find_is_refused() {
    let world = World::new();
    let before = world.paths();
    // What is told first keeps what is looked for later from being found: a run for each.
    let shape = [
        ("--title", " ", "error[wrong-type]: \" \" does not fit here"),
        ("--time-zone", "5", "error[wrong-type]: \"5\" does not fit here"),
        ("--approver", "", "error[wrong-type]: \"\" does not fit here"),
        ("--contact", "primari=Sam,sam@msp.example", "did you mean `primary`?"),
        ("--contact", "primary=,sam@msp.example", "expected a string that is not empty"),
        ("--baseline", "hippa", "did you mean `hipaa`?"),
        ("--tier", "profesional", "did you mean `professional`?"),
        ("--rule-family", "fiels", "did you mean `files`?"),
        ("--program", "/bin/sh", "expected a name of letters, digits"),
        ("--window", "sund 02:00-06:00", "did you mean `sun`?"),
        ("--window", "sun 2:00-06:00", "expected a time of day such as \"02:00\""),
        ("--window", "sun 02:00-06:00 swich", "did you mean `switch`?"),
        ("--notify", "desk=mail:desk@msp.example", "expected one of \"email\", \"pagerduty\", \"webhook\""),
        ("--review", "later", "\"later\" does not fit here"),
    ];
    let version = [("--baseline", "hipaa=2026.1", "the baseline \"hipaa\" here is version 2026.2, not 2026.1")];
    let meaning = [
        ("--time-zone", "America/NewYork", "did you mean `America/New_York`?"),
        ("--rule-family", "certificates", "renew-certificate"),
        ("--window", "sun 02:00-02:00", "error[wrong-window]"),
    ];
    for run in [&shape[..], &version, &meaning] {
        let changes: Vec<(&str, &str)> = run.iter().map(|(option, value, _)| (*option, *value)).collect();
        let ran = world.new_site("riverside-clinic", &changes);
        assert_eq!(ran.code, Some(1), "{changes:?}: {}{}", ran.stdout, ran.stderr);
        for (option, value, told) in run {
            assert!(ran.stderr.contains(told), "{option} {value}: {told}\n{}", ran.stderr);
        }
        assert!(ran.stderr.contains("the site `riverside-clinic` was not written"), "{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    // What is missing is an option that was not given, not a mistake of the tree, although it shows there.
    let ran = world.new_site("riverside-clinic", &[("--rule-family", "certificates")]);
    assert!(ran.stderr.contains("next: give --program renew-certificate if"), "{}", ran.stderr);
    let ran = world.new_site("riverside-clinic", &[("--rule-family", "certificates"), ("--time-zone", "Here")]);
    assert!(ran.stderr.contains("next: correct what was given"), "{}", ran.stderr);
    for (option, value) in [("--contact", "Sam Reed"), ("--window", "sunday"), ("--notify", "desk@msp.example")] {
        let ran = world.new_site("riverside-clinic", &[(option, value)]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("such as") || ran.stderr.contains("NAME=email:ADDRESS"), "{}", ran.stderr);
    }
    assert_eq!(world.paths(), before);
}

#[test]
fn names_are_judged_as_the_check_judges_them() {
    let world = World::small();
    assert_eq!(world.new_site("riverside-clinic", &[]).code, Some(0));
    let hosts = world.tree().join("hosts");
    // What `writ check` says of such folders.
    super::world::copy(&hosts.join("riverside-clinic"), &hosts.join("Clinic_1"));
    super::world::copy(&hosts.join("riverside-clinic/front"), &hosts.join("riverside-clinic/Front"));
    let told = world.check();
    let of = |what: &str| {
        let findings = told["findings"].as_array().unwrap();
        let found = findings.iter().find(|f| f["message"].as_str().unwrap().ends_with(&format!("cannot be {what}")));
        let finding = found.unwrap_or_else(|| panic!("{told}"));
        format!("{}; expected {}", finding["message"].as_str().unwrap(), finding["expected"].as_str().unwrap())
    };
    let (site, appliance) = (of("a site"), of("an appliance"));
    fs::remove_dir_all(hosts.join("Clinic_1")).unwrap();
    fs::remove_dir_all(hosts.join("riverside-clinic/Front")).unwrap();

    let before = world.paths();
    assert!(world.new_site("Clinic_1", &[]).stderr.contains(&site));
    assert!(world.new_site("clinic-1", &[("--appliance", "Front")]).stderr.contains(&appliance));
    let long = "x".repeat(41);
    for name in ["ab", "..", "../../escaped", "a/b", "", long.as_str(), "clinic 1", "clínic"] {
        let ran = world.new_site(name, &[]);
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains("cannot be a site"), "{name}: {}", ran.stderr);
    }
    for name in ["..", "../../escaped", ""] {
        let ran = world.new_site("clinic-1", &[("--appliance", name)]);
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains("cannot be an appliance"), "{name}: {}", ran.stderr);
    }
    let twice = world.new_site("clinic-1", &[("--appliance", "front"), ("--appliance", "front")]);
    assert!(twice.stderr.contains("the appliance `front` is named twice"), "{}", twice.stderr);
    let again = world.new_site("riverside-clinic", &[]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("there is a `hosts/riverside-clinic` already"), "{}", again.stderr);
    assert_eq!(world.paths(), before);
}

#[test]
fn a_dry_run_shows_what_would_be_written() {
    let world = World::small();
    let before = world.paths();
    let shown = world.new_site("riverside-clinic", &[("--dry-run", "--review"), ("after", "--init")]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert_eq!(world.paths(), before);
    assert_eq!(world.new_site("riverside-clinic", &[("--review", "after")]).code, Some(0));
    for file in ["hosts/riverside-clinic/site.nix", "hosts/riverside-clinic/front/policy.nix"] {
        let block = format!("# {file}\n{}", world.read(file));
        assert!(shown.stdout.contains(&block), "{block}\nis not in\n{}", shown.stdout);
    }
}

#[test]
fn a_tree_with_mistakes_gets_no_site() {
    let world = World::small();
    let files = world.tree().join("rules/files.nix");
    fs::write(&files, fs::read_to_string(&files).unwrap().replacen("priority", "prioritie", 1)).unwrap();
    let before = world.paths();
    let ran = world.new_site("riverside-clinic", &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean `priority`?"), "{}", ran.stderr);
    // What Nix itself cannot read tells nobody which baselines there are.
    fs::write(&files, "{ writ, ... }: {").unwrap();
    let ran = world.new_site("riverside-clinic", &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("writ check: it shows every mistake"), "{}", ran.stderr);
    assert_eq!(world.paths(), before);
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let world = World::small();
    fs::write(world.tree().join("hosts"), "no folder").unwrap();
    let before = world.paths();
    let ran = world.new_site("riverside-clinic", &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing of it is left"), "{}", ran.stderr);
    assert_eq!(world.paths(), before);
}
