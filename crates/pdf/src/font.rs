//! Reading a TrueType font (ISO/IEC 14496-22): which glyph a character has, and how wide it is. Only of fonts that are shipped;
//! what one lacks counts as zero.

use std::collections::BTreeMap;

/// A font.
pub struct Font {
    /// Its PostScript name.
    pub name: &'static str,
    /// Units of the em square.
    pub units: u16,
    /// How far it reaches above the line, in units.
    pub ascent: i16,
    /// How far below, in units, negative.
    pub descent: i16,
    /// The box around all glyphs, in units.
    pub bounds: [i16; 4],
    /// Its tables by tag.
    tables: BTreeMap<[u8; 4], &'static [u8]>,
    /// Glyphs of the characters up to U+FFFF; 0 where there is none.
    glyphs: Vec<u16>,
    advances: Vec<u16>,
}

/// A number of two bytes; 0 where there is none.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}

/// A number of four bytes; 0 where there is none.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    u16_at(bytes, at).cast_signed()
}

impl Font {
    /// Reads a font.
    pub fn read(name: &'static str, bytes: &'static [u8]) -> Self {
        let tables = tables(bytes);
        let table = |tag: &[u8; 4]| tables.get(tag).copied().unwrap_or_default();
        let (head, hhea) = (table(b"head"), table(b"hhea"));
        let metrics = usize::from(u16_at(hhea, 34)).max(1);
        let count = usize::from(u16_at(table(b"maxp"), 4));
        let hmtx = table(b"hmtx");
        Self {
            name,
            units: u16_at(head, 18).max(1),
            ascent: i16_at(hhea, 4),
            descent: i16_at(hhea, 6),
            bounds: [36, 38, 40, 42].map(|at| i16_at(head, at)),
            glyphs: characters(table(b"cmap")),
            advances: (0..count).map(|glyph| u16_at(hmtx, 4 * glyph.min(metrics - 1))).collect(),
            tables,
        }
    }

    /// A table of it; empty where there is none.
    pub fn table(&self, tag: &[u8; 4]) -> &'static [u8] {
        self.tables.get(tag).copied().unwrap_or_default()
    }

    /// How many glyphs it has.
    pub fn count(&self) -> usize {
        self.advances.len()
    }

    /// The glyph of a character, if there is one.
    pub fn glyph(&self, character: char) -> Option<u16> {
        self.glyphs.get(character as usize).copied().filter(|glyph| *glyph != 0)
    }

    /// How wide a glyph is, in thousandths of the size.
    pub fn advance(&self, glyph: u16) -> f64 {
        let units = self.advances.get(usize::from(glyph)).copied().unwrap_or(0);
        (f64::from(units) * 1000.0 / f64::from(self.units)).round()
    }

    /// Units in thousandths of the size.
    pub fn thousandths(&self, units: i16) -> i32 {
        i32::from(units) * 1000 / i32::from(self.units)
    }
}

fn tables(bytes: &'static [u8]) -> BTreeMap<[u8; 4], &'static [u8]> {
    let count = usize::from(u16_at(bytes, 4));
    let record = |i: usize| {
        let record = bytes.get(12 + 16 * i..28 + 16 * i)?;
        let tag = <[u8; 4]>::try_from(&record[..4]).ok()?;
        let (from, length) = (u32_at(record, 8) as usize, u32_at(record, 12) as usize);
        Some((tag, bytes.get(from..from + length)?))
    };
    (0..count).filter_map(record).collect()
}

/// The glyphs of the Basic Multilingual Plane by a `cmap` of format 4.
fn characters(cmap: &[u8]) -> Vec<u16> {
    let mut glyphs = vec![0; 0x1_0000];
    let records = (0..usize::from(u16_at(cmap, 2))).map(|i| 4 + 8 * i);
    let unicode = records.map(|at| (u16_at(cmap, at), u16_at(cmap, at + 2), u32_at(cmap, at + 4) as usize));
    let Some((.., from)) = unicode.into_iter().find(|(platform, encoding, _)| (*platform, *encoding) == (3, 1)) else {
        return glyphs;
    };
    let table = cmap.get(from..).unwrap_or_default();
    if u16_at(table, 0) != 4 {
        return glyphs;
    }
    let length = usize::from(u16_at(table, 6));
    for segment in (0..length).step_by(2) {
        let [end, start, delta, offset] =
            [14, 16 + length, 16 + 2 * length, 16 + 3 * length].map(|at| u16_at(table, at + segment));
        for code in start..=end {
            let glyph = if offset == 0 {
                code.wrapping_add(delta)
            } else {
                let at = 16 + 3 * length + segment + usize::from(offset) + 2 * usize::from(code - start);
                match u16_at(table, at) {
                    0 => 0,
                    glyph => glyph.wrapping_add(delta),
                }
            };
            glyphs[usize::from(code)] = glyph;
        }
    }
    glyphs[0xffff] = 0;
    glyphs
}
