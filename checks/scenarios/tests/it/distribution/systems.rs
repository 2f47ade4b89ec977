//! Lies about systems: NARs and what is said of them.

use writ_scenarios::proxy::Said;

use super::forging::*;
use super::{Lie, lie};
use crate::house::{CACHE, secret};

pub const ALL: &[Lie] = &[
    lie("a NAR with one byte changed", &["rule nar"], |line| {
        line.lie(|asked, answer| {
            let mut body = answer.body.clone();
            let middle = body.len() / 2;
            (asked.target.starts_with("/nar/") && !body.is_empty()).then(|| {
                body[middle] ^= 1;
                Said::Answer(with_body(answer, body))
            })
        });
        line.publish_system("tampered");
    }),
    lie("an endless NAR", &["/nar/", "larger than"], |line| {
        line.lie(|asked, _| asked.target.starts_with("/nar/").then_some(Said::Endless));
        line.publish_system("endless");
    }),
    lie("an extra store path, vouched for with a stolen cache key", &["rule narinfo"], |line| {
        line.lie(|asked, answer| {
            let narinfo = asked.target.ends_with(".narinfo") && answer.code() == 200;
            narinfo.then(|| Said::Answer(with_body(answer, extended(&answer.body))))
        });
        line.publish_system("extended");
    }),
];

/// A narinfo that names one more path, signed as if that were right.
fn extended(narinfo: &[u8]) -> Vec<u8> {
    const EXTRA: &str = "1111111111111111111111111111111a-extra";
    let text = String::from_utf8(narinfo.to_vec()).unwrap();
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    let mut references: Vec<String> = value("References:").split_whitespace().map(str::to_owned).collect();
    references.push(EXTRA.to_owned());
    references.sort();
    let full: Vec<String> = references.iter().map(|name| format!("/nix/store/{name}")).collect();
    let said = [value("StorePath:"), value("NarHash:"), value("NarSize:"), full.join(",")].join(";");
    let signature = secret(CACHE).sign_message(format!("1;{said}").as_bytes());
    let signature = writ_wire::Blob(signature.to_vec()).encode();
    let kept = text.lines().filter(|line| !line.starts_with("References:") && !line.starts_with("Sig:"));
    let mut lines: Vec<String> = kept.map(str::to_owned).collect();
    lines.push(format!("References: {}", references.join(" ")));
    lines.push(format!("Sig: test-cache-1:{signature}"));
    format!("{}\n", lines.join("\n")).into_bytes()
}
