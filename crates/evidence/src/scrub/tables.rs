//! Rows whose columns are named elsewhere: a header of CSV, the list of columns in SQL, the keys in what a database
//! complains of.

use super::found::Found;
use super::labels::label_of;

/// How many columns a header has at least, and how many of them are identifiers.
const COLUMNS: usize = 3;
const LABELLED: usize = 2;
/// The most columns of a row that are looked at.
const MOST: usize = 512;

/// Notes the cells of rows below or behind a list of columns.
pub fn find(text: &str, found: &mut Found) {
    keys(text, found);
    duplicates(text, found);
    inserts(text, found);
    rows(text, found);
}

/// PostgreSQL: `Key (last_name, dob)=(Doe, 1962-03-14) already exists.`
fn keys(text: &str, found: &mut Found) {
    let mut past = 0;
    for (at, _) in text.match_indices(")=(") {
        let from = (past..=at.saturating_sub(200)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(past);
        let Some(columns) = text.get(from..at).and_then(|before| before.rsplit_once('(')).map(|(_, c)| c) else {
            continue;
        };
        let values = at + 3;
        let window = &text[values..boundary(text, values + 400)];
        let line = &window[..window.find('\n').unwrap_or(window.len())];
        let end = [") already", ") is ", ") conflicts"]
            .iter()
            .find_map(|e| line.find(e))
            .or_else(|| line.rfind(')'))
            .unwrap_or(line.len());
        if names_identifiers(columns) {
            found.add(values, values + end, "record", true);
            past = values + end;
        }
    }
}

/// MySQL: `Duplicate entry 'Doe' for key 'patients.name'`.
fn duplicates(text: &str, found: &mut Found) {
    for (at, said) in text.match_indices("Duplicate entry '") {
        let start = at + said.len();
        let window = &text[start..boundary(text, start + 500)];
        let Some((value, key)) = window.split_once("' for key '") else { continue };
        let key = key.split('\'').next().unwrap_or(key);
        if !value.contains('\n') && names_identifiers(key) {
            found.add(start, start + value.len(), "record", true);
        }
    }
}

/// `INSERT INTO t (a, b) VALUES (…), (…)`.
fn inserts(text: &str, found: &mut Found) {
    let mut past = 0;
    for (at, _) in text.match_indices(['V', 'v']) {
        let after = text
            .get(at..at + 6)
            .filter(|word| word.eq_ignore_ascii_case("values"))
            .map(|_| text[at + 6..].trim_start_matches(' '));
        let Some(tuples_at) = after.and_then(|a| a.strip_prefix('(')).map(|a| text.len() - a.len()) else { continue };
        let before = text[..at].trim_end_matches([' ', '\n']);
        let from = (past..=before.len().saturating_sub(2000)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(past);
        let list = before.get(from..).and_then(|b| b.strip_suffix(')')).and_then(|b| b.rsplit_once('('));
        let Some((_, columns)) = list else { continue };
        let tags: Vec<_> = columns.split(',').take(MOST).map(tag_of).collect();
        // The tuples of one statement are looked at once, whatever is written in their literals.
        if tags.iter().any(Option::is_some) {
            past = tuples(text, tuples_at, &tags, found);
        }
    }
}

fn boundary(text: &str, at: usize) -> usize {
    (at.min(text.len())..=text.len()).find(|n| text.is_char_boundary(*n)).unwrap_or(text.len())
}

/// Whether one of the columns, or a word of the name of an index, is an identifier's.
fn names_identifiers(columns: &str) -> bool {
    columns.split(',').chain(columns.split([',', '.', '_', ' '])).any(|c| tag_of(c).is_some())
}

/// What the name of a column, quoted or not, says is in it.
fn tag_of(column: &str) -> Option<&'static str> {
    let name = column.trim().trim_matches(['"', '`', '\'', '[', ']']);
    match name.to_ascii_lowercase().as_str() {
        "pid" => Some("id"),
        "birthplace" => Some("address"),
        "drivers" => Some("licence"),
        _ => label_of(name),
    }
}

/// Notes the literals of the tuples of an INSERT, from behind the first bracket, and returns where they end.
fn tuples(text: &str, from: usize, tags: &[Option<&'static str>], found: &mut Found) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut column) = (from, 0);
    while at < bytes.len() && bytes[at] != b'\n' && bytes[at] != b';' {
        let start = at;
        match bytes[at] {
            b'\'' => {
                let end = literal(bytes, at + 1);
                if let Some(Some(tag)) = tags.get(column) {
                    found.add(start + 1, end, tag, true);
                }
                at = (end + 1).min(bytes.len());
                continue;
            }
            b'0'..=b'9' => {
                while bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
                    at += 1;
                }
                if let Some(Some(tag)) = tags.get(column) {
                    found.add(start, at, tag, true);
                }
                continue;
            }
            b',' => column += 1,
            b'(' => column = 0,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The quote that closes a literal, or the end of the text. Quotes and backslashes are ASCII, so it is no part of a letter.
fn literal(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'\'', Some(b'\'')) => at += 2,
            (b'\\', Some(next)) if next.is_ascii() => at += 2,
            (b'\'', _) => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The rows below each header of CSV.
fn rows(text: &str, found: &mut Found) {
    let mut header: Option<(char, Vec<Option<&'static str>>)> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if let Some(names) = header_of(content) {
            header = Some(names);
        } else if let Some((separator, tags)) = &header {
            let cells = cells(content, *separator);
            if cells.len() != tags.len() {
                header = None;
            } else {
                for ((from, to), tag) in cells.into_iter().zip(tags) {
                    if let Some(tag) = tag.filter(|_| content[from..to].contains(char::is_alphanumeric)) {
                        found.add(start + from, start + to, tag, true);
                    }
                }
            }
        }
        start += line.len();
    }
}

/// The columns of a line, when it is a header with identifiers in it.
fn header_of(line: &str) -> Option<(char, Vec<Option<&'static str>>)> {
    let separator = line.chars().find(|c| matches!(c, ',' | ';' | '\t' | '|'))?;
    let names: Vec<&str> = line.split(separator).take(MOST).collect();
    let named = |name: &&str| {
        let name = name.trim();
        (1..=40).contains(&name.len())
            && name.chars().all(|c| c.is_alphanumeric() || "_ .\"'°º-".contains(c))
            && !name.starts_with(char::is_numeric)
    };
    if names.len() < COLUMNS || !names.iter().all(named) {
        return None;
    }
    let mut tags: Vec<_> = names.iter().map(|name| tag_of(name)).collect();
    if tags.iter().flatten().count() < LABELLED {
        return None;
    }
    for (name, tag) in names.iter().zip(&mut tags) {
        if name.trim().eq_ignore_ascii_case("id") {
            *tag = Some("id");
        }
    }
    Some((separator, tags))
}

/// Where the cells of a row are, without the quotes around them.
fn cells(line: &str, separator: char) -> Vec<(usize, usize)> {
    let mut cells = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in line.char_indices().chain([(line.len(), separator)]) {
        match c {
            '"' => quoted = !quoted,
            c if c == separator && (!quoted || at == line.len()) => {
                let cell = &line[start..at];
                let inner =
                    cell.strip_prefix('"').and_then(|c| c.strip_suffix('"')).map(|c| (start + 1, start + 1 + c.len()));
                cells.push(inner.unwrap_or((start, at)));
                start = at + 1;
            }
            _ => {}
        }
    }
    cells
}
