//! Lies about evidence: whatever proves nothing leaves the bundles in the outbox, undelivered.

use serde_json::{Value, json};

use super::forging::*;
use super::line::Line;
use super::{Lie, lie_of_evidence};

pub const ALL: &[Lie] = &[
    lie_of_evidence("dropped evidence: taken, and no receipts", &["rule receipts", "spoken of 0 times"], |line| {
        line.forge(SUBMIT, |answer| answer["receipts"] = json!([]));
        line.house.break_file(0);
    }),
    lie_of_evidence("dropped evidence: 200, and nothing", &["rule receipts"], |line| {
        let nothing = writ_scenarios::proxy::Answer { body: Vec::new(), ..line.last(SUBMIT) };
        line.replay(SUBMIT, &nothing);
        line.house.break_file(0);
    }),
    lie_of_evidence("receipts for other bundles", &["rule receipts", "spoken of 0 times"], |line| {
        line.replay(SUBMIT, &line.last(SUBMIT));
        line.house.break_file(0);
    }),
    lie_of_evidence("an old receipt under a new bundle's name", &["rule log-inclusion", "something else"], |line| {
        let old = json(&line.last(SUBMIT));
        line.forge(SUBMIT, move |answer| {
            let checkpoint = old["checkpoint"].clone();
            each(answer, |receipt| {
                let digest = receipt["digest"].clone();
                *receipt = old["receipts"][0].clone();
                receipt["digest"] = digest;
            });
            answer["checkpoint"] = checkpoint;
        });
        line.house.break_file(0);
    }),
    lie_of_evidence("a receipt with one bit of its entry flipped", &["rule log-inclusion"], |line| {
        flipped(line, |receipt| flip(&mut receipt["entry"]));
    }),
    lie_of_evidence("a receipt with one bit of its proof flipped", &["rule log-inclusion"], |line| {
        flipped(line, |receipt| flip(&mut receipt["proof"][0]));
    }),
    lie_of_evidence("a receipt at another place", &["rule log-inclusion"], |line| {
        flipped(line, |receipt| receipt["index"] = (receipt["index"].as_u64().unwrap() ^ 1).into());
    }),
    lie_of_evidence("a checkpoint with one bit flipped", &["rule log-checkpoint"], |line| {
        line.forge(SUBMIT, |answer| flip(&mut answer["checkpoint"]));
        line.house.break_file(0);
    }),
    lie_of_evidence("a split view: receipts of another history", &["rule log-inclusion"], |line| {
        line.forge(SUBMIT, |answer| {
            change(&mut answer["checkpoint"], |note| resigned(&note, Some([7; 32]), None));
        });
        line.house.break_file(0);
    }),
];

fn each(answer: &mut Value, how: impl FnMut(&mut Value)) {
    answer["receipts"].as_array_mut().unwrap().iter_mut().for_each(how);
}

fn flipped(line: &Line, how: fn(&mut Value)) {
    line.forge(SUBMIT, move |answer| each(answer, how));
    line.house.break_file(0);
}
