//! Maintenance windows in words, since nobody reads what they are made of.

use serde_json::{Map, Value as Json};

use super::Change;
use crate::settings::{Day, Window};

/// Says of a change of the windows what both sides come to, each window in the time zone of its side.
pub(super) fn worded(changes: &mut [Change], before: &Map<String, Json>, after: &Map<String, Json>) {
    for change in changes.iter_mut() {
        match change.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["settings", "maintenance", "windows"] => {
                let sides = (entries(&change.before, before), entries(&change.after, after));
                change.entries = sides.0.zip(sides.1).map(|(was, is)| [was, is]);
            }
            ["settings", "time_zone"] if windows(after) && windows(before) => {
                change.why = Some("maintenance windows and duties move with it".into());
            }
            _ => {}
        }
    }
}

fn windows(settings: &Map<String, Json>) -> bool {
    let windows = settings.get("maintenance").and_then(|maintenance| maintenance.get("windows"));
    windows.and_then(Json::as_array).is_some_and(|windows| !windows.is_empty())
}

/// None where one of them is no window.
fn entries(windows: &Option<Json>, settings: &Map<String, Json>) -> Option<Vec<String>> {
    let windows: Vec<Window> = serde_json::from_value(windows.clone()?).ok()?;
    let zone = settings.get("time_zone").and_then(Json::as_str).unwrap_or("in no time zone");
    Some(windows.iter().map(|window| words(window, zone)).collect())
}

/// `Sundays 02:00–06:00 America/New_York (switch, reboot)`
fn words(window: &Window, zone: &str) -> String {
    let allows: Vec<String> = window.allows.iter().filter_map(name).collect();
    format!("{} {}–{} {zone} ({})", days(&window.days), window.from, window.to, allows.join(", "))
}

/// The name that documents write.
fn name(of: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(of).ok()?.as_str().map(str::to_owned)
}

fn days(days: &[Day]) -> String {
    const WEEK: [(Day, &str); 7] = [
        (Day::Mon, "Mondays"),
        (Day::Tue, "Tuesdays"),
        (Day::Wed, "Wednesdays"),
        (Day::Thu, "Thursdays"),
        (Day::Fri, "Fridays"),
        (Day::Sat, "Saturdays"),
        (Day::Sun, "Sundays"),
    ];
    let on: Vec<usize> = (0..7).filter(|day| days.contains(&WEEK[*day].0)).collect();
    let plural = |day: usize| WEEK[day].1;
    match on.as_slice() {
        [] => "on no day".to_owned(),
        [_, _, _, _, _, _, _] => "every day".to_owned(),
        [first, .., last] if on.len() > 2 && last - first + 1 == on.len() => {
            format!("{} to {}", plural(*first), plural(*last))
        }
        [one] => plural(*one).to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(|day| plural(*day)).collect();
            format!("{} and {}", most.join(", "), plural(*last))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::diff_section;
    use super::*;

    #[test]
    fn windows_are_told_in_words_and_their_time_zone() {
        let settings = |zone: &str, windows: Json| json!({ "time_zone": zone, "maintenance": { "windows": windows } });
        let window = |days: &[&str], from: &str, to: &str| json!({ "days": days, "from": from, "to": to, "allows": ["switch", "restore-test"] });
        let before = settings("Europe/Berlin", json!([window(&["sun"], "02:00", "06:00")]));
        let after = settings(
            "Europe/Paris",
            json!([window(&["sun", "sat"], "22:00", "02:00"), window(&["mon", "tue", "wed"], "01:00", "02:00")]),
        );
        let changes = diff_section("settings", &before, &after);
        let [windows, zone] = changes.as_slice() else { panic!("{changes:?}") };
        let [was, is] = windows.entries.as_ref().unwrap();
        assert_eq!(was, &["Sundays 02:00–06:00 Europe/Berlin (switch, restore-test)"]);
        assert_eq!(
            is,
            &[
                "Saturdays and Sundays 22:00–02:00 Europe/Paris (switch, restore-test)",
                "Mondays to Wednesdays 01:00–02:00 Europe/Paris (switch, restore-test)",
            ]
        );
        assert_eq!(zone.why.as_deref(), Some("maintenance windows and duties move with it"));
        // What is no window is told as it stands.
        let strange = settings("Europe/Berlin", json!([{ "days": ["someday"] }]));
        assert_eq!(diff_section("settings", &before, &strange)[0].entries, None);
    }

    #[test]
    fn days_are_told_as_people_say_them() {
        use Day::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
        for (of, text) in [
            (&[Sun][..], "Sundays"),
            (&[Sun, Sat], "Saturdays and Sundays"),
            (&[Mon, Tue, Wed, Thu, Fri], "Mondays to Fridays"),
            (&[Fri, Mon, Wed], "Mondays, Wednesdays and Fridays"),
            (&[Mon, Tue, Wed, Thu, Fri, Sat, Sun], "every day"),
            (&[], "on no day"),
        ] {
            assert_eq!(days(of), text);
        }
    }
}
