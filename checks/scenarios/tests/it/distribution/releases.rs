//! Lies about releases and about the log that holds them.

use serde_json::Value;
use writ_scenarios::proxy::Said;
use writ_trust::ids::ApplianceId;
use writ_trust::minisign::PublicKey;
use writ_trust::release::Release;

use super::forging::*;
use super::{Lie, lie};
use crate::house::*;

pub const ALL: &[Lie] = &[
    lie("mix-and-match: the signatures of another release", &["rule signature-threshold"], |line| {
        let old = json(&line.last(SYNC))["release"]["release"]["signatures"].clone();
        line.forge(SYNC, move |sync| sync["release"]["release"]["signatures"] = old.clone());
        line.publish();
    }),
    lie(
        "mix-and-match: the receipt of another release",
        &["rule log-inclusion", "belongs to another document"],
        |line| {
            let old = json(&line.last(SYNC))["release"]["receipt"].clone();
            line.forge(SYNC, move |sync| sync["release"]["receipt"] = old.clone());
            line.publish();
        },
    ),
    lie("rollback: the answer that brought release 1", &["rule floor"], |line| {
        line.replay(SYNC, &line.first(SYNC));
        line.await_told();
    }),
    lie("a release without its receipt", &["rule log-inclusion"], |line| {
        line.forge(SYNC, |sync| sync["release"]["receipt"] = Value::Null);
        line.publish();
    }),
    lie("mix-and-match: the policy of another release", &["rule document"], |line| {
        let old = line.policy(1);
        line.lie(move |asked, answer| {
            let policy = asked.target.starts_with("/documents/");
            policy.then(|| Said::Answer(with_body(answer, old.clone())))
        });
        line.publish();
    }),
    lie("a release with one bit flipped", &["rule signature-threshold"], |line| {
        line.forge(SYNC, |sync| flip(&mut sync["release"]["release"]["document"]));
        line.publish();
    }),
    lie("a split view: another root, signed by the log's own key", &["rule log-consistency"], |line| {
        let mut said = line.last(SYNC);
        let mut sync = json(&said);
        change(&mut sync["log"]["checkpoint"], |note| resigned(&note, Some([7; 32]), None));
        said.body = serde_json::to_vec(&sync).unwrap();
        line.replay(SYNC, &said);
        line.await_told();
    }),
    lie("a split view: a longer log that goes on from another beginning", &["rule log-tiles"], |line| {
        line.forge(SYNC, |sync| {
            change(&mut sync["log"]["checkpoint"], |note| resigned(&note, Some([7; 32]), None));
        });
        line.publish();
    }),
    lie("no head of the log", &["rule log-checkpoint"], |line| {
        line.forge(SYNC, |sync| sync["log"] = Value::Null);
        line.publish();
    }),
];

/// What the desk itself published, but not for this appliance.
pub const WRONG: &[Lie] = &[
    lie("the release of another site", &["rule sync-site"], |line| {
        line.forge(SYNC, |sync| sync["site"] = "clinic-elsewhere".into());
        line.publish();
    }),
    lie("wrong appliance: another one's release", &["rule entry"], |line| {
        line.publish_bad(|release| {
            let own = release.generations.remove(&front_desk()).unwrap();
            release.generations.insert("back-office".parse().unwrap(), own);
        });
    }),
    lie("swapped key: the release names another key for this appliance", &["rule own-key"], |line| {
        line.publish_bad(|release| swap(release, public(STRANGER)));
    }),
];

fn swap(release: &mut Release, key: PublicKey) {
    release.generations.get_mut(&front_desk()).unwrap().public_key = key;
}

fn front_desk() -> ApplianceId {
    "front-desk".parse().unwrap()
}
