//! From an audit folder to packets, and from packets to files.

use std::collections::BTreeSet;

use writ_audit::compare::CompareError;
use writ_audit::learn::Decisions;
use writ_audit::report::packet::model::{Block, NotJudged, Packet, Section, Shape, Table, text};
use writ_audit::report::packet::review::{self, Cadence};
use writ_audit::report::packet::span::Span;
use writ_audit::report::packet::walk::{Walk, walk};
use writ_audit::report::packet::{
    FleetPart, Kind, Made, Preparation, csv, fleet, html, packet, preparation, sample_files, sample_keys,
};
use writ_audit::{Archive, report::json};
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use super::convert;
use super::folder::{Entry, Making, there};
use super::options::Options;
use crate::audit::{unprintable, warn_unless_verified};
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::KeyFile;
use crate::screen::{self, Meter};

/// What is looked at before minutes are spent on verifying: what was turned down, the key, and the place.
struct Begun {
    decisions: Decisions,
    key: Option<SecretKey>,
    making: Option<Making>,
}

impl Begun {
    /// Where it is made already, that is said, and the answer is the one that it was made with. `name` is what it is called besides its
    /// site.
    fn new(options: &Options, span: &Span, name: &str) -> Outcome<Result<Self, Answer>> {
        let now = options.now();
        if span.period.from >= now {
            let why = format!("it begins at {}, and it is {now}", span.period.from);
            let failure = Failure::could_not(format!("the period {} has not begun", span.asked));
            return Err(failure.because(why).next("name an earlier one"));
        }
        let place = options.place(name);
        if let Some(place) = place.as_deref().filter(|_| options.into.is_some())
            && let Some(packet) = there(place)?
        {
            screen::line(&format!("{} is there already: it is left as it is", place.display()));
            if !packet.verified {
                screen::warning(
                    "the folder that it was made of did not verify: move it elsewhere to have it made again",
                );
            }
            return Ok(Err(answer(packet.verified, &packet.not_judged)));
        }
        let decisions = options.rejected.decisions()?;
        let key = options.sign.as_deref().map(KeyFile::read).transpose()?;
        let making = place.as_deref().map(Making::begin).transpose()?;
        Ok(Ok(Self { decisions, key: key.map(|key| key.unlock(&options.passphrase)).transpose()?, making }))
    }

    /// Verifies the folder.
    fn walk<'a>(self, options: &Options, archive: &'a Archive) -> Outcome<Ready<'a>> {
        let walk = walk(archive, options.site.as_ref(), &self.decisions).map_err(|e| nothing(archive, e))?;
        warn_unless_verified(&walk.report);
        Ok(Ready { archive, walk, key: self.key, making: self.making, now: options.now() })
    }
}

/// A folder that was verified, and what is to be made of it.
struct Ready<'a> {
    archive: &'a Archive,
    walk: Walk<'a>,
    key: Option<SecretKey>,
    making: Option<Making>,
    now: Time,
}

impl Ready<'_> {
    /// Puts the folder into its place, prints what was asked for, and says whether the folder verified and everything in it was judged.
    fn finish(self, options: &Options, name: &str, packets: &[Packet]) -> Outcome {
        if let Some(making) = self.making {
            let to = making.place().to_owned();
            let count = making.finish(self.key.as_ref(), &format!("packet {name} made_at={}", self.now))?;
            let signed = if self.key.is_some() { ", signed" } else { "" };
            let told = format!("wrote {} to {}{signed}", screen::count(count, "file"), to.display());
            if options.json { screen::aside(&told) } else { screen::line(&told) }
        }
        if options.json {
            screen::line(json::render(&packets).map_err(|e| unprintable(&e))?.trim_end());
        }
        // The page over all sites and the documents of one set name the same ones again.
        let not_judged: BTreeSet<&NotJudged> = packets.iter().flat_map(|packet| &packet.not_judged).collect();
        Ok(answer(self.walk.report.ok, not_judged))
    }
}

/// Whether the folder verified and everything in it was judged; what was not is said.
fn answer<'n>(verified: bool, not_judged: impl IntoIterator<Item = &'n NotJudged>) -> Answer {
    let mut holds = verified;
    for one in not_judged {
        screen::warning(&format!("not judged: {one}"));
        holds = false;
    }
    if holds { Answer::Yes } else { Answer::No }
}

