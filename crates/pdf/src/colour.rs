//! Colours.

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// What is read.
    pub const INK: Self = Self(0x1b, 0x24, 0x30);
    /// What stands back.
    pub const SOFT: Self = Self(0x55, 0x60, 0x6e);
    /// Lines between rows.
    pub const LINE: Self = Self(0xd9, 0xde, 0xe5);
    /// Headings' rules and links.
    pub const ACCENT: Self = Self(0x1f, 0x4e, 0x79);

    /// As operands of `rg` or `RG`.
    pub(crate) fn operands(self) -> String {
        let part = |value: u8| f64::from(value) / 255.0;
        format!("{:.3} {:.3} {:.3}", part(self.0), part(self.1), part(self.2))
    }
}
