//! Reports as tagged PDF (ISO 32000-1): headings, paragraphs, lists, tables with repeated headers, drawings as vector paths.
//!
//! Pure: a [`model::Document`] in, bytes out, and the same bytes every time; dates come in with the model. Fonts are shipped and
//! embedded, so what is drawn does not depend on the machine that reads it. A character that they do not have is written out as
//! `[U+4E2D]`: seen, and never dropped. Structure (headings, tables with header cells, alternative texts of drawings), language and
//! title are there for screen readers; no claim to conform with PDF/UA is made, for nothing here has judged that.

mod assemble;
mod colour;
mod drawing;
mod file;
mod flow;
mod font;
mod glyphs;
mod metadata;
pub mod model;
mod subset;
mod table;
mod tags;
mod text;

pub use colour::Colour;
pub use model::Document;

/// The bytes of a document.
pub fn render(document: &Document) -> Vec<u8> {
    let mut flow = flow::Flow::new();
    for block in &document.blocks {
        flow.block(block);
    }
    flow.finish(document);
    assemble::assemble(document, flow)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Block, Cell, Column, Row, Table};

    fn document(blocks: Vec<Block>) -> Document {
        Document {
            title: "A title".into(),
            subject: "What it is about".into(),
            language: "en".into(),
            producer: "writ".into(),
            made_at: "2026-11-23T14:40:56Z".into(),
            identifier: [7; 16],
            blocks,
        }
    }

    fn table(words: &[String]) -> Block {
        let cell = |text: &String| Cell { text: text.clone(), link: Some("row".into()) };
        Block::Table(Table {
            caption: "Caption".into(),
            anchor: None,
            columns: vec![Column::default(), Column { numbers: true, ..Column::default() }],
            rows: words.iter().map(|w| Row { anchor: Some("row".into()), cells: vec![cell(w), cell(w)] }).collect(),
        })
    }

    #[test]
    fn nothing_is_dropped_silently() {
        let fonts = glyphs::Fonts::shipped();
        let read = |text: &str| -> String {
            fonts.glyphs(glyphs::Face::Regular, text).iter().map(|glyph| glyph.character).collect()
        };
        assert_eq!(read("Ünï → ≥ Ж\tα"), "Ünï → ≥ Ж α");
        assert_eq!(read("中\u{1f600}\u{202e}\u{0}"), "[U+4E2D][U+1F600][U+202E][U+0000]");
    }

    #[test]
    fn an_empty_document_and_a_long_one_have_pages() {
        let flow_of = |blocks: &[Block]| {
            let mut flow = flow::Flow::new();
            blocks.iter().for_each(|block| flow.block(block));
            flow
        };
        assert_eq!(flow_of(&[]).pages.len(), 1);
        let long = flow_of(&[table(&vec!["word ".repeat(40); 200])]);
        assert!(long.pages.len() > 10, "{}", long.pages.len());
        // A row that is longer than a page goes on on the next one.
        let tall = flow_of(&[table(&["x".repeat(20_000)])]);
        assert!((2..40).contains(&tall.pages.len()), "{}", tall.pages.len());
        let open = |page: &flow::Page| page.content.matches("BDC").count() + page.content.matches("BMC").count();
        assert!(tall.pages.iter().chain(&long.pages).all(|page| open(page) == page.content.matches("EMC").count()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever the words are, they make a document, and the same one again.
        #[test]
        fn any_words_make_the_same_document_twice(words in proptest::collection::vec("\\PC{0,60}|[\\x00-\\x20]{0,9}", 0..12)) {
            let mut blocks = vec![Block::List(words.clone()), table(&words)];
            blocks.extend(words.iter().map(|w| Block::Heading { level: 2, text: w.clone(), anchor: Some(w.clone()) }));
            blocks.extend(words.iter().map(|w| Block::Code(w.clone())));
            let document = document(blocks);
            let bytes = render(&document);
            prop_assert!(bytes.starts_with(b"%PDF-1.7") && bytes.ends_with(b"%%EOF\n"));
            prop_assert_eq!(bytes, render(&document));
        }
    }
}
