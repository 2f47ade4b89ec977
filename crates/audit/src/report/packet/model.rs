//! What a packet says (`writ.packet.v1`): sections of paragraphs, figures, tables and charts, and the bundles that they rest on.
//!
//! Every format is made from this one model, so a figure is the same in all of them.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use writ_evidence::BundleId;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::chart::Chart;
use crate::compare::model::ApplianceFinding;
use crate::compare::{Comparison, Verdict};
use crate::period::Period;
use crate::verify::RootSummary;
use crate::words::{dollars, lasting, lasting_millis, of, thousands, when};

/// A packet of one site or of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Packet {
    /// Always `writ.packet.v1`.
    pub schema: &'static str,
    /// `monthly`, `quarterly`, `annual`, a document of the audit preparation set, or `fleet`.
    pub kind: String,
    /// What its files are called, without an ending: `clinic-001-2026-10`.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// The site; none of a fleet.
    pub site: Option<SiteId>,
    /// The period that was asked for, as it was written.
    pub asked: String,
    /// The period that was judged: as asked, up to `made_at`.
    pub period: Period,
    /// As of when it was made.
    pub made_at: Time,
    /// Whether the folder verified.
    pub verified: Verified,
    /// Appliances that could not be judged: no verdict and no share here tells anything of what was asked there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<NotJudged>,
    /// What reviews ask for first.
    pub figures: Vec<Figure>,
    /// Sections, in order.
    pub sections: Vec<Section>,
    /// Sets of bundles that figures rest on.
    pub sets: Vec<BundleSet>,
    /// The bundles of the site that the packet rests on, by file.
    pub bundles: Vec<BundleRow>,
}

/// What came of verifying the folder, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// Whether nothing bad was found.
    pub ok: bool,
    /// Whether the first trust root was given from outside of the folder.
    pub pinned: bool,
    /// Bundles that verified, of all sites that were looked at.
    pub bundles: usize,
    /// Documents that are what releases name.
    pub documents: usize,
    /// The sites' logs in one word.
    pub log: &'static str,
    /// Trust roots that counted.
    pub roots: Vec<RootSummary>,
    /// How many things are wrong.
    pub bad: usize,
    /// How many must be known.
    pub notes: usize,
}

/// An appliance that could not be judged, or not all the time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotJudged {
    /// Its site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// Why, in words.
    pub why: String,
}

/// The most appliances that were not judged which one banner names.
const MOST_NAMED: usize = 8;

impl NotJudged {
    /// Those of a comparison.
    pub fn of(c: &Comparison) -> Vec<Self> {
        let one = |finding: &ApplianceFinding| {
            let why = finding.not_assessable.clone()?;
            Some(Self { site: c.site.clone(), appliance: finding.appliance.clone(), why })
        };
        c.appliances.iter().filter_map(one).collect()
    }

    /// What must be seen before any figure where there are such appliances.
    pub fn banner(all: &[Self]) -> Option<Block> {
        let was = match all.len() {
            0 => return None,
            1 => "was",
            _ => "were",
        };
        let mut named: Vec<String> = all.iter().take(MOST_NAMED).map(ToString::to_string).collect();
        if all.len() > MOST_NAMED {
            named.push(format!("and {} more", all.len() - MOST_NAMED));
        }
        let text = format!(
            "{} {was} not judged, or not all the time: no verdict and no share here tells anything of what was asked there then. {}.",
            of(all.len() as u64, "appliance"),
            named.join("; ")
        );
        Some(Block::Banner { text, good: false })
    }
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.appliance, self.site, escaped(&self.why))
    }
}

/// A section.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// What links name it.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What is in it.
    pub blocks: Vec<Block>,
}

impl Section {
    /// A section with nothing in it.
    pub fn new(id: &'static str, title: &str) -> Self {
        Self { id, title: title.to_owned(), blocks: Vec::new() }
    }

