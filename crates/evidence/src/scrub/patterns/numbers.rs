//! Numbers that their groups or a check digit tell from others, and dates that are no log's.

use super::{Pattern, judged, row, vouched};
use crate::scrub::judges::{dates, luhn, modulo};

pub fn rows() -> Vec<Pattern> {
    vec![
        row("ssn", r"(?:^|[^0-9A-Za-z.-])(?P<v>[0-9]{3}-[0-9]{2}-[0-9]{4})(?:[^0-9A-Za-z-]|$)"),
        vouched(
            "ssn",
            r"(?i-u:\b(?:ssn|social security number) (?:ending|ends|last 4|last four)(?: in| digits)?)[: ]{1,2}(?P<v>[0-9]{4})(?-u:\b)",
        ),
        // United Kingdom: national insurance number, also a temporary one.
        row("ssn", r"(?-u:\b)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-DT](?-u:\b)"),
        judged("id", modulo::nhs, r"(?:^|[^0-9A-Za-z.+-])(?P<v>[0-9]{3}[ -][0-9]{3}[ -][0-9]{4})(?-u:\b)"),
        // France, Germany, Spain.
        judged(
            "ssn",
            modulo::nir,
            r"(?-u:\b)[1-478] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?-u:\b)",
        ),
        judged("ssn", modulo::nir, r"(?-u:\b)[1-478][0-9]{4}[0-9][0-9AB][0-9]{8}(?-u:\b)"),
        judged("ssn", modulo::rvnr, r"(?-u:\b)[0-9]{2} ?[0-9]{6} ?[A-Z] ?[0-9]{3}(?-u:\b)"),
        judged("ssn", modulo::dni, r"(?-u:\b)(?:[0-9]{8}|[XYZ][0-9]{7})-?[A-HJ-NP-TV-Z](?-u:\b)"),
        judged("id", modulo::kvnr, r"(?-u:\b)[A-Z][0-9]{9}(?-u:\b)"),
        // Medicare beneficiary identifier: the places of its letters are published, and leave six out.
        row(
            "id",
            r"(?-u:\b)[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}(?-u:\b)",
        ),
        judged("account", modulo::iban, r"(?-u:\b)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?-u:\b)"),
        judged("card", luhn::card, r"(?-u:\b)[2-6][0-9]{3}(?:[ -]?[0-9]{2,6}){2,4}(?-u:\b)"),
        judged("vehicle", modulo::vin, r"(?-u:\b)[A-HJ-NPR-Z0-9]{17}(?-u:\b)"),
        // Unique device identification (21 CFR 801 subpart B), as GS1 writes it.
        row("device", r"\(01\)[0-9]{14}(?:\([0-9]{2,4}\)[A-Za-z0-9./-]{1,20}){0,8}").hinted(&["(01)"]),
        vouched("age", r#"(?i-u:\b(?:age|aged))["']?[ \t]{0,2}[:=]?[ \t]{0,2}(?P<v>9[0-9]|1[01][0-9])(?-u:\b)"#),
        vouched(
            "age",
            r"(?-u:\b)(?P<v>9[0-9]|1[01][0-9])(?:(?i-u:[ -]?(?:year|yr)s?[ -]old\b|[ -]?y/?o\b)| Jahre alt| ans(?-u:\b)| años)",
        ),
    ]
}

/// Dates that stand alone. One with a time behind it is the stamp of a log, and one of this century in ISO 8601 could be.
pub fn dates() -> Vec<Pattern> {
    let behind = r"(?:[.,;:)\]}|<&\x22'-]|\s+[^0-9\s]|\s*$)";
    let months = "January|February|March|April|June|July|August|September|October|November|December|Januar|Februar|März|Mai|Juni|Juli|Oktober|Dezember|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre";
    vec![
        judged(
            "date",
            dates::numeric,
            &format!(r"(?:^|[^0-9A-Za-z/.-])(?P<v>[0-3]?[0-9]/[0-3]?[0-9]/(?:19|20)[0-9]{{2}}){behind}"),
        ),
        judged(
            "date",
            dates::numeric,
            r"(?:^|[^0-9A-Za-z/.-])(?P<v>[0-3]?[0-9]\.[01]?[0-9]\.(?:19|20)[0-9]{2})(?:[,;:)\]}|<&\x22'-]|\.(?:\s|$)|\s+[^0-9\s]|\s*$)",
        ),
        judged(
            "date",
            dates::long_ago,
            &format!(r"(?:^|[^0-9A-Za-z/.:-])(?P<v>19[0-9]{{2}}-[01][0-9]-[0-3][0-9]){behind}"),
        ),
        row(
            "date",
            &format!(
                r"(?-u:\b)[0-3]?[0-9](?:st|nd|rd|th|er)?\.? (?:de )?(?:{months}) (?:de )?(?:19|20)[0-9]{{2}}(?-u:\b)"
            ),
        ),
        row("date", &format!(r"(?-u:\b)(?:{months}|May) [0-3]?[0-9](?:st|nd|rd|th)?, (?:19|20)[0-9]{{2}}(?-u:\b)")),
    ]
}
