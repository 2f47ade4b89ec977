//! Every command that prints JSON, run for real; and the same commands for people, without colour.

use std::fs;
use std::process::Command;

use serde_json::Value;
use writ_scenarios::depot::Depot;
use writ_scenarios::flake::repository;
use writ_scenarios::workshop::{SITE, Workshop};

use crate::clinic::Clinic;
use crate::house::systems::System;
use crate::house::{House, Ran, program, ran};

/// The commands that are tried below.
pub const TRIED: &[&str] = &[
    "writ check",
    "writ explain",
    "writ diff",
    "writ keys new",
    "writ keys show",
    "writ keys age",
    "writ keys rotate",
    "writ keys revoke",
    "writ keys archive",
    "writ secret identity",
    "writ secret list",
    "writ trust show",
    "writ release draft",
    "writ release show",
    "writ fleet status",
    "writ order new",
    "writ order broadcast",
    "writ order show",
    "writ plan review",
    "writ plan show",
    "writ plan approve",
    "writ plan reject",
    "writ verify",
    "writ audit verify",
    "writ audit compare",
    "writ audit show",
    "writ audit query",
    "writ audit sample",
    "writ audit restore-test",
    "writ audit checklist",
    "writ audit attest",
    "writ audit collect",
    "writ audit unpack",
    "writ audit fetch",
    "writ report monthly",
    "writ report quarterly",
    "writ report annual",
    "writ report audit-set",
    "writ report learning",
    "writ learn status",
    "writ learn candidates",
    "writ learn show",
    "writ learn promote",
    "writ learn reject",
    "writ learn withdraw",
    "writ watch",
    "writ doctor",
    "writ status",
    "writ provision claim",
    "writ provision mac",
    "writ provision show",
    "writ-enforce",
    "writ-switch status",
];

/// Runs a command as it is run in a pipe; `NO_COLOR` is not set, and a terminal is claimed by the environment alone.
fn piped(command: &mut Command) -> Ran {
    let ran = ran(command.env_remove("NO_COLOR").env("TERM", "xterm-256color").env("COLORTERM", "truecolor"));
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains('\u{1b}'), "{command:?} paints where there is no terminal: {text:?}");
    }
    ran
}

/// Runs a command for people and for programs; gives what the latter get.
fn both(code: i32, json: &str, make: impl Fn() -> Command) -> Value {
    let people = piped(&mut make());
    assert_eq!(people.code, Some(code), "{:?}: {}{}", make(), people.stdout, people.stderr);
    programs(code, make().args(json.split(' ')))
}

fn programs(code: i32, command: &mut Command) -> Value {
    let ran = piped(command);
    assert_eq!(ran.code, Some(code), "{command:?}: {}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{command:?}: {e}: {}", ran.stdout))
}

fn writ(arguments: &[&str]) -> Command {
    let mut command = program("writ");
    command.args(arguments);
    command
}

