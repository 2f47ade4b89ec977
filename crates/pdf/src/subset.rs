//! A font with only those outlines that are drawn. Glyphs keep their numbers; the others are empty, and take nothing once packed.

use std::collections::BTreeSet;

use crate::font::{Font, u16_at, u32_at};

/// Flags of a part of a composite glyph (ISO/IEC 14496-22, `glyf`).
const WORDS: u16 = 0x01;
const SCALE: u16 = 0x08;
const MORE: u16 = 0x20;
const TWO_SCALES: u16 = 0x40;
const MATRIX: u16 = 0x80;

/// The file of a font with these glyphs, and what they are made of.
pub fn subset(font: &Font, wanted: impl Iterator<Item = u16>) -> Vec<u8> {
    let outlines =
        Outlines { glyf: font.table(b"glyf"), loca: font.table(b"loca"), long: u16_at(font.table(b"head"), 50) == 1 };
    let mut kept = BTreeSet::new();
    let mut waiting: Vec<u16> = std::iter::once(0).chain(wanted).collect();
    while let Some(glyph) = waiting.pop() {
        if kept.insert(glyph) {
            waiting.extend(outlines.parts(glyph));
        }
    }
    let (mut glyf, mut loca) = (Vec::new(), Vec::new());
    let place = |glyf: &Vec<u8>| u32::try_from(glyf.len()).unwrap_or(u32::MAX).to_be_bytes();
    for glyph in 0..u16::try_from(font.count()).unwrap_or(u16::MAX) {
        loca.extend(place(&glyf));
        if kept.contains(&glyph) {
            glyf.extend_from_slice(outlines.of(glyph));
            glyf.resize(glyf.len().next_multiple_of(4), 0);
        }
    }
    loca.extend(place(&glyf));
    let mut head = font.table(b"head").to_vec();
    // The sum over the whole file is set below; offsets are long from here on.
    if let Some(sum) = head.get_mut(8..12) {
        sum.fill(0);
    }
    if let Some(long) = head.get_mut(50..52) {
        long.copy_from_slice(&[0, 1]);
    }
    let copied = |tag: &[u8; 4]| font.table(tag).to_vec();
    assemble(&[
        (*b"glyf", glyf),
        (*b"head", head),
        (*b"hhea", copied(b"hhea")),
        (*b"hmtx", copied(b"hmtx")),
        (*b"loca", loca),
        (*b"maxp", copied(b"maxp")),
    ])
}

struct Outlines {
    glyf: &'static [u8],
    loca: &'static [u8],
    long: bool,
}

impl Outlines {
    fn of(&self, glyph: u16) -> &'static [u8] {
        let place = |glyph: usize| match self.long {
            true => u32_at(self.loca, 4 * glyph) as usize,
            false => 2 * usize::from(u16_at(self.loca, 2 * glyph)),
        };
        self.glyf.get(place(glyph.into())..place(usize::from(glyph) + 1)).unwrap_or_default()
    }

    /// The glyphs that one is made of.
    fn parts(&self, glyph: u16) -> Vec<u16> {
        let outline = self.of(glyph);
        let mut parts = Vec::new();
        if !u16_at(outline, 0).cast_signed().is_negative() {
            return parts;
        }
        let mut at = 10;
        while at + 4 <= outline.len() {
            let flags = u16_at(outline, at);
            parts.push(u16_at(outline, at + 2));
            at += 4 + if flags & WORDS == 0 { 2 } else { 4 };
            at += match flags {
                f if f & SCALE != 0 => 2,
                f if f & TWO_SCALES != 0 => 4,
                f if f & MATRIX != 0 => 8,
                _ => 0,
            };
            if flags & MORE == 0 {
                break;
            }
        }
        parts
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(4).map(|chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        u32::from_be_bytes(word)
    });
    words.fold(0, u32::wrapping_add)
}

/// A font file of tables in the order of their tags.
fn assemble(tables: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let count = u16::try_from(tables.len()).unwrap_or(u16::MAX);
    let power = count.max(1).ilog2();
    let range = 16 * (1_u16 << power);
    let mut file = vec![0, 1, 0, 0];
    for number in [count, range, u16::try_from(power).unwrap_or(0), 16 * count - range] {
        file.extend(number.to_be_bytes());
    }
    let mut at = u32::from(12 + 16 * count);
    for (tag, bytes) in tables {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        file.extend(tag);
        for number in [sum(bytes), at, length] {
            file.extend(number.to_be_bytes());
        }
        at = at.saturating_add(length).next_multiple_of(4);
    }
    let mut head_at = None;
    for (tag, bytes) in tables {
        if tag == b"head" {
            head_at = Some(file.len());
        }
        file.extend_from_slice(bytes);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    let adjustment = 0xb1b0_afba_u32.wrapping_sub(sum(&file));
    if let Some(place) = head_at.and_then(|at| file.get_mut(at + 8..at + 12)) {
        place.copy_from_slice(&adjustment.to_be_bytes());
    }
    file
}
