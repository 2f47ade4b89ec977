//! How much of labelled corpora the scrubber finds, and how much it takes away for nothing.
//!
//! Three corpora. `phi.tsv` and `harmless.txt` were written by whoever wrote the patterns: they catch a pattern that stops
//! working, and a case that got through in the field belongs into them. `synthetic.jsonl` is what
//! `checks/tools/phi/generate.py --lines 2000 --seed 1` writes with Faker's values; `machines.txt` are lines that real
//! programs logged. `cargo xtask bench --only phi` measures fresh seeds, fifty times as many.

use std::collections::BTreeMap;

use proptest::prelude::*;
use writ_evidence::scrub::{MAX_SCRUB, Options, removed, scrub, scrub_with};

#[path = "../../../../checks/tools/phi/measure.rs"]
#[allow(dead_code, reason = "the bench prints more of it")]
mod measure;

use measure::{Figures, HOSTILE, Known, Machines, repeated};

/// Lines of `phi.tsv`: category, the strings that must go (separated by ` | `), the text. All of it is made up.
const PHI: &str = include_str!("../corpus/phi.tsv");
/// Lines of `harmless.txt`: what machines write, nothing of which should be touched.
const HARMLESS: &str = include_str!("../corpus/harmless.txt");
const SYNTHETIC: &str = include_str!("../corpus/synthetic.jsonl");
const MACHINES: &str = include_str!("../corpus/machines.txt");

/// Share of identifiers that must be gone where a label or their own shape tells, in percent; of each kind alone, too, where
/// few make a percent.
const RECALL_FLOOR: f64 = 99.5;
const RECALL_FLOOR_OF_A_KIND: f64 = 98.0;
/// Share of removals that must hold an identifier.
const PRECISION_FLOOR: f64 = 99.5;
/// Share of machines' lines that may be touched.
const FALSE_POSITIVE_CEILING: f64 = 0.5;
/// Share of the strings of `phi.tsv` that must be gone; it counts names that nothing tells.
const OWN_FLOOR: f64 = 95.0;

#[test]
fn what_the_generator_labelled_is_gone() {
    let mut figures = Figures::default();
    for (number, line) in SYNTHETIC.lines().enumerate() {
        figures.add(line).unwrap_or_else(|e| panic!("synthetic.jsonl line {}: {e}", number + 1));
    }
    let (structured, precision) = (figures.structured(), figures.precision);
    println!("{} lines: recall {:.2} %, precision {:.2} %", figures.lines, structured.percent(), precision.percent());
    println!("{}", figures.examples.join("\n"));
    assert!(figures.lines >= 2000 && figures.kinds().len() == 18, "all 18 kinds are in it: {:?}", figures.kinds());
    assert!(structured.percent() >= RECALL_FLOOR, "see the figures above");
    assert!(precision.percent() >= PRECISION_FLOOR, "see the figures above");
    for kind in figures.kinds() {
        for known in [Known::Label, Known::Shape] {
            let share = figures.of(kind, known);
            assert!(share.all == 0 || share.percent() >= RECALL_FLOOR_OF_A_KIND, "{kind} by {known:?}: {share:?}");
        }
    }
}

#[test]
fn what_machines_log_stays() {
    let mut machines = Machines::new();
    MACHINES.lines().chain(HARMLESS.lines()).filter(|l| !l.is_empty()).for_each(|line| machines.add(line));
    println!("{} of {} lines altered\n{}", machines.altered, machines.lines, machines.examples.join("\n"));
    assert!(machines.lines > 2000 && machines.share().percent() < FALSE_POSITIVE_CEILING, "see the lines above");
    assert!(machines.lost.values().all(|lost| *lost == 0), "what matters was lost: {:?}", machines.lost);
}

#[test]
fn what_got_through_once_is_gone() {
    let mut by_category: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut missed = Vec::new();
    for (number, line) in PHI.lines().enumerate() {
        let [category, strings, text] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("phi.tsv line {}: expected three columns", number + 1);
        };
        let text = text.replace("\\n", "\n");
        let out = scrub(&text);
        for phi in strings.split(" | ") {
            assert!(text.contains(phi), "phi.tsv line {}: {phi:?} is not in the text", number + 1);
            let (found, all) = by_category.entry(category).or_default();
            *all += 1;
            if out.contains(phi) {
                missed.push(format!("  {category}: {phi:?} in {out:?}"));
            } else {
                *found += 1;
            }
        }
    }
    let (found, all) = by_category.values().fold((0, 0), |(f, a), (x, y)| (f + x, a + y));
    let recall = 100.0 * f64::from(u32::try_from(found).unwrap()) / f64::from(u32::try_from(all).unwrap());
    println!("recall {recall:.1} % ({found} of {all}) {by_category:?}\nmissed:\n{}", missed.join("\n"));
    assert!(recall >= OWN_FLOOR, "see the figures above");
    for (category, (found, all)) in by_category.iter().filter(|(category, _)| **category != "bare-name") {
        assert_eq!(found, all, "{category}");
    }
}

/// Every piece that an expression, a label or a table begins with, over and over.
#[test]
fn hostile_text_is_scrubbed_within_bounds() {
    for piece in HOSTILE {
        let text = repeated(piece, 4 * 1024);
        for options in [Options::default(), Options { addresses: true }] {
            let once = scrub_with(&text, options);
            assert!(once.len() <= MAX_SCRUB, "{piece:?} grows to {}", once.len());
            assert_eq!(scrub_with(&once, options), once, "{piece:?} is not the same again");
        }
    }
    let longest = repeated("ssn: 123-45-6789 ", MAX_SCRUB);
    assert!(scrub(&longest).len() <= MAX_SCRUB);
    assert_eq!(scrub(&repeated("x", MAX_SCRUB + 1)), "[scrubbed:too-long]");
}

/// Text made of what the scrubber looks for, in any order, with anything between.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(HOSTILE),
        3 => prop::sample::select(SYNTHETIC.split(['"', ' ', '|', ',']).step_by(37).collect::<Vec<_>>()),
        1 => prop::sample::select(vec!["=", ": ", "\"", "'", "[", "{", "(", "^", "|", "\n", "\\", "&", "?", "<", ">", " is ", "é", "\u{301}", "。"]),
    ];
    let piece = prop_oneof![4 => piece.prop_map(str::to_owned), 1 => "[0-9 .-]{1,12}", 1 => ".{0,6}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn scrubbing_twice_changes_nothing(text in texts(), addresses: bool) {
        let options = Options { addresses };
        let once = scrub_with(&text, options).into_owned();
        let twice = scrub_with(&once, options).into_owned();
        prop_assert_eq!(twice, once);
    }

    /// What is said to be removed is what is replaced, in order and apart.
    #[test]
    fn what_is_removed_is_told(text in texts(), addresses: bool) {
        let options = Options { addresses };
        let (mut out, mut at) = (String::new(), 0);
        for part in removed(&text, options) {
            prop_assert!(at <= part.start && part.start < part.end && part.end <= text.len());
            out += &text[at..part.start];
            out += &format!("[scrubbed:{}]", part.tag);
            at = part.end;
        }
        out += &text[at..];
        prop_assert_eq!(out, scrub_with(&text, options).into_owned());
    }
}
