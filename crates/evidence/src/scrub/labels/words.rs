//! Taking a text apart into the words that labels are made of.

/// A word: where it is, and how it reads in lower-case ASCII.
pub struct Word {
    pub start: usize,
    pub end: usize,
    pub folded: String,
}

/// The words of a text, also of `camelCase`, `snake_case` and `ACRONYMWord`. Letters without a Latin reading end a word.
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut before: Option<char> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let folded = fold(c);
        if folded.is_empty() {
            before = None;
            continue;
        }
        let next_is_small = chars.peek().is_some_and(|(_, n)| n.is_lowercase());
        let hump = before.is_some_and(|b| c.is_uppercase() && (b.is_lowercase() || next_is_small));
        match words.last_mut() {
            Some(word) if before.is_some() && !hump => {
                word.end = at + c.len_utf8();
                word.folded.push_str(folded);
            }
            _ => words.push(Word { start: at, end: at + c.len_utf8(), folded: folded.to_owned() }),
        }
        before = Some(c);
    }
    words
}

/// A Latin letter without its accent, in lower case; nothing for any other character.
fn fold(c: char) -> &'static str {
    const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";
    if c.is_ascii_alphabetic() {
        let at = usize::from(c.to_ascii_lowercase() as u8 - b'a');
        return &ALPHABET[at..=at];
    }
    match c {
        'à'..='å' | 'À'..='Å' => "a",
        'æ' | 'Æ' => "ae",
        'ç' | 'Ç' => "c",
        'è'..='ë' | 'È'..='Ë' => "e",
        'ì'..='ï' | 'Ì'..='Ï' => "i",
        'ñ' | 'Ñ' => "n",
        'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' => "o",
        'ù'..='ü' | 'Ù'..='Ü' => "u",
        'ý' | 'ÿ' | 'Ý' => "y",
        'ß' => "ss",
        'œ' | 'Œ' => "oe",
        _ => "",
    }
}

/// Whether what stands between two words lets them be one phrase, as in `date_of_birth`, `next of kin`, `driver's` and
/// `n.º de`.
pub fn joins(between: &str) -> bool {
    between.chars().count() <= 3
        && between.chars().all(|c| matches!(c, ' ' | '_' | '-' | '.' | '\'' | '’' | '°' | 'º' | '/' | '\u{a0}'))
        && between.chars().filter(|c| *c == ' ').count() < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_phrases_come_apart() {
        let folded = |text| words(text).into_iter().map(|w| w.folded).collect::<Vec<_>>().join(" ");
        assert_eq!(folded("patientFirstName"), "patient first name");
        assert_eq!(folded("SSNNumber PatientID date_of_birth"), "ssn number patient id date of birth");
        assert_eq!(folded("Führerschein-Nr. Né À Straße"), "fuhrerschein nr ne a strasse");
        assert_eq!(folded("x86_64 东京"), "x");
    }
}