/// Nothing to report on; when the folder does not verify, that is the reason.
fn nothing(archive: &Archive, error: CompareError) -> Failure {
    let report = archive.walk(&mut |_| {});
    let failure = Failure::could_not(error);
    match report.problems.first_bad() {
        Some(first) => failure.at(&first.path).because(format!("{}: {}", first.code, first.what)),
        None => failure.next("name another site, or gather its releases with `writ audit collect`"),
    }
}

/// Makes the packets of a month, a quarter or a year.
pub fn packets(options: &Options, kind: Kind, span: &Span) -> Outcome {
    let begun = match Begun::new(options, span, &span.name)? {
        Ok(begun) => begun,
        Err(answer) => return Ok(answer),
    };
    let archive = options.source.open(options.site.clone())?;
    let mut ready = begun.walk(options, &archive)?;
    let mut meter = Meter::new("sites");
    meter.expect(ready.walk.sites.len() as u64);
    let several = ready.walk.sites.len() > 1;
    let mut made: Vec<Made> = Vec::new();
    for (n, walked) in (1..).zip(&ready.walk.sites) {
        let mut one = packet(ready.archive, &ready.walk, walked, kind, span, ready.now);
        if let Some(making) = &mut ready.making {
            let within = if several { walked.site.as_str() } else { "" };
            write(making, within, &one.packet, options.pdf)?;
        }
        if several && !options.json {
            // It is written; the page over all sites needs its figures.
            one.packet.sections.clear();
            one.packet.bundles.clear();
        }
        made.push(one);
        meter.step(n);
    }
    drop(meter);
    let over_all = several.then(|| {
        let page = |made: &Made| {
            let site = made.packet.site.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{site}/{}.html", made.packet.name)
        };
        let parts: Vec<FleetPart<'_>> = made.iter().map(|made| FleetPart { made, page: page(made) }).collect();
        fleet::packet(&parts, &ready.walk.report, kind, span, ready.now)
    });
    if let (Some(making), Some(packet)) = (&mut ready.making, &over_all) {
        write(making, "", packet, options.pdf)?;
    }
    let all: Vec<Packet> = over_all.into_iter().chain(made.into_iter().map(|made| made.packet)).collect();
    let name = all.first().map(|packet| packet.name.clone()).unwrap_or_default();
    ready.finish(options, &name, &all)
}

/// Makes the review of what is learned.
pub fn review(options: &Options, cadence: Cadence, span: &Span) -> Outcome {
    let name = format!("learning-{}", span.name);
    let begun = match Begun::new(options, span, &name)? {
        Ok(begun) => begun,
        Err(answer) => return Ok(answer),
    };
    let archive = options.source.open(options.site.clone())?;
    let mut ready = begun.walk(options, &archive)?;
    let packet = review::review(&ready.walk, cadence, span, ready.now);
    if let Some(making) = &mut ready.making {
        write(making, "", &packet, options.pdf)?;
    }
    ready.finish(options, &name, &[packet])
}

/// Makes the audit preparation sets.
pub fn preparations(options: &Options, span: &Span) -> Outcome {
    let name = format!("audit-set-{}", span.name);
    let begun = match Begun::new(options, span, &name)? {
        Ok(begun) => begun,
        Err(answer) => return Ok(answer),
    };
    let archive = options.source.open(options.site.clone())?;
    let mut ready = begun.walk(options, &archive)?;
    let several = ready.walk.sites.len() > 1;
    let mut all = Vec::new();
    let mut sites = Vec::new();
    for walked in &ready.walk.sites {
        let set = preparation(ready.archive, &ready.walk, walked, span, ready.now);
        let within = if several { walked.site.as_str() } else { "" };
        if let Some(making) = &mut ready.making {
            for document in &set.documents {
                write(making, within, document, options.pdf)?;
            }
            samples(making, within, &set, (ready.archive, &ready.walk))?;
            making.write(within, &[(INDEX.to_owned(), page(&index(&set, options.pdf))?)])?;
        }
        sites.push(walked.site.to_string());
        all.extend(set.documents);
    }
    if let (Some(making), Some(first), true) = (&mut ready.making, all.first(), several) {
        making.write("", &[(INDEX.to_owned(), page(&index_of_sites(first, &sites))?)])?;
    }
    ready.finish(options, &name, &all)
}

/// The first page of a set.
const INDEX: &str = "index.html";

fn page(packet: &Packet) -> Outcome<Vec<u8>> {
    html::render(packet).map(String::into_bytes).map_err(|e| unprintable(&e))
}

