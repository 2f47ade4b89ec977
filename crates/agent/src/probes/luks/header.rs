//! LUKS headers: version 1 (LUKS On-Disk Format Specification 1.2.3) and version 2 (LUKS2 On-Disk Format Specification 1.1.4).

use std::collections::BTreeMap;

use serde::Deserialize;
use writ_policy::observation::Observation;

/// The most that is read of a header: the largest of version 2.
pub(super) const MAX_HEADER: usize = 4 * 1024 * 1024;
const MAGIC: &[u8] = b"LUKS\xba\xbe";
/// Where a header of version 1 has its eight slots of 48 bytes, and how one begins that is in use.
const SLOTS_AT: usize = 208;
const SLOT: usize = 48;
const IN_USE: [u8; 4] = [0x00, 0xac, 0x71, 0xf3];
/// Where the JSON of version 2 begins.
const JSON_AT: usize = 4096;
/// The cipher that the others are held against.
const STRONGEST: &str = "aes-xts-plain64";

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: &'static str,
    pub(super) cipher: String,
    pub(super) key_bits: i64,
    pub(super) keyslots: i64,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_at_checked(MAGIC.len())?;
        match (magic == MAGIC, rest.get(..2)?) {
            (true, [0, 1]) => Self::first(bytes),
            (true, [0, 2]) => Self::second(bytes),
            _ => None,
        }
    }

    fn first(bytes: &[u8]) -> Option<Self> {
        let name = |at: usize| {
            let field = bytes.get(at..at + 32)?;
            let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
            std::str::from_utf8(&field[..end]).ok()
        };
        let key_bytes = u32::from_be_bytes(bytes.get(108..112)?.try_into().ok()?);
        let slots = bytes.get(SLOTS_AT..SLOTS_AT + 8 * SLOT)?.chunks(SLOT);
        Some(Self {
            format: "LUKS1",
            cipher: format!("{}-{}", name(8)?, name(40)?),
            key_bits: i64::from(key_bytes) * 8,
            keyslots: i64::try_from(slots.filter(|slot| slot.starts_with(&IN_USE)).count()).ok()?,
        })
    }

    fn second(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Metadata {
            keyslots: BTreeMap<String, Keyslot>,
            segments: BTreeMap<String, Segment>,
        }
        #[derive(Deserialize)]
        struct Keyslot {
            key_size: u32,
        }
        #[derive(Deserialize)]
        struct Segment {
            #[serde(default)]
            encryption: String,
        }
        let size = usize::try_from(u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?)).ok()?;
        let json = bytes.get(JSON_AT..size.min(MAX_HEADER))?;
        let end = json.iter().position(|b| *b == 0).unwrap_or(json.len());
        let metadata: Metadata = serde_json::from_slice(&json[..end]).ok()?;
        let ciphers = metadata.segments.into_values().map(|segment| segment.encryption);
        Some(Self {
            format: "LUKS2",
            cipher: weakest(ciphers)?,
            key_bits: metadata.keyslots.values().map(|slot| i64::from(slot.key_size) * 8).min()?,
            keyslots: i64::try_from(metadata.keyslots.len()).ok()?,
        })
    }
}

/// Of several ciphers one that is not the strongest, if there is one.
fn weakest(ciphers: impl Iterator<Item = String>) -> Option<String> {
    let (strong, weak): (Vec<String>, Vec<String>) = ciphers.partition(|cipher| cipher == STRONGEST);
    weak.into_iter().chain(strong).next()
}

/// Shows what headers say; of several what is weakest. `plain` mappings have none.
pub(super) fn show(seen: &mut Observation, headers: &[Header], plain: usize) {
    let formats: Vec<&str> = headers.iter().map(|header| header.format).collect();
    let format = if plain > 0 {
        Some("plain")
    } else {
        formats.iter().find(|format| **format == "LUKS1").or(formats.first()).copied()
    };
    if let Some(format) = format {
        seen.set("format", format);
    }
    // Nothing says what a mapping without a header encrypts with.
    if plain > 0 {
        return;
    }
    if let Some(cipher) = weakest(headers.iter().map(|header| header.cipher.clone())) {
        seen.set("cipher", cipher);
    }
    for (field, least) in [
        ("key_bits", headers.iter().map(|header| header.key_bits).min()),
        ("keyslot_count", headers.iter().map(|header| header.keyslots).min()),
    ] {
        if let Some(least) = least {
            seen.set(field, least);
        }
    }
}

/// What a header alone shows.
pub(in crate::probes) fn observe(bytes: &[u8]) -> Observation {
    let mut seen = Observation::new();
    show(&mut seen, Header::parse(bytes).as_slice(), 0);
    seen
}
