use proptest::prelude::*;
use writ_policy::declared::Severity;
use writ_policy::predicate::Predicate;

use super::*;

fn at(seconds: i64) -> Time {
    Time::from_unix_millis(1_795_444_856_000 + seconds * 1000)
}

fn run(seconds: i64, outcome: Outcome, percent: i64) -> Run {
    let seen = Observation::new().with("available_percent", percent);
    Run { at: at(seconds), outcome, reasons: vec![], seen }
}

#[test]
fn a_vector_sums_up_and_shows_silence() {
    let mut book = Book::new(at(0));
    for (s, percent) in [(0, 50), (60, 40), (3_000, 45)] {
        book.take("disk", &run(s, Outcome::Pass, percent));
    }
    book.take("disk", &run(3_060, Outcome::Fail, 5));
    let vector = book.vector(["disk", "never"].into_iter(), at(3_600));
    let entry = &vector.checks["disk"];
    assert_eq!((entry.runs, entry.failed, entry.longest_gap_seconds), (4, 1, 2_940));
    assert_eq!(entry.numbers["available_percent"], Range { min: 5, max: 50, last: 5 });
    assert_eq!((entry.first_at, entry.last_at), (Some(at(0)), Some(at(3_060))));
    assert_eq!((vector.checks["never"].runs, vector.checks["never"].outcome), (0, Outcome::NotAssessable));

    book.turn(at(3_600));
    assert_eq!(book.vector(["disk"].into_iter(), at(3_600)).checks["disk"].last_at, None);
    book.take("disk", &run(10_000, Outcome::Pass, 50));
    let entry = &book.vector(["disk"].into_iter(), at(10_001)).checks["disk"];
    assert_eq!((entry.runs, entry.longest_gap_seconds), (1, 6_940), "the gap reaches back over the vector before");
}

#[test]
fn a_restart_keeps_the_sums_and_never_shortens_a_gap() {
    let mut book = Book::new(at(0));
    book.take("disk", &run(10, Outcome::Pass, 50));
    let bytes = serde_json::to_vec(&book).unwrap();
    let read: Book = serde_json::from_slice(&bytes).unwrap();
    let mut same = read.clone().resumed(Some(at(0)), None);
    assert_eq!(same, book);
    same.take("disk", &run(100, Outcome::Pass, 50));
    assert_eq!(same.vector(["disk"].into_iter(), at(100)).checks["disk"].longest_gap_seconds, 90);
    // The vector was told and committed, but the book could not be written any more.
    let told = read.resumed(Some(at(60)), None);
    assert_eq!(told.vector(["disk"].into_iter(), at(61)).checks["disk"].runs, 0);
    assert_eq!(told.from, at(60));
}

fn check(every: &str, expect: serde_json::Value) -> Check {
    Check {
        title: "a check".into(),
        probe: serde_json::from_value(serde_json::json!({ "disk": {} })).unwrap(),
        expect: Predicate::from_json(&expect).unwrap(),
        prefer: None,
        every: every.parse().unwrap(),
        target: "self".into(),
        severity: Severity::Low,
        cites: vec![],
        declared_at: serde_json::from_value(serde_json::json!({ "file": "x.nix", "line": 1 })).unwrap(),
    }
}

fn bundle(sequence: u64) -> TellingRef {
    TellingRef { sequence, digest: Digest::of(&sequence.to_be_bytes()) }
}

/// A book after a snapshot at second 0, of checks that ask about the percentage every minute.
fn told(checks: &BTreeMap<String, Check>, percent: i64) -> Book {
    let mut book = Book::new(at(-60));
    for id in checks.keys() {
        book.take(id, &run(0, Outcome::Pass, percent));
    }
    book.told = Some(Told::by(&book.snapshot(checks.keys().map(String::as_str)), 1, bundle(2)));
    book.turn(at(0));
    book
}

fn checks(ids: &[&str]) -> BTreeMap<String, Check> {
    let asks = serde_json::json!({ "available_percent": { "ge": 10 } });
    ids.iter().map(|id| ((*id).to_owned(), check("1m", asks.clone()))).collect()
}

/// The summary of a minute after the last of these runs, and whether `a` is steady in it.
fn summed(mut book: Book, checks: &BTreeMap<String, Check>, runs: &[Run]) -> (Summary, Told) {
    for run in runs {
        book.take("a", run);
    }
    let to = runs.last().map_or(at(60), |run| run.at.plus_millis(60_000));
    book.summary(checks, to).unwrap()
}

#[test]
fn what_is_as_it_was_told_is_only_counted() {
    let checks = checks(&["a"]);
    let every_minute = |outcome, percent| (1..=60).map(|n| run(n * 60, outcome, percent)).collect::<Vec<_>>();
    let (summary, _) = summed(told(&checks, 40), &checks, &every_minute(Outcome::Pass, 40));
    assert_eq!((summary.after, &summary.steady, summary.changed.len()), (bundle(2), &Steady::of([("a", 60)]), 0));
    // Within a quarter of what was told, or not.
    let (summary, _) = summed(told(&checks, 40), &checks, &every_minute(Outcome::Pass, 50));
    assert!(summary.changed.is_empty());
    let (summary, known) = summed(told(&checks, 40), &checks, &every_minute(Outcome::Pass, 51));
    let differing = &summary.changed["a"];
    assert_eq!((differing.runs.runs, &differing.seen), (60, &None), "only a number differs");
    assert_eq!(differing.runs.numbers["available_percent"], Range::of(51));
    // What was told once is known from then on.
    let mut book = told(&checks, 40);
    book.told = Some(known);
    let (summary, _) = summed(book, &checks, &every_minute(Outcome::Pass, 51));
    assert!(summary.changed.is_empty());
}