#[test]
fn the_operators_commands_print_json_and_no_colour() {
    let clinic = Clinic::shared();
    let desk = &clinic.desk;
    let scratch = tempfile::tempdir().unwrap();

    let check = both(0, "--format json", || {
        let mut check = writ(&["check", "--now", super::THEN]);
        check.arg(repository());
        check
    });
    assert_eq!((&check["schema"], &check["summary"]["errors"]), (&"writ.check.v1".into(), &0.into()));

    let explained = both(0, "--format json", || {
        let mut explain = writ(&["explain", "backup.recent", "--now", super::THEN, "--tree"]);
        explain.arg(repository());
        explain
    });
    assert_eq!((&explained["schema"], &explained["kind"]), (&"writ.explain.v1".into(), &"check".into()));

    let secrets = both(0, "--json", || {
        let mut list = writ(&["secret", "list", "--tree"]);
        list.arg(repository());
        list
    });
    assert_eq!(secrets["schema"], "writ.secrets.v1");
    let identity = both(0, "--json", || {
        let mut identity = writ(&["secret", "identity", "--key"]);
        identity.arg(scratch.path().join("secrets.key")).arg("--out").arg(scratch.path());
        identity.arg("--signed-by").arg(desk.keys().join("front-desk.key"));
        identity
    });
    assert_eq!(identity["new"], false, "people made it");

    let diff = both(0, "--format json", || {
        let mut diff = writ(&["diff", "--from", "HEAD", "--now", super::THEN, "--deny-unclear"]);
        diff.arg(desk.flake());
        diff
    });
    assert_eq!((&diff["schema"], &diff["weaker"]), (&"writ.diff.v1".into(), &false.into()));

    let new = |name: &str| {
        let mut new = writ(&["keys", "new", "--name", name, "--role", "appliance", "--no-passphrase", "--out"]);
        new.arg(scratch.path());
        new
    };
    piped(&mut new("first"));
    programs(0, new("second").arg("--json"));
    let again = piped(&mut new("second"));
    assert_ne!(again.code, Some(0), "a key is never overwritten: {}", again.stdout);

    let shown = both(0, "--json", || {
        let mut show = writ(&["keys", "show"]);
        show.arg(desk.keys().join("alice.pub"));
        show
    });
    assert_eq!(shown["kind"], "public-key");
    both(0, "--json", || desk.writ(["keys", "age", "--trust", "releases/trust"]));
    both(0, "--json", || {
        let mut archive = desk.writ(["keys", "archive", "--trust", "releases/trust", "--to"]);
        archive.arg(scratch.path().join("archive"));
        archive
    });
    // A draft is written beside its roots: in a copy of them.
    let roots = scratch.path().join("trust");
    let copied = Command::new("cp").arg("-r").arg(desk.releases().join("trust")).arg(&roots).status().unwrap();
    assert!(copied.success());
    piped(new("third").arg("--json"));
    let change = |what: &str, old: &str, more: &[&str]| {
        let mut change = writ(&["keys", what, old]);
        change.arg(desk.keys().join("alice.pub")).arg("--new").arg(scratch.path().join("third.pub"));
        let draft = roots.join("2.json");
        let ran = programs(0, change.args(more).arg("--json").arg("--trust").arg(&roots).arg("--out").arg(&draft));
        assert_eq!((&ran["schema"], &ran["version"]), (&"writ.key-change.v1".into(), &2.into()), "{ran}");
        fs::remove_file(&draft).unwrap();
    };
    change("rotate", "--old", &[]);
    change("revoke", "--key", &["--reason", "lost"]);
    both(0, "--json", || desk.writ(["trust", "show", "releases/trust"]));
    both(0, "--json", || desk.writ(["release", "show", "releases"]));
    let verified = both(0, "--json", || desk.writ(["verify", "releases", "--trust", "releases/trust/1.json"]));
    assert_eq!(verified["holds"], true);

    orders_print_json(scratch.path());
    plans_print_json(scratch.path());
    provisioning_prints_json(&desk.flake(), scratch.path());

    let draft = |name: &str| {
        let mut draft = desk.writ(["release", "draft", "--flake", "flake", "--previous", "releases", "--to"]);
        draft.arg(scratch.path().join(name));
        draft
    };
    let drafted = piped(&mut draft("draft-1"));
    assert_eq!(drafted.code, Some(0), "{}", drafted.stderr);
    let drafted = programs(0, draft("draft-2").arg("--json"));
    assert_eq!((&drafted[0]["site"], &drafted[0]["serial"]), (&"clinic-001".into(), &2.into()));
}

