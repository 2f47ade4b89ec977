//! `writ provision`: what enters does so by a commit that says what was compared, and nothing else enters.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};
use writ_trust::claim_code::ClaimCode;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_wire::claim::{Claim, ClaimSchema, PlainName};

use crate::desk::{Desk, SITE};

/// A desk with the public key of a new machine on a stick.
fn desk() -> (Desk, PublicKey) {
    let desk = Desk::ready(1);
    desk.git("flake", &["config", "user.name", "Alice"]);
    desk.git("flake", &["config", "user.email", "alice@msp.example"]);
    let key = key(7);
    fs::create_dir_all(desk.path("stick/writ")).unwrap();
    desk.put("stick/writ/new.pub", key.to_file());
    (desk, key)
}

fn key(n: u8) -> PublicKey {
    SecretKey::generate(&[n; 40]).public_key()
}

/// The words of a claim.
fn claim<'a>(appliance: &'a str, code: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let own = ["provision", "claim", "--tree", "flake", "--site", SITE, "--appliance", appliance, "--code", code];
    [&own[..], &["--public-key", "stick/writ/new.pub"], more].concat()
}

fn git(desk: &Desk, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(desk.path("flake")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_key_enters_by_a_commit_that_says_what_was_compared() {
    let (desk, key) = desk();
    let code = ClaimCode::of(&key).to_string();
    desk.put("flake/hosts/clinic-001/site.nix.half-done", "what somebody is at work on");
    let (head, index) = (git(&desk, &["rev-parse", "HEAD"]), desk.read("flake/.git/index"));
    let made = desk.ok(&[&claim("annex", &code, &[])[..], &["--json"]].concat());
    let made: Value = serde_json::from_str(&made).unwrap();
    let branch = format!("provision/{SITE}-annex");
    assert_eq!((&made["schema"], &made["branch"]), (&"writ.claimed.v1".into(), &branch.as_str().into()), "{made}");
    assert_eq!((&made["claim_code"], &made["public_key"]), (&code.as_str().into(), &key.line().into()));
    assert_eq!(made["files"], json!([format!("hosts/{SITE}/annex/key.pub"), format!("hosts/{SITE}/annex/policy.nix")]));
    assert_eq!(made["commit"], git(&desk, &["rev-parse", &branch]).trim());

    // Nothing that somebody is at work on was touched.
    assert_eq!((git(&desk, &["rev-parse", "HEAD"]), desk.read("flake/.git/index")), (head.clone(), index));
    assert!(!desk.path(&format!("flake/hosts/{SITE}/annex")).exists());
    let message = git(&desk, &["show", "--no-patch", "--format=%an <%ae>%n%P%n%B", &branch]);
    assert!(message.starts_with(&format!("Alice <alice@msp.example>\n{head}")), "{message}");
    for part in ["read off the machine's own screen", "stick/writ/new.pub", &key.line()] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let changed = git(&desk, &["diff", "--name-status", "HEAD", &branch]);
    assert_eq!(changed, format!("A\thosts/{SITE}/annex/key.pub\nA\thosts/{SITE}/annex/policy.nix\n"));

    // What its pull request brings is a sound policy.
    git(&desk, &["merge", "--quiet", &branch]);
    let checked = desk.run(&["check", "flake"]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    let again = desk.ok(&claim("annex", &code, &[]));
    assert!(again.contains("has this key already"), "{again}");
    let second = desk.refused(&claim("attic", &code, &[]));
    assert!(second.contains("another appliance has this key"), "{second}");
}

#[test]
fn another_key_than_the_screen_shows_is_refused_and_nothing_is_written() {
    let (desk, key) = desk();
    let refs = || git(&desk, &["for-each-ref"]);
    let before = refs();
    let other = ClaimCode::of(&self::key(8));
    let refused = desk.refused(&claim("annex", &other.to_string(), &[]));
    for part in ["THE KEY WAS EXCHANGED", &other.to_string(), &ClaimCode::of(&key).to_string(), "nothing was written"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let code = ClaimCode::of(&key);
    let slip = code.to_string().replacen(&code.groups()[5], "zzzz", 1);
    assert!(desk.could_not(&claim("annex", &slip, &[])).contains("no part of a claim code"));
    let group = &code.groups()[5];
    let turned: String = [&group[1..2], &group[0..1], &group[2..]].concat();
    if turned != *group {
        let slipped = desk.could_not(&claim("annex", &code.to_string().replacen(group.as_str(), &turned, 1), &[]));
        assert!(slipped.contains("a slip in it"), "{slipped}");
    }

    // What was scanned says more, and must agree.
    let uri = |rest: &str| format!("writ:claim/00:00:5e:00:53:01/{}{rest}", code.digits());
    for (scanned, more, says) in [
        (uri("/clinic-002"), &[][..], "another site"),
        (uri("/clinic-001/attic"), &[], "another appliance"),
        (uri(""), &["--mac", "00:00:5e:00:53:02"], "another card"),
    ] {
        let refused = desk.refused(&claim("annex", &scanned, more));
        assert!(refused.contains(says), "{scanned}: {refused}");
    }
    assert!(desk.could_not(&claim("annex", "writ:claim/x", &[])).contains("not a claim"));
    let nowhere =
        claim("annex", "", &[]).iter().map(|word| word.replace("clinic-001", "clinic-404")).collect::<Vec<_>>();
    let text = code.to_string();
    let nowhere: Vec<&str> = nowhere.iter().map(|word| if word.is_empty() { text.as_str() } else { word }).collect();
    assert!(desk.refused(&nowhere).contains("no site clinic-404"));
    assert_eq!(refs(), before, "something was written");

    // In capitals, as a scanner reads it.
    desk.ok(&claim("annex", &uri("/clinic-001/annex").to_uppercase(), &[]));
    assert!(git(&desk, &["show", "--no-patch", "--format=%B", "provision/clinic-001-annex"]).contains("scanned off"));
    assert!(desk.refused(&claim("annex", &text, &[])).contains("there is a branch of this name"));
}

#[test]
fn a_name_that_another_machine_has_is_given_away_for_a_reason() {
    let (desk, key) = desk();
    let code = ClaimCode::of(&key).to_string();
    let old = String::from_utf8(desk.read(&format!("flake/hosts/{SITE}/front-desk/key.pub"))).unwrap();
    let old: PublicKey = old.parse().unwrap();
    let refused = desk.refused(&claim("front-desk", &code, &[]));
    assert!(refused.contains("another machine has this name") && refused.contains(&old.line()), "{refused}");
    let said = desk.ok(&claim("front-desk", &code, &["--replace", "stolen on Friday", "--branch", "replace-desk"]));
    for part in
        ["--revoke ../front-desk-old.pub='stolen on Friday'", "git show HEAD:./hosts/clinic-001/front-desk/key.pub"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let message = git(&desk, &["show", "--no-patch", "--format=%B", "replace-desk"]);
    assert!(message.contains("stolen on Friday") && message.contains(&old.line()), "{message}");
    assert_eq!(
        git(&desk, &["diff", "--name-only", "HEAD", "replace-desk"]),
        format!("hosts/{SITE}/front-desk/key.pub\n")
    );

    // A new one may be like another.
    desk.ok(&claim("annex", &code, &["--like", "front-desk"]));
    let copied = git(&desk, &["show", "provision/clinic-001-annex:hosts/clinic-001/annex/policy.nix"]);
    assert_eq!(copied, git(&desk, &["show", "HEAD:hosts/clinic-001/front-desk/policy.nix"]));
    assert!(desk.refused(&claim("attic", &code, &["--like", "nobody"])).contains("no appliance nobody"));
}

/// What a machine with this key leaves beside its public key, by the command that its first boot runs.
fn identify(desk: &Desk, who: u8, secrets_key: &str) {
    desk.put("machine.key", SecretKey::generate(&[who; 40]).to_open_file().as_bytes());
    fs::set_permissions(desk.path("machine.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let own = ["secret", "identity", "--signed-by", "machine.key", "--out", "stick/writ", "--key", secrets_key];
    desk.ok(&own);
}

#[test]
fn a_key_for_secrets_enters_with_the_key_that_signed_it() {
    let (desk, key) = desk();
    let code = ClaimCode::of(&key).to_string();
    identify(&desk, 8, "foreign.key");
    let refused = desk.refused(&claim("annex", &code, &[]));
    assert!(refused.contains("not signed by this appliance's key.pub"), "{refused}");
    assert_eq!(git(&desk, &["branch", "--list", "provision/*"]), "");

    identify(&desk, 7, "secrets.key");
    desk.ok(&claim("annex", &code, &[]));
    let own = format!("hosts/{SITE}/annex");
    let changed = |branch: &str| git(&desk, &["diff", "--name-status", "HEAD", branch]).replace(&format!("{own}/"), "");
    let branch = format!("provision/{SITE}-annex");
    assert_eq!(changed(&branch), "A\tkey.pub\nA\tpolicy.nix\nA\tsecrets.pub\nA\tsecrets.pub.minisig\n");
    git(&desk, &["merge", "--quiet", &branch]);
    assert_eq!(desk.read(&format!("flake/{own}/secrets.pub")), desk.read("stick/writ/secrets.pub"));
    let checked = desk.run(&["check", "flake"]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    assert!(desk.ok(&claim("annex", &code, &[])).contains("has this key already"));

    // The same machine has another key for secrets.
    fs::create_dir_all(desk.path(&format!("flake/{own}/secrets"))).unwrap();
    desk.put(&format!("flake/{own}/secrets/backup.age"), "what was encrypted to the key before");
    git(&desk, &["add", "--all"]);
    git(&desk, &["commit", "--quiet", "--message", "a secret"]);
    identify(&desk, 7, "renewed.key");
    let said = desk.ok(&claim("annex", &code, &["--branch", "renewed"]));
    assert!(said.contains(&format!("writ secret set --site {SITE} backup --appliance annex")), "{said}");
    assert_eq!(changed("renewed"), "M\tsecrets.pub\nM\tsecrets.pub.minisig\n");

    // A machine that takes its place and brings none: what the old one could decrypt must not be encrypted to it any more.
    for name in ["secrets.pub", "secrets.pub.minisig"] {
        fs::remove_file(desk.path("stick/writ").join(name)).unwrap();
    }
    desk.put("stick/writ/new.pub", self::key(9).to_file());
    let code = ClaimCode::of(&self::key(9)).to_string();
    let said = desk.ok(&claim("annex", &code, &["--replace", "it broke", "--branch", "replaced"]));
    assert!(said.contains("no key for secrets came") && said.contains("backup --appliance annex"), "{said}");
    assert_eq!(changed("replaced"), "M\tkey.pub\nD\tsecrets.pub\nD\tsecrets.pub.minisig\n");
}

#[test]
fn a_stick_is_what_first_boot_expects() {
    let desk = Desk::ready(1);
    fs::create_dir_all(desk.path("stick")).unwrap();
    let usb = |depot: &'static str, appliance: &'static str| {
        let own = ["provision", "usb", "--site", SITE, "--trust", "releases/trust", "--to", "stick"];
        [&own[..], &["--depot", depot, "--appliance", appliance]].concat()
    };
    for (depot, appliance, says) in [
        ("http://depot.example", "front-desk", "would not take this depot"),
        ("https://", "front-desk", "would not take this depot"),
        ("https://depot.example/x", "front-desk", "would not take this depot"),
        ("https://depot.example\n", "front-desk", "would not take this depot"),
        ("https://depot.example", "-desk", "neither begins nor ends"),
    ] {
        let appliance = if appliance.starts_with('-') { "desk-" } else { appliance };
        let refused = desk.refused(&usb(depot, appliance));
        assert!(refused.contains(says), "{depot:?}: {refused}");
    }
    assert!(!desk.path("stick/writ").exists());
    let good = usb("https://depot.example:8443", "front-desk");
    let said = desk.ok(&good);
    assert!(said.contains("writ provision claim --site clinic-001 --appliance front-desk"), "{said}");
    assert_eq!(desk.read("stick/writ/trust.json"), desk.read("releases/trust/1.json"));
    let names = desk.names("stick/writ");
    assert!(names.len() == 3 && names.iter().any(|name| name.ends_with(".minisig")), "{names:?}");
    desk.ok(&good);
    let other = desk.refused(&usb("https://depot.example:8443", "back-office"));
    assert!(other.contains("exists already, with other content"), "a stick of another machine: {other}");
    assert!(other.contains("remove the folder writ on it"), "{other}");
    assert_eq!(desk.names("stick/writ"), names, "nothing else was left there");
}

#[test]
fn a_claim_is_shown_in_words_and_as_a_code_for_cameras() {
    let (desk, key) = desk();
    let code = ClaimCode::of(&key);
    let shown = desk.ok(&["provision", "show", "--public-key", "stick/writ/new.pub", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["claim_code"], &shown["fingerprint"]), (&code.to_string().into(), &key.fingerprint().into()));
    assert_eq!(shown["uri"], format!("writ:claim/-/{}", code.digits()));
    let people = desk.ok(&["provision", "show", "--public-key", "stick/writ/new.pub", "--qr"]);
    assert!(people.contains('█') && code.lines().iter().all(|line| people.contains(line)), "{people}");
    let qr = ["provision", "qr", "--public-key", "stick/writ/new.pub", "--mac", "00-00-5E-00-53-01", "--site", SITE];
    let drawn = desk.ok(&qr);
    assert!(drawn.lines().filter(|line| line.contains('█')).count() >= 15, "{drawn}");
    assert!(drawn.ends_with(&format!("writ:claim/00:00:5e:00:53:01/{}/{SITE}\n", code.digits())), "{drawn}");
    desk.ok(&[&qr[..], &["--svg", "claim.svg"]].concat());
    let svg = String::from_utf8(desk.read("claim.svg")).unwrap();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.contains("<path d=\"M"), "{svg}");
    let none = desk.could_not(&["provision", "show", "--state", "nowhere"]);
    assert!(none.contains("no key yet"), "{none}");
}

/// A machine that waits shows its code wherever people look, and a claim that nobody renews is not shown.
#[test]
fn the_status_of_a_machine_that_belongs_nowhere_is_its_claim() {
    let desk = Desk::empty();
    let claims = |at| Claim {
        schema: ClaimSchema::V1,
        mac: "00:00:5e:00:53:01".parse().unwrap(),
        public_key: key(7),
        courier_key: key(8),
        hardware: PlainName::of("HP <t640>"),
        at,
        site: Some("clinic-001".parse().unwrap()),
        appliance: None,
        agent_version: PlainName::of("0.1.0"),
        secrets: None,
    };
    let now = writ_agent::clock::now();
    let lay = |at| {
        fs::create_dir_all(desk.path("claim")).unwrap();
        desk.put("claim/claim.json", claims(at).sign(&SecretKey::generate(&[7; 40])).unwrap().canonical());
    };
    let status = ["status", "--config", "enforce.toml", "--claim", "claim", "--answer", "answer"];
    let json = [&status[..], &["--json"]].concat();
    assert!(desk.could_not(&json).contains("cannot read the enforcer's configuration"));
    lay(now);
    fs::create_dir(desk.path("answer")).unwrap();
    desk.put("answer/trouble", "it cannot be\nreached\u{1b}[31m");
    let (shown, _) = desk.expect(&json, 1);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let code = ClaimCode::of(&key(7));
    assert_eq!((&shown["schema"], &shown["claim_code"]), (&"writ.unclaimed.v1".into(), &code.to_string().into()));
    assert_eq!(shown["trouble"], "it cannot be\\u{a}reached\\u{1b}[31m");
    let (people, _) = desk.expect(&status, 1);
    assert!(people.contains("belongs nowhere yet") && people.contains(&code.lines()[2]), "{people}");
    desk.ok(&[&json[..], &["--out", "page.json"]].concat());
    let page = crate::status::serving::page_of(&desk.path("page.json"));
    for part in ["belongs nowhere yet", &code.lines()[0], "<path d=\"M", "HP &#60;t640&#62;", "clinic-001"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    lay(now.plus_millis(-3_600_000));
    assert!(desk.could_not(&json).contains("cannot read the enforcer's configuration"), "nobody renews it");
}
