//! The frontend/backend protocol, version 3.0, as far as a start without a password and one simple query go (PostgreSQL
//! documentation, "Message Formats"). Pure.

const VERSION: u32 = 196_608;
/// Terminate.
pub const END: [u8; 5] = [b'X', 0, 0, 0, 4];
/// The longest name or text that is sent.
const LONGEST: usize = 4096;
/// The most columns of a row.
const MAX_COLUMNS: usize = 64;

/// The first message, of which `user` is a part; none where a value cannot be sent.
pub fn start(parameters: &[(&str, &str)]) -> Option<Vec<u8>> {
    let mut body = VERSION.to_be_bytes().to_vec();
    for text in parameters.iter().flat_map(|(name, value)| [name, value]) {
        if text.is_empty() || text.len() > LONGEST || text.contains('\0') {
            return None;
        }
        body.extend(text.bytes().chain([0]));
    }
    body.push(0);
    Some([&length(&body)[..], &body].concat())
}

/// A simple query.
pub fn query(text: &str) -> Vec<u8> {
    let body: Vec<u8> = text.bytes().chain([0]).collect();
    [&b"Q"[..], &length(&body), &body].concat()
}

fn length(body: &[u8]) -> [u8; 4] {
    u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes()
}

struct Message<'a> {
    kind: u8,
    body: &'a [u8],
}

/// The messages that have come whole.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let (kind, size) = (*bytes.first()?, bytes.get(1..5)?);
        let size = usize::try_from(u32::from_be_bytes(size.try_into().ok()?)).ok()?.checked_sub(4)?;
        let body = bytes.get(5..5_usize.checked_add(size)?)?;
        bytes = &bytes[5 + size..];
        Some(Message { kind, body })
    })
}

/// Whether there is nothing more to wait for: the server is ready for another query after ours, has refused us, or asks for
/// what we do not have.
pub fn is_complete(bytes: &[u8]) -> bool {
    let mut ready = 0;
    messages(bytes).any(|message| {
        ready += u32::from(message.kind == b'Z');
        ready == 2 || message.kind == b'E' || asks_for_more(&message)
    })
}

/// Authentication other than "you are who you are".
fn asks_for_more(message: &Message) -> bool {
    message.kind == b'R' && message.body.get(..4) != Some(&[0, 0, 0, 0])
}

/// The one row of the answer.
///
/// # Errors
/// What the server said instead, as text.
pub fn row(bytes: &[u8]) -> Result<Vec<Option<String>>, String> {
    for message in messages(bytes) {
        match message.kind {
            b'E' => return Err(format!("the server says {}", said(message.body))),
            b'D' => return columns(message.body).ok_or_else(|| "a row is cut off".to_owned()),
            _ if asks_for_more(&message) => {
                return Err("the server asks for a password; let it know root by its socket (`peer`)".to_owned());
            }
            _ => {}
        }
    }
    Err("it does not answer as a PostgreSQL server does".to_owned())
}

fn columns(body: &[u8]) -> Option<Vec<Option<String>>> {
    let count = usize::from(u16::from_be_bytes(body.get(..2)?.try_into().ok()?));
    let mut rest = &body[2..];
    if count > MAX_COLUMNS {
        return None;
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let size = i32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
        rest = &rest[4..];
        columns.push(match usize::try_from(size) {
            Ok(size) => {
                let value = rest.get(..size)?;
                rest = &rest[size..];
                Some(String::from_utf8_lossy(value).into_owned())
            }
            // -1 is NULL.
            Err(_) => None,
        });
    }
    Some(columns)
}

/// An error by its code and message: `28000: role "root" does not exist`.
fn said(body: &[u8]) -> String {
    let part = |wanted: u8| {
        let found = body.split(|byte| *byte == 0).find(|part| part.first() == Some(&wanted))?;
        Some(String::from_utf8_lossy(&found[1..]).chars().take(200).collect::<String>())
    };
    format!("{}: {}", part(b'C').unwrap_or_default(), part(b'M').unwrap_or_default())
}
