//! The patterns: what is removed, and what is known to be harmless.
//!
//! All are ASCII patterns (`(?-u)` where it matters) of linear-time regular expressions; adding one means adding a row.

use std::sync::LazyLock;

use regex::Regex;

use super::luhn;

/// One thing that is removed. A group named `v` is what goes; without one, the whole match.
pub struct Pattern {
    pub tag: &'static str,
    pub regex: Regex,
    /// A label vouches for it: the allow-list does not protect it.
    pub beats_allowed: bool,
    /// Removed only when asked.
    pub optional: bool,
    /// A last word on the match, such as a check digit.
    pub judge: Option<fn(&str) -> bool>,
}

/// A tag that an earlier round left.
pub static TAG: LazyLock<Regex> = LazyLock::new(|| regex(r"\[scrubbed:[a-z-]+\]"));

/// A date in any common form.
const DATE: &str = r"(?:(?:19|20)[0-9]{2}[-/.]?[01][0-9][-/.]?[0-3][0-9]|[0-3]?[0-9][-/. ][0-3]?[0-9][-/. ](?:(?:19|20)[0-9]{2}|[0-9]{2})|(?i-u:[0-3]?[0-9](?:st|nd|rd|th)?[ -])?(?i-u:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?[ -](?:[0-3]?[0-9](?:st|nd|rd|th)?,?[ -])?(?:19|20)?[0-9]{2})";
/// What stands between a label and its value: `:`, `=`, `#`, quotes, brackets.
const SEP: &str = r#"["']?[ \t]{0,3}(?:[:=#]|is\b|->|,)?[ \t]{0,3}[\["'(]{0,2}"#;
/// As `SEP`, where a label is too common to stand without a separator.
const STRICT: &str = r#"["']?[ \t]{0,3}[:=#^][ \t]{0,3}[\["'(]{0,2}"#;
/// A word of a name, with accents, apostrophes and hyphens.
const WORD: &str = r"[A-ZÀ-ÖØ-Þ][A-Za-zÀ-ÖØ-öø-ÿ'’-]*";

const STATES: &str = "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|PR|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]";
const STREETS: &str = "St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Ln|Lane|Dr|Drive|Ct|Court|Way|Pl|Place|Ter|Terrace|Cir|Circle|Hwy|Highway|Pkwy|Parkway|Trl|Trail";

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("every pattern of the list is tried by a test")
}

fn row(tag: &'static str, pattern: &str) -> Pattern {
    Pattern { tag, regex: regex(pattern), beats_allowed: false, optional: false, judge: None }
}

