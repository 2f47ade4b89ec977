//! From pages and structure to the objects of a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::file::{File, Ref};
use crate::flow::{Bookmark, Flow, HEIGHT, MARGIN, WIDTH};
use crate::font::Font;
use crate::metadata;
use crate::model::Document;
use crate::subset::subset;
use crate::tags::Kid;
use crate::text::string;

/// The objects that others name.
struct Refs {
    pages: Vec<Ref>,
    elements: Vec<Ref>,
    /// By page and position; none where the target is nowhere.
    links: Vec<Vec<Option<Ref>>>,
}

/// The bytes of a document that was laid out.
pub fn assemble(document: &Document, flow: Flow) -> Vec<u8> {
    let mut file = File::default();
    let [catalog, tree, root] = [(); 3].map(|()| file.reserve());
    let refs = Refs {
        pages: flow.pages.iter().map(|_| file.reserve()).collect(),
        elements: flow.tree.elements.iter().map(|_| file.reserve()).collect(),
        links: flow
            .pages
            .iter()
            .map(|page| {
                let known = page.annotations.iter().map(|a| flow.anchors.contains_key(&a.target));
                known.map(|known| known.then(|| file.reserve())).collect()
            })
            .collect(),
    };
    let fonts = fonts(&mut file, &flow);
    let parents = pages(&mut file, &flow, &refs, tree, &fonts);
    let kids: Vec<String> = refs.pages.iter().map(Ref::to_string).collect();
    file.set(tree, format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), kids.len()));
    structure(&mut file, &flow, &refs, root, &parents);
    let outlines = outlines(&mut file, &flow.bookmarks, &refs);
    let metadata = file.add_stream("/Type /Metadata /Subtype /XML", metadata::xmp(document).as_bytes());
    let info = file.add(metadata::info(document));
    let outlines = outlines.map_or_else(String::new, |o| format!("/Outlines {o} /PageMode /UseOutlines "));
    file.set(
        catalog,
        format!(
            "<< /Type /Catalog /Pages {tree} /StructTreeRoot {root} /MarkInfo << /Marked true >> /Lang {} \
             /ViewerPreferences << /DisplayDocTitle true >> {outlines}/Metadata {metadata} >>",
            string(&document.language)
        ),
    );
    file.finish(catalog, info, &document.identifier)
}

/// Pages, their content and their links; gives what the tree of parents says, by key.
fn pages(file: &mut File, flow: &Flow, refs: &Refs, tree: Ref, fonts: &str) -> BTreeMap<usize, String> {
    let mut parents = BTreeMap::new();
    let mut next = flow.pages.len();
    for (i, page) in flow.pages.iter().enumerate() {
        let content = file.add_stream("", page.content.as_bytes());
        let marked: Vec<String> = page.marked.iter().map(|element| refs.elements[*element].to_string()).collect();
        parents.insert(i, format!("[{}]", marked.join(" ")));
        let mut links = String::new();
        for (annotation, link) in page.annotations.iter().zip(&refs.links[i]) {
            let (Some(link), Some((page, y))) = (link, flow.anchors.get(&annotation.target)) else { continue };
            let [left, lower, right, upper] = annotation.area;
            let _ = write!(links, "{link} ");
            file.set(
                *link,
                format!(
                    "<< /Type /Annot /Subtype /Link /Rect [{left:.2} {lower:.2} {right:.2} {upper:.2}] /Border [0 0 0] /F 4 \
                     /Dest [{} /XYZ {MARGIN:.2} {:.2} null] /Contents {} /StructParent {next} >>",
                    refs.pages[*page],
                    y + 4.0,
                    string(&annotation.text)
                ),
            );
            parents.insert(next, refs.elements[annotation.element].to_string());
            next += 1;
        }
        let links = if links.is_empty() { String::new() } else { format!("/Annots [{links}] ") };
        file.set(
            refs.pages[i],
            format!(
                "<< /Type /Page /Parent {tree} /MediaBox [0 0 {WIDTH} {HEIGHT}] /Resources << /Font << {fonts} >> >> \
                 /Contents {content} /StructParents {i} /Tabs /S {links}>>"
            ),
        );
    }
    parents
}

fn structure(file: &mut File, flow: &Flow, refs: &Refs, root: Ref, parents: &BTreeMap<usize, String>) {
    for (element, place) in flow.tree.elements.iter().zip(&refs.elements) {
        let mut kids = String::new();
        for kid in &element.kids {
            let _ = match kid {
                Kid::Element(other) => write!(kids, "{} ", refs.elements[*other]),
                Kid::Content { page, id } => write!(kids, "<</Type /MCR /Pg {} /MCID {id}>> ", refs.pages[*page]),
                Kid::Link { page, annotation } => match refs.links[*page][*annotation] {
                    Some(link) => write!(kids, "<</Type /OBJR /Pg {} /Obj {link}>> ", refs.pages[*page]),
                    None => Ok(()),
                },
            };
        }
        let parent = element.parent.map_or(root, |parent| refs.elements[parent]);
        let (kind, more) = (element.kind, &element.more);
        file.set(*place, format!("<< /Type /StructElem /S /{kind} /P {parent} /K [{kids}] {more} >>"));
    }
    let mut numbers = String::new();
    for (key, value) in parents {
        let _ = write!(numbers, "{key} {value} ");
    }
    let tree = file.add(format!("<< /Nums [{numbers}] >>"));
    file.set(
        root,
        format!(
            "<< /Type /StructTreeRoot /K [{}] /ParentTree {tree} /ParentTreeNextKey {} >>",
            refs.elements[0],
            parents.len()
        ),
    );
}

