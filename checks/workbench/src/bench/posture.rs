//! What the posture of an appliance takes in six years: told by what differs, beside telling everything each hour.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use writ_agent::enforce::posture::{Book, Run, Told};
use writ_agent::probes;
use writ_evidence::chain::ChainState;
use writ_evidence::posture::{Posture, TellingRef};
use writ_evidence::{Draft, Kind, seal};
use writ_policy::check::Check;
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_policy::policy::Policy;
use writ_policy::schema;
use writ_scenarios::{Time, flake, run};
use writ_trust::json::canonical;
use writ_trust::minisign::SecretKey;

use super::figure;

/// The largest appliance of this repository.
const APPLIANCE: &str = "policies.northfield-surgery.ward";
pub(super) const HOUR: i64 = 3_600_000;
/// A snapshot, and as many hours as come before the next one by default.
const HOURS: i64 = 7 * 24;
const WEEKS: f64 = 6.0 * 365.25 / 7.0;
/// Of so many hours, one brings a check another state of things, such as the digest of a file that may change: of some
/// hundred checks, a few a day.
const CHANGES_EVERY: u64 = 1000;

/// Prints the figures.
pub fn run() -> Result<()> {
    let policy = policy()?;
    let checks = &policy.checks;
    println!(
        "Posture: a made-up week of {} checks; ages rise, numbers wander, now and then something changes",
        checks.len()
    );
    let (summaries, vectors) = week(checks)?;
    #[allow(clippy::cast_precision_loss, reason = "a few gigabytes")]
    let megabytes = |bytes: u64| bytes as f64 * WEEKS / 1e6;
    let (told, everything) = (megabytes(summaries), megabytes(vectors));
    let target = Some(("at most 200 MB", told <= 200.0));
    figure("six years, told by what differs, with signatures", &format!("{told:.0} MB"), target);
    figure("six years, everything each hour and each day", &format!("{everything:.0} MB"), None);
    figure("the first beside the second", &format!("{:.3}", told / everything), None);
    Ok(())
}

fn policy() -> Result<Policy> {
    Policy::parse(&policy_document()?).context("the policy of this repository")
}

/// The policy of that appliance, as a release carries it.
pub(super) fn policy_document() -> Result<Vec<u8>> {
    let mut evaluate = Command::new("nix-instantiate");
    evaluate.current_dir(flake::repository()).args(["--store", "dummy://", "--eval", "--strict", "--json"]);
    evaluate.args(["modules/policy/evaluate.nix", "--arg", "root", "./.", "-A", APPLIANCE]);
    let text = run::checked(&mut evaluate)?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    Ok(canonical(&json))
}

/// Numbers that are the same in every run of this program.
pub(super) struct Chance(pub u64);

impl Chance {
    /// A number below another.
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    /// A number between this and its opposite.
    fn around(&mut self, width: i64) -> i64 {
        let width = width.unsigned_abs().max(1);
        i64::try_from(self.next(2 * width + 1)).unwrap_or(0) - width.cast_signed()
    }
}

/// Whether a number is an age, which rises by the second until something is done anew.
fn rises(field: &str) -> bool {
    field.contains("age") || field.ends_with("seconds")
}

/// The state of one check's world.
pub(super) struct Thing<'p> {
    check: &'p Check,
    schema: &'p schema::ProbeSchema,
    numbers: BTreeMap<&'p str, i64>,
    version: u64,
}

impl<'p> Thing<'p> {
    /// None where no probe of this version looks at it.
    pub fn new(check: &'p Check, chance: &mut Chance) -> Option<Self> {
        let schema = probes::schema_of(&check.probe.name)?;
        let integers = schema.observation.iter().filter(|field| field.kind == schema::Kind::Int);
        let numbers = integers.map(|field| (field.name, i64::try_from(chance.next(90_000)).unwrap_or(0))).collect();
        Some(Self { check, schema, numbers, version: 0 })
    }

    /// An hour goes by, in which a number moves by up to a twentieth.
    fn wander(&mut self, chance: &mut Chance) {
        for number in self.numbers.iter_mut().filter(|(name, _)| !rises(name)).map(|(_, number)| number) {
            *number += chance.around(*number / 20);
        }
    }