/// Writes a packet in every format that was asked for.
fn write(making: &mut Making, within: &str, packet: &Packet, pdf: bool) -> Outcome<()> {
    let named = |ending: &str| format!("{}.{ending}", packet.name);
    let mut files: Vec<Entry> = vec![
        (named("html"), page(packet)?),
        (named("json"), json::render(packet).map_err(|e| unprintable(&e))?.into_bytes()),
    ];
    if pdf {
        files.push((named("pdf"), writ_pdf::render(&convert::document(packet))));
    }
    making.write(within, &files)?;
    let tables: Vec<Entry> = csv::files(packet).into_iter().map(|file| (file.name, file.text.into_bytes())).collect();
    making.write(&below(within, "tables"), &tables)
}

fn below(within: &str, folder: &str) -> String {
    if within.is_empty() { folder.to_owned() } else { format!("{within}/{folder}") }
}

/// Copies the samples as they are, and the keys to check them by.
fn samples(
    making: &mut Making,
    within: &str,
    set: &Preparation,
    (archive, walk): (&Archive, &Walk<'_>),
) -> Outcome<()> {
    let changed = |path: &str, e: &dyn std::fmt::Display| {
        Failure::could_not("a sample cannot be copied").at(path).because(e).next("verify the folder again")
    };
    for sample in &set.samples {
        let files = sample_files(archive, sample).map_err(|e| changed(&sample.path, &e))?;
        making.write(&below(within, &format!("samples/{}", sample.fingerprint())), &files)?;
    }
    let keys: Vec<Entry> = sample_keys(walk, &set.samples);
    if keys.is_empty() { Ok(()) } else { making.write(&below(within, "keys"), &keys) }
}

/// A page that leads to the documents of a set.
fn index(set: &Preparation, pdf: bool) -> Packet {
    let mut section = Section::new("documents", "Documents");
    let mut table = Table::new(
        "documents",
        "What this set holds, each as a page, as JSON, and its tables as CSV in the folder tables",
        &[("Document", Shape::Words), ("Page", Shape::Words), ("PDF", Shape::Words), ("Data", Shape::Words)],
    );
    let link = |name: String| text(&name).to_file(name);
    for document in &set.documents {
        let name = &document.name;
        let printed = if pdf { link(format!("{name}.pdf")) } else { text("–") };
        table.row(vec![text(&document.title), link(format!("{name}.html")), printed, link(format!("{name}.json"))]);
    }
    section.blocks.push(Block::Table(table));
    section.say("SHA256SUMS lists every file of this set; where it was signed, SHA256SUMS.minisig is beside it.");
    section.blocks.push(Block::Code("sha256sum -c SHA256SUMS".to_owned()));
    let mut samples = Section::new("samples", "Samples");
    let mut table = Table::new(
        "sample-files",
        "Bundles of the evidence as they were signed, to be checked with minisign alone",
        &[("Bundle", Shape::Words), ("File", Shape::Code), ("Check it with", Shape::Code)],
    );
    for sample in &set.samples {
        let fingerprint = sample.fingerprint();
        let file = sample.path.rsplit('/').next().unwrap_or_default();
        let path = format!("samples/{fingerprint}/{file}");
        let command = format!("minisign -Vm {path} -p keys/{fingerprint}.pub");
        table.row(vec![text(sample.bundle_id).to_file(path.clone()), text(path), text(command)]);
    }
    samples.table(table, "Nothing was written in this period.");
    samples.say(
        "The keys are those that signed releases name for appliances, and the trust root for people who attest; the key register \
         lists them.",
    );
    let head = &set.documents[0];
    Packet {
        kind: "index".to_owned(),
        name: "index".to_owned(),
        title: format!("Audit preparation set: {}", head.title.split_once(": ").map_or("", |(_, name)| name)),
        figures: Vec::new(),
        sections: vec![section, samples],
        sets: Vec::new(),
        bundles: Vec::new(),
        ..head.clone()
    }
}

/// A page that leads to the sets of several sites.
fn index_of_sites(head: &Packet, sites: &[String]) -> Packet {
    let mut section = Section::new("sites", "Sites");
    let mut table = Table::new("sites", "The audit preparation set of each site", &[("Site", Shape::Words)]);
    for site in sites {
        table.row(vec![text(site).to_file(format!("{site}/{INDEX}"))]);
    }
    section.blocks.push(Block::Table(table));
    Packet {
        kind: "index".to_owned(),
        name: "index".to_owned(),
        title: "Audit preparation sets".to_owned(),
        site: None,
        figures: Vec::new(),
        sections: vec![section],
        sets: Vec::new(),
        bundles: Vec::new(),
        ..head.clone()
    }
}
