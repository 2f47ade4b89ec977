//! Records and messages that carry nothing but patients.

use super::{Pattern, WORD, vouched};

pub fn rows() -> Vec<Pattern> {
    // A segment begins a line, also where the carriage return before it was written as a sign.
    let begins = r"(?:(?-u:\b)|\\[rn]|\\x0[dD]|#015|\^M)";
    vec![
        vouched("secret", r"(?s)(?P<v>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))").hinted(&["PRIVATE KEY"]),
        // HL7 v2 (2.5.1, chapters 3, 4, 6 and 7): whom it is about, who is near, what was found and who pays.
        vouched("record", &format!(r"{begins}(?:PID|PD1|NK1|GT1|IN[123]|MRG|PV[12]|OBX|OBR|ORC|NTE|ACC|ROL|SCH|CTD|FT1|ZPD)\|(?P<v>[^\r\n]+)")).hinted(&["|"]),
        // What an interface says of a field: `PID-3: …`, `PID.5=…`.
        vouched("record", r"(?-u:\b)(?:PID|NK1|GT1|IN[123]|MRG)[-.][0-9]{1,2}(?:\.[0-9]{1,2}){0,2}(?: \([A-Za-z ]*\))?[:=] ?['\x22]?(?P<v>[^\[,;'\x22\r\n]+?)(?:[,;'\x22\r\n]|$| [a-z(]| (?:PID|NK1|GT1|IN[123]|MRG)[-.])").hinted(&["PID", "NK1", "GT1", "IN1", "IN2", "IN3", "MRG"]),
        // X12 (270, 834, 837): names of people, streets, places, birthdays, numbers, telephones.
        vouched("record", r"(?-u:\b)NM1\*[A-Z0-9]{2}\*1\*(?P<v>[^~\r\n]+)").hinted(&["NM1*"]),
        vouched("record", r"(?-u:\b)(?:N3|N4|DMG\*D8|REF\*(?:SY|EI|1W|0F|1L|EJ|6P)|PER\*IC)\*(?P<v>[^~\r\n]+)").hinted(&["N3*", "N4*", "DMG*", "REF*", "PER*"]),
        // PostgreSQL shows rows and parameters as they came.
        vouched("record", r"Failing row contains \((?P<v>[^\r\n]+)").hinted(&["Failing row"]),
        vouched("record", r"\$[0-9]{1,3} = '(?P<v>(?:[^'\r\n]|'')+)'").hinted(&["= '"]),
        vouched("record", r"The duplicate key value is \((?P<v>[^)\r\n]+)\)").hinted(&["duplicate key value is"]),
        // DICOM (PS3.6): patient name, ID, birth date, address, telephone and the like are group 0010.
        vouched("record", r"\(0010,[0-9a-fA-F]{4}\) [A-Z]{2} \[(?P<v>[^\]\r\n]+)").hinted(&["(0010,"]),
        vouched("name", &format!(r"(?P<v>(?:van der |van den |van |von |de |da |del |der |den )?{WORD}(?: {WORD}){{0,2}}\^{WORD}(?:\^[A-Za-z.]*){{0,3}})(?:[^0-9A-Za-z]|$)")).hinted(&["^"]),
        vouched("photo", r"data:image/[a-z+.-]{1,20};base64,[A-Za-z0-9+/=_-]{8,}").hinted(&["data:image"]),
        vouched(
            "secret",
            r#"(?i-u:\b(?:pass(?:word|wd|phrase)|api[_-]?key|secret[_-]?key|access[_-]?token|client[_-]?secret))["']?[ \t]{0,3}[:=][ \t]{0,3}["']?(?P<v>[^\s"',;\[\]]{6,})"#,
        ),
        vouched("secret", r"(?i-u:\b(?:authorization: ?(?:bearer|basic)|bearer token)) (?P<v>[^\s,;\[\]]{6,})"),
    ]
}
