//! Mail, telephones, addresses on the web; and, when asked, addresses of machines.

use core::net::Ipv6Addr;

use super::{Pattern, judged, row, vouched};
use crate::scrub::judges::phones;

pub fn rows() -> Vec<Pattern> {
    vec![
        row("email", r"(?-u:\b)(?P<v>[A-Za-z0-9À-ÖØ-öø-ÿ._%+'-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+){0,4}\.[A-Za-z]{2,24})(?-u:\b)").hinted(&["@", "%40"]),
        // A page that is a patient's: the path leads to one.
        vouched("url", r#"https?://[A-Za-z0-9.:-]+/(?:[^\s"'<>/?]+/)*(?i-u:patients?|members?|charts?|persons?)/[^\s"'<>/?]*[0-9][^\s"'<>]*"#).hinted(&["://"]),
        Pattern { judge: Some(some_digits), ..vouched("id", r"(?i-u:\b(?:patients?|relatedperson|members?|beneficiary|subscribers?))/(?P<v>[A-Za-z0-9.-]+)") },
        // Anything with a country's prefix.
        judged("phone", phones::international, r"(?:^|[^0-9A-Za-z])(?P<v>\+[1-9][0-9]{0,14}(?:[ .-]?\(0\))?(?:[ .-]?\(?[0-9]{1,12}\)?){0,7}(?: ?x[0-9]{1,6})?)(?-u:\b)").hinted(&["+"]),
    ]
}

/// Telephones of North America, the United Kingdom and France, as they are written at home.
pub fn telephones() -> Vec<Pattern> {
    vec![
        row("phone", r"(?:^|[^0-9A-Za-z.:/-])(?P<v>(?:(?:\+|00)?1[-. ]?)?(?:\([2-9][0-9]{2}\)[-. ]?|[2-9][0-9]{2}[-. ])[0-9]{3}[-. ][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?)(?:[^0-9A-Za-z.-]|[.](?:\s|$)|$)"),
        row("phone", r"(?:^|[^0-9A-Za-z.:/-])(?P<v>\+?00?1[-. ][2-9][0-9]{2}[-. ][0-9]{3}[-. ][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?)(?-u:\b)"),
        judged("phone", phones::national, r"(?:^|[^0-9A-Za-z.:/-])(?P<v>\(0[0-9]{1,5}\)(?:[ .-]?[0-9]{2,8}){1,3}|0[1-9][0-9]{0,4}(?:[ .-][0-9]{2,6}){2,4}|07[0-9]{3}[ -][0-9]{6})(?-u:\b)").hinted(&["(0", " 0", ":0", "=0", "\"0", ">0", ";0", ",0", "\t0", "'0"]),
    ]
}

/// Three digits: no version of an interface, as in `/patients/v2`.
fn some_digits(text: &str) -> Option<usize> {
    (text.bytes().filter(u8::is_ascii_digit).count() > 2).then_some(text.len())
}

/// Addresses of machines: IPv4, MAC, IPv6.
pub fn machines() -> Vec<Pattern> {
    let is_v6 = |text: &str| text.parse::<Ipv6Addr>().is_ok().then_some(text.len());
    [
        vouched("machine", r"(?-u:\b)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?-u:\b)"),
        vouched("machine", r"(?-u:\b)(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?-u:\b)"),
        Pattern {
            judge: Some(is_v6),
            ..vouched("machine", r"(?-u:\b)(?:[0-9A-Fa-f]{1,4}:){1,7}(?::?[0-9A-Fa-f]{1,4}){1,7}(?-u:\b)")
        },
    ]
    .into_iter()
    .map(|pattern| Pattern { optional: true, ..pattern })
    .collect()
}