    /// Adds a paragraph.
    pub fn say(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds a heading below the section's.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    /// Adds a table, or says that there is nothing to show.
    pub fn table(&mut self, table: Table, nothing: &str) {
        if table.rows.is_empty() { self.say(nothing) } else { self.blocks.push(Block::Table(table)) }
    }
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Something that must be seen first, and whether it is good news.
    Banner {
        /// What it says.
        text: String,
        /// Whether it is good.
        good: bool,
    },
    /// Lines for a terminal.
    Code(String),
    /// A list.
    List(Vec<String>),
    /// The figures of the packet.
    Figures,
    /// A table.
    Table(Table),
    /// A chart; the table that follows has its numbers.
    Chart(Chart),
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name for programs.
    pub id: &'static str,
    /// What it is, in words.
    pub label: &'static str,
    /// How much; null where there is nothing to count.
    pub value: Option<u64>,
    /// Of what: `count`, `percent`, `seconds`, `milliseconds`, `bytes` or `microdollars`.
    pub unit: &'static str,
    /// The same for people.
    pub shown: String,
    /// The set of bundles that it rests on, by position in [`Packet::sets`].
    pub rests_on: usize,
}

impl Figure {
    /// A figure, and how people say it.
    pub fn new(id: &'static str, label: &'static str, unit: &'static str, value: Option<u64>, rests_on: usize) -> Self {
        let shown = match (value, unit) {
            (None, _) => "–".to_owned(),
            (Some(n), "percent") => format!("{n} %"),
            (Some(n), "seconds") => lasting(n),
            (Some(n), "milliseconds") => lasting_millis(n),
            (Some(n), "bytes") => bytes(n),
            (Some(n), "microdollars") => dollars(n),
            (Some(n), _) => thousands(n),
        };
        Self { id, label, value, unit, shown, rests_on }
    }
}

/// A number of bytes for people: exact below ten thousand.
fn bytes(n: u64) -> String {
    match n {
        0..10_000 => format!("{} B", thousands(n)),
        10_000..10_000_000 => format!("{} kB", thousands(n / 1000)),
        _ => format!("{} MB", thousands(n / 1_000_000)),
    }
}

/// Some bundles that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BundleSet {
    /// A letter, or two.
    pub letter: String,
    /// What they have in common.
    pub what: String,
    /// Positions in [`Packet::bundles`], rising.
    pub bundles: Vec<usize>,
}

/// A bundle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BundleRow {
    /// Its id, unique for its appliance's key.
    pub bundle_id: BundleId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// Its kind.
    pub kind: &'static str,
    /// When it was written.
    pub generated_at: Time,
    /// Digest of its exact bytes.
    pub digest: Digest,
    /// Digest of its signature file, as it was when it was verified.
    #[serde(skip)]
    pub signature: Digest,
    /// Its file, relative to the audit folder.
    pub path: String,
    /// Its bytes, with its signature.
    pub size: u64,
}

impl BundleRow {
    /// Fingerprint of the key that signed it: the folder that its file lies in.
    pub fn fingerprint(&self) -> &str {
        self.path.rsplit('/').nth(1).unwrap_or_default()
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// Its name, which its CSV file has too.
    pub id: &'static str,
    /// What it tells.
    pub caption: String,
    /// Its columns. The first tells what a row is about.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// A table without rows.
    pub fn new(id: &'static str, caption: impl Into<String>, columns: &[(&str, Shape)]) -> Self {
        let columns = columns.iter().map(|(title, shape)| Column { title: (*title).to_owned(), shape: *shape });
        Self { id, caption: caption.into(), columns: columns.collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row { anchor: None, cells });
    }

    /// Adds a row that links can name.
    pub fn row_at(&mut self, anchor: String, cells: Vec<Cell>) {
        self.rows.push(Row { anchor: Some(anchor), cells });
    }
}

/// What the cells of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Words.
    Words,
    /// Numbers.
    Numbers,
    /// Digests, paths and what programs say.
    Code,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// What its cells look like.
    pub shape: Shape,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What links name it.
    pub anchor: Option<String>,
    /// Its cells, one for each column.
    pub cells: Vec<Cell>,
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.cells)
    }
}

/// Where a cell leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a place of the same document.
    Anchor(String),
    /// To a file beside it.
    File(String),
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What it says.
    pub value: Value,
    /// Where it leads.
    pub to: Option<Target>,
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Nothing => serializer.serialize_none(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Number(n)
            | Value::Percent(n)
            | Value::Seconds(n)
            | Value::Millis(n)
            | Value::Bytes(n)
            | Value::Microdollars(n) => serializer.serialize_u64(*n),
            Value::When(at) => serializer.collect_str(at),
            Value::Verdict(verdict) => serializer.serialize_str(verdict.as_str()),
            Value::Bundles(rows) => serializer.collect_seq(rows),
        }
    }
}

