//! A packet as a document of pages.

use writ_audit::report::packet::chart::{Anchor, Chart, Hue, Shape, WIDTH};
use writ_audit::report::packet::csv::letters;
use writ_audit::report::packet::model::{self, Block, Cell, Packet, Table, Target, Value, bundle_anchor, set_anchor};
use writ_audit::words::{thousands, when};
use writ_pdf::model as pdf;
use writ_pdf::{Colour, Document};
use writ_trust::digest::Digest;

/// Beside good news, and beside bad.
const GOOD: Colour = Colour(0x1e, 0x7b, 0x45);
const BAD: Colour = Colour(0xb3, 0x26, 0x1e);

/// The same content as the HTML page.
pub fn document(packet: &Packet) -> Document {
    let heading = |level, text: &str, anchor: Option<&str>| pdf::Block::Heading {
        level,
        text: text.to_owned(),
        anchor: anchor.map(str::to_owned),
    };
    let mut blocks = vec![heading(1, &packet.title, None)];
    blocks.push(pdf::Block::Paragraph(format!(
        "{}Judged from {} to {}. Made as of {}. Verification: {}; log: {}.",
        packet.site.as_ref().map_or_else(String::new, |site| format!("Site {site}. ")),
        when(packet.period.from),
        when(packet.period.to),
        when(packet.made_at),
        if packet.verified.ok { "verified" } else { "not verified" },
        packet.verified.log
    )));
    for section in &packet.sections {
        blocks.push(heading(2, &section.title, Some(section.id)));
        for block in &section.blocks {
            blocks.push(match block {
                Block::Heading(text) => heading(3, text, None),
                Block::Text(text) => pdf::Block::Paragraph(text.clone()),
                Block::Banner { text, good } => pdf::Block::Banner(text.clone(), if *good { GOOD } else { BAD }),
                Block::Code(text) => pdf::Block::Code(text.clone()),
                Block::List(items) => pdf::Block::List(items.clone()),
                Block::Figures => pdf::Block::Table(figures(packet)),
                Block::Table(one) => pdf::Block::Table(table(one, packet)),
                Block::Chart(chart) => pdf::Block::Drawing(drawing(chart)),
            });
        }
    }
    if !packet.sets.is_empty() {
        blocks.push(heading(2, "What the figures rest on", Some("basis")));
        blocks.push(pdf::Block::Table(sets(packet)));
    }
    if !packet.bundles.is_empty() {
        blocks.push(heading(2, "Bundles", Some("bundles")));
        blocks.push(pdf::Block::Table(bundles(packet)));
    }
    let digest = Digest::of(format!("{}\n{}\n{}", packet.title, packet.name, packet.made_at).as_bytes());
    let mut identifier = [0; 16];
    identifier.copy_from_slice(&digest.as_bytes()[..16]);
    Document {
        title: packet.title.clone(),
        subject: format!("Compliance evidence, {} to {}", packet.period.from, packet.period.to),
        language: "en".to_owned(),
        producer: format!("writ {}", env!("CARGO_PKG_VERSION")),
        made_at: packet.made_at.to_string(),
        identifier,
        blocks,
    }
}

fn column(title: &str, shape: model::Shape) -> pdf::Column {
    pdf::Column { title: title.to_owned(), numbers: shape == model::Shape::Numbers, mono: shape == model::Shape::Code }
}

fn plain(text: impl Into<String>) -> pdf::Cell {
    pdf::Cell { text: text.into(), link: None }
}

fn figures(packet: &Packet) -> pdf::Table {
    let rows = packet.figures.iter().map(|figure| {
        let set = packet.sets.get(figure.rests_on);
        let link = set.map(|set| set_anchor(&set.letter));
        let letter = set.map_or_else(String::new, |set| set.letter.clone());
        pdf::Row {
            anchor: None,
            cells: vec![plain(figure.label), plain(figure.shown.clone()), pdf::Cell { text: letter, link }],
        }
    });
    pdf::Table {
        caption: "Figures, each with the set of bundles that it rests on".to_owned(),
        anchor: None,
        columns: vec![
            column("Figure", model::Shape::Words),
            column("Value", model::Shape::Numbers),
            column("Rests on set", model::Shape::Words),
        ],
        rows: rows.collect(),
    }
}

