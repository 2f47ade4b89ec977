//! What a document consists of.

use crate::colour::Colour;

/// A document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its title, which viewers show; on every page too.
    pub title: String,
    /// What it is about.
    pub subject: String,
    /// Its language, as RFC 5646 has it.
    pub language: String,
    /// What made it.
    pub producer: String,
    /// When it was made, RFC 3339 in UTC: `2026-11-23T14:40:56Z`.
    pub made_at: String,
    /// What tells this document from others: for instance a digest of what it says.
    pub identifier: [u8; 16],
    /// What is in it, from top to bottom.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading of level 1 to 4; those up to 3 are bookmarks too.
    Heading {
        /// How deep.
        level: u8,
        /// What it says.
        text: String,
        /// What links name it.
        anchor: Option<String>,
    },
    /// A paragraph.
    Paragraph(String),
    /// A paragraph with a bar of a colour beside it.
    Banner(String, Colour),
    /// Lines as they are, in letters of one width.
    Code(String),
    /// A list.
    List(Vec<String>),
    /// A table.
    Table(Table),
    /// A drawing.
    Drawing(Drawing),
}

/// A table. Its head is repeated on each page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// What it tells, above it.
    pub caption: String,
    /// What links name it.
    pub anchor: Option<String>,
    /// Its columns. The first tells what each row is about.
    pub columns: Vec<Column>,
    /// Its rows; each has a cell for every column.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column {
    /// What is in it.
    pub title: String,
    /// Whether it is of numbers, which stand on the right.
    pub numbers: bool,
    /// Whether its letters have one width, as digests and paths do.
    pub mono: bool,
}

/// A row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// What links name it.
    pub anchor: Option<String>,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// The anchor that it leads to; one that is nowhere is left out.
    pub link: Option<String>,
}

/// A drawing of its own units, drawn as wide as text is; `y` grows downwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// How wide.
    pub width: f64,
    /// How high.
    pub height: f64,
    /// What it shows, in words.
    pub alternative: String,
    /// What is drawn, the first below.
    pub shapes: Vec<Shape>,
}

/// Where text stands of its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Begins there.
    Start,
    /// Has its middle there.
    Middle,
    /// Ends there.
    End,
}

/// A part of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled rectangle by its upper left corner.
    Box {
        /// From the left.
        x: f64,
        /// From above.
        y: f64,
        /// How wide.
        width: f64,
        /// How high.
        height: f64,
        /// Its colour.
        fill: Colour,
    },
    /// Straight lines through points.
    Path {
        /// The points.
        points: Vec<(f64, f64)>,
        /// How thick.
        width: f64,
        /// Its colour.
        colour: Colour,
        /// Whether it is broken into dashes.
        dashed: bool,
    },
    /// A filled circle.
    Dot {
        /// From the left.
        x: f64,
        /// From above.
        y: f64,
        /// Half as wide as it is.
        radius: f64,
        /// Its colour.
        fill: Colour,
    },
    /// Words.
    Text {
        /// From the left.
        x: f64,
        /// From above, of the line on which letters stand.
        y: f64,
        /// How large.
        size: f64,
        /// Where it stands of its point.
        align: Align,
        /// What it says.
        text: String,
        /// Its colour.
        colour: Colour,
    },
}
