//! Packets: what is handed to a client each month, each quarter, each year, and before an audit.
//!
//! [`walk::walk`] verifies the folder once; [`packet`] and [`preparation`] judge a site over a period and over its slices, under the
//! policies of the time, and say what came of it in one model ([`model`]). Each format is a pure function of that: [`html`],
//! [`csv`], JSON by serde; PDF is made elsewhere of the same blocks.

pub mod chart;
pub mod csv;
pub mod fleet;
pub mod html;
pub mod model;
mod sections;
mod site;
pub mod span;
pub mod tally;
pub mod walk;

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::digest::Digest;
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;

pub use self::fleet::Part as FleetPart;
use self::model::{BundleRow, Figure, Packet, Section, Verified};
pub use self::sections::SAMPLES;
use self::site::Site;
use self::span::Span;
use self::tally::Tally;
use self::walk::{Walk, Walked};
use crate::archive::Archive;
use crate::compare::model::Score;
use crate::folder::{Folder, FolderError};
use crate::verify::VerifyReport;

/// The schema of [`Packet`].
pub const SCHEMA: &str = "writ.packet.v1";

/// How long the period of a packet is, and so what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A month.
    Monthly,
    /// A quarter.
    Quarterly,
    /// A year.
    Annual,
    /// Whatever an audit is about.
    Preparation,
}

impl Kind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Annual => "annual",
            Self::Preparation => "audit-set",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Monthly => "Monthly compliance packet",
            Self::Quarterly => "Quarterly review",
            Self::Annual => "Annual summary",
            Self::Preparation => "Summary for an audit",
        }
    }
}

/// A packet, and what a fleet adds up of it.
pub struct Made {
    /// The packet.
    pub packet: Packet,
    /// Its incidents in sums.
    pub tally: Tally,
    /// Controls that are met.
    pub score: Score,
    /// The same without exceptions.
    pub score_without_exceptions: Score,
    /// Bytes of its bundles.
    pub bytes: u64,
}

/// The packet of a site.
pub fn packet(archive: &Archive, walk: &Walk<'_>, walked: &Walked<'_>, kind: Kind, span: &Span, now: Time) -> Made {
    let site = Site::judge(archive, walk, walked, kind, span, now);
    let sections = sections::of_packet(&site);
    made(site, sections)
}

/// What an auditor is handed before an audit: documents of a site, and bundles to try its word by.
pub struct Preparation {
    /// The documents; the first is the summary.
    pub documents: Vec<Packet>,
    /// Bundles that were chosen, with their files' places.
    pub samples: Vec<BundleRow>,
}

/// The files of a sample as the archive has them: bundle and signature as they were when they verified, and the log's receipt where
/// there is one; each with its name.
pub fn sample_files(archive: &Archive, sample: &BundleRow) -> Result<Vec<(String, Vec<u8>)>, SampleError> {
    let mut parts: Vec<&str> = sample.path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let gone = || SampleError::Changed(sample.path.clone());
    let mut folder: Option<Folder> = None;
    for part in parts {
        folder = Some(folder.as_ref().unwrap_or(&archive.folder).directory(part)?.ok_or_else(gone)?);
    }
    let folder = folder.ok_or_else(gone)?;
    let bytes = folder.read(name, MAX_DOCUMENT)?.filter(|bytes| Digest::of(bytes) == sample.digest).ok_or_else(gone)?;
    let beside = format!("{name}.minisig");
    let signature = folder.read(&beside, MAX_SIGNATURE)?.filter(|bytes| Digest::of(bytes) == sample.signature);
    let mut files = vec![(name.to_owned(), bytes), (beside, signature.ok_or_else(gone)?)];
    let receipt = name.replace(".json", ".receipt.json");
    files.extend(folder.read(&receipt, MAX_RECEIPT)?.map(|bytes| (receipt, bytes)));
    Ok(files)
}

/// The keys that signed samples, of appliances and of people who attest: each as the file that minisign reads, and with the name of
/// that, which is its fingerprint.
pub fn sample_keys(walk: &Walk<'_>, samples: &[BundleRow]) -> Vec<(String, Vec<u8>)> {
    let signed: BTreeSet<&str> = samples.iter().map(BundleRow::fingerprint).collect();
    let chains = walk.report.chains.iter().filter(|chain| signed.contains(chain.fingerprint.as_str()));
    // A key may serve several sites.
    let keys: BTreeMap<&str, PublicKey> = chains
        .filter_map(|chain| Some((chain.fingerprint.as_str(), PublicKey::parse(&chain.public_key).ok()?)))
        .collect();
    keys.into_iter().map(|(name, key)| (format!("{name}.pub"), key.to_file().into_bytes())).collect()
}

/// Why the files of a sample could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// Somebody changed the folder after it was verified.
    #[error("{0} is not what was verified a moment ago")]
    Changed(String),
    /// It cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The audit preparation set of a site.
