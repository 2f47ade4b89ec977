//! Freeze: news is withheld. Nothing in it is a lie that could be refused; it can only be noticed.

use std::sync::atomic::Ordering;

use serde_json::Value;
use writ_evidence::Kind;
use writ_scenarios::proxy::Said;

use super::forging::*;
use super::line::Line;
use crate::house::{DAY, now_plus};

/// The same answers for ever: enforcement and delivery go on, nothing is refused, and the news arrives when they end.
pub fn old_answers() {
    let line = Line::running();
    let (sync, check_in) = (line.last(SYNC), line.last(CHECK_IN));
    line.lie(move |asked, answer| {
        let old = [(SYNC, &sync), (CHECK_IN, &check_in)].into_iter().find(|(path, _)| asked.target.contains(path));
        old.map(|(_, old)| Said::Answer(with_body(answer, old.body.clone())))
    });
    let (mark, before) = (line.mark(), line.standing());
    line.publish();
    for _ in 0..3 {
        line.await_told();
    }
    line.house.break_file(0);
    line.until("healing", || line.house.is_whole(0) && line.standing().outbox.len() > before.outbox.len());
    line.until("delivery", || line.delivered());
    assert_eq!(line.house.obeys(), before.obeys);
    assert_eq!(line.standing().floor, before.floor);
    assert!(!line.said(mark).contains("rule "), "{}", line.said(mark));
    line.honest();
    line.settle();
}

/// A log whose key said for the last time days ago that what it shows is its head: the enforcer tells of it, loudly and in
/// evidence, and goes on; and it tells when the log is heard of again.
pub fn old_word() {
    let mut line = Line::laid();
    line.publish();
    let old = now_plus(-2 * DAY);
    line.lie(move |asked, answer| {
        if answer.code() != 200 || !(asked.target.contains(SYNC) || asked.target.contains(SUBMIT)) {
            return None;
        }
        let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
        let stale = |note: Vec<u8>| resigned(&note, None, Some(old));
        if asked.target.contains(SUBMIT) {
            change(&mut body["checkpoint"], stale);
        } else {
            change(&mut body["log"]["checkpoint"], stale);
            change(&mut body["release"]["receipt"], |receipt| {
                let mut receipt: Value = serde_json::from_slice(&receipt).unwrap();
                let note = receipt["checkpoint"].as_str().unwrap().as_bytes();
                receipt["checkpoint"] = String::from_utf8(resigned(note, None, Some(old))).unwrap().into();
                writ_trust::json::canonical(&receipt)
            });
        }
        Some(Said::Answer(with_body(answer, serde_json::to_vec(&body).unwrap())))
    });
    let mark = line.mark();
    line.start();
    line.settle();
    line.hears(&["rule log-freshness", "more than 24 h ago"], mark);
    line.until("the evidence of it to be delivered", || told(&line) == 1 && line.delivered());
    line.house.break_file(0);
    line.until("healing", || line.house.is_whole(0));
    assert_eq!(line.house.obeys(), Some(format!("1-{}", line.good.load(Ordering::Relaxed))));
    line.honest();
    line.publish();
    line.settle();
    line.hears(&["fresh again"], mark);
    line.until("the evidence of the end of it", || told(&line) == 2 && line.delivered());
}

/// How many bundles tell of the log's freshness.
fn told(line: &Line) -> usize {
    let chain = line.house.chain();
    chain.of(Kind::Refused).filter_map(|b| b.refused.as_ref()).filter(|told| told.rule == "log-freshness").count()
}