    /// What is seen of it after so many seconds more.
    pub fn see(&mut self, seconds: i64, chance: &mut Chance) -> Observation {
        let mut seen = Observation::new();
        for field in self.schema.observation {
            seen = match field.kind {
                schema::Kind::Bool => seen.with(field.name, true),
                schema::Kind::Int => {
                    let number = self.numbers.entry(field.name).or_default();
                    let rises = rises(field.name);
                    if rises {
                        *number = (*number + seconds) % 93_600;
                    }
                    let trembles = if rises { 0 } else { chance.around(*number / 100) };
                    seen.with(field.name, *number + trembles)
                }
                schema::Kind::List => seen.with(field.name, vec![format!("{}-{}", field.name, self.version)]),
                _ => seen.with(field.name, format!("{}-{:056}", field.name, self.version)),
            };
        }
        seen
    }
}

/// Bytes of a week: by summaries, and by vectors with daily snapshots.
fn week(checks: &BTreeMap<String, Check>) -> Result<(u64, u64)> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let began: Time = "2026-11-23T00:00:00Z".parse()?;
    let mut things: BTreeMap<&String, Thing> =
        checks.iter().filter_map(|(id, check)| Some((id, Thing::new(check, &mut chance)?))).collect();
    let ids = || checks.keys().map(String::as_str);
    let (mut short, mut long) = (Writer::new(began)?, Writer::new(began)?);
    let mut book = Book::new(began.plus_millis(-HOUR));
    for hour in 0..=HOURS {
        let from = began.plus_millis((hour - 1) * HOUR);
        for (id, thing) in &mut things {
            thing.wander(&mut chance);
            let every = thing.check.every.millis().max(1);
            if chance.next(CHANGES_EVERY) == 0 {
                thing.version += 1;
            }
            for n in 1..=(HOUR / every).max(1) {
                let seen = thing.see(every / 1000, &mut chance);
                let at = from.plus_millis((n * every).min(HOUR - 1));
                book.take(id, &Run { at, outcome: Outcome::Pass, reasons: vec![], seen });
            }
        }
        let to = began.plus_millis(hour * HOUR);
        if hour > 0 {
            let (summary, mut told) = book.summary(checks, to).context("there is nothing to build on")?;
            told.last = short.say(Posture::Summary(summary), to)?;
            book.told = Some(told);
            long.say(Posture::Vector(book.vector(ids(), to)), to)?;
        }
        let snapshot = book.snapshot(ids());
        if hour == 0 {
            let last = short.say(Posture::Snapshot(snapshot.clone()), to)?;
            book.told = Some(Told::by(&snapshot, last.sequence, last));
        }
        if hour % 24 == 0 && hour < HOURS {
            long.say(Posture::Snapshot(snapshot), to)?;
        }
        book.turn(to);
    }
    Ok((short.bytes, long.bytes))
}

/// A chain whose bytes are counted.
struct Writer {
    key: SecretKey,
    chain: ChainState,
    bytes: u64,
}

impl Writer {
    fn new(at: Time) -> Result<Self> {
        let mut writer = Self { key: SecretKey::generate(&[7; 40]), chain: ChainState::new(), bytes: 0 };
        let mut draft = Draft::new(Kind::Started, &"northfield-surgery".parse()?, &"ward".parse()?);
        draft.started = Some(serde_json::from_value(serde_json::json!({
            "why": "boot", "previous_chain": null, "reimaged": false, "enforcing": null, "agent_version": "0", "recovered": [],
        }))?);
        writer.seal(draft, at)?;
        writer.bytes = 0;
        Ok(writer)
    }

    fn say(&mut self, posture: Posture, at: Time) -> Result<TellingRef> {
        let mut draft = Draft::new(Kind::Posture, &"northfield-surgery".parse()?, &"ward".parse()?);
        draft.last_checkpoint = Some("log.example/northfield-surgery\n123456\n".to_owned() + &"x".repeat(250));
        draft.posture = Some(posture);
        self.seal(draft, at)
    }

    fn seal(&mut self, draft: Draft, at: Time) -> Result<TellingRef> {
        let sealed = seal(draft, &self.chain, &self.key, at)?;
        self.chain = sealed.next;
        self.bytes += (sealed.bytes.len() + sealed.signature_text.len()) as u64;
        Ok(TellingRef { sequence: sealed.sequence, digest: sealed.digest })
    }
}
