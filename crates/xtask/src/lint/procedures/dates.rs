//! Days as documents write them: `YYYY-MM-DD`.

/// Year, month and day of a date that there is.
pub fn parse(text: &str) -> Option<(u32, u32, u32)> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    let number = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    ((1..=12).contains(&month) && (1..=length(year, month)).contains(&day)).then_some((year, month, day))
}

fn length(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The same day so many months later, or the last of that month.
pub fn later(date: &str, months: u32) -> Option<String> {
    let (year, month, day) = parse(date)?;
    let months = year * 12 + month - 1 + months;
    let (year, month) = (months / 12, months % 12 + 1);
    Some(format!("{year:04}-{month:02}-{:02}", day.min(length(year, month))))
}

#[test]
fn days_of_the_calendar() {
    for bad in ["2026-02-29", "2026-13-01", "2026-1-01", "2026-01-00", "26-01-01", "2026-01", "+026-01-01"] {
        assert_eq!(parse(bad), None, "{bad}");
    }
    assert_eq!(parse("2028-02-29"), Some((2028, 2, 29)));
    assert_eq!(later("2026-11-30", 3).as_deref(), Some("2027-02-28"));
    assert_eq!(later("2026-12-01", 1).as_deref(), Some("2027-01-01"));
    assert_eq!(later("2028-02-29", 12).as_deref(), Some("2029-02-28"));
}
