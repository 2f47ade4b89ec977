//! Laying blocks out on pages, from top to bottom.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::colour::Colour;
use crate::glyphs::{Face, Fonts, Line};
use crate::model::{Block, Document};
use crate::tags::{Kid, Tree};

/// A4 on its side, in points: tables of evidence are wide.
pub const WIDTH: f64 = 841.89;
/// See [`WIDTH`].
pub const HEIGHT: f64 = 595.28;
/// What stays empty on the left and on the right.
pub const MARGIN: f64 = 48.0;
/// How wide tables are.
pub const MEASURE: f64 = WIDTH - 2.0 * MARGIN;
/// How wide text and drawings are: longer lines are hard to read.
pub const READABLE: f64 = 580.0;
/// Where text begins on a page.
pub const TOP: f64 = HEIGHT - 44.0;
/// Where it ends.
pub const BOTTOM: f64 = 52.0;
/// How large body text is.
const BODY: f64 = 9.0;

/// A link of a page.
pub struct Annotation {
    /// Left, lower, right, upper.
    pub area: [f64; 4],
    /// The anchor that it leads to.
    pub target: String,
    /// What it says.
    pub text: String,
    /// The element that it belongs to.
    pub element: usize,
}

/// A page.
#[derive(Default)]
pub struct Page {
    /// Its content stream.
    pub content: String,
    /// Its links.
    pub annotations: Vec<Annotation>,
    /// The element of each marked content.
    pub marked: Vec<usize>,
}

/// A heading as viewers list them beside the pages.
pub struct Bookmark {
    /// How deep.
    pub level: u8,
    /// What it says.
    pub title: String,
    /// On which page, from 0.
    pub page: usize,
    /// At which height.
    pub y: f64,
}

/// Pages in the making.
pub struct Flow {
    /// The fonts.
    pub fonts: Fonts,
    /// The pages so far.
    pub pages: Vec<Page>,
    /// The structure so far.
    pub tree: Tree,
    /// Where anchors are: page and height.
    pub anchors: BTreeMap<String, (usize, f64)>,
    /// Headings.
    pub bookmarks: Vec<Bookmark>,
    /// How far the last page is filled.
    pub y: f64,
}

/// How a line of text looks.
#[derive(Clone, Copy)]
pub struct Look {
    /// The face.
    pub face: Face,
    /// How large, in points.
    pub size: f64,
    /// The colour.
    pub colour: Colour,
}

impl Look {
    fn body() -> Self {
        Self { face: Face::Regular, size: BODY, colour: Colour::INK }
    }

    /// From line to line.
    pub fn leading(self) -> f64 {
        self.size * 1.38
    }
}

impl Flow {
    /// One empty page.
    pub fn new() -> Self {
        Self {
            fonts: Fonts::shipped(),
            pages: vec![Page::default()],
            tree: Tree::new(),
            anchors: BTreeMap::new(),
            bookmarks: Vec::new(),
            y: TOP,
        }
    }

    /// The page that is being filled, from 0.
    pub fn page(&self) -> usize {
        self.pages.len() - 1
    }

    /// Whether the page is still empty.
    pub fn is_fresh(&self) -> bool {
        self.y >= TOP
    }

    /// Goes on on a new page.
    pub fn turn(&mut self) {
        self.pages.push(Page::default());
        self.y = TOP;
    }

    /// How much room is left.
    pub fn room(&self) -> f64 {
        self.y - BOTTOM
    }

    /// Turns the page unless there is so much room, or the page is empty.
    pub fn need(&mut self, height: f64) {
        if self.room() < height && !self.is_fresh() {
            self.turn();
        }
    }

    fn gap(&mut self, height: f64) {
        if !self.is_fresh() {
            self.y -= height;
        }
    }

    /// Adds to the content of the page.
    pub fn draw(&mut self, operators: std::fmt::Arguments<'_>) {
        if let Some(page) = self.pages.last_mut() {
            let _ = page.content.write_fmt(operators);
        }
    }

    /// Begins content of an element.
    pub fn open(&mut self, element: usize) {
        let (page, kind) = (self.page(), self.tree.elements[element].kind);
        let marked = &mut self.pages[page].marked;
        let id = marked.len();
        marked.push(element);
        self.tree.elements[element].kids.push(Kid::Content { page, id });
        self.draw(format_args!("/{kind} <</MCID {id}>> BDC\n"));
    }

    /// Begins content that is no part of what is read.
    pub fn open_artifact(&mut self) {
        self.draw(format_args!("/Artifact BMC\n"));
    }

    /// Ends content.
    pub fn close(&mut self) {
        self.draw(format_args!("EMC\n"));
    }

    /// Draws a line of text at a point of its base line.
    pub fn text(&mut self, x: f64, y: f64, look: Look, line: &Line) {
        if line.glyphs.is_empty() {
            return;
        }
        self.fonts.draw(look.face, line);
        let mut hex = String::with_capacity(line.glyphs.len() * 4);
        for glyph in &line.glyphs {
            let _ = write!(hex, "{:04X}", glyph.id);
        }
        let (face, size, colour) = (look.face as usize, look.size, look.colour.operands());
        self.draw(format_args!("BT /F{face} {size:.2} Tf {colour} rg {x:.2} {y:.2} Td <{hex}> Tj ET\n"));
    }

    /// Draws a filled rectangle by its lower left corner.
    pub fn fill(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Colour) {
        let colour = colour.operands();
        self.draw(format_args!("{colour} rg {x:.2} {y:.2} {width:.2} {height:.2} re f\n"));
    }