pub fn preparation(archive: &Archive, walk: &Walk<'_>, walked: &Walked<'_>, span: &Span, now: Time) -> Preparation {
    let site = Site::judge(archive, walk, walked, Kind::Preparation, span, now);
    let samples = sections::sampled(&site).into_iter().map(|sample| site.bundles[sample.row].clone()).collect();
    let documents = sections::of_preparation(&site);
    let first = sections::of_packet(&site);
    let whole = made(site, first).packet;
    let others = documents.into_iter().map(|section| Packet {
        kind: section.id.to_owned(),
        name: section.id.to_owned(),
        title: format!("{}: {}", section.title, whole.title.split_once(": ").map_or("", |(_, name)| name)),
        figures: Vec::new(),
        sections: vec![section],
        sets: Vec::new(),
        bundles: Vec::new(),
        ..whole.clone_head()
    });
    let others: Vec<Packet> = others.collect();
    Preparation { documents: std::iter::once(whole).chain(others).collect(), samples }
}

fn made(site: Site<'_>, sections: Vec<Section>) -> Made {
    let figures = figures(&site);
    let whole = &site.whole;
    let title = format!("{}, {}: {}", site.kind.title(), site.span.asked, whole.title);
    let packet = Packet {
        schema: SCHEMA,
        kind: site.kind.as_str().to_owned(),
        name: format!("{}-{}", site.id, site.span.name),
        title: writ_trust::text::one_line(title),
        site: Some(site.id.clone()),
        asked: site.span.asked.clone(),
        period: whole.period,
        made_at: site.now,
        verified: Verified::of(&whole.verification),
        not_judged: site.not_judged(),
        figures,
        sections,
        sets: Vec::new(),
        bundles: Vec::new(),
    };
    let (tally, score, score_without_exceptions) = (site.tally, whole.score, whole.score_without_exceptions);
    let (_, bytes) = site.written();
    Made {
        packet: Packet { sets: site.sets, bundles: site.bundles, ..packet },
        tally,
        score,
        score_without_exceptions,
        bytes,
    }
}

/// What reviews ask for first.
fn figures(site: &Site<'_>) -> Vec<Figure> {
    let (tally, whole, set) = (&site.tally, &site.whole, &site.set);
    let (bundles, bytes) = site.written();
    let count = |id, label, n: u64, rests_on| Figure::new(id, label, "count", Some(n), rests_on);
    let percent = |id, label, n, rests_on| Figure::new(id, label, "percent", n, rests_on);
    vec![
        percent("posture", "controls shown or excepted, of those that machines decide", whole.score.percent(), set.all),
        percent(
            "posture-without-exceptions",
            "controls shown, exceptions not counted",
            whole.score_without_exceptions.percent(),
            set.all,
        ),
        count("incidents", "incidents in all", tally.all, set.incidents),
        count("automatic", "incidents resolved without people", tally.automatic, set.automatic),
        count("people", "incidents that needed people", tally.people, set.people),
        count("open", "incidents open at the end", tally.open, set.open),
        Figure::new("mttr", "mean time to repair", "seconds", tally.mttr(), set.resolved),
        percent("sla", "of incidents kept the time that the site allows itself", tally.in_time_percent(), set.judged),
        count("sla-missed", "incidents did not keep it", tally.judged - tally.in_time, set.late),
        percent("l1", "of ended incidents resolved by rules (promised 70 to 80 %)", tally.tier_percent(0), set.closed),
        percent("l2", "by a planner (promised 15 to 20 %)", tally.tier_percent(1), set.closed),
        percent("l3", "by people (promised 5 to 10 %)", tally.tier_percent(2), set.closed),
        count("bundles", "evidence bundles written", bundles, set.all),
        Figure::new("bytes", "of evidence, with signatures", "bytes", Some(bytes), set.all),
    ]
}

impl Verified {
    /// A report of verification in short.
    pub fn of(report: &VerifyReport) -> Self {
        Self {
            ok: report.ok,
            pinned: report.pinned,
            bundles: report.bundles,
            documents: report.documents,
            log: report.log,
            roots: report.roots.clone(),
            bad: report.problems.bad,
            notes: report.problems.notes,
        }
    }
}

impl Packet {
    /// The same without what is in it.
    fn clone_head(&self) -> Self {
        Self {
            schema: self.schema,
            kind: self.kind.clone(),
            name: self.name.clone(),
            title: self.title.clone(),
            site: self.site.clone(),
            asked: self.asked.clone(),
            period: self.period,
            made_at: self.made_at,
            verified: self.verified.clone(),
            not_judged: self.not_judged.clone(),
            figures: Vec::new(),
            sections: Vec::new(),
            sets: Vec::new(),
            bundles: Vec::new(),
        }
    }
}
