//! What several generated schemas have in common.

use serde_json::{Value as Json, json};
use writ_policy::values::Values;

/// The draft that all are written in.
pub const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// The largest integer that every JSON reader keeps exact.
const LARGEST: i64 = writ_trust::json::MAX_INTEGER;

/// What a schema is known by.
pub fn id(name: &str) -> String {
    format!("urn:writ:schema:{name}")
}

/// An integer that a document may hold.
pub fn integer() -> Json {
    json!({ "type": "integer", "minimum": -LARGEST, "maximum": LARGEST })
}

/// A string that is not blank.
pub fn text() -> Json {
    json!({ "type": "string", "pattern": "\\S" })
}

/// A duration: a number that keeps within the most that a [`writ_trust::time::Span`] may be, and its unit.
pub fn span() -> Json {
    let units = [
        ("ms", 31_536_000_000_000),
        ("s", 31_536_000_000),
        ("m", 525_600_000),
        ("h", 8_760_000),
        ("d", 365_000),
        ("w", 52_142),
        ("y", 1_000),
    ];
    let units = units.map(|(unit, most)| format!("({}){unit}", at_most(most)));
    json!({ "type": "string", "pattern": format!("^0*({})$", units.join("|")) })
}

/// A pattern of the numbers up to one, without leading zeros but for 0 itself.
fn at_most(most: u64) -> String {
    let digits = most.to_string();
    let length = digits.len();
    let mut ways = vec![digits.clone()];
    if length > 1 {
        ways.push(format!("[0-9]{{1,{}}}", length - 1));
    }
    // Of as many digits: like the greatest up to one digit that is less.
    for (i, digit) in digits.bytes().enumerate() {
        let least = if i == 0 { b'1' } else { b'0' };
        if digit > least {
            let (first, last) = (char::from(least), char::from(digit - 1));
            let rest = length - i - 1;
            ways.push(format!("{}[{first}-{last}][0-9]{{{rest}}}", &digits[..i]));
        }
    }
    ways.join("|")
}

/// Days that there are, from 1970 on, in years of the Gregorian calendar; the hand-written schemas have the same.
const TIME: &str = concat!(
    "^((19[7-9][0-9]|[2-9][0-9]{3})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)",
    "|02-(0[1-9]|1[0-9]|2[0-8]))|(19(7[26]|8[048]|9[26])|[2-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[3579][26])00)-02-29)",
    "T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]{1,9})?Z$",
);

/// An instant.
pub fn time() -> Json {
    json!({ "type": "string", "pattern": TIME })
}

/// A digest.
pub fn digest() -> Json {
    json!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" })
}

/// The name of a site or an appliance.
pub fn name() -> Json {
    json!({ "type": "string", "pattern": "^[a-z0-9-]{3,40}$" })
}

/// Text with which of its values there can be. Those of another program's version are told and not demanded: a newer one
/// may have more.
pub fn text_among(values: Values) -> Json {
    match values {
        Values::Any | Values::Between(..) => json!({ "type": "string" }),
        Values::Closed(values) => json!({ "type": "string", "enum": values }),
        Values::Known(values, _) => json!({ "type": "string", "examples": values }),
        Values::Form(form) => json!({ "type": "string", "pattern": format!("^(?:{})$", form.pattern()) }),
    }
}

/// An integer with which of them there can be.
pub fn integer_among(values: Values) -> Json {
    match values {
        Values::Between(least, most) => {
            json!({ "type": "integer", "minimum": least.max(-LARGEST), "maximum": most.min(LARGEST) })
        }
        _ => integer(),
    }
}

/// An object with exactly these members.
pub fn object(members: impl IntoIterator<Item = (String, Json)>) -> Json {
    let members: serde_json::Map<String, Json> = members.into_iter().collect();
    let required: Vec<String> = members.keys().cloned().collect();
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}

/// The same, or null.
pub fn nullable(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "type": "null" }] })
}
