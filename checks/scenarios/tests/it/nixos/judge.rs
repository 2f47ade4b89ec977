//! `modules/nixos/judge.nix` comes to the verdict that `writ_policy` comes to, over predicates and observations made at
//! random.

use std::fs;
use std::process::Command;

use serde_json::{Map, Value, json};
use writ_policy::observation::Observation;
use writ_policy::predicate::{Predicate, Truth};
use writ_scenarios::{flake, run};

/// How many pairs are judged.
const PAIRS: usize = 300;

/// Marsaglia's xorshift: the same pairs every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    fn texts(&mut self) -> Value {
        (0..self.below(4)).map(|_| Value::from(self.one_of(&["a", "b", "ab", ""]))).collect()
    }

    fn value(&mut self) -> Value {
        match self.below(4) {
            0 => json!(self.below(2) == 0),
            1 => json!(i64::try_from(self.below(5)).unwrap() - 2),
            2 => json!(self.one_of(&["a", "b", "ab", "aab", ""])),
            _ => self.texts(),
        }
    }

    fn operand(&mut self, op: &str) -> Value {
        match op {
            "eq" | "ne" => self.value(),
            "lt" | "le" | "gt" | "ge" => json!(i64::try_from(self.below(5)).unwrap() - 2),
            "in" | "not_in" | "subset_of" | "superset_of" => self.texts(),
            "exists" => json!(self.below(2) == 0),
            _ => json!(self.one_of(&["a", "b", "a+", ""])),
        }
    }

    fn predicate(&mut self, depth: usize) -> Value {
        const OPS: [&str; 13] = [
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "in",
            "not_in",
            "contains",
            "exists",
            "subset_of",
            "superset_of",
            "matches",
        ];
        let mut object = Map::new();
        for _ in 0..self.below(3) {
            let (key, value) = match self.below(if depth == 0 { 1 } else { 4 }) {
                0 => {
                    let ops = (0..=self.below(2)).map(|_| {
                        let op = self.one_of(&OPS);
                        (op.to_owned(), self.operand(op))
                    });
                    let ops: Map<String, Value> = ops.collect();
                    (self.one_of(&["p", "q", "r"]), Value::Object(ops))
                }
                1 => ("any", (0..self.below(3)).map(|_| self.predicate(depth - 1)).collect()),
                2 => ("all", (0..self.below(3)).map(|_| self.predicate(depth - 1)).collect()),
                _ => ("not", self.predicate(depth - 1)),
            };
            object.insert(key.to_owned(), value);
        }
        Value::Object(object)
    }

    fn observation(&mut self) -> Value {
        let fields = ["p", "q", "r"].into_iter().filter(|_| self.below(4) > 0).collect::<Vec<_>>();
        fields.into_iter().map(|field| (field.to_owned(), self.value())).collect()
    }
}

#[test]
fn nix_judges_as_rust_does() {
    let mut dice = Dice(0x57_72_69_74);
    let pairs: Vec<(Value, Value)> = (0..PAIRS).map(|_| (dice.predicate(3), dice.observation())).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pairs.json");
    fs::write(&file, serde_json::to_vec(&pairs).unwrap()).unwrap();
    let expression = format!(
        "map (pair: import {}/modules/nixos/judge.nix (builtins.elemAt pair 0) (builtins.elemAt pair 1))
         (builtins.fromJSON (builtins.readFile {}))",
        flake::repository().canonicalize().unwrap().display(),
        file.display()
    );
    let mut nix = Command::new("nix-instantiate");
    nix.args(["--eval", "--strict", "--json", "--store", "dummy://", "--expr", &expression]);
    let verdicts: Vec<Option<bool>> = serde_json::from_str(&run::checked(&mut nix).unwrap()).unwrap();
    assert_eq!(verdicts.len(), PAIRS);
    let mut seen = [0; 3];
    for ((predicate, observation), nix) in pairs.iter().zip(verdicts) {
        let parsed = Predicate::from_json(predicate).unwrap_or_else(|e| panic!("{predicate}: {e}"));
        let observed: Observation = serde_json::from_value(observation.clone()).unwrap();
        let rust = match parsed.evaluate(&observed) {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        };
        // Nix has other regular expressions, and says that it does not know.
        let excused = nix.is_none() && predicate.to_string().contains("\"matches\"");
        assert!(nix == rust || excused, "{predicate} over {observation}: {nix:?} in Nix, {rust:?} in Rust");
        seen[rust.map_or(2, usize::from)] += 1;
    }
    assert!(seen.iter().all(|count| *count >= 30), "false, true, unknown: {seen:?}");
}
