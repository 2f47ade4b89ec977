//! For people: one HTML file that needs nothing else. No script, no asset from elsewhere; readable by a screen reader and on a
//! narrow window, fit for print.

use std::collections::BTreeSet;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::chart::{Chart, Shape};
use super::csv::{letters, tables};
use super::model::{Block, BundleRow, BundleSet, Cell, Figure, Packet, Shape as Column, Table, Target, Value};
use super::model::{bundle_anchor, set_anchor};
use crate::words::{thousands, when};

/// How it looks: as the report of a comparison, and some more.
const CSS: &str = concat!(include_str!("../../../templates/report.css"), include_str!("../../../templates/packet.css"));

/// Why the page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the packet could not be written: {0}")]
pub struct HtmlError(#[from] askama::Error);

#[derive(Template)]
#[template(path = "packet.html")]
struct Page<'a> {
    p: &'a Packet,
    css: &'static str,
    /// The one style sheet that counts, by its digest (CSP level 2).
    style: String,
    anchors: BTreeSet<String>,
    letters: Vec<String>,
}

/// A packet as one self-contained HTML file.
pub fn render(packet: &Packet) -> Result<String, HtmlError> {
    let style = format!("sha256-{}", STANDARD.encode(Digest::of(CSS.as_bytes()).as_bytes()));
    let page = Page { p: packet, css: CSS, style, anchors: anchors(packet), letters: letters(packet) };
    Ok(page.render()? + "\n")
}

/// Everything that a link of the page may name.
pub fn anchors(packet: &Packet) -> BTreeSet<String> {
    let mut anchors: BTreeSet<String> = packet.sections.iter().map(|section| section.id.to_owned()).collect();
    for table in tables(&packet.sections) {
        anchors.insert(format!("{}-table", table.id));
        anchors.extend(table.rows.iter().filter_map(|row| row.anchor.clone()));
    }
    anchors.extend(packet.sets.iter().map(|set| set_anchor(&set.letter)));
    anchors.extend((0..packet.bundles.len()).map(bundle_anchor));
    anchors
}

/// A part of a cell: words, which may lead somewhere.
struct Piece {
    text: String,
    href: Option<String>,
}

/// A shape as SVG, its attributes by name.
struct Drawn {
    element: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
}

