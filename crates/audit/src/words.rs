//! Times, lengths and numbers as people say them.

use writ_policy::diff::Effect;
use writ_trust::time::Time;

/// An instant for people: `2026-11-23 14:40:56 UTC`, with milliseconds only where they matter.
pub fn when(at: Time) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or(&text).trim_end_matches('Z');
    format!("{} UTC", seconds.replace('T', " "))
}

/// A number with separators between thousands.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 bundle`, `1,204 bundles`, `2 entries`.
pub fn of(n: u64, thing: &str) -> String {
    if let (true, Some(stem)) = (n != 1, thing.strip_suffix("try")) {
        return format!("{} {stem}tries", thousands(n));
    }
    let plural = if thing.ends_with("ch") { "es" } else { "s" };
    format!("{} {thing}{}", thousands(n), if n == 1 { "" } else { plural })
}

/// A length of time as people say it: `3 s`, `12 min`, `1 h 05 min`, `3 d 4 h`.
pub fn lasting(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..=119 => format!("{seconds} s"),
        3600..=172_799 if seconds.is_multiple_of(3600) => format!("{hours} h"),
        120..=7199 if seconds.is_multiple_of(60) => format!("{minutes} min"),
        120..=7199 => format!("{minutes} min {:02} s", seconds % 60),
        7200..=172_799 => format!("{hours} h {:02} min", minutes % 60),
        _ if hours.is_multiple_of(24) => format!("{days} d"),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A length of time in milliseconds: exact below ten seconds, otherwise as [`lasting`] says it.
pub fn lasting_millis(millis: u64) -> String {
    match millis {
        0..=999 => format!("{millis} ms"),
        1000..=9999 => format!("{}.{:02} s", millis / 1000, millis % 1000 / 10),
        _ => lasting(millis.div_ceil(1000)),
    }
}

/// Money, of millionths of a US dollar, exactly: `$0.00`, `$0.0012`, `$1,204.50`.
pub fn dollars(microdollars: u64) -> String {
    let (whole, rest) = (microdollars / 1_000_000, format!("{:06}", microdollars % 1_000_000));
    let cents = rest.trim_end_matches('0');
    format!("${}.{cents:0<2}", thousands(whole))
}

/// A framework as its authors call it, by its name in the `maps` of controls.
pub fn framework(name: &str) -> String {
    match name {
        "soc2" => "SOC 2".to_owned(),
        "nist-800-53" => "NIST SP 800-53".to_owned(),
        other => other.to_uppercase(),
    }
}

/// What a change does to protection, in words.
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Weaker => "weaker",
        Effect::Stronger => "stronger",
        Effect::Unclear => "unclear",
        Effect::Same => "the same",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_times_and_numbers() {
        assert_eq!(when("2026-11-23T14:40:56.123Z".parse().unwrap()), "2026-11-23 14:40:56 UTC");
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([of(1, "bundle"), of(2000, "bundle")], ["1 bundle", "2,000 bundles"]);
        assert_eq!([of(1, "entry"), of(0, "entry")], ["1 entry", "0 entries"]);
    }

    #[test]
    fn money_is_told_to_the_last_millionth() {
        let said = [0, 1, 1200, 500_000, 30_000_000, 1_204_560_000, 1_000_010].map(dollars);
        assert_eq!(said, ["$0.00", "$0.000001", "$0.0012", "$0.50", "$30.00", "$1,204.56", "$1.00001"]);
    }

    #[test]
    fn lengths_are_what_people_say() {
        let said: Vec<String> = [0, 119, 120, 125, 3600, 4200, 7200, 7500, 172_800, 180_000].map(lasting).into();
        let expected = ["0 s", "119 s", "2 min", "2 min 05 s", "1 h", "70 min", "2 h", "2 h 05 min", "2 d", "2 d 2 h"];
        assert_eq!(said, expected);
        assert_eq!([40, 1234, 42_500].map(lasting_millis), ["40 ms", "1.23 s", "43 s"]);
    }
}
