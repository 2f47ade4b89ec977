//! The shipped library, carried out: each runbook on a machine on which somebody has broken what it is for.
//!
//! One container plays all of it. Each row is broken by hand, seen by its check, healed by the rule that the policy names for it, and
//! told by a closing bundle; what somebody would look at is then as it was before.

mod coverage;
mod failures;
mod machine;
mod policy;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use writ_scenarios::outbox::Found;
use writ_scenarios::run;

use self::failures::FAILURES;
use self::machine::Machine;
use self::rows::{Row, waves};

/// How long the rows of one wave may take, all together.
const PATIENCE: Duration = Duration::from_secs(120);

/// How all checks are looked at now, also those of what nothing announces.
const ASK: &str = "systemctl kill --signal=USR1 --kill-whom=main writ-enforce.service || {
    systemctl status --no-pager --lines=0 writ-enforce.service; journalctl --no-pager -o cat -n 60; exit 1
} >&2";

/// The bundles of an outbox as they come: each is read once.
struct Bundles {
    outbox: PathBuf,
    read: BTreeSet<String>,
    /// The closing bundles that have not been asked for, by check.
    closed: BTreeMap<String, Value>,
    /// The checks that failed.
    opened: BTreeSet<String>,
}

impl Bundles {
    fn new(outbox: PathBuf) -> Self {
        Self { outbox, read: BTreeSet::new(), closed: BTreeMap::new(), opened: BTreeSet::new() }
    }

    /// Reads what has come since.
    fn gather(&mut self) {
        for entry in fs::read_dir(&self.outbox).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with('.') || !name.ends_with(".json") || !self.read.insert(name.clone()) {
                continue;
            }
            let bundle: Value = serde_json::from_slice(&fs::read(self.outbox.join(&name)).unwrap()).unwrap();
            if bundle["kind"] == "incident-opened" {
                self.opened.insert(bundle["incident"]["check"].as_str().unwrap().to_owned());
            }
            if bundle["kind"] == "incident-closed" {
                self.closed.insert(bundle["incident"]["check"].as_str().unwrap().to_owned(), bundle);
            }
        }
    }
}

/// What there is to be seen of each row.
fn look(machine: &Machine, rows: &[Row]) -> BTreeMap<&'static str, String> {
    let script: String =
        rows.iter().map(|row| format!("echo '== {}'; ( {} ) 2>&1 || true\n", row.runbook, row.look)).collect();
    let seen = machine.sh(&script);
    let parts = seen.split("== ").skip(1).filter_map(|part| part.split_once('\n'));
    let of = |name: &str| rows.iter().find(|row| row.runbook == name).unwrap().runbook;
    parts.map(|(name, text)| (of(name), text.to_owned())).collect()
}

/// Breaks the rows of a wave, and waits until each has been healed by its own runbook, and all checks hold that saw it.
fn play(machine: &Machine, bundles: &mut Bundles, wave: &[Row]) {
    bundles.gather();
    bundles.closed.clear();
    bundles.opened.clear();
    let before = look(machine, wave);
    let breaks: String = wave.iter().map(|row| format!("( {} )\n", row.broken_by)).collect();
    machine.sh(&format!("set -e\n{breaks}"));
    machine.sh(ASK);
    let ended = run::wait("the end of the wave's incidents", PATIENCE, || {
        bundles.gather();
        Ok(wave.iter().flat_map(Row::checks).all(|check| bundles.closed.contains_key(check)).then_some(()))
    });
    let after = look(machine, wave);
    let mut wrong = Vec::new();
    let mut about = Vec::new();
    for row in wave {
        for check in row.also.iter().filter(|check| !bundles.closed.contains_key(**check)) {
            let how = if bundles.opened.contains(*check) { "fails still" } else { "did not fail" };
            wrong.push(format!("{}: {check} {how}", row.runbook));
            about.push(row);
        }
        let Some(bundle) = bundles.closed.get(row.check) else {
            wrong.push(format!("{}: {} has no closing bundle", row.runbook, row.check));
            about.push(row);
            continue;
        };
        let told =
            [&bundle["execution"]["rule"], &bundle["runbook"]["runbook_id"], &bundle["outputs"]["resolution_status"]];
        if told != [row.rule, row.runbook, "success"] || after[row.runbook] != before[row.runbook] {
            let (was, is) = (&before[row.runbook], &after[row.runbook]);
            let did = &bundle["actions_taken"];
            wrong.push(format!("{}: told {told:?}, did {did}; was {was:?}, is {is:?}", row.runbook));
            about.push(row);
        }
    }
    assert!(wrong.is_empty() && ended.is_ok(), "{wrong:#?}\n{}", said_of(machine, &about));
}