fn table(table: &Table, packet: &Packet) -> pdf::Table {
    let cell = |cell: &Cell| {
        let link = match (&cell.to, &cell.value) {
            (Some(Target::Anchor(anchor)), _) => Some(anchor.clone()),
            (None, Value::Bundles(rows)) => rows.first().map(|row| bundle_anchor(*row)),
            _ => None,
        };
        pdf::Cell { text: cell.value.shown(&packet.bundles), link }
    };
    let rows = table
        .rows
        .iter()
        .map(|row| pdf::Row { anchor: row.anchor.clone(), cells: row.cells.iter().map(cell).collect() });
    pdf::Table {
        caption: table.caption.clone(),
        anchor: Some(format!("{}-table", table.id)),
        columns: table.columns.iter().map(|c| column(&c.title, c.shape)).collect(),
        rows: rows.collect(),
    }
}

fn sets(packet: &Packet) -> pdf::Table {
    let rows = packet.sets.iter().enumerate().map(|(i, set)| {
        let figures = packet.figures.iter().filter(|figure| figure.rests_on == i).map(|figure| figure.label);
        let link = set.bundles.first().map(|row| bundle_anchor(*row));
        pdf::Row {
            anchor: Some(set_anchor(&set.letter)),
            cells: vec![
                plain(set.letter.clone()),
                plain(set.what.clone()),
                pdf::Cell { text: thousands(set.bundles.len() as u64), link },
                plain(figures.collect::<Vec<_>>().join("; ")),
            ],
        }
    });
    pdf::Table {
        caption: "Sets of bundles; the bundles that follow say which sets they are in".to_owned(),
        anchor: None,
        columns: vec![
            column("Set", model::Shape::Words),
            column("Bundles …", model::Shape::Words),
            column("How many", model::Shape::Numbers),
            column("Figures that rest on it", model::Shape::Words),
        ],
        rows: rows.collect(),
    }
}

fn bundles(packet: &Packet) -> pdf::Table {
    let rows = packet.bundles.iter().zip(letters(packet)).enumerate().map(|(i, (bundle, letters))| pdf::Row {
        anchor: Some(bundle_anchor(i)),
        cells: vec![
            plain(bundle.bundle_id.to_string()),
            plain(bundle.appliance.as_str()),
            plain(bundle.kind),
            plain(when(bundle.generated_at)),
            plain(bundle.digest.to_string()),
            plain(bundle.path.clone()),
            plain(letters),
        ],
    });
    use model::Shape::{Code, Words};
    pdf::Table {
        caption: "Bundles that this packet rests on, in order of time".to_owned(),
        anchor: None,
        columns: vec![
            column("Bundle", Words),
            column("Appliance", Words),
            column("Kind", Words),
            column("Written", Words),
            column("SHA-256", Code),
            column("File", Code),
            column("Sets", Words),
        ],
        rows: rows.collect(),
    }
}

fn colour(hue: Hue) -> Colour {
    let (r, g, b) = hue.rgb();
    Colour(r, g, b)
}

fn drawing(chart: &Chart) -> pdf::Drawing {
    let shapes = chart.shapes.iter().map(|shape| match shape {
        Shape::Box { x, y, width, height, hue } => pdf::Shape::Box {
            x: f64::from(*x),
            y: f64::from(*y),
            width: f64::from(*width),
            height: f64::from(*height),
            fill: colour(*hue),
        },
        Shape::Path { points, width, hue, dashed } => pdf::Shape::Path {
            points: points.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).collect(),
            width: f64::from(*width),
            colour: colour(*hue),
            dashed: *dashed,
        },
        Shape::Dot { x, y, radius, hue } => {
            pdf::Shape::Dot { x: f64::from(*x), y: f64::from(*y), radius: f64::from(*radius), fill: colour(*hue) }
        }
        Shape::Text { x, y, anchor, text } => pdf::Shape::Text {
            x: f64::from(*x),
            y: f64::from(*y),
            size: 11.5,
            align: match anchor {
                Anchor::Start => pdf::Align::Start,
                Anchor::Middle => pdf::Align::Middle,
                Anchor::End => pdf::Align::End,
            },
            text: text.clone(),
            colour: colour(Hue::Ink),
        },
    });
    pdf::Drawing {
        width: f64::from(WIDTH),
        height: f64::from(chart.height),
        alternative: format!("{}. {}", chart.title, chart.description),
        shapes: shapes.collect(),
    }
}