/// A claim is shown, and a machine gets its name in a copy of the flake.
fn provisioning_prints_json(flake: &std::path::Path, scratch: &std::path::Path) {
    // By itself, as on a stick: what lies beside a key is looked at.
    let stick = scratch.join("stick");
    fs::create_dir(&stick).unwrap();
    let public = stick.join("first.pub");
    fs::copy(scratch.join("first.pub"), &public).unwrap();
    let shown = both(0, "--json", || {
        let mut show = writ(&["provision", "show", "--public-key"]);
        show.arg(&public);
        show
    });
    let code = shown["claim_code"].as_str().unwrap().to_owned();
    let copy = scratch.join("flake");
    let mut clone = Command::new("git");
    assert!(clone.args(["clone", "--quiet", "--no-hardlinks"]).arg(flake).arg(&copy).status().unwrap().success());
    let claim = |branch: &str| {
        let mut claim = writ(&["provision", "claim", "--site", "clinic-001", "--appliance", "annex", "--code", &code]);
        claim.args(["--branch", branch, "--public-key"]).arg(&public).arg("--tree").arg(&copy);
        let who = [("GIT_AUTHOR_NAME", "Alice"), ("GIT_AUTHOR_EMAIL", "alice@msp.example")];
        claim.envs(who).envs(who.map(|(name, value)| (name.replace("AUTHOR", "COMMITTER"), value)));
        claim
    };
    assert_eq!(piped(&mut claim("first")).code, Some(0));
    let claimed = programs(0, claim("second").arg("--json"));
    assert_eq!((&claimed["schema"], &claimed["branch"]), (&"writ.claimed.v1".into(), &"second".into()), "{claimed}");
}

/// Orders are made, signed and shown without any desk but a key and a trust root.
fn orders_print_json(scratch: &std::path::Path) {
    use writ_trust::role::Role;
    let mut root = crate::house::releases::root();
    root.keys.push(crate::house::releases::trust_key(21, "Alice's orders", &[Role::Order]));
    let trust = scratch.join("orders-trust");
    fs::create_dir(&trust).unwrap();
    let signature = crate::house::releases::sign(crate::house::TRUST, &root.canonical());
    fs::write(trust.join("1.json.minisig"), signature).unwrap();
    fs::write(trust.join("1.json"), root.canonical()).unwrap();
    let key = scratch.join("orders.key");
    fs::write(&key, crate::house::secret(21).to_open_file().as_bytes()).unwrap();
    let order = |words: &[&str], to: &str| {
        let mut order = writ(&["order"]);
        order.args(words).args(["--site", "clinic-001", "--reason", "a test", "--trust"]).arg(&trust);
        order.arg("--key").arg(&key).arg("--to").arg(scratch.join(to));
        order
    };
    let new = ["new", "rescan", "--appliance", "front-desk"];
    assert_eq!(piped(&mut order(&new, "a.json")).code, Some(0));
    let made = programs(0, order(&new, "b.json").arg("--json"));
    assert_eq!((&made["signed"], &made["published"]), (&true.into(), &false.into()), "{made}");
    assert_eq!(piped(&mut order(&["broadcast", "collect"], "c.json")).code, Some(0));
    programs(0, order(&["broadcast", "collect"], "d.json").arg("--json"));
    let shown = both(0, "--json", || {
        let mut show = writ(&["order", "show"]);
        show.arg(scratch.join("b.json")).arg("--trust").arg(&trust);
        show
    });
    assert_eq!((&shown["holds"], &shown["order"]["id"]), (&true.into(), &made["id"]), "{shown}");
}

