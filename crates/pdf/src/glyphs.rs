//! From words to glyphs, and from glyphs to lines.

use std::collections::BTreeMap;

use crate::font::Font;

/// The faces that are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// For reading.
    Regular,
    /// For headings.
    Bold,
    /// Of one width.
    Mono,
}

/// A glyph of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glyph {
    /// Its number in the font.
    pub id: u16,
    /// The character it stands for.
    pub character: char,
    /// How wide, in thousandths of the size.
    pub advance: f64,
}

/// A line of glyphs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// The glyphs.
    pub glyphs: Vec<Glyph>,
    /// How wide, in points.
    pub width: f64,
}

impl Line {
    fn push(&mut self, glyph: Glyph, size: f64) {
        self.glyphs.push(glyph);
        self.width += glyph.advance * size / 1000.0;
    }
}

/// The fonts, and which glyphs of them were drawn.
pub struct Fonts {
    faces: [Font; 3],
    used: [BTreeMap<u16, char>; 3],
}

impl Fonts {
    /// The fonts that are shipped.
    pub fn shipped() -> Self {
        let faces = [
            Font::read("DejaVuSansCondensed", include_bytes!("../fonts/DejaVuSansCondensed.ttf")),
            Font::read("DejaVuSansCondensed-Bold", include_bytes!("../fonts/DejaVuSansCondensed-Bold.ttf")),
            Font::read("DejaVuSansMono", include_bytes!("../fonts/DejaVuSansMono.ttf")),
        ];
        Self { faces, used: Default::default() }
    }

    /// Each font with the glyphs that were drawn, and a character of each.
    pub fn used(&self) -> impl Iterator<Item = (&Font, &BTreeMap<u16, char>)> {
        self.faces.iter().zip(&self.used)
    }

    /// Remembers that a line is drawn.
    pub fn draw(&mut self, face: Face, line: &Line) {
        for glyph in &line.glyphs {
            let character = self.used[face as usize].entry(glyph.id).or_insert(glyph.character);
            *character = glyph.character.min(*character);
        }
    }

    /// The glyphs of a text. White space is a space; what the font has not is written out.
    pub fn glyphs(&self, face: Face, text: &str) -> Vec<Glyph> {
        let font = &self.faces[face as usize];
        let mut glyphs = Vec::with_capacity(text.len());
        let mut push = |character: char| {
            let id = font.glyph(character);
            glyphs.extend(id.map(|id| Glyph { id, character, advance: font.advance(id) }));
            id.is_some()
        };
        for character in text.chars() {
            let character = if matches!(character, '\n' | '\r' | '\t') { ' ' } else { character };
            if !push(character) {
                format!("[U+{:04X}]", u32::from(character)).chars().for_each(|c| {
                    push(c);
                });
            }
        }
        glyphs
    }

    /// A text as one line, however long.
    pub fn line(&self, face: Face, size: f64, text: &str) -> Line {
        let mut line = Line::default();
        self.glyphs(face, text).into_iter().for_each(|glyph| line.push(glyph, size));
        line
    }

    /// A text as lines of at most a width: broken at spaces, and within words that are wider. Never without a line.
    pub fn wrap(&self, face: Face, size: f64, text: &str, width: f64) -> Vec<Line> {
        let glyphs = self.glyphs(face, text);
        let space = self.glyphs(face, " ").first().copied();
        let (mut lines, mut line) = (Vec::new(), Line::default());
        for word in glyphs.split(|glyph| glyph.character == ' ').filter(|word| !word.is_empty()) {
            let wide: f64 = word.iter().map(|glyph| glyph.advance * size / 1000.0).sum();
            let gap = space.map_or(0.0, |space| space.advance * size / 1000.0);
            if !line.glyphs.is_empty() {
                if line.width + gap + wide > width {
                    lines.push(std::mem::take(&mut line));
                } else if let Some(space) = space {
                    line.push(space, size);
                }
            }
            for glyph in word {
                if !line.glyphs.is_empty() && line.width + glyph.advance * size / 1000.0 > width {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(*glyph, size);
            }
        }
        if !line.glyphs.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// How wide the widest word of a text is, and the whole text, in points.
    pub fn extent(&self, face: Face, size: f64, text: &str) -> (f64, f64) {
        let wide = |glyphs: &[Glyph]| glyphs.iter().map(|glyph| glyph.advance * size / 1000.0).sum::<f64>();
        let glyphs = self.glyphs(face, text);
        let words = glyphs.split(|glyph| glyph.character == ' ').map(wide);
        (words.fold(0.0, f64::max), wide(&glyphs))
    }
}
