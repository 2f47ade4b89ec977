//! The structure of a document: what screen readers follow (ISO 32000-1, 14.7 and 14.8).

/// Something below an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kid {
    /// Another element.
    Element(usize),
    /// Content of a page, by its number there.
    Content {
        /// The page, from 0.
        page: usize,
        /// The number of the marked content.
        id: usize,
    },
    /// A link of a page, by its position among the page's annotations.
    Link {
        /// The page, from 0.
        page: usize,
        /// The position.
        annotation: usize,
    },
}

/// An element.
#[derive(Debug, Clone)]
pub struct Element {
    /// Its type.
    pub kind: &'static str,
    /// What it is in; none for the document itself.
    pub parent: Option<usize>,
    /// What is in it, in order.
    pub kids: Vec<Kid>,
    /// Further entries of its dictionary.
    pub more: String,
}

/// All elements; the first is the document.
#[derive(Debug)]
pub struct Tree {
    /// The elements.
    pub elements: Vec<Element>,
}

impl Tree {
    /// A document with nothing in it.
    pub fn new() -> Self {
        let document = Element { kind: "Document", parent: None, kids: Vec::new(), more: String::new() };
        Self { elements: vec![document] }
    }

    /// Adds an element behind what its parent has.
    pub fn add(&mut self, parent: usize, kind: &'static str) -> usize {
        self.add_with(parent, kind, String::new())
    }

    /// As [`Tree::add`], with further entries.
    pub fn add_with(&mut self, parent: usize, kind: &'static str, more: String) -> usize {
        let element = self.elements.len();
        self.elements.push(Element { kind, parent: Some(parent), kids: Vec::new(), more });
        self.elements[parent].kids.push(Kid::Element(element));
        element
    }
}
