//! How much of a labelled corpus of synthetic text the scrubber finds, and how much it takes away for nothing.
//!
//! The figures flatter: whoever wrote the patterns wrote the corpus. They catch a pattern that stops working, and show
//! what no pattern finds (`bare-name`). A case that got through in the field belongs into the corpus.

use std::collections::BTreeMap;

use writ_evidence::scrub::scrub;

/// Share of labelled strings that must be gone, in percent.
const RECALL_FLOOR: f64 = 95.0;
/// Share of harmless lines that may be touched, in percent.
const FALSE_POSITIVE_CEILING: f64 = 2.0;

/// Lines of `phi.tsv`: category, the strings that must go (separated by ` | `), the text. All of it is made up.
const PHI: &str = include_str!("../corpus/phi.tsv");
/// Lines of `harmless.txt`: what machines write, nothing of which should be touched.
const HARMLESS: &str = include_str!("../corpus/harmless.txt");

#[test]
fn recall_and_false_positives_are_measured() {
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
    let lines: Vec<&str> = HARMLESS.lines().filter(|l| !l.is_empty()).collect();
    let touched: Vec<String> =
        lines.iter().filter(|l| scrub(l) != **l).map(|l| format!("  {l:?} -> {:?}", scrub(l))).collect();
    let (found, all) = by_category.values().fold((0, 0), |(f, a), (x, y)| (f + x, a + y));
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole as f64;
    let (recall, wrong) = (percent(found, all), percent(touched.len(), lines.len()));
    println!("PHI scrubber: recall {recall:.1} % ({found} of {all} strings), floor {RECALL_FLOOR} %");
    for (category, (found, all)) in &by_category {
        println!("  {category:<10} {found:>3} of {all:>3}");
    }
    println!("missed:\n{}", missed.join("\n"));
    println!(
        "false positives {wrong:.1} % ({} of {} lines), ceiling {FALSE_POSITIVE_CEILING} %",
        touched.len(),
        lines.len()
    );
    println!("touched:\n{}", touched.join("\n"));
    assert!(recall >= RECALL_FLOOR && wrong <= FALSE_POSITIVE_CEILING, "see the figures above");
}
