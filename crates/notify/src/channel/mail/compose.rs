//! A message as mail (RFC 5322, RFC 2045). The same message always comes to the same bytes, its Message-ID among them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use writ_policy::declared::Severity;
use writ_trust::time::Time;

use crate::message::{Message, name_of};

/// The most bytes of text in one encoded word: its base64 fits into 75 characters (RFC 2047).
const WORD: usize = 42;

/// Composes mail with CRLF line ends.
pub fn compose(message: &Message, from: &str, to: &str) -> Vec<u8> {
    let domain = from.rsplit_once('@').map_or("writ", |(_, domain)| domain);
    // What is told of one incident stands together in a mailbox.
    let thread = message.keys.first().map_or_else(|| message.id.clone(), |key| name_of(["thread", key.as_str()]));
    let mut head = vec![
        format!("From: Writ <{from}>"),
        format!("To: <{to}>"),
        format!("Subject: {}", words(&message.subject)),
        format!("Date: {}", date(message.at)),
        format!("Message-ID: <{}@{domain}>", message.id),
        format!("References: <{thread}@{domain}>"),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
    ];
    if message.severity == Severity::Critical {
        head.push("Importance: high".to_owned());
    }
    let plain = message.text.is_ascii() && message.text.lines().all(|line| line.len() <= 900);
    let body = if plain {
        head.push("Content-Transfer-Encoding: 7bit".to_owned());
        message.text.lines().map(|line| format!("{line}\r\n")).collect::<String>()
    } else {
        head.push("Content-Transfer-Encoding: base64".to_owned());
        let encoded = BASE64.encode(message.text.replace('\n', "\r\n"));
        let lines = encoded.as_bytes().chunks(76).map(String::from_utf8_lossy);
        lines.map(|line| format!("{line}\r\n")).collect::<String>()
    };
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}

/// A text in a header: as it is, or in encoded words that are folded.
fn words(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    if text.is_ascii() && text.len() <= 200 && !text.contains("=?") {
        return text;
    }
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64.encode(word))).collect();
    words.join("\r\n ")
}

/// `Sat, 28 Nov 2026 04:33:53 +0000`.
fn date(at: Time) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = at.to_string();
    let days = at.unix_millis().div_euclid(86_400_000);
    let day = usize::try_from(days.rem_euclid(7)).unwrap_or(0);
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    format!(
        "{}, {} {} {} {} +0000",
        DAYS[day],
        text.get(8..10).unwrap_or("01"),
        MONTHS[(month - 1) % 12],
        text.get(..4).unwrap_or("1970"),
        text.get(11..19).unwrap_or("00:00:00")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Way;

    fn message(subject: &str, text: &str) -> Message {
        Message {
            id: "0123456789abcdef0123456789abcdef".into(),
            way: Way::Mail { to: "on-call@msp.example".into() },
            severity: Severity::Critical,
            keys: vec!["clinic-001/front-desk/INC-20261123-0007".into()],
            contact: None,
            kind: "call-0".into(),
            at: "2026-11-28T04:33:53Z".parse().unwrap(),
            subject: subject.into(),
            text: text.into(),
            data: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_same_message_comes_to_the_same_mail() {
        let one = message("The firewall is loaded", "One\nTwo\n");
        let mail = String::from_utf8(compose(&one, "writ@msp.example", "on-call@msp.example")).unwrap();
        assert_eq!(compose(&one, "writ@msp.example", "on-call@msp.example"), mail.as_bytes());
        for line in [
            "Date: Sat, 28 Nov 2026 04:33:53 +0000\r\n",
            "Message-ID: <0123456789abcdef0123456789abcdef@msp.example>\r\n",
            "Subject: The firewall is loaded\r\n",
            "\r\n\r\nOne\r\nTwo\r\n",
        ] {
            assert!(mail.contains(line), "{mail}");
        }
    }

    #[test]
    fn no_text_becomes_a_header_and_no_line_is_too_long() {
        let subject = format!("ä\r\nBcc: all@example {}", "ü".repeat(200));
        let long = "ö".repeat(5_000);
        let mail = String::from_utf8(compose(&message(&subject, &long), "writ@msp.example", "a@b")).unwrap();
        assert!(!mail.contains("\nBcc") && mail.is_ascii(), "{mail}");
        assert!(mail.split("\r\n").all(|line| line.len() <= 200 && !line.contains(['\r', '\n'])), "{mail}");
    }
}
