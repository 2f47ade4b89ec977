//! What a reader should know first.

use super::super::model::{Block, NotJudged, Section};
use super::super::site::Site;
use crate::compare::Verdict;
use crate::words::{of, when};

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("summary", "Summary");
    let (whole, tally) = (&site.whole, &site.tally);
    let report = &whole.verification;
    section.blocks.push(if report.ok {
        let text = format!(
            "Verified: {} and {}. Every signature, chain, number and digest is right.",
            of(report.bundles as u64, "evidence bundle"),
            of(report.documents as u64, "document")
        );
        Block::Banner { text, good: true }
    } else {
        let first = report.problems.first_bad().map(|p| format!(" First: {} {}: {}.", p.code, p.path, p.what));
        let text = format!(
            "Not verified: {} with this evidence. What did not verify was not counted.{}",
            if report.problems.bad == 1 {
                "one thing is wrong".to_owned()
            } else {
                format!("{} things are wrong", report.problems.bad)
            },
            first.unwrap_or_default()
        );
        Block::Banner { text, good: false }
    });
    let not_judged = site.not_judged();
    section.blocks.extend(NotJudged::banner(&not_judged));
    if !report.pinned {
        let text = "The trust root was taken from the folder that is being judged: this shows that nothing was altered since that \
                    root was made, not who made it.";
        section.blocks.push(Block::Banner { text: text.to_owned(), good: false });
    }
    section.say(format!("Judged: {} to {}.", when(site.period().from), when(site.period().to)));
    if site.is_partial() {
        let text = format!("The period is not over. It was judged up to {}.", when(site.now));
        section.blocks.push(Block::Banner { text, good: false });
    }
    section.say(in_words(site, not_judged.len()));
    section.blocks.push(Block::Figures);
    if tally.all > 0 && site.before.all > 0 {
        section.say(format!(
            "{} of the incidents had been detected before the period began, and were open in it.",
            site.before.all
        ));
    }
    section
}

/// The state of things in some sentences. Nothing is said of all controls where some appliances were not judged: nobody knows theirs.
fn in_words(site: &Site<'_>, not_judged: usize) -> String {
    let whole = &site.whole;
    let count = |verdict: Verdict| whole.verdicts.get(verdict.as_str()).copied().unwrap_or(0);
    let bad = count(Verdict::Failed) + count(Verdict::NoEvidence) + count(Verdict::NotAssessable);
    let unknown = of(not_judged as u64, "appliance");
    let bad_are = match bad {
        0 => "none is".to_owned(),
        1 => "1 is".to_owned(),
        more => format!("{more} are"),
    };
    let controls = match (whole.score.of, bad, not_judged) {
        (0, _, 0) => "No control that machines decide was in force.".to_owned(),
        (0, ..) => {
            format!("No control that machines decide was judged, and what {unknown} had to do is not known here.")
        }
        (all, 0, 0) => format!("All {all} controls that machines decide are shown or excepted."),
        (all, _, 0) => {
            format!("Of {all} controls that machines decide, {bad_are} failed, without evidence or not assessable.")
        }
        (all, ..) => format!(
            "Of {all} controls that machines decide and that were judged, {bad_are} failed, without evidence or not assessable. \
             What {unknown} had to do is not known here."
        ),
    };
    let tally = &site.tally;
    let incidents = match tally.all {
        0 => "No incident was detected.".to_owned(),
        _ => format!(
            "{}: {} resolved without people, {} needed people, {} open at the end.",
            of(tally.all, "incident"),
            tally.automatic,
            tally.people,
            tally.open
        ),
    };
    format!("{controls} {incidents}")
}
