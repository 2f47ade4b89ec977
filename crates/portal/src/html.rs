//! Pages as data: headings, tables, lists. One template writes all of them, and escapes everything in one place.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use writ_trust::text::escaped;

use crate::access::users::{Role, User};
use crate::fault::Fault;

/// The style sheet.
pub const STYLE: &str = include_str!("../templates/style.css");
/// Where it is. The number changes with what is in it: browsers keep it for a year.
pub const STYLE_PATH: &str = "/style-1.css";
/// The longest text of one piece, in characters; what is longer is cut, and said to be.
const LONGEST: usize = 4000;
/// The longest of all sentences of one story together, in bytes: a page stays a page.
const STORY: usize = 24 * 1024;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// A link: where to, and its text.
    Link(String, String),
    /// A word with a colour of its own: class, and text.
    Pill(String, String),
    /// Something to be copied.
    Code(String),
    /// Something that matters.
    Strong(String),
    /// The end of a line.
    Break,
}

/// Text of any origin, fit for a page: control characters are shown and what turns the direction of writing too.
fn fit(text: impl std::fmt::Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… (cut here; all of it is in the raw bytes)", escaped(&text[..end])),
        None => escaped(text),
    }
}

/// A line of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Template)]
#[template(path = "line.html")]
pub struct Line {
    pieces: Vec<Piece>,
}

impl Line {
    /// Begins with a text.
    pub fn of(text: impl std::fmt::Display) -> Self {
        Self::default().text(text)
    }

    /// Goes on with a text.
    #[must_use]
    pub fn text(mut self, text: impl std::fmt::Display) -> Self {
        self.pieces.push(Piece::Text(fit(text)));
        self
    }

    /// Goes on with a link; without an address with its text alone.
    #[must_use]
    pub fn link(mut self, href: impl Into<String>, text: impl std::fmt::Display) -> Self {
        let href = href.into();
        self.pieces.push(if href.is_empty() { Piece::Text(fit(text)) } else { Piece::Link(href, fit(text)) });
        self
    }

    /// Goes on with a word in its own colour; `slug` is a class of the style sheet.
    #[must_use]
    pub fn pill(mut self, slug: impl Into<String>, text: impl std::fmt::Display) -> Self {
        self.pieces.push(Piece::Pill(slug.into(), fit(text)));
        self
    }

    /// Goes on with something to be copied.
    #[must_use]
    pub fn code(mut self, text: impl std::fmt::Display) -> Self {
        self.pieces.push(Piece::Code(fit(text)));
        self
    }

    /// Goes on with something that matters.
    #[must_use]
    pub fn strong(mut self, text: impl std::fmt::Display) -> Self {
        self.pieces.push(Piece::Strong(fit(text)));
        self
    }

    /// Ends a line.
    #[must_use]
    pub fn then_below(mut self) -> Self {
        self.pieces.push(Piece::Break);
        self
    }

    /// Goes on with another line.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What stands in it.
    pub line: Line,
    /// Whether it is a number.
    pub num: bool,
}

impl From<Line> for Cell {
    fn from(line: Line) -> Self {
        Self { line, num: false }
    }
}

/// A cell with a text.
pub fn cell(text: impl std::fmt::Display) -> Cell {
    Line::of(text).into()
}

/// A cell with a number.
pub fn number(text: impl std::fmt::Display) -> Cell {
    Cell { line: Line::of(text), num: true }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub text: &'static str,
    /// Whether numbers stand in it.
    pub num: bool,
}

/// A table; the first cell of each row is its heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it is about.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows. A heading that begins with `#` is of a column of numbers.
    pub fn new(caption: impl std::fmt::Display, columns: &[&'static str]) -> Self {
        let column = |text: &&'static str| match text.strip_prefix('#') {
            Some(text) => Column { text, num: true },
            None => Column { text, num: false },
        };
        Self { caption: fit(caption), columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }
}

/// A figure in large letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The figure.
    pub figure: String,
    /// What it is.
    pub what: String,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A heading below another.
    Minor(String),
    /// A paragraph.
    Paragraph(Line),
    /// A paragraph with a frame: class `good`, `bad` or `note`.
    Banner(&'static str, Line),
    /// Names and what they are.
    Facts(Vec<(String, Line)>),
    /// Figures.
    Cards(Vec<Card>),
    /// A table.
    Table(Table),
    /// A list.
    List(Vec<Line>),
    /// A list with numbers.
    Steps(Vec<Line>),
    /// Commands to be copied.
    Commands(String),
    /// What was made HTML elsewhere, of text that came with this program.
    Written(String),
    /// The parts of a long list: what this is, and the addresses of the one before and the one after.
    Parts(String, String, String),
}

/// An entry of the list of pages.
#[derive(Debug)]
struct Entry {
    href: &'static str,
    text: &'static str,
    here: bool,
}

