//! QR codes (ISO/IEC 18004) for a terminal and for a page.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

use crate::failure::{Failure, Outcome};

/// The light border that readers ask for, in modules (ISO/IEC 18004 §9.1).
const QUIET: usize = 4;
/// The border on a terminal: dark around it is more than none, and lines are dear there.
const QUIET_ON_TERMINAL: usize = 2;

/// A QR code: a square of dark and light modules.
pub struct Matrix {
    side: usize,
    dark: Vec<bool>,
}

impl Matrix {
    /// The code of a text; a twelfth of it may be unreadable.
    pub fn of(text: &str) -> Outcome<Self> {
        let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::L)
            .map_err(|e| Failure::refused("this does not fit into a QR code").because(e))?;
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Ok(Self { side: code.width(), dark })
    }

    /// Whether a module is dark; all around the code is light.
    fn is_dark(&self, column: Option<usize>, row: Option<usize>) -> bool {
        match (column, row) {
            (Some(column), Some(row)) if column < self.side && row < self.side => self.dark[row * self.side + column],
            _ => false,
        }
    }

    /// Lines of half blocks, two rows of modules in each. On a dark terminal what is drawn is light; `inverted` is for a light one.
    pub fn lines(&self, inverted: bool) -> Vec<String> {
        let around = self.side + 2 * QUIET_ON_TERMINAL;
        let is_drawn = |column: usize, row: usize| {
            let inside = |at: usize| at.checked_sub(QUIET_ON_TERMINAL);
            row < around && self.is_dark(inside(column), inside(row)) == inverted
        };
        let pair = |column: usize, row: usize| match (is_drawn(column, row), is_drawn(column, row + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..around).step_by(2).map(|row| (0..around).map(|column| pair(column, row)).collect()).collect()
    }

    /// The side in modules, with the light border.
    pub fn side(&self) -> usize {
        self.side + 2 * QUIET
    }

    /// What an SVG path draws for the dark modules, one unit each, with the border around.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for row in 0..self.side {
            let mut column = 0;
            while column < self.side {
                let run = (column..self.side).take_while(|at| self.is_dark(Some(*at), Some(row))).count();
                if run > 0 {
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", column + QUIET, row + QUIET);
                }
                column += run.max(1);
            }
        }
        path
    }

    /// A whole SVG file, titled.
    pub fn svg(&self, title: &str) -> String {
        let (side, path) = (self.side(), self.path());
        let title: String = title.chars().filter(|c| !matches!(c, '<' | '>' | '&') && !c.is_control()).collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"{0}\" height=\"{0}\" \
             shape-rendering=\"crispEdges\" role=\"img\"><title>{title}</title>\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>\n",
            side * 6
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a code back by a reader that is not ours.
    fn scanned(dark: impl Fn(usize, usize) -> bool, side: usize) -> String {
        // As a camera sees it: some pixels for each module.
        const PIXELS: usize = 4;
        let shade = |x: usize, y: usize| if dark(x / PIXELS, y / PIXELS) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * PIXELS, side * PIXELS, shade);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn what_is_drawn_is_scanned() {
        let text = "WRIT:CLAIM/00:00:5E:00:53:01/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF29B1/CLINIC-001";
        let matrix = Matrix::of(text).unwrap();
        assert!(matrix.side <= 37, "{}: it is shown on a console of 25 lines", matrix.side);
        for inverted in [false, true] {
            let lines: Vec<Vec<char>> = matrix.lines(inverted).iter().map(|line| line.chars().collect()).collect();
            assert!(lines.len() <= 21 && lines[0].len() <= 41, "{} {}", lines.len(), lines[0].len());
            let dark = |x: usize, y: usize| {
                let Some(half) = y.checked_sub(2).zip(x.checked_sub(2)) else { return false };
                let Some(c) = lines.get(half.0 / 2).and_then(|line| line.get(half.1)) else { return false };
                let drawn = match c {
                    '█' => true,
                    '▀' => half.0 % 2 == 0,
                    '▄' => half.0 % 2 == 1,
                    _ => false,
                };
                drawn == inverted && half.0 < matrix.side + 4
            };
            assert_eq!(scanned(dark, matrix.side + 8), text, "inverted: {inverted}");
        }
        let runs: Vec<(usize, usize, usize)> = matrix
            .path()
            .split('M')
            .skip(1)
            .map(|run| {
                let numbers: Vec<usize> =
                    run.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
                (numbers[0], numbers[1], numbers[2])
            })
            .collect();
        let dark =
            |x: usize, y: usize| runs.iter().any(|(from, row, run)| *row == y && (*from..from + run).contains(&x));
        assert_eq!(scanned(dark, matrix.side()), text);
        assert!(
            matrix.svg("a<b>").contains("<title>ab</title>")
                && matrix.svg("").contains(&format!("viewBox=\"0 0 {0} {0}\"", matrix.side()))
        );
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(Matrix::of(&"x".repeat(5_000)).is_err());
    }
}