/// The bookmarks, in two levels: those of level 3 below the last of a higher one.
fn outlines(file: &mut File, bookmarks: &[Bookmark], refs: &Refs) -> Option<Ref> {
    let mut tops: Vec<(&Bookmark, Vec<&Bookmark>)> = Vec::new();
    for bookmark in bookmarks {
        match tops.last_mut() {
            Some((_, below)) if bookmark.level >= 3 => below.push(bookmark),
            _ => tops.push((bookmark, Vec::new())),
        }
    }
    if tops.is_empty() {
        return None;
    }
    let root = file.reserve();
    let places: Vec<Ref> = tops.iter().map(|_| file.reserve()).collect();
    for (i, (bookmark, below)) in tops.iter().enumerate() {
        let inner: Vec<Ref> = below.iter().map(|_| file.reserve()).collect();
        for (j, child) in below.iter().enumerate() {
            let entry = entry(child, places[i], &inner, j, refs, "");
            file.set(inner[j], entry);
        }
        let more = match (inner.first(), inner.last()) {
            (Some(first), Some(last)) => format!("/First {first} /Last {last} /Count -{}", inner.len()),
            _ => String::new(),
        };
        let entry = entry(bookmark, root, &places, i, refs, &more);
        file.set(places[i], entry);
    }
    let (first, last) = (places.first()?, places.last()?);
    file.set(root, format!("<< /Type /Outlines /First {first} /Last {last} /Count {} >>", places.len()));
    Some(root)
}

fn entry(bookmark: &Bookmark, parent: Ref, siblings: &[Ref], i: usize, refs: &Refs, more: &str) -> String {
    let beside = |name: &str, other: Option<&Ref>| other.map_or_else(String::new, |r| format!("/{name} {r} "));
    let previous = beside("Prev", i.checked_sub(1).and_then(|i| siblings.get(i)));
    let next = beside("Next", siblings.get(i + 1));
    format!(
        "<< /Title {} /Parent {parent} {previous}{next}/Dest [{} /XYZ {MARGIN:.2} {:.2} null] {more} >>",
        string(&bookmark.title),
        refs.pages[bookmark.page],
        bookmark.y + 4.0
    )
}

/// The fonts that were drawn with, as entries of resources.
fn fonts(file: &mut File, flow: &Flow) -> String {
    let mut entries = String::new();
    for (i, (font, used)) in flow.fonts.used().enumerate().filter(|(_, (_, used))| !used.is_empty()) {
        let _ = write!(entries, "/F{i} {} ", embedded(file, font, used));
    }
    entries
}

/// A font with the glyphs that were drawn: composite, by glyph numbers (ISO 32000-1, 9.7).
fn embedded(file: &mut File, font: &Font, used: &BTreeMap<u16, char>) -> Ref {
    let bytes = subset(font, used.keys().copied());
    let program = file.add_stream(&format!("/Length1 {}", bytes.len()), &bytes);
    // Six letters say that it is a subset; here they need not tell one subset from another.
    let name = format!("WRITAA+{}", font.name);
    let [left, lower, right, upper] = font.bounds.map(|units| font.thousandths(units));
    let (ascent, descent) = (font.thousandths(font.ascent), font.thousandths(font.descent));
    let descriptor = file.add(format!(
        "<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [{left} {lower} {right} {upper}] /ItalicAngle 0 \
         /Ascent {ascent} /Descent {descent} /CapHeight 729 /StemV 80 /FontFile2 {program} >>"
    ));
    let mut widths = String::new();
    for glyph in used.keys() {
        let _ = write!(widths, "{glyph} [{}] ", font.advance(*glyph));
    }
    let descendant = file.add(format!(
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) \
         /Supplement 0 >> /FontDescriptor {descriptor} /DW 600 /W [{widths}] /CIDToGIDMap /Identity >>"
    ));
    let unicode = file.add_stream("", to_unicode(used).as_bytes());
    file.add(format!(
        "<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H /DescendantFonts [{descendant}] \
         /ToUnicode {unicode} >>"
    ))
}

/// Which characters glyphs stand for, so that text can be searched and read aloud (ISO 32000-1, 9.10.3).
fn to_unicode(used: &BTreeMap<u16, char>) -> String {
    let mut out = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
        /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
        /CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
        1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        .to_owned();
    let all: Vec<(&u16, &char)> = used.iter().collect();
    for some in all.chunks(100) {
        let _ = writeln!(out, "{} beginbfchar", some.len());
        for (glyph, character) in some {
            let mut units = [0; 2];
            let units: String = character.encode_utf16(&mut units).iter().map(|unit| format!("{unit:04X}")).collect();
            let _ = writeln!(out, "<{glyph:04X}> <{units}>");
        }
        out.push_str("endbfchar\n");
    }
    out + "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
}
