//! The little XML that S3 answers in: elements and text, of a bounded size.
//!
//! What it does not use is refused and not skipped: document types, entities of one's own, comments, CDATA. Attributes are read over;
//! of names what stands before a colon is dropped.

/// The largest document, in bytes.
pub const MAX_XML: usize = 4 * 1024 * 1024;
/// The deepest that elements lie within each other.
const MAX_DEPTH: usize = 16;
/// The most elements.
const MAX_ELEMENTS: usize = 50_000;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name, without any prefix.
    pub name: String,
    /// What stands in it beside other elements.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

/// Why bytes are not such a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {why}")]
pub struct XmlError {
    /// Where.
    pub at: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl Element {
    /// The first element of a name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element of a name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }
}

/// Reads a document.
pub fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    let wrong = |at, why| XmlError { at, why };
    if bytes.len() > MAX_XML {
        return Err(wrong(MAX_XML, "it is too large"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| wrong(e.valid_up_to(), "not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Reader { text, at: 0, open: Vec::new(), elements: 0 }.document()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Element>,
    elements: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, why: &'static str) -> XmlError {
        XmlError { at: self.at, why }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn document(mut self) -> Result<Element, XmlError> {
        if self.rest().trim_start().starts_with("<?xml") {
            let end = self.rest().find("?>").ok_or_else(|| self.wrong("its declaration does not end"))?;
            self.at += end + 2;
        }
        loop {
            let rest = self.rest();
            let Some(next) = rest.find('<') else { return Err(self.wrong("it ends within an element")) };
            let between = &rest[..next];
            match self.open.last_mut() {
                Some(element) => {
                    let more =
                        unescaped(between).ok_or(XmlError { at: self.at, why: "an entity that is not known" })?;
                    element.text.push_str(&more);
                }
                None if between.trim().is_empty() => {}
                None => return Err(self.wrong("there is text outside of its element")),
            }
            self.at += next + 1;
            if let Some(root) = self.tag()? {
                if !self.rest().trim().is_empty() {
                    return Err(self.wrong("there is something after its end"));
                }
                return Ok(root);
            }
        }
    }

    /// What stands behind a `<`; the root when it has ended.
    fn tag(&mut self) -> Result<Option<Element>, XmlError> {
        let end = self.end_of_tag()?;
        let inner = &self.rest()[..end];
        let result = if let Some(name) = inner.strip_prefix('/') {
            self.close(local(name.trim_end()))
        } else if inner.starts_with(['!', '?']) {
            return Err(self.wrong("a document type, a comment or an instruction, which no answer needs"));
        } else {
            let (inner, is_empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
            let name = local(inner.split_ascii_whitespace().next().unwrap_or_default());
            self.begin(name)?;
            if is_empty { self.close(name) } else { Ok(None) }
        };
        self.at += end + 1;
        result
    }

    /// How far the `>` is; one within a quoted value is none.
    fn end_of_tag(&self) -> Result<usize, XmlError> {
        let mut quote = None;
        for (at, byte) in self.rest().bytes().enumerate() {
            match (quote, byte) {
                (None, b'>') => return Ok(at),
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'<') => return Err(self.wrong("a `<` within a tag")),
                (Some(open), _) if open == byte => quote = None,
                _ => {}
            }
        }
        Err(self.wrong("a tag does not end"))
    }

    fn begin(&mut self, name: &str) -> Result<(), XmlError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(self.wrong("a name that is none"));
        }
        self.elements += 1;
        if self.open.len() == MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(self.wrong("more elements, or deeper, than any answer has"));
        }
        self.open.push(Element { name: name.to_owned(), ..Element::default() });
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<Option<Element>, XmlError> {
        match self.open.pop() {
            Some(element) if element.name == name => match self.open.last_mut() {
                Some(outer) => {
                    outer.children.push(element);
                    Ok(None)
                }
                None => Ok(Some(element)),
            },
            _ => Err(self.wrong("an element ends that did not begin")),
        }
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The text that stands for itself, or by XML's five entities or a number.
fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let (name, after) = rest[at + 1..].split_once(';').filter(|(name, _)| name.len() <= 8)?;
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_servers_answer_is_read() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/" note="a > b">
  <IsTruncated>false</IsTruncated><Prefix/>
  <s3:Version><Key>a&amp;b&#x2F;c&#33;</Key><Size>5</Size></s3:Version>
</ListVersionsResult>
"#;
        let root = parse(text.as_bytes()).unwrap();
        assert_eq!((root.name.as_str(), root.text_of("IsTruncated")), ("ListVersionsResult", Some("false")));
        assert_eq!(root.text_of("Prefix"), Some(""));
        let version = root.child("Version").unwrap();
        assert_eq!((version.text_of("Key"), version.text_of("Size")), (Some("a&b/c!"), Some("5")));
    }

    #[test]
    fn what_no_answer_needs_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS + 1));
        for bad in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "</a>",
            "<a></a><b/>",
            "<a></a>x",
            "x<a/>",
            "<a",
            "<a b=\"",
            "<>x</>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&x;</a>",
            "<a>&amp</a>",
            "<a>&#xD800;</a>",
            "<a><!-- --></a>",
            "<a><![CDATA[x]]></a>",
            "<a><?x?></a>",
            "<?xml",
            deep.as_str(),
            wide.as_str(),
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:.60}");
        }
        assert!(parse(&[b'<', 0xff]).is_err() && parse(&vec![b' '; MAX_XML + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "[ -~é\n]{0,60}") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
            let root = parse(format!("<a><b>{escaped}</b></a>").as_bytes()).unwrap();
            prop_assert_eq!(&root.child("b").unwrap().text, &text);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
