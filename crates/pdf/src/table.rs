//! Tables: columns as wide as what is in them asks for, rows that break across pages, heads that are repeated.

use crate::colour::Colour;
use crate::flow::{Annotation, Flow, Look, MARGIN, MEASURE};
use crate::glyphs::{Face, Line};
use crate::model::{Cell, Column, Row, Table};
use crate::tags::Kid;

/// How large letters of tables are.
const SIZE: f64 = 7.6;
/// The same of letters of one width.
const MONO: f64 = 6.6;
/// Between columns, and above and below what is in a row.
const GAP: f64 = 10.0;
const PAD: f64 = 2.4;
/// The most that a word asks for before it is broken.
const WORD: f64 = 84.0;
/// How much wider than what is in it a column may be.
const LOOSE: f64 = 1.6;
/// The most that one column asks for of all there is.
const MOST: f64 = 0.42;

fn look(column: &Column, head: bool) -> Look {
    let face = match (head, column.mono) {
        (true, _) => Face::Bold,
        (false, true) => Face::Mono,
        (false, false) => Face::Regular,
    };
    let size = if face == Face::Mono { MONO } else { SIZE };
    Look { face, size, colour: if head { Colour::SOFT } else { Colour::INK } }
}

/// From line to line, whatever the face.
const LEADING: f64 = SIZE * 1.34;

/// A table that is being drawn.
struct Drawn<'t> {
    columns: &'t [Column],
    widths: Vec<f64>,
    head: Vec<Vec<Line>>,
}

/// A cell with its lines and the element that they belong to.
struct Laid<'t> {
    lines: Vec<Line>,
    element: Option<usize>,
    link: Option<&'t Cell>,
}

fn height(lines: usize) -> f64 {
    f64::from(u32::try_from(lines).unwrap_or(u32::MAX)) * LEADING + 2.0 * PAD
}

impl Flow {
    /// Adds a table.
    pub fn table(&mut self, table: &Table) {
        if table.columns.is_empty() {
            return;
        }
        let widths = self.widths(table);
        let head: Vec<Vec<Line>> = table
            .columns
            .iter()
            .zip(&widths)
            .map(|(column, width)| self.fonts.wrap(Face::Bold, SIZE, &column.title, *width))
            .collect();
        let drawn = Drawn { columns: &table.columns, widths, head };
        let caption = Look { face: Face::Regular, size: 8.0, colour: Colour::SOFT };
        let lines = self.fonts.wrap(caption.face, caption.size, &table.caption, MEASURE);
        let head_height = height(drawn.head.iter().map(Vec::len).max().unwrap_or(1));
        self.need(caption.leading() * 2.0 + head_height + 3.0 * LEADING);
        self.anchor(table.anchor.as_deref(), self.y);
        let element = self.tree.add(0, "Table");
        let caption_element = self.tree.add(element, "Caption");
        self.lines(caption_element, MARGIN, caption, &lines, None);
        let head = self.tree.add(element, "THead");
        let row = self.tree.add(head, "TR");
        let cells: Vec<Option<usize>> = table
            .columns
            .iter()
            .map(|_| Some(self.tree.add_with(row, "TH", "/A <</O /Table /Scope /Column>>".to_owned())))
            .collect();
        self.head(&drawn, &cells);
        let body = self.tree.add(element, "TBody");
        for row in &table.rows {
            self.row(&drawn, body, row, head_height);
        }
        self.y -= 8.0;
    }

    /// The head: read once, and drawn again on each page.
    fn head(&mut self, drawn: &Drawn<'_>, elements: &[Option<usize>]) {
        let cells: Vec<Laid<'_>> = drawn
            .head
            .iter()
            .zip(elements.iter().copied().chain(std::iter::repeat(None)))
            .map(|(lines, element)| Laid { lines: lines.clone(), element, link: None })
            .collect();
        let lines = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(1);
        self.part(drawn, &cells, (0, lines), true);
        self.rule(1.0, Colour::SOFT);
    }

    fn rule(&mut self, thick: f64, colour: Colour) {
        self.open_artifact();
        self.fill(MARGIN, self.y, MEASURE, thick * 0.6, colour);
        self.close();
    }