/// A proposal of a folder, as far as it can be told of without evidence; what is approved is tried where there is some.
fn plans_print_json(scratch: &std::path::Path) {
    use writ_wire::proposal::{Proposal, ProposalSchema};
    let folder = scratch.join("proposals");
    fs::create_dir(&folder).unwrap();
    let propose = |reason: &str| {
        let mut proposal = Proposal {
            schema: ProposalSchema::V1,
            id: String::new(),
            site: SITE.parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            incident: None,
            check: "ehr.service".into(),
            runbooks: vec!["RB-EHR-001".into()],
            reason: reason.into(),
            proposed_by: "an assistant".into(),
            proposed_at: super::THEN.parse().unwrap(),
        };
        proposal.id = proposal.id_of();
        fs::write(folder.join(proposal.file_name()), proposal.canonical()).unwrap();
        proposal.id
    };
    let (first, second) = (propose("it helped before"), propose("it may help"));
    let plan = |words: &[&str]| {
        let mut plan = writ(&["plan"]);
        plan.args(words).arg("--proposals").arg(&folder);
        plan
    };
    let waits = both(0, "--json", || plan(&["review"]));
    assert_eq!(waits["proposals"].as_array().map(Vec::len), Some(2), "{waits}");
    let shown = both(0, "--json", || plan(&["show", &first]));
    assert_eq!((&shown["id"], &shown["against"]), (&first.as_str().into(), &Value::Null), "{shown}");
    assert_eq!(piped(&mut plan(&["reject", &first, "--reason", "mended by hand"])).code, Some(0));
    let rejected = programs(0, plan(&["reject", &second, "--reason", "mended by hand"]).arg("--json"));
    assert_eq!(rejected["proposal"]["id"], second, "{rejected}");
    let blind = piped(
        plan(&["approve", &first, "--json", "--to"])
            .arg(scratch.join("no.json"))
            .arg("--trust")
            .arg(scratch.join("orders-trust")),
    );
    assert_eq!(blind.code, Some(2), "without evidence nothing is approved: {}", blind.stderr);
}

/// Packets of the period that it is now; what they write is tried where they are made.
fn reports_print_json(house: &House) {
    let today = writ_agent::clock::now().to_string();
    let (year, month) = (&today[..4], &today[..7]);
    let quarter = format!("{year}-Q{}", month[5..].parse::<u32>().unwrap().div_ceil(3));
    let periods = [
        ("monthly", "--month", month),
        ("quarterly", "--quarter", &quarter),
        ("annual", "--year", year),
        ("audit-set", "--period", year),
        ("learning", "--month", month),
    ];
    for (which, option, period) in periods {
        let report = || {
            let mut report = writ(&["report", which, option, period]);
            report.arg(house.path("audit")).arg("--trust").arg(house.path("etc/trust.json"));
            report
        };
        let made = piped(report().arg("--out").arg(house.path(&format!("packet-{which}"))));
        assert_eq!(made.code, Some(0), "{which}: {}{}", made.stdout, made.stderr);
        let packets = programs(0, report().arg("--json"));
        assert_eq!(packets[0]["schema"], "writ.packet.v1", "{packets}");
    }
}

/// Nothing was learned in this house: what decisions print is told where there is something to decide, `crates/cli/tests/it/learn.rs`.
fn learning_prints_json(house: &House) {
    let learn = |words: &[&str]| {
        let mut command = writ(&["learn"]);
        command.args(words).arg("--audit").arg(house.path("audit")).arg("--trust").arg(house.path("etc/trust.json"));
        command
    };
    for words in ["status", "candidates"] {
        let learned = both(0, "--json", || learn(&[words]));
        assert_eq!((&learned["schema"], &learned["tiers"]["l1"]), (&"writ.learning.v1".into(), &1.into()), "{learned}");
    }
    let decided = ["--by", "Sam", "--reason", "No", "--json"];
    for words in [&["show", "aa"][..], &["promote", "aa"], &["reject", "aa"], &["withdraw", "aa"]] {
        let more = if matches!(words[0], "reject" | "withdraw") { &decided[..] } else { &["--json"] };
        let none = piped(&mut learn(&[words, more].concat()));
        assert_eq!((none.code, none.stdout.as_str()), (Some(2), ""), "{words:?}: {}", none.stderr);
    }
}

