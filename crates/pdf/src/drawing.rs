//! Drawings as vector paths, each one figure with words for it.

use crate::flow::{Flow, Look, MARGIN, READABLE};
use crate::glyphs::Face;
use crate::model::{Align, Drawing, Shape};
use crate::text::string;

/// How far the handles of a quarter of a circle stand out, of its radius.
const KAPPA: f64 = 0.552_284_75;

impl Flow {
    /// Adds a drawing.
    pub fn drawing(&mut self, drawing: &Drawing) {
        let scale = READABLE / drawing.width.max(1.0);
        let height = drawing.height * scale;
        self.need(height + 8.0);
        let top = self.y - 4.0;
        let bounds = format!("[{:.2} {:.2} {:.2} {:.2}]", MARGIN, top - height, MARGIN + READABLE, top);
        let more = format!("/Alt {} /A <</O /Layout /Placement /Block /BBox {bounds}>>", string(&drawing.alternative));
        let figure = self.tree.add_with(0, "Figure", more);
        self.open(figure);
        for shape in &drawing.shapes {
            self.shape(shape, scale, top);
        }
        self.close();
        self.y = top - height - 4.0;
    }

    fn shape(&mut self, shape: &Shape, scale: f64, top: f64) {
        let at = |x: f64, y: f64| (MARGIN + x * scale, top - y * scale);
        match shape {
            Shape::Box { x, y, width, height, fill } => {
                let (left, lower) = at(*x, y + height);
                self.fill(left, lower, width * scale, height * scale, *fill);
            }
            Shape::Path { points, width, colour, dashed } => {
                let (colour, width) = (colour.operands(), width * scale);
                let dash = if *dashed { "[3 2] 0" } else { "[] 0" };
                self.draw(format_args!("{colour} RG {width:.2} w {dash} d 1 J 1 j\n"));
                for (i, (x, y)) in points.iter().enumerate() {
                    let ((x, y), operator) = (at(*x, *y), if i == 0 { 'm' } else { 'l' });
                    self.draw(format_args!("{x:.2} {y:.2} {operator}\n"));
                }
                self.draw(format_args!("{}\n", if points.is_empty() { "n" } else { "S" }));
            }
            Shape::Dot { x, y, radius, fill } => {
                let ((x, y), r, k, colour) = (at(*x, *y), radius * scale, radius * scale * KAPPA, fill.operands());
                self.draw(format_args!("{colour} rg {:.2} {y:.2} m\n", x + r));
                let quarters = [
                    (x + r, y + k, x + k, y + r, x, y + r),
                    (x - k, y + r, x - r, y + k, x - r, y),
                    (x - r, y - k, x - k, y - r, x, y - r),
                    (x + k, y - r, x + r, y - k, x + r, y),
                ];
                for (a, b, c, d, e, f) in quarters {
                    self.draw(format_args!("{a:.2} {b:.2} {c:.2} {d:.2} {e:.2} {f:.2} c\n"));
                }
                self.draw(format_args!("f\n"));
            }
            Shape::Text { x, y, size, align, text, colour } => {
                let look = Look { face: Face::Regular, size: size * scale, colour: *colour };
                let line = self.fonts.line(look.face, look.size, text);
                let (x, y) = at(*x, *y);
                let left = match align {
                    Align::Start => x,
                    Align::Middle => x - line.width / 2.0,
                    Align::End => x - line.width,
                };
                self.text(left, y, look, &line);
            }
        }
    }
}