/// What a cell says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Nothing,
    /// Words, fit for one line of any format.
    Text(String),
    /// A number.
    Number(u64),
    /// Percent.
    Percent(u64),
    /// Seconds.
    Seconds(u64),
    /// Milliseconds.
    Millis(u64),
    /// Bytes.
    Bytes(u64),
    /// Millionths of a US dollar.
    Microdollars(u64),
    /// An instant.
    When(Time),
    /// A verdict.
    Verdict(Verdict),
    /// Bundles, by position in [`Packet::bundles`].
    Bundles(Vec<usize>),
}

impl Value {
    /// As people read it.
    pub fn shown(&self, bundles: &[BundleRow]) -> String {
        match self {
            Self::Nothing => "–".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Number(n) => thousands(*n),
            Self::Percent(n) => format!("{n} %"),
            Self::Seconds(n) => lasting(*n),
            Self::Millis(n) => lasting_millis(*n),
            Self::Bytes(n) => bytes(*n),
            Self::Microdollars(n) => dollars(*n),
            Self::When(at) => when(*at),
            Self::Verdict(verdict) => verdict.to_string(),
            Self::Bundles(rows) if rows.is_empty() => "–".to_owned(),
            Self::Bundles(rows) => {
                let ids = rows.iter().filter_map(|row| Some(bundles.get(*row)?.bundle_id.to_string()));
                ids.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// As programs read it: whole numbers, RFC 3339, files of bundles.
    pub fn plain(&self, bundles: &[BundleRow]) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Number(n)
            | Self::Percent(n)
            | Self::Seconds(n)
            | Self::Millis(n)
            | Self::Bytes(n)
            | Self::Microdollars(n) => n.to_string(),
            Self::When(at) => at.to_string(),
            Self::Bundles(rows) => {
                let files = rows.iter().filter_map(|row| Some(bundles.get(*row)?.path.as_str()));
                files.collect::<Vec<_>>().join(" ")
            }
            Self::Text(_) | Self::Verdict(_) => self.shown(bundles),
        }
    }
}

impl Cell {
    /// The same, leading to a place of the document.
    #[must_use]
    pub fn to(mut self, anchor: String) -> Self {
        self.to = Some(Target::Anchor(anchor));
        self
    }

    /// The same, leading to a file.
    #[must_use]
    pub fn to_file(mut self, path: String) -> Self {
        self.to = Some(Target::File(path));
        self
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Self { value, to: None }
    }
}

/// Words of any origin as a cell: what would command a terminal or turn the direction of writing is written out.
pub fn text(words: impl std::fmt::Display) -> Cell {
    Value::Text(escaped(words)).into()
}

/// Words that may not be there.
pub fn maybe(words: Option<impl std::fmt::Display>) -> Cell {
    words.map_or(Value::Nothing.into(), text)
}

/// A number as a cell.
pub fn number(n: u64) -> Cell {
    Value::Number(n).into()
}

/// A share that may not be there.
pub fn percent(n: Option<u64>) -> Cell {
    n.map_or(Value::Nothing, Value::Percent).into()
}

/// Seconds that may not be there.
pub fn seconds(n: Option<u64>) -> Cell {
    n.map_or(Value::Nothing, Value::Seconds).into()
}

/// Milliseconds that may not be there.
pub fn millis(n: Option<u64>) -> Cell {
    n.map_or(Value::Nothing, Value::Millis).into()
}

/// Money that may not be there, in millionths of a US dollar.
pub fn microdollars(n: Option<u64>) -> Cell {
    n.map_or(Value::Nothing, Value::Microdollars).into()
}

/// An instant that may not be there.
pub fn instant(at: Option<Time>) -> Cell {
    at.map_or(Value::Nothing, Value::When).into()
}

/// A verdict as a cell.
pub fn verdict(verdict: Verdict) -> Cell {
    Value::Verdict(verdict).into()
}

/// The anchor of a bundle.
pub fn bundle_anchor(row: usize) -> String {
    format!("b-{row}")
}

/// The anchor of a set.
pub fn set_anchor(letter: &str) -> String {
    format!("set-{}", letter.to_lowercase())
}
