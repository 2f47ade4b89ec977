//! Ways to spoil a JSON document.

use writ_trust::json::MAX_DOCUMENT;

/// One spoilt document.
pub struct Bad {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

/// Spoils a good canonical document whose schema this is, each time in one way.
pub fn of(good: &[u8], schema: &str) -> Vec<Bad> {
    let text = std::str::from_utf8(good).unwrap();
    let number = first_number(text);
    let with_number = |new: &str| [&text[..number.0], new, &text[number.1..]].concat();
    let member = |extra: &str| format!("{{{extra},{}", &text[1..]);
    let schema_member = format!("\"schema\":\"{schema}\"");
    assert_eq!(text.matches(&schema_member).count(), 1, "{schema} is not spoilt where it should be");
    let texts = [
        ("nothing", String::new()),
        ("white space alone", " \n\t".to_owned()),
        ("the first half", text[..text.len() / 2].to_owned()),
        ("all but the last byte", text[..text.len() - 1].to_owned()),
        ("something after the end", format!("{text}{{}}")),
        ("twice the document", format!("{text}{text}")),
        ("null", "null".to_owned()),
        ("a list of it", format!("[{text}]")),
        ("an empty object", "{}".to_owned()),
        ("a member that nobody knows", member("\"zzz\":1")),
        ("a member that is a command for a terminal", member("\"\\u001b[2J\":1")),
        ("the schema twice", member(&schema_member)),
        (
            "another schema",
            text.replacen(&schema_member, &format!("\"schema\":\"{}99\"", &schema[..schema.len() - 1]), 1),
        ),
        ("a schema with a line break", text.replacen(&schema_member, "\"schema\":\"writ\\nFAKE: all is well\"", 1)),
        ("no schema", text.replacen(&schema_member, "\"schemata\":1", 1)),
        ("a schema that is a number", text.replacen(&schema_member, "\"schema\":1", 1)),
        ("a float", with_number("1.5")),
        ("a float that is whole", with_number("1.0")),
        ("an exponent", with_number("1e0")),
        ("a number beyond 2^53", with_number("9007199254740993")),
        ("a number below zero", with_number("-1")),
        ("a number in quotes", with_number("\"1\"")),
        ("not a number", with_number("NaN")),
        ("a number with a zero in front", with_number("01")),
        ("a list for a number", with_number("[1]")),
        ("half a surrogate pair", member("\"z\":\"\\ud800\"")),
        ("a comment", format!("// signed\n{text}")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("single quotes", text.replace('"', "'")),
        ("nested without end", format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000))),
        ("too large", format!("{text}{}", " ".repeat(MAX_DOCUMENT + 1 - text.len()))),
    ];
    let mut all: Vec<Bad> = texts.into_iter().map(|(name, text)| Bad { name, bytes: text.into_bytes() }).collect();
    let mut nul = good.to_vec();
    nul.insert(good.len() / 2, 0);
    all.push(Bad { name: "a zero byte", bytes: nul });
    let mut latin = good.to_vec();
    let letter = text.find(schema).unwrap();
    latin[letter] = 0xE9;
    all.push(Bad { name: "not UTF-8", bytes: latin });
    all
}

/// Where the first number of a document stands.
fn first_number(text: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    let start = (1..bytes.len()).find(|i| bytes[i - 1] == b':' && bytes[*i].is_ascii_digit()).unwrap();
    let digits = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    (start, start + digits)
}