/// Makes careless changes that no runbook heals, and takes them back: each of their checks opens an incident, and ends it.
fn fail_and_recover(machine: &Machine, bundles: &mut Bundles) {
    let checks: Vec<&str> = FAILURES.iter().flat_map(|failure| failure.checks).copied().collect();
    bundles.gather();
    bundles.opened.clear();
    machine.sh(&failures::broken_by());
    machine.sh(ASK);
    let seen = run::wait("the incidents of careless changes", PATIENCE, || {
        bundles.gather();
        Ok(checks.iter().all(|check| bundles.opened.contains(*check)).then_some(()))
    });
    let unseen: Vec<_> = checks.iter().filter(|check| !bundles.opened.contains(**check)).collect();
    assert!(seen.is_ok(), "these did not fail: {unseen:?}");
    bundles.closed.clear();
    machine.sh(&failures::mended_by());
    machine.sh(ASK);
    let over = run::wait("the end of those incidents", PATIENCE, || {
        bundles.gather();
        Ok(checks.iter().all(|check| bundles.closed.contains_key(*check)).then_some(()))
    });
    let open: Vec<_> = checks.iter().filter(|check| !bundles.closed.contains_key(**check)).collect();
    assert!(over.is_ok(), "these fail still: {open:?}");
}

/// What the journal says of these rows.
fn said_of(machine: &Machine, rows: &[&Row]) -> String {
    let journal = machine.sh("journalctl --no-pager -o cat");
    let wanted = |line: &&str| rows.iter().any(|row| row.checks().chain([row.rule]).any(|word| line.contains(word)));
    let lines: String = journal.lines().filter(wanted).map(|line| format!("{line}\n")).collect();
    let tickets = rows
        .iter()
        .flat_map(|row| row.checks())
        .map(|check| machine.sh(&format!("cd /var/lib/writ/enforce/tickets; grep -l '{check}' * | xargs -r cat")));
    lines + &tickets.collect::<String>()
}

/// What the machine lacks: a boot loader's partition, a policy of OpenSSL, and a store on a file system of its own.
const LACKING: [&str; 3] = ["hardening.crypto-protocol", "hardening.mount-boot", "hardening.nix-store-read-only"];
/// What takes longer to know than the enforcer has been up, and what only a NixOS system says of itself.
const NOT_YET: [&str; 2] = ["hardening.file-rights", "patches.system-age"];

/// Every check of the theatre comes to a decision when everything is looked at first, and those that fail are expected to.
fn everything_is_decided(machine: &Machine) {
    let whole = |found: &Found| found.json["posture"]["snapshot"].is_object();
    let snapshot = machine.appliance.await_bundle(0, "a snapshot of all checks", whole).unwrap().json;
    let seen = snapshot["posture"]["snapshot"]["checks"].as_object().unwrap();
    let beyond: BTreeSet<&str> = coverage::out_of_reach().chain(NOT_YET).collect();
    let checks = machine.checks();
    let undecided: BTreeMap<_, _> = checks
        .iter()
        .map(|id| (id.as_str(), seen.get(id)))
        .filter(|(_, told)| !told.is_some_and(|told| told["outcome"] != "not-assessable"))
        .filter(|(id, _)| !beyond.contains(id))
        .collect();
    assert!(undecided.is_empty(), "{undecided:#?}");
    let failing: BTreeMap<_, _> = seen
        .iter()
        .filter(|(id, told)| {
            told["outcome"] == "fail" && !LACKING.contains(&id.as_str()) && !beyond.contains(id.as_str())
        })
        .collect();
    assert!(failing.is_empty(), "{failing:#?}");
}

#[test]
fn each_runbook_heals_what_it_is_for_and_checks_fail() {
    // A minute of processor time.
    if std::env::var_os("WRIT_ALL_KILLS").is_none() {
        return;
    }
    let machine = Machine::boot();
    everything_is_decided(&machine);
    let mut bundles = Bundles::new(machine.appliance.outbox());
    for wave in waves() {
        play(&machine, &mut bundles, &wave);
    }
    fail_and_recover(&machine, &mut bundles);
}
