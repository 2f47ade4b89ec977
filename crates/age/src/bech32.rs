//! Bech32 (BIP 173), as age writes keys: without its limit of 90 characters, which is for addresses.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
const CHECKSUM: usize = 6;

/// The checksum's remainder over five-bit groups.
fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        GENERATOR.iter().enumerate().fold(shifted, |sum, (i, term)| if top >> i & 1 == 1 { sum ^ term } else { sum })
    })
}

/// The human-readable part, as the checksum takes it.
fn expanded(prefix: &str) -> impl Iterator<Item = u8> {
    prefix.bytes().map(|b| b >> 5).chain([0]).chain(prefix.bytes().map(|b| b & 31))
}

/// `prefix`, in small letters, with 32 bytes, in small letters.
pub fn encode(prefix: &str, data: &[u8; 32]) -> Zeroizing<String> {
    // 52 groups of five bits, the last of which has one bit of data.
    let mut groups = Zeroizing::new([0_u8; 52]);
    for bit in 0..256 {
        if data[bit / 8] >> (7 - bit % 8) & 1 == 1 {
            groups[bit / 5] |= 1 << (4 - bit % 5);
        }
    }
    let sum = polymod(expanded(prefix).chain(groups.iter().copied()).chain([0; CHECKSUM])) ^ 1;
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 1 + groups.len() + CHECKSUM));
    text.push_str(prefix);
    text.push('1');
    let sum = (0..CHECKSUM).map(|i| (sum >> (5 * (CHECKSUM - 1 - i)) & 31) as u8);
    for group in groups.iter().copied().chain(sum) {
        text.push(char::from(ALPHABET[usize::from(group)]));
    }
    text
}

/// The 32 bytes behind `prefix`, which is given in small letters; none where the text is not of that form, mixes small and
/// capital letters, or its checksum does not fit.
pub fn decode(prefix: &str, text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mixed = text.bytes().any(|b| b.is_ascii_uppercase()) && text.bytes().any(|b| b.is_ascii_lowercase());
    if mixed || text.len() != prefix.len() + 1 + 52 + CHECKSUM || !text.is_ascii() {
        return None;
    }
    let text = Zeroizing::new(text.to_ascii_lowercase());
    let rest = text.strip_prefix(prefix)?.strip_prefix('1')?;
    let mut groups = Zeroizing::new([0_u8; 52 + CHECKSUM]);
    for (group, byte) in groups.iter_mut().zip(rest.bytes()) {
        *group = u8::try_from(ALPHABET.iter().position(|letter| *letter == byte)?).ok()?;
    }
    if polymod(expanded(prefix).chain(groups.iter().copied())) != 1 {
        return None;
    }
    let mut data = Zeroizing::new([0_u8; 32]);
    for bit in 0..256 {
        if groups[bit / 5] >> (4 - bit % 5) & 1 == 1 {
            data[bit / 8] |= 1 << (7 - bit % 8);
        }
    }
    // The four bits that are left over are nothing.
    (groups[51] & 0b1111 == 0).then_some(data)
}