#[test]
fn the_auditors_commands_print_json_and_no_colour() {
    let (house, _) = House::gathered();
    let verified = both(0, "--json", || house.audit("verify"));
    assert_eq!(verified["ok"], true, "{verified}");
    // The one control is shown; the check ran only for an instant.
    let compared = ran(house.audit("compare").arg("--json"));
    let comparison: Value = serde_json::from_str(&compared.stdout).unwrap();
    assert_eq!(comparison["schema"], "writ.comparison.v1");
    both(compared.code.unwrap(), "--json", || house.audit("compare"));
    let rows = both(0, "--json", || {
        let mut query = house.audit("query");
        query.args(["--kind", "incident-closed"]);
        query
    });
    let id = rows[0]["bundle_id"].as_str().unwrap_or_else(|| panic!("{rows}")).to_owned();
    let show = || {
        let mut show = program("writ");
        show.args(["audit", "show"]).arg(house.path("audit")).arg(&id).arg("--trust").arg(house.path("etc/trust.json"));
        show
    };
    let shown = both(0, "--json", show);
    assert_eq!(shown["kind"], "incident-closed");
    let flat = programs(0, show().arg("--flat"));
    assert!(flat["evidence_bundle_hash"].is_string() && flat["signatures"].is_object(), "{flat}");
    reports_print_json(&house);
    learning_prints_json(&house);
    what_people_do_with_evidence_prints_json(&house);
    both(0, "--json", || {
        let mut collect = writ(&["audit", "collect"]);
        collect.arg("--outbox").arg(house.outbox()).arg("--to").arg(house.path("audit"));
        collect
    });
    // What an archive gives is told where there are depots; this one is none.
    fs::write(house.path("clinic-001-2026-11-28.tar.gz"), "no archive").unwrap();
    let unpacked = both(1, "--json", || {
        let mut unpack = writ(&["audit", "unpack"]);
        unpack.arg(house.path("clinic-001-2026-11-28.tar.gz")).arg("--to").arg(house.path("unpacked"));
        unpack
    });
    assert!(unpacked["refused"][0]["why"].as_str().unwrap().contains("cannot be read"), "{unpacked}");
}

/// Samples, restore tests, checklists and attestations, by a key that the second trust root lists.
fn what_people_do_with_evidence_prints_json(house: &House) {
    use writ_trust::role::Role;
    let mut root = house.next_root();
    root.keys.push(crate::house::releases::trust_key(21, "Sam", &[Role::Attest]));
    house.put_root(&root, &[crate::house::TRUST]);
    house.gather();
    let key = house.path("sam.key");
    fs::write(&key, crate::house::secret(21).to_open_file().as_bytes()).unwrap();
    let audit = |words: &[&str]| {
        let mut command = writ(&["audit"]);
        command.args(words).arg(house.path("audit")).arg("--trust").arg(house.path("etc/trust.json"));
        command
    };
    let drawn = both(0, "--json", || audit(&["sample", "1"]));
    assert_eq!(drawn["strata"][0]["bundles"].as_array().map(Vec::len), Some(1), "{drawn}");
    let tested = both(0, "--json", || {
        let mut test = writ(&["audit", "restore-test", "--period", "2d", "--sample", "1", "--copy"]);
        test.arg(house.path("audit")).arg("--trust").arg(house.path("etc/trust.json"));
        test
    });
    assert_eq!((&tested["tested"], &tested["verified"]), (&1.into(), &1.into()), "{tested}");
    // No check of this house is about backups.
    let list = both(1, "--json", || audit(&["checklist", "daily"]));
    assert_eq!(
        (&list["schema"], &list["items"][1]["state"]),
        (&"writ.checklist.v1".into(), &"no-check".into()),
        "{list}"
    );
    let attested = both(0, "--json", || {
        let mut attest = audit(&["attest"]);
        attest
            .args(["--site", &house.site, "--control", "164.310(a)(1)", "--statement", "Looked at", "--key"])
            .arg(&key);
        attest
    });
    assert_eq!((&attested["schema"], &attested["sequence"]), (&"writ.attested.v1".into(), &2.into()), "{attested}");
}