/// The pages that stand at the top of every page.
const PAGES: [(&str, &str); 6] = [
    ("/", "Fleet"),
    ("/exceptions", "Exceptions"),
    ("/learning", "Learning"),
    ("/checklists", "Checklists"),
    ("/procedures", "Procedures"),
    ("/views", "Views"),
];

/// A page.
#[derive(Debug, Default)]
pub struct Page {
    title: String,
    crumbs: Vec<(String, String)>,
    blocks: Vec<Block>,
    basis: Vec<Line>,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Written<'a> {
    title: &'a str,
    style: &'static str,
    who: String,
    role: &'static str,
    nav: Vec<Entry>,
    crumbs: &'a [(String, String)],
    blocks: &'a [Block],
    basis: &'a [Line],
}

impl Page {
    /// A page with this title.
    pub fn new(title: impl std::fmt::Display) -> Self {
        Self { title: fit(title), ..Self::default() }
    }

    /// Where it is: a page above it.
    #[must_use]
    pub fn below(mut self, href: impl Into<String>, text: impl std::fmt::Display) -> Self {
        self.crumbs.push((href.into(), fit(text)));
        self
    }

    /// From what was read and when.
    #[must_use]
    pub fn resting_on(mut self, basis: Vec<Line>) -> Self {
        self.basis = basis;
        self
    }

    /// Adds a part.
    pub fn add(&mut self, block: Block) -> &mut Self {
        self.blocks.push(match block {
            Block::Facts(facts) => Block::Facts(facts.into_iter().map(|(name, line)| (fit(name), line)).collect()),
            Block::Cards(cards) => {
                let card = |card: Card| Card { figure: fit(card.figure), what: fit(card.what) };
                Block::Cards(cards.into_iter().map(card).collect())
            }
            Block::Commands(text) => Block::Commands(text.lines().map(escaped).collect::<Vec<_>>().join("\n")),
            other => other,
        });
        self
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: impl std::fmt::Display) -> &mut Self {
        self.add(Block::Heading(fit(text)))
    }

    /// Adds a heading below another.
    pub fn minor(&mut self, text: impl std::fmt::Display) -> &mut Self {
        self.add(Block::Minor(fit(text)))
    }

    /// Adds a paragraph of plain words.
    pub fn say(&mut self, text: impl std::fmt::Display) -> &mut Self {
        self.add(Block::Paragraph(Line::of(text)))
    }

    /// Adds a story, sentence by sentence, as far as a page goes.
    pub fn story(&mut self, sentences: &[String]) -> &mut Self {
        let mut room = STORY;
        let mut told = Vec::new();
        for sentence in sentences {
            let Some(left) = room.checked_sub(sentence.len().min(LONGEST)) else {
                told.push(Line::of(format!("… {} more sentences are in the raw bytes.", sentences.len() - told.len())));
                break;
            };
            room = left;
            told.push(Line::of(sentence));
        }
        self.add(Block::Steps(told))
    }

    /// Adds which part of a long list this is: part `part` of so many, with so many things in all.
    pub fn parts(&mut self, path: &str, shown: &Shown) -> &mut Self {
        if shown.parts <= 1 {
            return self;
        }
        let to = |part: usize| format!("{path}?page={part}");
        let words = format!(
            "Part {} of {}: {} to {} of {}",
            shown.part,
            shown.parts,
            shown.from + 1,
            shown.to,
            writ_audit::words::thousands(shown.all as u64)
        );
        let before = if shown.part > 1 { to(shown.part - 1) } else { String::new() };
        let after = if shown.part < shown.parts { to(shown.part + 1) } else { String::new() };
        self.add(Block::Parts(words, before, after))
    }

    /// The page as HTML, for somebody; without anybody it has no list of pages.
    ///
    /// # Errors
    /// [`Fault::Broken`]
    pub fn html(&self, who: Option<&User>) -> Result<String, Fault> {
        let here = self.crumbs.first().map_or(self.title.as_str(), |(_, text)| text.as_str());
        let may = |text: &str| text != "Views" || who.is_some_and(|who| who.role == Role::Operator);
        let nav = PAGES.iter().filter(|(_, text)| who.is_some() && may(text));
        let written = Written {
            title: &self.title,
            style: STYLE_PATH,
            who: who.map(|who| escaped(&who.address)).unwrap_or_default(),
            role: who.map(|who| who.role.as_str()).unwrap_or_default(),
            nav: nav.map(|(href, text)| Entry { href, text, here: *text == here }).collect(),
            crumbs: &self.crumbs,
            blocks: &self.blocks,
            basis: &self.basis,
        };
        written.render().map_err(|error| Fault::Broken(format!("a page cannot be written: {error}")))
    }

    /// The page as an answer.
    ///
    /// # Errors
    /// [`Fault::Broken`]
    pub fn answer(&self, who: Option<&User>) -> Result<Response<Body>, Fault> {
        let mut response = Response::new(Body::from(self.html(who)?));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        Ok(response)
    }
}