    fn row(&mut self, drawn: &Drawn<'_>, body: usize, row: &Row, head_height: f64) {
        let element = self.tree.add(body, "TR");
        let empty = Cell::default();
        let given = row.cells.iter().chain(std::iter::repeat(&empty));
        let cells: Vec<Laid<'_>> = drawn
            .columns
            .iter()
            .zip(&drawn.widths)
            .zip(given)
            .enumerate()
            .map(|(i, ((column, width), cell))| {
                let look = look(column, false);
                let lines = self.fonts.wrap(look.face, look.size, &cell.text, *width);
                let element = match i {
                    0 => self.tree.add_with(element, "TH", "/A <</O /Table /Scope /Row>>".to_owned()),
                    _ => self.tree.add(element, "TD"),
                };
                Laid { lines, element: Some(element), link: cell.link.is_some().then_some(cell) }
            })
            .collect();
        let count = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(1);
        let whole_page = crate::flow::TOP - crate::flow::BOTTOM - head_height;
        if self.room() < height(count) && height(count) <= whole_page {
            self.turn_in_table(drawn);
        }
        self.anchor(row.anchor.as_deref(), self.y);
        let mut from = 0;
        while from < count {
            let fit = (from + 1..=count).take_while(|upto| height(upto - from) <= self.room()).last();
            // On a page where not even one line fits below the head, it is drawn all the same.
            let fresh = self.y >= crate::flow::TOP - head_height - 1.0;
            let Some(upto) = fit.or_else(|| fresh.then_some(from + 1)) else {
                self.turn_in_table(drawn);
                continue;
            };
            self.part(drawn, &cells, (from, upto), false);
            from = upto;
            if from < count {
                self.turn_in_table(drawn);
            }
        }
        self.rule(0.7, Colour::LINE);
    }

    fn turn_in_table(&mut self, drawn: &Drawn<'_>) {
        self.turn();
        self.head(drawn, &[]);
    }

    /// Draws some lines of a row, and goes on below them.
    fn part(&mut self, drawn: &Drawn<'_>, cells: &[Laid<'_>], (from, upto): (usize, usize), head: bool) {
        let top = self.y - PAD;
        let mut x = MARGIN;
        for ((column, width), cell) in drawn.columns.iter().zip(&drawn.widths).zip(cells) {
            let mut look = look(column, head);
            let lines = cell.lines.get(from..upto.min(cell.lines.len())).unwrap_or_default();
            if !lines.iter().all(|line| line.glyphs.is_empty()) {
                let link = cell.link.and_then(|linked| Some((linked, cell.element?)));
                let element = match link {
                    Some((_, element)) => Some(self.tree.add(element, "Link")),
                    None => cell.element,
                };
                if link.is_some() {
                    look.colour = Colour::ACCENT;
                }
                match element {
                    Some(element) => self.open(element),
                    None => self.open_artifact(),
                }
                let mut y = top;
                for line in lines {
                    y -= LEADING;
                    let left = if column.numbers { x + width - line.width } else { x };
                    self.text(left, y + LEADING * 0.26, look, line);
                }
                self.close();
                if let (Some((linked, _)), Some(element)) = (link, element) {
                    self.link(element, linked, [x, y, x + width, top]);
                }
            }
            x += width + GAP;
        }
        self.y -= height(upto - from);
    }

    fn link(&mut self, element: usize, cell: &Cell, area: [f64; 4]) {
        let (page, target) = (self.page(), cell.link.clone().unwrap_or_default());
        let annotations = &mut self.pages[page].annotations;
        let annotation = annotations.len();
        annotations.push(Annotation { area, target, text: cell.text.clone(), element });
        self.tree.elements[element].kids.push(Kid::Link { page, annotation });
    }

    /// How wide each column is: what its longest word asks for, and of the rest as much as it asks for more.
    fn widths(&self, table: &Table) -> Vec<f64> {
        let count = table.columns.len();
        let all = MEASURE - GAP * f64::from(u32::try_from(count - 1).unwrap_or(0));
        let (mut least, mut wished) = (vec![0.0_f64; count], vec![0.0_f64; count]);
        for (i, column) in table.columns.iter().enumerate() {
            let titles = self.fonts.extent(Face::Bold, SIZE, &column.title);
            let look = look(column, false);
            let cells = table.rows.iter().filter_map(|row| row.cells.get(i));
            let cells = cells.map(|cell| self.fonts.extent(look.face, look.size, &cell.text));
            for (word, whole) in cells.chain([titles]) {
                let most = if column.mono { WORD * 0.8 } else { WORD };
                least[i] = least[i].max(word.min(most));
                wished[i] = wished[i].max(whole);
            }
            wished[i] = wished[i].min(all * MOST).max(least[i]);
        }
        let (needs, wishes): (f64, f64) = (least.iter().sum(), wished.iter().sum());
        if needs >= all {
            return least.iter().map(|width| width * all / needs).collect();
        }
        if wishes <= all {
            let more = (all / wishes.max(1.0)).min(LOOSE);
            return wished.iter().map(|width| width * more).collect();
        }
        let share = (all - needs) / (wishes - needs).max(1.0);
        least.iter().zip(&wished).map(|(least, wished)| least + (wished - least) * share).collect()
    }
}