impl Page<'_> {
    fn when(&self, at: &Time) -> String {
        when(*at)
    }

    fn count(&self, n: impl std::borrow::Borrow<usize>) -> String {
        thousands(*n.borrow() as u64)
    }

    fn has_list(&self) -> bool {
        !self.p.bundles.is_empty()
    }

    fn has_sets(&self) -> bool {
        !self.p.sets.is_empty()
    }

    fn text<'b>(&self, block: &'b Block) -> Option<&'b str> {
        if let Block::Text(text) = block { Some(text) } else { None }
    }

    fn heading<'b>(&self, block: &'b Block) -> Option<&'b str> {
        if let Block::Heading(text) = block { Some(text) } else { None }
    }

    fn banner<'b>(&self, block: &'b Block) -> Option<(&'static str, &'b str)> {
        match block {
            Block::Banner { text, good } => Some((if *good { "good" } else { "bad" }, text)),
            _ => None,
        }
    }

    fn code<'b>(&self, block: &'b Block) -> Option<&'b str> {
        if let Block::Code(text) = block { Some(text) } else { None }
    }

    fn list<'b>(&self, block: &'b Block) -> Option<&'b [String]> {
        if let Block::List(items) = block { Some(items) } else { None }
    }

    fn figures<'s>(&'s self, block: &Block) -> Option<&'s [Figure]> {
        if *block == Block::Figures { Some(&self.p.figures) } else { None }
    }

    fn table<'b>(&self, block: &'b Block) -> Option<&'b Table> {
        if let Block::Table(table) = block { Some(table) } else { None }
    }

    fn chart<'b>(&self, block: &'b Block) -> Option<&'b Chart> {
        if let Block::Chart(chart) = block { Some(chart) } else { None }
    }

    fn class(&self, table: &Table, column: impl std::borrow::Borrow<usize>) -> &'static str {
        match table.columns.get(*column.borrow()).map(|column| column.shape) {
            Some(Column::Numbers) => "num",
            Some(Column::Code) => "mono",
            _ => "words",
        }
    }

    fn pill(&self, cell: &Cell) -> Option<String> {
        if let Value::Verdict(verdict) = &cell.value { Some(verdict.slug()) } else { None }
    }

    /// What a cell says; a link that leads nowhere is none.
    fn pieces(&self, cell: &Cell) -> Vec<Piece> {
        if let Value::Bundles(rows) = &cell.value {
            let known = rows.iter().filter_map(|row| Some((*row, self.p.bundles.get(*row)?)));
            let pieces = known.map(|(row, bundle)| Piece {
                text: bundle.bundle_id.to_string(),
                href: Some(format!("#{}", bundle_anchor(row))),
            });
            return pieces.collect();
        }
        let href = match &cell.to {
            Some(Target::Anchor(anchor)) => self.anchors.contains(anchor).then(|| format!("#{anchor}")),
            Some(Target::File(path)) => Some(path.clone()),
            None => None,
        };
        vec![Piece { text: cell.value.shown(&self.p.bundles), href }]
    }

    fn set(&self, figure: &Figure) -> String {
        self.p.sets.get(figure.rests_on).map_or_else(String::new, |set| format!("#{}", set_anchor(&set.letter)))
    }

    fn set_id(&self, set: &BundleSet) -> String {
        set_anchor(&set.letter)
    }

    /// The figures that rest on a set.
    fn resting(&self, set: &BundleSet) -> String {
        let figures = self.p.figures.iter().filter(|f| self.p.sets.get(f.rests_on) == Some(set));
        let labels: Vec<&str> = figures.map(|figure| figure.label).collect();
        if labels.is_empty() { "–".to_owned() } else { labels.join("; ") }
    }

    /// The bundles of a set, unless they are all there are.
    fn members(&self, set: &BundleSet) -> Vec<(usize, &BundleRow)> {
        if set.bundles.len() == self.p.bundles.len() {
            return Vec::new();
        }
        set.bundles.iter().filter_map(|row| Some((*row, self.p.bundles.get(*row)?))).collect()
    }

    fn letters_of(&self, row: impl std::borrow::Borrow<usize>) -> &str {
        self.letters.get(*row.borrow()).map_or("", String::as_str)
    }

    fn drawn(&self, chart: &Chart) -> Vec<Drawn> {
        chart.shapes.iter().map(draw).collect()
    }
}

fn draw(shape: &Shape) -> Drawn {
    match shape {
        Shape::Box { x, y, width, height, hue } => {
            let sides = [("x", x), ("y", y), ("width", width), ("height", height)];
            let mut attributes: Vec<_> = sides.map(|(name, n)| (name, n.to_string())).into();
            attributes.push(("fill", hue.hex()));
            Drawn { element: "rect", attributes, text: String::new() }
        }
        Shape::Path { points, width, hue, dashed } => {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
            let mut attributes = vec![
                ("points", points.join(" ")),
                ("fill", "none".to_owned()),
                ("stroke", hue.hex()),
                ("stroke-width", width.to_string()),
            ];
            if *dashed {
                attributes.push(("stroke-dasharray", "5 4".to_owned()));
            }
            Drawn { element: "polyline", attributes, text: String::new() }
        }
        Shape::Dot { x, y, radius, hue } => {
            let attributes =
                vec![("cx", x.to_string()), ("cy", y.to_string()), ("r", radius.to_string()), ("fill", hue.hex())];
            Drawn { element: "circle", attributes, text: String::new() }
        }
        Shape::Text { x, y, anchor, text } => {
            let anchor = anchor.as_str().to_owned();
            let attributes = vec![("x", x.to_string()), ("y", y.to_string()), ("text-anchor", anchor)];
            Drawn { element: "text", attributes, text: text.clone() }
        }
    }
}
