//! Every rule of acceptance, attacked from the folder of releases on the real `writ-enforce`: refused with one line that
//! names the rule, counted, in evidence once, and nothing else changes: what is obeyed, the floor, and healing.

mod documents;
mod files;
mod log;
mod roots;
mod signatures;
mod statements;

use std::collections::BTreeSet;
use std::sync::Mutex;

use writ_evidence::Kind;
use writ_trust::refusal::Rule;

use crate::house::House;

/// One attack on a house in which release 1-5 runs.
#[derive(Clone, Copy)]
struct Attack {
    /// What it is.
    name: &'static str,
    /// The rule that must refuse it.
    rule: &'static str,
    /// What the refusal must say it is about.
    what: &'static str,
    /// Does it.
    attack: fn(&House),
}

const fn attack(name: &'static str, rule: &'static str, what: &'static str, attack: fn(&House)) -> Attack {
    Attack { name, rule, what, attack }
}

fn all() -> Vec<Attack> {
    [signatures::ALL, statements::ALL, documents::ALL, files::ALL, log::ALL, roots::ALL].concat()
}

/// Carries out one attack and gives what is wrong with the answer.
fn try_one(one: &Attack) -> Result<(), String> {
    let house = House::enforcing(1);
    let (floor, running) = (house.state("floor"), house.obeys());
    (one.attack)(&house);
    house.break_file(0);
    let first = house.once();
    let said: Vec<&str> = first.stderr.lines().filter(|line| line.contains("refused")).collect();
    let [line] = said[..] else {
        return Err(format!("one line should say it, there are {}:\n{}", said.len(), first.stderr));
    };
    if !line.contains(one.rule) {
        return Err(format!("the line does not name the rule {}: {line}", one.rule));
    }
    let second = house.once();
    if second.stderr.contains("refused") {
        return Err(format!("it is said again at every look:\n{}", second.stderr));
    }
    let chain = house.chain();
    // That nothing fresh is known of a log is told beside what is wrong with it.
    let refused: Vec<_> =
        chain.of(Kind::Refused).filter_map(|b| b.refused.as_ref()).filter(|r| r.rule != "log-freshness").collect();
    let [told] = refused[..] else { return Err(format!("{} refused bundles, not one", refused.len())) };
    if (told.rule.as_str(), told.what.as_str()) != (one.rule, one.what) {
        return Err(format!("evidence names rule {} of {}: {}", told.rule, told.what, told.message));
    }
    let state: serde_json::Value = serde_json::from_slice(&house.state("state.json")).unwrap();
    if state["refusals"][0]["count"].as_u64() < Some(2) || state["refused_total"].as_u64() < Some(2) {
        return Err(format!("it is not counted: {}", state["refusals"]));
    }
    if house.obeys() != running || house.obeys().as_deref() != Some("1-5") {
        return Err(format!("{:?} is obeyed now", house.obeys()));
    }
    if house.state("floor") != floor {
        return Err("the floor moved".to_owned());
    }
    if !house.is_whole(0) || first.code != Some(0) || !chain.open_incidents().is_empty() {
        return Err(format!("healing did not go on (exit {:?}):\n{}", first.code, first.stderr));
    }
    Ok(())
}

#[test]
fn every_attack_is_refused_by_its_rule() {
    let attacks = all();
    let (queue, failures) = (Mutex::new(attacks.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(one) = queue.lock().unwrap().next() else { return };
                    if let Err(e) = try_one(one) {
                        failures.lock().unwrap().push(format!("{}: {e}", one.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} attacks:\n{}", failures.len(), attacks.len(), failures.join("\n\n"));
}

/// A rule that nobody attacks is a rule that may not be there.
#[test]
fn every_rule_is_attacked() {
    let mut attacked: BTreeSet<&str> = all().iter().map(|one| one.rule).collect();
    attacked.extend(roots::BELOW);
    let missing: Vec<&str> = Rule::ALL.iter().map(|r| r.name()).filter(|name| !attacked.contains(name)).collect();
    assert!(missing.is_empty(), "no attack on {missing:?}");
}
