//! Laws of comparing that hold for any evidence.

use proptest::prelude::*;
use serde_json::{Value, json};
use writ_audit::Archive;
use writ_audit::compare::model::CheckFinding;
use writ_audit::compare::{Comparison, Evidence, Verdict};
use writ_evidence::chain::ChainState;
use writ_evidence::posture::{Posture, Seen, Snapshot};
use writ_evidence::{Draft, Kind, seal};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use crate::world::*;

/// What the policy here asks for: a run each 5 minutes, told of each hour at the latest, so that 70 minutes may lie between.
const ALLOWED_MINUTES: i64 = 70;

/// One run of every check: so many minutes after the one before, and what it came to.
type Run = (i64, Outcome);

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![4 => Just(Outcome::Pass), 1 => Just(Outcome::Warn), 2 => Just(Outcome::Fail)]
}

fn runs(most_between: i64) -> impl Strategy<Value = Vec<Run>> {
    prop::collection::vec((1..=most_between, outcome()), 2..8)
}

fn minute(n: i64) -> Time {
    morning().plus_millis(n * MINUTE)
}

/// When each of some runs was, in minutes.
fn times(runs: &[Run]) -> Vec<(i64, Outcome)> {
    runs.iter()
        .scan(0, |at, (after, outcome)| {
            *at += after;
            Some((*at, *outcome))
        })
        .collect()
}

/// An appliance that tells of runs one by one.
struct Speaker {
    name: &'static str,
    key: SecretKey,
    state: ChainState,
}

impl Speaker {
    fn new(name: &'static str, n: u8) -> Self {
        Self { name, key: key(n), state: ChainState::new() }
    }

    fn say(&mut self, world: &World, kind: Kind, at: Time, fill: impl FnOnce(&mut Draft)) {
        let mut draft = Draft::new(kind, &site(), &self.name.parse().unwrap());
        draft.release = world.release;
        fill(&mut draft);
        let sealed = seal(draft, &self.state, &self.key, at).unwrap();
        self.state = sealed.next;
        let path = format!("evidence/clinic-001/{}/{}", self.key.public_key().fingerprint(), sealed.file_name());
        world.write(&path, &sealed.bytes);
        world.write(&format!("{path}.minisig"), sealed.signature_text.as_bytes());
    }

    fn run(&mut self, world: &World, at: Time, outcome: Outcome) {
        let reasons = if outcome == Outcome::Pass { vec![] } else { vec!["mode".to_owned()] };
        let seen = Seen { at: Some(at), outcome, reasons, observation: good() };
        let checks = ["file.motd", "file.audit", "file.tls"].map(|id| (id.to_owned(), seen.clone()));
        self.say(world, Kind::Posture, at, |draft| {
            draft.posture = Some(Posture::Snapshot(Snapshot { checks: checks.into() }));
        });
    }

    fn live(&mut self, world: &World, runs: &[Run]) {
        self.say(world, Kind::Started, morning(), |draft| {
            draft.started = Some(
                serde_json::from_value(json!({ "why": "boot", "previous_chain": null, "reimaged": false,
                "enforcing": world.release, "agent_version": "0", "recovered": [] }))
                .unwrap(),
            );
        });
        times(runs).into_iter().for_each(|(at, outcome)| self.run(world, minute(at), outcome));
    }
}

/// The same where another policy is obeyed from one of the runs on: once in two hours, or back from that to every 5 minutes.
fn changing(runs: &[Run], at: usize, laxer: bool) -> World {
    let mut world = World::empty();
    let policy = |lax: bool| {
        policy_json(|p: &mut Value| {
            let every = if lax { "2h" } else { "5m" };
            p["checks"].as_object_mut().unwrap().values_mut().for_each(|check| check["every"] = every.into());
        })
    };
    world.release(1, &policy(!laxer), |_| {});
    let mut speaker = Speaker::new("front-desk", 2);
    speaker.live(&world, &[]);
    for (n, (after, outcome)) in times(runs).into_iter().enumerate() {
        if n == at {
            world.release(2, &policy(laxer), |_| {});
        }
        speaker.run(&world, minute(after), outcome);
    }
    world
}

/// The end of some runs, a minute after the last of them.
fn end(runs: &[Run]) -> Time {
    minute(times(runs).last().map_or(0, |(at, _)| *at) + 1)
}

fn alone(runs: &[Run]) -> World {
    let world = World::new();
    Speaker::new("front-desk", 2).live(&world, runs);
    world
}

fn over(archive: &Archive, now: Time) -> Comparison {
    let c = Evidence::gather(archive, &site()).unwrap().over(None, now);
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    c
}

fn motd(c: &Comparison) -> &CheckFinding {
    c.checks.iter().find(|f| f.check == "file.motd").unwrap()
}

