//! The file: objects, packed into streams of objects, and the table that says where each is (ISO 32000-1, 7.5.7 and 7.5.8).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The number of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ref(usize);

impl std::fmt::Display for Ref {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} 0 R", self.0)
    }
}

enum Body {
    Plain(String),
    Stream(String, Vec<u8>),
}

/// How many objects one stream of objects holds.
const PACKED: usize = 200;

/// A file in the making.
#[derive(Default)]
pub struct File {
    bodies: Vec<Option<Body>>,
}

/// Where an object is.
enum Place {
    /// Free, as the first always is.
    Free,
    /// At an offset.
    At(usize),
    /// In a stream of objects, at a position.
    Within(usize, usize),
}

impl File {
    /// An object to be given later.
    pub fn reserve(&mut self) -> Ref {
        self.bodies.push(None);
        Ref(self.bodies.len())
    }

    /// Gives an object that was reserved.
    pub fn set(&mut self, place: Ref, text: String) {
        self.bodies[place.0 - 1] = Some(Body::Plain(text));
    }

    /// Gives a stream that was reserved: the entries of its dictionary but for its length and filter, and its bytes.
    pub fn set_stream(&mut self, place: Ref, entries: &str, bytes: &[u8]) {
        self.bodies[place.0 - 1] = Some(Body::Stream(entries.to_owned(), bytes.to_vec()));
    }

    /// An object.
    pub fn add(&mut self, text: String) -> Ref {
        let place = self.reserve();
        self.set(place, text);
        place
    }

    /// A stream, as [`File::set_stream`].
    pub fn add_stream(&mut self, entries: &str, bytes: &[u8]) -> Ref {
        let place = self.reserve();
        self.set_stream(place, entries, bytes);
        place
    }

    /// The bytes of the file.
    pub fn finish(self, catalog: Ref, info: Ref, identifier: &[u8; 16]) -> Vec<u8> {
        // The comment tells programs that carry files that this is not text.
        let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
        let mut places = vec![Place::Free];
        places.extend(self.bodies.iter().map(|_| Place::Free));
        let mut plain = Vec::new();
        for (i, body) in self.bodies.iter().enumerate() {
            match body {
                Some(Body::Plain(text)) => plain.push((i + 1, text.as_str())),
                Some(Body::Stream(entries, bytes)) => {
                    places[i + 1] = Place::At(out.len());
                    write_stream(&mut out, i + 1, entries, bytes);
                }
                None => plain.push((i + 1, "null")),
            }
        }
        for pack in plain.chunks(PACKED) {
            let number = places.len();
            let (mut table, mut objects) = (String::new(), String::new());
            for (position, (object, text)) in pack.iter().enumerate() {
                table.push_str(&format!("{object} {} ", objects.len()));
                objects.push_str(text);
                objects.push('\n');
                places[*object] = Place::Within(number, position);
            }
            places.push(Place::At(out.len()));
            let entries = format!("/Type /ObjStm /N {} /First {}", pack.len(), table.len());
            write_stream(&mut out, number, &entries, (table + &objects).as_bytes());
        }
        let (number, start) = (places.len(), out.len());
        places.push(Place::At(start));
        let mut table = Vec::with_capacity(places.len() * 7);
        for place in &places {
            let (kind, first, second) = match place {
                Place::Free => (0, 0, u16::MAX.into()),
                Place::At(offset) => (1, *offset, 0),
                Place::Within(stream, position) => (2, *stream, *position),
            };
            table.push(kind);
            table.extend(u32::try_from(first).unwrap_or(u32::MAX).to_be_bytes());
            table.extend(u16::try_from(second).unwrap_or(u16::MAX).to_be_bytes());
        }
        let id: String = identifier.iter().map(|byte| format!("{byte:02X}")).collect();
        let entries =
            format!("/Type /XRef /Size {} /W [1 4 2] /Root {catalog} /Info {info} /ID [<{id}> <{id}>]", places.len());
        write_stream(&mut out, number, &entries, &table);
        out.extend(format!("startxref\n{start}\n%%EOF\n").bytes());
        out
    }
}

fn write_stream(out: &mut Vec<u8>, number: usize, entries: &str, bytes: &[u8]) {
    let packed = pack(bytes);
    let head = format!("{number} 0 obj\n<< {entries} /Filter /FlateDecode /Length {} >>\nstream\n", packed.len());
    out.extend(head.bytes());
    out.extend(packed);
    out.extend(b"\nendstream\nendobj\n");
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    // Writing into memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