fn labelled(tag: &'static str, pattern: &str) -> Pattern {
    Pattern { beats_allowed: true, ..row(tag, pattern) }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// What is removed, strongest evidence first: of two that overlap, the earlier wins.
pub static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let b = r"(?-u:\b)";
    let mut rows = vec![
        // Whole records of formats that carry nothing but patients: HL7 v2 segments, X12 names, DICOM names.
        labelled("record", r"(?-u:\b)(?:PID|NK1|GT1|IN1|IN2|MRG|PD1)\|(?P<v>[^\r\n]+)"),
        labelled("record", r"(?-u:\b)NM1\*[A-Z0-9]{2}\*1\*(?P<v>[^~\r\n]+)"),
        labelled("name", r"(?-u:\b)(?P<v>[A-Z][A-Za-z'-]+\^[A-Z][A-Za-z'-]*(?:\^[A-Za-z.]*){0,3})"),
        labelled("secret", r"(?s)(?P<v>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))"),
        labelled(
            "secret",
            r#"(?i-u:\b(?:pass(?:word|wd|phrase)|api[_-]?key|secret[_-]?key|access[_-]?token|client[_-]?secret))["']?[ \t]{0,3}[:=][ \t]{0,3}["']?(?P<v>[^\s"',;\[\]]{6,})"#,
        ),
        labelled("secret", r"(?i-u:\b(?:authorization: ?(?:bearer|basic)|bearer token)) (?P<v>[^\s,;\[\]]{6,})"),
    ];
    rows.push(labelled("ssn", &format!(r"(?i-u:\b(?:ssn|social(?: security)?(?: (?:number|no\.?|num))?)\b){SEP}(?P<v>[0-9]{{3}}[- .]?[0-9]{{2}}[- .]?[0-9]{{4}}){b}")));
    rows.push(labelled(
        "ssn",
        &format!(
            r"(?i-u:\b(?:ssn|social security number) (?:ending|ends|last 4)(?: in| digits)?){SEP}(?P<v>[0-9]{{4}}){b}"
        ),
    ));
    rows.push(row("ssn", r"(?:^|[^0-9A-Za-z.-])(?P<v>[0-9]{3}-[0-9]{2}-[0-9]{4})(?:[^0-9A-Za-z-]|$)"));
    rows.push(Pattern {
        judge: Some(has_digit),
        ..labelled("id", &format!(
            r"(?i-u:\b(?:mrn|m\.r\.n\.|medical[ _-]?record(?:[ _-]?(?:number|num|no\.?|id))?|chart(?:[ _-]?(?:number|num|no\.?|id))|(?:patient|pat|pt|encounter|visit|subject|member|subscriber|beneficiary|insured|guarantor)[ _-]?(?:id(?:entifier)?|number|num|no\.?|#)|(?:health[ _-]?plan|insurance|policy|group|claim|accession|account|acct)[ _-]?(?:id|number|num|no\.?|#)|medicare(?:[ _-]?(?:id|number|no\.?))?|medicaid(?:[ _-]?(?:id|number|no\.?))?|mbi|driver'?s?[ _-]licen[cs]e(?:[ _-]?(?:number|no\.?))?|passport(?:[ _-]?(?:number|no\.?))?)){SEP}(?P<v>[A-Za-z]{{0,5}}[-]?[0-9][A-Za-z0-9-]{{3,24}}){b}"
        ))
    });
    rows.push(labelled("date", &format!(
        r"(?i-u:\b(?:dob|d\.o\.b\.?|date[ _-]of[ _-](?:birth|death|service|admission|discharge)|birth[ _-]?dat?e?|birthday|born(?: on)?|deceased(?: on)?|died(?: on)?|admitted(?: on)?|admission(?:[ _-]date)?|admit[ _-]date|discharged?(?:[ _-]date| on)?|dos|appointment(?: on| date)?)){SEP}(?P<v>{DATE}){b}"
    )));
    rows.push(labelled(
        "age",
        r#"(?i-u:\b(?:age|aged))["']?[ \t]{0,2}[:=]?[ \t]{0,2}(?P<v>9[0-9]|1[01][0-9])(?-u:\b)"#,
    ));
    rows.push(labelled("age", r"(?-u:\b)(?P<v>9[0-9]|1[01][0-9])(?i-u:[ -]?(?:year|yr)s?[ -]old\b|[ -]?y/?o\b)"));
    rows.extend(contacts(b));
    rows.extend(names(b));
    rows.extend(places(b));
    rows.push(Pattern {
        judge: Some(luhn::is_card),
        ..row("card", &format!(r"{b}[2-6][0-9]{{3}}(?:[ -]?[0-9]{{2,6}}){{2,4}}{b}"))
    });
    // A date as people in the United States write it; with a time behind it, it is the stamp of a log line.
    rows.push(row(
        "date",
        r"(?:^|[^0-9A-Za-z/.-])(?P<v>[01]?[0-9]/[0-3]?[0-9]/(?:19|20)[0-9]{2})(?:[.,;)\]\x22']|\s+[^0-9\s]|\s*$)",
    ));
    rows.push(Pattern {
        optional: true,
        ..labelled("machine", &format!(r"{b}(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}{b}"))
    });
    rows.push(Pattern {
        optional: true,
        ..labelled("machine", &format!(r"{b}(?:[0-9A-Fa-f]{{2}}:){{5}}[0-9A-Fa-f]{{2}}{b}"))
    });
    rows.push(Pattern {
        optional: true,
        ..labelled("machine", &format!(r"{b}(?:[0-9A-Fa-f]{{1,4}}:){{2,7}}(?::?[0-9A-Fa-f]{{1,4}}){{1,7}}{b}"))
    });
    rows
});

fn contacts(b: &str) -> Vec<Pattern> {
    vec![
        row(
            "email",
            r"(?-u:\b)(?P<v>[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+){0,4}\.[A-Za-z]{2,24})(?-u:\b)",
        ),
        labelled(
            "phone",
            &format!(
                r"(?i-u:\b(?:phone|telephone|tel|cell|mobile|fax|home|work)(?:[ _-]?(?:number|num|no\.?))?)\.?{STRICT}(?P<v>\+?[0-9(][0-9() .-]{{5,18}}[0-9]){b}"
            ),
        ),
        row(
            "phone",
            r"(?:^|[^0-9A-Za-z.:/-])(?P<v>(?:\+?1[-. ]?)?(?:\([2-9][0-9]{2}\)[-. ]?|[2-9][0-9]{2}[-. ])[0-9]{3}[-. ][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?)(?:[^0-9A-Za-z.-]|[.](?:\s|$)|$)",
        ),
        row("phone", &format!(r"(?:^|[^0-9A-Za-z])(?P<v>\+[0-9]{{1,3}}(?:[ .-]\(?[0-9]{{2,4}}\)?){{2,5}}){b}")),
    ]
}

