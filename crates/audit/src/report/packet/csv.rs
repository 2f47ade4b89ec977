//! For spreadsheets: every table as CSV.

use super::model::{Block, Section};
use super::model::{BundleRow, Packet, Table, Value};
use crate::report::csv::record;

/// A file of CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name: that of the table, with `.csv`.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Every table of a packet, its figures, its bundles and the sets of them.
pub fn files(packet: &Packet) -> Vec<File> {
    let mut files: Vec<File> = tables(&packet.sections)
        .map(|table| File { name: format!("{}.csv", table.id), text: of_table(table, &packet.bundles) })
        .collect();
    if !packet.figures.is_empty() {
        files.push(File { name: "figures.csv".to_owned(), text: figures(packet) });
    }
    if !packet.bundles.is_empty() {
        files.push(File { name: "bundles.csv".to_owned(), text: bundles(packet) });
        files.push(File { name: "sets.csv".to_owned(), text: sets(packet) });
    }
    files
}

/// The tables of sections, in order.
pub fn tables(sections: &[Section]) -> impl Iterator<Item = &Table> {
    sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    })
}

fn of_table(table: &Table, bundles: &[BundleRow]) -> String {
    let titles: Vec<String> =
        table.columns.iter().enumerate().map(|(i, c)| format!("{}{}", c.title, unit(table, i))).collect();
    let mut out = record(titles.iter().map(String::as_str));
    for row in &table.rows {
        let cells: Vec<String> = row.cells.iter().map(|cell| cell.value.plain(bundles)).collect();
        out.push_str(&record(cells.iter().map(String::as_str)));
    }
    out
}

/// What the numbers of a column are.
fn unit(table: &Table, column: usize) -> &'static str {
    let values = table.rows.iter().filter_map(|row| Some(&row.cells.get(column)?.value));
    let mut units = values.filter_map(|value| match value {
        Value::Percent(_) => Some(" (percent)"),
        Value::Seconds(_) => Some(" (seconds)"),
        Value::Millis(_) => Some(" (milliseconds)"),
        Value::Microdollars(_) => Some(" (millionths of a US dollar)"),
        _ => None,
    });
    units.next().unwrap_or_default()
}

fn figures(packet: &Packet) -> String {
    let mut out = record(["figure", "what", "value", "unit", "rests on set"]);
    for figure in &packet.figures {
        let value = figure.value.map(|n| n.to_string()).unwrap_or_default();
        let set = packet.sets.get(figure.rests_on).map_or("", |set| set.letter.as_str());
        out.push_str(&record([figure.id, figure.label, &value, figure.unit, set]));
    }
    out
}

/// The letters of the sets that each bundle is in.
pub fn letters(packet: &Packet) -> Vec<String> {
    let mut letters = vec![String::new(); packet.bundles.len()];
    for set in &packet.sets {
        for row in &set.bundles {
            let Some(letters) = letters.get_mut(*row) else { continue };
            if !letters.is_empty() {
                letters.push(' ');
            }
            letters.push_str(&set.letter);
        }
    }
    letters
}

fn bundles(packet: &Packet) -> String {
    let mut out = record(["bundle", "appliance", "kind", "written", "sha256", "file", "bytes", "sets"]);
    for (bundle, letters) in packet.bundles.iter().zip(letters(packet)) {
        let (id, at, size) = (bundle.bundle_id.to_string(), bundle.generated_at.to_string(), bundle.size.to_string());
        let (digest, appliance) = (bundle.digest.to_string(), bundle.appliance.as_str());
        out.push_str(&record([&id, appliance, bundle.kind, &at, &digest, &bundle.path, &size, &letters]));
    }
    out
}

fn sets(packet: &Packet) -> String {
    let mut out = record(["set", "what", "bundles"]);
    for set in &packet.sets {
        out.push_str(&record([set.letter.as_str(), &set.what, &set.bundles.len().to_string()]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::model::{Shape, number, text};
    use super::*;

    #[test]
    fn no_field_is_a_formula_or_breaks_a_record() {
        let columns = [("What", Shape::Words), ("Took", Shape::Numbers)];
        let mut table = Table::new("t", "c", &columns);
        for hostile in ["=1+1", "+1", "-1", "@x", "|x", "%x", "a\"b,c", "\r\n=2", "\u{202e}x"] {
            table.row(vec![text(hostile), Value::Seconds(7).into()]);
        }
        table.row(vec![number(5), Value::Nothing.into()]);
        let csv = of_table(&table, &[]);
        let expected = "What,Took (seconds)\r\n'=1+1,7\r\n'+1,7\r\n'-1,7\r\n'@x,7\r\n'|x,7\r\n'%x,7\r\n\
            \"a\"\"b,c\",7\r\n\\u{d}\\u{a}=2,7\r\n\\u{202e}x,7\r\n5,\r\n";
        assert_eq!(csv, expected);
    }
}
