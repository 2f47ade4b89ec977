//! Answers without end, and answers that stop in the middle: the client's own limits end them.

use writ_scenarios::proxy::Said;

use super::forging::*;
use super::line::Line;
use super::{Lie, lie, told};

pub const ALL: &[Lie] = &[
    lie("an endless answer to the pull", &["/agent/sync", "larger than"], |line| endless(line, SYNC)),
    lie("an endless answer to the check-in", &["/agent/checkin", "larger than"], |line| endless(line, CHECK_IN)),
    lie("an endless document", &["/documents/", "larger than"], |line| {
        endless(line, "/documents/");
        line.publish();
    }),
    lie("an endless answer to evidence", &["/submit", "larger than"], |line| {
        endless(line, SUBMIT);
        line.house.break_file(0);
    }),
    lie("a connection that is closed without an answer", &["cannot be reached"], |line| {
        line.lie(|asked, _| asked.target.contains(SYNC).then_some(Said::Nothing));
        line.await_told();
    }),
];

fn endless(line: &Line, path: &'static str) {
    line.lie(move |asked, _| asked.target.contains(path).then_some(Said::Endless));
}

/// Half an answer and then silence, for as long as a client waits by itself; enforcement goes on meanwhile.
pub fn stalled() {
    let line = Line::running();
    told(
        &line,
        &lie("half an answer to the pull, and then silence", &["/agent/sync", "timed out"], |line| {
            line.lie(|asked, answer| {
                if asked.target.contains(SUBMIT) {
                    return Some(Said::Nothing);
                }
                let stalls = asked.target.contains(SYNC) && answer.code() == 200;
                stalls.then(|| Said::Stalled(answer.clone()))
            });
            line.publish();
            line.await_told();
            line.house.break_file(0);
            line.until("healing while the courier hangs", || line.house.is_whole(0));
        }),
    );
}