#[test]
fn the_appliances_commands_print_json_and_no_colour() {
    let house = House::new();
    house.furnish(2);
    let nothing = piped(house.enforcer().args(["--once", "--json"]));
    assert_eq!(nothing.code, Some(2), "nothing was accepted yet: {}", nothing.stderr);
    house.publish(&house.release_with(5, System { name: "five", ..System::default() }));
    let once = programs(0, house.enforcer().args(["--once", "--json"]));
    assert_eq!((&once["release"], &once["checks"][1]["outcome"]), (&"1-5".into(), &"pass".into()), "{once}");
    let status = both(0, "--json", || {
        let mut status = program("writ-switch");
        status.arg("status").arg("--state-dir").arg(house.path("state"));
        status
    });
    assert_eq!(status["course"]["state"], "committed");

    let doctor = both(1, "--format json", || {
        let mut doctor = writ(&["doctor", "--config"]);
        doctor.arg(house.path("etc/enforce.toml"));
        doctor
    });
    assert_eq!(
        (&doctor["schema"], &doctor["findings"][0]["code"]),
        (&"writ.doctor.v1".into(), &"enforcer-not-running".into())
    );

    let status = both(1, "--json", || {
        let mut status = writ(&["status", "--config"]);
        status.arg(house.path("etc/enforce.toml"));
        status
    });
    assert_eq!(
        (&status["schema"], &status["state"], &status["causes"][0]["code"]),
        (&"writ.status.v1".into(), &"needs-person".into(), &"enforcer-not-running".into())
    );

    // A plan says what it would do, and does nothing.
    house.break_file(1);
    let before = fs::read_dir(house.outbox()).unwrap().count();
    let plan = programs(1, house.enforcer().args(["--plan", "--json"]));
    assert_eq!(plan["checks"][1]["would_run"]["rule"], "L1-FILE-1", "{plan}");
    piped(house.enforcer().arg("--plan"));
    assert!(!house.is_whole(1) && fs::read_dir(house.outbox()).unwrap().count() == before);
    let once = piped(house.enforcer().arg("--once"));
    assert_eq!(once.code, Some(0), "{}", once.stderr);
    assert!(house.is_whole(1));

    // What cannot be healed is a no.
    fs::remove_file(house.file(0)).unwrap();
    fs::create_dir(house.file(0)).unwrap();
    let fails = piped(house.enforcer().arg("--once"));
    assert_eq!(fails.code, Some(1), "{}{}", fails.stdout, fails.stderr);
}

#[test]
fn the_commands_that_ask_a_depot_print_json_and_no_colour() {
    crate::house::needs_root();
    let dir = tempfile::Builder::new().prefix("writ-asked-").tempdir().unwrap();
    let mut desk = Workshop::open(&dir.path().join("desk")).unwrap();
    desk.logged = true;
    desk.make_keys().unwrap();
    for appliance in ["front-desk", "back-office"] {
        desk.enrol(appliance).unwrap();
    }
    desk.commit("Two appliances join the clinic").unwrap();
    desk.make_trust_root().unwrap();
    let depot = Depot::start(&desk, &dir.path().join("depot"), "127.0.0.1:0", None).unwrap();
    desk.release_to_depot(&depot.url(), |writ| Command::new(writ)).unwrap();
    let url = depot.url();
    let ask = |what: &[&str], folder: &str, place: &str| {
        let mut command = desk.writ(what.iter().copied());
        command.args(["--depot", &url, "--read-key", "keys/reader.key", "--trust", "releases/trust/1.json"]);
        command.args(["--site", SITE, folder, place]);
        command
    };
    let fetched = both(0, "--json", || ask(&["audit", "fetch"], "--to", "audit"));
    assert!(fetched.is_object(), "{fetched}");
    // Nobody has heard of either appliance.
    let watched = both(1, "--json", || ask(&["watch"], "--state", "watch"));
    assert_eq!(watched["schema"], "writ.watch.v1", "{watched}");
    assert_eq!(watched.to_string().matches("never-heard").count(), 2, "{watched}");
    let fleet = both(1, "--json", || ask(&["fleet", "status"], "--flake", "flake"));
    assert_eq!((&fleet["schema"], &fleet["trouble"]), (&"writ.fleet.v1".into(), &2.into()), "{fleet}");
    let claims =
        both(0, "--json", || desk.writ(["provision", "mac", "--depot", &url, "--read-key", "keys/reader.key"]));
    assert_eq!(
        (&claims["schema"], &claims["claims"]),
        (&"writ.claims-seen.v1".into(), &serde_json::json!([])),
        "{claims}"
    );
}