/// The verdict on a check whose runs were these, as of so many minutes after the beginning.
fn verdict(runs: &[Run], now: Time) -> Verdict {
    motd(&over(&alone(runs).archive(), now)).verdict
}

/// The same evidence of two appliances, by whichever names.
fn together(names: [&'static str; 2], runs: [&[Run]; 2]) -> World {
    let mut world = World::empty();
    let of = |name: &str| policy_json(|p: &mut Value| p["appliance"] = name.into());
    names.iter().for_each(|name| world.write(&format!("documents/{}.json", Digest::of(&of(name)).hex()), &of(name)));
    let keys = [2, 7];
    world.release(1, &of(names[0]), |release| {
        let pattern = release["generations"]["front-desk"].clone();
        release["generations"] = json!({});
        for (name, n) in names.iter().zip(keys) {
            let (mut generation, policy) = (pattern.clone(), of(name));
            generation["public_key"] = key(n).public_key().line().into();
            generation["policy"]["digest"] = json!(Digest::of(&policy));
            generation["policy"]["size"] = policy.len().into();
            release["generations"][*name] = generation;
        }
    });
    for ((name, n), runs) in names.iter().zip(keys).zip(runs) {
        Speaker::new(name, n).live(&world, runs);
    }
    world
}

/// What a period and the instants in it tell of one another: those of the runs, and one between.
fn holds_throughout(world: &World, runs: &[Run], part: i64) -> Result<(), TestCaseError> {
    let archive = world.archive();
    let evidence = Evidence::gather(&archive, &site()).unwrap();
    let now = end(runs);
    let whole = evidence.over(None, now);
    let found = motd(&whole);
    let first = minute(times(runs)[0].0);
    let instants = times(runs).into_iter().map(|(at, _)| minute(at));
    let between = first.plus_millis(now.millis_since(first) * part / 1000);
    for at in instants.chain([between]) {
        let then = evidence.at(at, now);
        let then = motd(&then);
        if found.verdict == Verdict::Demonstrated && found.arithmetic.failures == 0 {
            prop_assert_eq!(then.verdict, Verdict::Demonstrated, "{}", at);
        }
        // And the other way round: what does not hold at an instant, the period tells of.
        if then.verdict == Verdict::Failed {
            prop_assert!(found.arithmetic.failures > 0 && found.arithmetic.seconds_in_failure > 0, "{}", at);
        }
        if then.verdict == Verdict::NoEvidence {
            prop_assert!(matches!(found.verdict, Verdict::NoEvidence | Verdict::Failed), "{}", at);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_held_through_a_period_holds_at_every_instant_in_it(runs in runs(90), part in 0_i64..1000) {
        holds_throughout(&alone(&runs), &runs, part)?;
    }

    #[test]
    fn so_it_does_where_the_policy_changes(
        runs in runs(240),
        part in 0_i64..1000,
        which in any::<prop::sample::Index>(),
        laxer in any::<bool>(),
    ) {
        holds_throughout(&changing(&runs, which.index(runs.len()), laxer), &runs, part)?;
    }

    #[test]
    fn a_run_that_fails_where_one_passed_never_improves_a_verdict(runs in runs(90), which in any::<prop::sample::Index>()) {
        let mut worse = runs.clone();
        worse[which.index(runs.len())].1 = Outcome::Fail;
        let now = end(&runs);
        prop_assert!(verdict(&worse, now) <= verdict(&runs, now));
    }

    /// Where runs lie so close that there is no hole to fill.
    #[test]
    fn one_more_run_that_fails_never_improves_a_verdict(
        runs in runs(ALLOWED_MINUTES),
        which in any::<prop::sample::Index>(),
        share in 0_i64..100,
    ) {
        let (mut worse, at) = (runs.clone(), which.index(runs.len()));
        let before = runs[at].0 * share / 100;
        prop_assume!(before > 0);
        worse[at].0 -= before;
        worse.insert(at, (before, Outcome::Fail));
        let now = end(&runs);
        prop_assert!(verdict(&worse, now) <= verdict(&runs, now));
    }

    #[test]
    fn which_appliance_comes_first_decides_nothing(a in runs(80), b in runs(80)) {
        let now = end(&a).max(end(&b));
        let judged = |names: [&'static str; 2]| {
            let c = over(&together(names, [&a, &b]).archive(), now);
            let controls: Vec<_> = c.controls.iter().map(|f| (f.control.clone(), f.verdict, f.arithmetic.clone())).collect();
            (controls, c.matrix, c.score, c.verdicts, c.figures.bundles)
        };
        prop_assert_eq!(judged(["ants", "zebras"]), judged(["zebras", "ants"]));
    }
}