    /// Lines of an element, on as many pages as they take. `beside` is the colour of a bar on their left.
    pub fn lines(&mut self, element: usize, x: f64, look: Look, lines: &[Line], beside: Option<Colour>) {
        let leading = look.leading();
        let mut rest = lines;
        while !rest.is_empty() {
            let fit = rest.iter().scan(self.room(), |room, _| {
                *room -= leading;
                (*room >= 0.0).then_some(())
            });
            let fit = fit.count().max(usize::from(self.is_fresh()));
            if fit == 0 {
                self.turn();
                continue;
            }
            let (now, later) = rest.split_at(fit.min(rest.len()));
            if let Some(colour) = beside {
                let height = leading * f64::from(u32::try_from(now.len()).unwrap_or(0));
                self.open_artifact();
                self.fill(x - 10.0, self.y - height - 2.0, 3.0, height + 4.0, colour);
                self.close();
            }
            self.open(element);
            for line in now {
                self.y -= leading;
                self.text(x, self.y + leading * 0.27, look, line);
            }
            self.close();
            rest = later;
        }
    }

    /// Adds a block.
    pub fn block(&mut self, block: &Block) {
        match block {
            Block::Heading { level, text, anchor } => self.heading(*level, text, anchor.as_deref()),
            Block::Paragraph(text) => self.paragraph(text, None),
            Block::Banner(text, colour) => self.paragraph(text, Some(*colour)),
            Block::Code(text) => self.code(text),
            Block::List(items) => self.list(items),
            Block::Table(table) => self.table(table),
            Block::Drawing(drawing) => self.drawing(drawing),
        }
    }

    /// Remembers where an anchor is; the first of a name counts.
    pub fn anchor(&mut self, name: Option<&str>, y: f64) {
        if let Some(name) = name {
            let place = (self.page(), y);
            self.anchors.entry(name.to_owned()).or_insert(place);
        }
    }

    fn heading(&mut self, level: u8, text: &str, anchor: Option<&str>) {
        let (kind, size, before) = match level {
            1 => ("H1", 20.0, 0.0),
            2 => ("H2", 14.0, 20.0),
            3 => ("H3", 11.0, 12.0),
            _ => ("H4", 9.5, 8.0),
        };
        let look = Look { face: Face::Bold, size, colour: Colour::INK };
        let lines = self.fonts.wrap(look.face, size, text, READABLE);
        // With some lines of what follows.
        self.need(before + look.leading() * f64::from(u32::try_from(lines.len()).unwrap_or(1)) + 48.0);
        self.gap(before);
        self.anchor(anchor, self.y);
        if level <= 3 {
            let (page, y) = (self.page(), self.y);
            self.bookmarks.push(Bookmark { level, title: text.to_owned(), page, y });
        }
        let element = self.tree.add(0, kind);
        self.lines(element, MARGIN, look, &lines, None);
        if level == 2 {
            self.open_artifact();
            self.fill(MARGIN, self.y - 3.0, MEASURE, 1.2, Colour::ACCENT);
            self.close();
            self.y -= 4.0;
        }
        self.y -= 3.0;
    }

    fn paragraph(&mut self, text: &str, beside: Option<Colour>) {
        let indent = if beside.is_some() { 12.0 } else { 0.0 };
        let lines = self.fonts.wrap(Face::Regular, BODY, text, READABLE - indent);
        let element = self.tree.add(0, "P");
        self.gap(3.0);
        self.lines(element, MARGIN + indent, Look::body(), &lines, beside);
        self.y -= 3.0;
    }

    fn code(&mut self, text: &str) {
        let look = Look { face: Face::Mono, size: 7.5, colour: Colour::INK };
        let lines: Vec<Line> =
            text.lines().flat_map(|line| self.fonts.wrap(look.face, look.size, line, MEASURE - 12.0)).collect();
        let element = self.tree.add(0, "P");
        self.gap(3.0);
        self.lines(element, MARGIN + 12.0, look, &lines, Some(Colour::LINE));
        self.y -= 4.0;
    }

    fn list(&mut self, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let list = self.tree.add(0, "L");
        let look = Look::body();
        let bullet = self.fonts.line(look.face, look.size, "•");
        for item in items {
            let lines = self.fonts.wrap(look.face, look.size, item, READABLE - 12.0);
            self.need(look.leading());
            let entry = self.tree.add(list, "LI");
            let label = self.tree.add(entry, "Lbl");
            let y = self.y - look.leading() + look.leading() * 0.27;
            self.open(label);
            self.text(MARGIN, y, look, &bullet);
            self.close();
            let body = self.tree.add(entry, "LBody");
            self.lines(body, MARGIN + 12.0, look, &lines, None);
            self.y -= 1.5;
        }
        self.y -= 3.0;
    }

    /// Writes title and number on each page.
    pub fn finish(&mut self, document: &Document) {
        let look = Look { face: Face::Regular, size: 7.5, colour: Colour::SOFT };
        let count = self.pages.len();
        let mut title = self.fonts.wrap(look.face, look.size, &document.title, MEASURE - 120.0);
        title.truncate(1);
        let pages = std::mem::take(&mut self.pages);
        for (i, page) in pages.into_iter().enumerate() {
            self.pages.push(page);
            let number = self.fonts.line(look.face, look.size, &format!("Page {} of {count}", i + 1));
            self.draw(format_args!("/Artifact <</Type /Pagination /Subtype /Footer>> BDC\n"));
            self.fill(MARGIN, 40.0, MEASURE, 0.5, Colour::LINE);
            if let Some(title) = title.first() {
                self.text(MARGIN, 28.0, look, title);
            }
            self.text(WIDTH - MARGIN - number.width, 28.0, look, &number);
            self.close();
        }
    }
}