#[test]
fn everything_else_is_told_in_full() {
    let checks = checks(&["a"]);
    let ok = || run(60, Outcome::Pass, 40);
    let failing = Run { outcome: Outcome::Fail, ..ok() };
    let other = Run { seen: Observation::new().with("available_percent", 40).with("path", "/other"), ..ok() };
    let why = Run { reasons: vec!["because".into()], ..ok() };
    let late = Run { at: at(121), ..ok() };
    let back = [ok(), Run { at: at(120), ..failing.clone() }, Run { at: at(180), ..ok() }];
    let silent = Vec::new();
    // Something else in the middle, and back again.
    let between = |odd: Run| vec![ok(), Run { at: at(120), ..odd }, Run { at: at(180), ..ok() }];
    let warned = between(Run { outcome: Outcome::Warn, ..ok() });
    let (saw, said) = (between(other.clone()), between(why.clone()));
    for runs in [vec![failing], vec![other], vec![why], vec![late], back.to_vec(), silent, warned, saw, said] {
        let (summary, _) = summed(told(&checks, 40), &checks, &runs);
        assert!(summary.steady.runs.is_empty() && summary.changed.contains_key("a"), "{runs:?}");
    }
    let mut book = told(&checks, 40);
    book.take("a", &ok());
    assert!(book.summary(&checks, at(181)).unwrap().0.changed.contains_key("a"), "two minutes since the last run");
    let (summary, _) = summed(told(&checks, 40), &self::checks(&["a", "new"]), &[ok()]);
    assert_eq!((summary.steady.runs.len(), summary.changed["new"].runs.runs), (1, 0), "a check that nobody told of");
    let (summary, known) = summed(told(&self::checks(&["a", "gone"]), 40), &checks, &[ok()]);
    assert!(summary.changed.is_empty() && !known.checks.contains_key("gone"));
    assert!(Book::new(at(0)).summary(&checks, at(60)).is_none(), "nothing to build on");
}

#[test]
fn nothing_is_built_on_what_evidence_does_not_know() {
    let book = told(&checks(&["a"]), 40);
    let read = |last| book.clone().resumed(None, last).told.is_some();
    assert!(read(Some(bundle(2))));
    assert!(!read(Some(bundle(3))) && !read(None), "a kill came between evidence and book");
}

proptest! {
    /// Whoever reads a snapshot and the summaries since, each check taken from where it was told last, knows how every
    /// check ended, and how often it ran.
    #[test]
    fn summaries_tell_what_vectors_would(
        hours in prop::collection::vec(
            prop::collection::vec((0_usize..3, 0_u8..4, 30_i64..60, any::<bool>()), 0..12),
            1..8,
        ),
    ) {
        let checks = checks(&["a", "b", "c"]);
        let ids: Vec<&String> = checks.keys().collect();
        let mut book = told(&checks, 40);
        let mut known: BTreeMap<&String, (Outcome, Vec<String>)> =
            ids.iter().map(|id| (*id, (Outcome::Pass, vec![]))).collect();
        let mut second = 0;
        for (hour, runs) in hours.into_iter().enumerate() {
            for (which, outcome, percent, reason) in runs {
                second += 20;
                let outcome = [Outcome::Pass, Outcome::Warn, Outcome::Fail, Outcome::NotAssessable][usize::from(outcome)];
                let reasons = if reason { vec!["why".to_owned()] } else { vec![] };
                book.take(ids[which], &Run { reasons, ..run(second, outcome, percent) });
            }
            let vector = book.vector(checks.keys().map(String::as_str), at(second));
            let (summary, mut told) = book.summary(&checks, at(second)).unwrap();
            let steady: Vec<&String> = ids.iter().copied().filter(|id| !summary.changed.contains_key(*id)).collect();
            prop_assert_eq!(summary.steady.ids, Steady::digest(steady.iter().map(|id| id.as_str())));
            for (id, runs) in steady.iter().zip(&summary.steady.runs) {
                prop_assert_eq!(*runs, vector.checks[*id].runs);
            }
            for (id, differing) in &summary.changed {
                prop_assert_eq!(&differing.runs, &vector.checks[id]);
                let id = ids.iter().copied().find(|known| *known == id).unwrap();
                known.insert(id, (differing.runs.outcome, differing.runs.reasons.clone()));
            }
            for id in &ids {
                let entry = &vector.checks[*id];
                prop_assert_eq!(&known[*id], &(entry.outcome, entry.reasons.clone()));
            }
            told.last = bundle(3 + hour as u64);
            book.told = Some(told);
            book.turn(at(second));
        }
    }
}