fn names(b: &str) -> Vec<Pattern> {
    let who = r"(?:patients?|pt|guarantor|subscriber|insured|beneficiary|spouse|mother|father|guardian|next[ _-]of[ _-]kin|emergency[ _-]contact)";
    vec![
        // "patient: Doe, Jane M", "patient_name=jane", "patient Jane Doe".
        labelled(
            "name",
            &format!(
                r"(?i-u:\b{who}(?:[ _-]?(?:full|first|last|middle|legal)?[ _-]?name)?){STRICT}(?P<v>{WORD}(?:,? {WORD}){{0,3}}\.?|[a-z]{{2,}}[ ._][a-z]{{2,}}){b}"
            ),
        ),
        labelled("name", &format!(r"(?i-u:\b{who}(?: name| named)?) (?P<v>{WORD}(?:,? {WORD}){{1,3}}){b}")),
        labelled(
            "name",
            &format!(
                r"(?i-u:\b(?:full|first|last|middle|maiden|sur|family|given|legal|patient|display)[ _-]?name|\b(?:family|given|surname|patientname|patname))(?-u:\b){STRICT}(?P<v>{WORD}(?:[, ]{{1,2}}{WORD}){{0,3}}|[a-z]{{2,}}){b}"
            ),
        ),
        labelled("name", &format!(r"(?i-u:\bname){STRICT}(?P<v>{WORD}(?:,? {WORD}){{1,3}}){b}")),
        // A title before a name.
        labelled("name", &format!(r"{b}(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof)\.? (?P<v>{WORD}(?: {WORD}){{0,2}}){b}")),
    ]
}

fn places(b: &str) -> Vec<Pattern> {
    let unit = r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Floor|#)\.? ?[A-Za-z0-9-]{1,6})?";
    let city = format!(r"(?:,? {WORD}(?: {WORD}){{0,2}},? (?:{STATES})(?: [0-9]{{5}}(?:-[0-9]{{4}})?)?)?");
    vec![
        row(
            "address",
            &format!(
                r"{b}(?P<v>[0-9]{{1,6}}[A-Z]? (?:[NSEW]{{1,2}}\.? )?(?:{WORD} |[0-9]{{1,3}}(?:st|nd|rd|th) ){{1,3}}(?:{STREETS})\b\.?{unit}{city}){b}"
            ),
        ),
        row("address", r"(?-u:\b)(?i-u:p\.?o\.? box) [0-9]{1,7}(?-u:\b)"),
        row("address", &format!(r"{WORD}(?: {WORD}){{0,2}},? (?:{STATES}) [0-9]{{5}}(?:-[0-9]{{4}})?{b}")),
        labelled(
            "address",
            &format!(r"(?i-u:\b(?:zip(?:[ _-]?code)?|postal[ _-]?code)){STRICT}(?P<v>[0-9]{{5}}(?:-[0-9]{{4}})?){b}"),
        ),
        labelled(
            "address",
            &format!(r"(?i-u:\b(?:home|street|mailing|postal)[ _-]address){STRICT}(?P<v>[0-9][^\r\n;|]{{4,80}})"),
        ),
    ]
}

/// What is harmless, although parts of it may look otherwise.
pub static ALLOWED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Digests, store paths, UUIDs.
        r"(?-u:\b)(?:sha256|sha512|sha1|md5|blake2b?)[:-][0-9A-Za-z+/=_-]{16,}",
        r"(?-u:\b)[0-9a-f]{32,}(?-u:\b)",
        r"/nix/store/[0-9a-z]{32}-[0-9A-Za-z+._?=-]+",
        r"(?-u:\b)[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?-u:\b)",
        // Names of algorithms.
        r"(?-u:\b)[a-z0-9-]+@(?:openssh\.com|libssh\.org|lysator\.liu\.se|ssh\.com)(?-u:\b)",
        // Our own names.
        r"(?-u:\b)(?:EB|INC)-[0-9]{8}-[0-9]{4,16}(?-u:\b)",
        r"(?-u:\b)id:[0-9a-f]{32}(?-u:\b)",
        // Times of logs.
        r"(?-u:\b)[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
        r"(?-u:\b)[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}[ T,]{1,2}[0-9]{1,2}:[0-9]{2}",
        // Addresses of machines.
        r"(?-u:\b)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:[/:][0-9]{1,5})?(?-u:\b)",
        r"(?-u:\b)(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?-u:\b)",
    ]
    .into_iter()
    .map(regex)
    .collect()
});