/// The form that asks for an address.
#[derive(Template)]
#[template(path = "sign-in.html")]
pub struct SignIn {
    /// The style sheet.
    pub style: &'static str,
}

/// The page behind a link: a button, so that programs which follow links in mails use none up.
#[derive(Template)]
#[template(path = "login.html")]
pub struct Login<'a> {
    /// The style sheet.
    pub style: &'static str,
    /// The token of the link.
    pub token: &'a str,
}

/// Which part of a long list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The part, from 1.
    pub part: usize,
    /// How many there are.
    pub parts: usize,
    /// The first that is shown.
    pub from: usize,
    /// The first that is shown no more.
    pub to: usize,
    /// How many things there are in all.
    pub all: usize,
}

impl Shown {
    /// A part of so many things, at most `each` at once.
    ///
    /// # Errors
    /// [`Fault::NotFound`] where there is no such part.
    pub fn of(part: usize, all: usize, each: usize) -> Result<Self, Fault> {
        let parts = all.div_ceil(each).max(1);
        if part > parts {
            return Err(Fault::NotFound);
        }
        let from = (part - 1) * each;
        Ok(Self { part, parts, from, to: (from + each).min(all), all })
    }

    /// That part of a list.
    pub fn slice<'a, T>(&self, list: &'a [T]) -> &'a [T] {
        list.get(self.from..self.to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}\u{1b}[31m\n<img src=x onerror=alert(1)>";

    #[test]
    fn nothing_that_was_read_becomes_markup() {
        let mut page = Page::new(HOSTILE).below("/", HOSTILE).resting_on(vec![Line::of(HOSTILE)]);
        let line = || Line::of(HOSTILE).link("/x", HOSTILE).pill("failed", HOSTILE).code(HOSTILE).strong(HOSTILE);
        let mut table = Table::new(HOSTILE, &["One", "#Two"]);
        table.row(vec![line().into(), number(HOSTILE)]);
        page.heading(HOSTILE).minor(HOSTILE).say(HOSTILE).story(&[HOSTILE.to_owned()]);
        page.add(Block::Banner("bad", line())).add(Block::Facts(vec![(HOSTILE.to_owned(), line())]));
        page.add(Block::Table(table)).add(Block::List(vec![line()])).add(Block::Commands(HOSTILE.to_owned()));
        page.add(Block::Cards(vec![Card { figure: HOSTILE.to_owned(), what: HOSTILE.to_owned() }]));
        let html = page.html(None).unwrap();
        for bad in ["<script", "<img", "\u{202e}", "\u{1b}", "onerror=alert(1)>"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert!(html.contains("&lt;script&gt;") || html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn a_story_and_a_text_end_somewhere() {
        let mut page = Page::new("x");
        page.story(&vec!["y".repeat(100_000); 1000]);
        assert!(page.html(None).unwrap().len() < 40_000);
    }

    #[test]
    fn parts_of_a_list_are_counted_from_one() {
        let shown = Shown::of(3, 250, 100).unwrap();
        assert_eq!((shown.from, shown.to, shown.parts), (200, 250, 3));
        assert_eq!(Shown::of(1, 0, 100).unwrap().parts, 1);
        assert_eq!(Shown::of(4, 250, 100), Err(Fault::NotFound));
    }

    /// The relative luminance of a colour (WCAG 2.2).
    fn luminance(colour: &str) -> f64 {
        let digits = colour.trim_start_matches('#');
        let digits = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The colour of a name in the style sheet.
    fn colour(name: &str) -> &'static str {
        let (_, rest) = STYLE.split_once(&format!("--{name}:")).unwrap_or_else(|| panic!("{name}"));
        rest.trim_start().split([';', ' ', '}']).next().unwrap()
    }

    #[test]
    fn every_pair_of_colours_can_be_read() {
        assert!((contrast("#000", "#fff") - 21.0).abs() < 0.01);
        let paper = ["paper", "wash", "good-wash", "bad-wash", "note-wash"];
        for ground in paper {
            for ink in ["ink", "soft", "accent"] {
                let ratio = contrast(colour(ink), colour(ground));
                assert!(ratio >= 4.5, "{ink} on {ground}: {ratio:.2}");
            }
        }
        let pills = writ_audit::compare::Verdict::ALL.map(|verdict| verdict.slug());
        for pill in pills.iter().map(String::as_str).chain(["good", "bad", "note", "plain", "accent"]) {
            let ratio = contrast(colour(pill), "#fff");
            assert!(ratio >= 4.5, "white on {pill}: {ratio:.2}");
            // Each class that a page gives has its colour.
            assert!(pill == "accent" || STYLE.contains(&format!(".pill.{pill} {{")), "{pill}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"), "nothing is loaded from elsewhere");
    }
}
