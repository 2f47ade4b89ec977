//! How anybody checks what a packet says, without trusting whoever made it.

use super::super::model::{Block, Section, Shape, Table, maybe, number, text};
use super::super::site::Site;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("verification", "How to verify this packet");
    section.say(
        "Nothing here asks for trust in this packet, in the program that made it, or in a server. You need the audit folder and a \
         trust root that you were given by a way you trust.",
    );
    section.say("That the files of this packet are as they were made, and by whom:");
    section
        .blocks
        .push(Block::Code("sha256sum -c SHA256SUMS\nminisign -Vm SHA256SUMS -p KEY-YOU-WERE-GIVEN.pub".to_owned()));
    section.say("That the evidence is as it was written, and by whom:");
    section
        .blocks
        .push(Block::Code("writ audit verify AUDIT-FOLDER --trust trust-root-you-were-given.json".to_owned()));
    section.say("That the same evidence gives this same packet, byte for byte; and one bundle, with other programs:");
    let option = match site.kind {
        super::Kind::Monthly => "--month",
        super::Kind::Quarterly => "--quarter",
        super::Kind::Annual => "--year",
        super::Kind::Preparation => "--period",
    };
    let mut lines = format!(
        "writ report {} AUDIT-FOLDER --trust trust-root-you-were-given.json --site {} {option} {} \\\n  --now {} --out NEW-FOLDER",
        site.kind.as_str(),
        site.id,
        site.span.asked,
        site.now
    );
    if let Some((path, key)) = example(site) {
        lines.push_str(&format!("\nminisign -Vm {path} -P {key}\nsha256sum {path}"));
    }
    section.blocks.push(Block::Code(lines));
    let mut roots = Table::new(
        "trust-roots",
        "Trust roots that this packet rests on: compare with what you were given",
        &[("Version", Shape::Numbers), ("SHA-256 of trust/<version>.json", Shape::Code)],
    );
    for root in &site.whole.verification.roots {
        roots.row(vec![number(root.version), maybe(root.digest)]);
    }
    section.table(roots, "There is no trust root.");
    let mut problems = Table::new(
        "problems",
        "What is wrong with the folder, and what must be known",
        &[
            ("Code", Shape::Words),
            ("Where", Shape::Code),
            ("What", Shape::Words),
            ("So", Shape::Words),
            ("Weight", Shape::Words),
        ],
    );
    for problem in &site.whole.verification.problems.list {
        let weight = match problem.weight {
            crate::problem::Weight::Bad => "bad",
            crate::problem::Weight::Note => "note",
        };
        problems.row(vec![
            text(problem.code),
            text(&problem.path),
            text(&problem.what),
            text(&problem.consequence),
            text(weight),
        ]);
    }
    section.table(problems, "Nothing is wrong with the folder.");
    section
}

/// A real bundle, and the key that signed it.
fn example<'s>(site: &'s Site<'_>) -> Option<(&'s str, &'s str)> {
    let bundle = site.bundles.last()?;
    let fingerprint = bundle.path.split('/').nth(2)?;
    let chain = site.whole.verification.chains.iter().find(|chain| chain.fingerprint == fingerprint)?;
    Some((&bundle.path, &chain.public_key))
}
