//! Killed at every step, and started again: each message arrives once; where it had left and nobody could write that down, it
//! comes once more under the same name.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use writ_wire::notice::NoticeEvent;

use super::World;
use super::servers::header;

impl World {
    /// How often each message came, by way and name.
    fn arrived(&self) -> BTreeMap<String, usize> {
        let mails = self.mail.mails().into_iter().map(|mail| format!("mail {}", header(&mail, "message-id")));
        let hooks = self.hook.came().into_iter().map(|came| format!("hook {}", header(&came.head, "webhook-id")));
        let pages = self.pager.came().into_iter().map(|came| {
            let event: serde_json::Value = serde_json::from_slice(&came.body).unwrap();
            format!("page {} {}", event["event_action"], event["dedup_key"])
        });
        let mut all = BTreeMap::new();
        for name in mails.chain(hooks).chain(pages) {
            *all.entry(name).or_default() += 1;
        }
        all
    }
}

#[test]
fn a_kill_at_any_step_makes_nothing_told_twice_under_two_names_and_loses_nothing() {
    let world = World::new();
    world.round(0);
    let copied =
        Command::new("cp").args(["-a", "notifier", "before"]).current_dir(world.desk.path("")).status().unwrap();
    assert!(copied.success());
    world.says(NoticeEvent::Escalated, "INC-1", "critical");
    world.says(NoticeEvent::Escalated, "INC-2", "high");
    // Two mails, a webhook, a page.
    let (mut doubtful, mut killed) = (0, 0);
    let mut names: Vec<String> = Vec::new();
    for at in 1.. {
        fs::remove_dir_all(world.desk.path("notifier")).unwrap();
        let copied =
            Command::new("cp").args(["-a", "before", "notifier"]).current_dir(world.desk.path("")).status().unwrap();
        assert!(copied.success());
        let before = world.arrived();
        let log = world.desk.path("passed");
        let _ = fs::remove_file(&log);
        let arguments = world.arguments(&["--once"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = world.desk.command(&arguments);
        let first = command.env("WRIT_CRASH_AT", at.to_string()).env("WRIT_CRASH_LOG", &log).output().unwrap();
        world.round(0);
        world.round(0);
        let mut fresh = world.arrived();
        for (name, count) in &before {
            // The same state tells the same under the same names, so counts are what is new.
            *fresh.get_mut(name).unwrap() -= count;
        }
        fresh.retain(|_, count| *count > 0);
        let passed = fs::read_to_string(&log).unwrap();
        let last = passed.lines().last().unwrap().to_owned();
        assert_eq!(fresh.len(), 4, "killed at {last}: {fresh:?}");
        let twice = fresh.values().filter(|count| **count == 2).count();
        assert!(fresh.values().all(|count| *count <= 2), "killed at {last}: {fresh:?}");
        if names.is_empty() {
            names = fresh.keys().cloned().collect();
        }
        assert_eq!(names, fresh.keys().cloned().collect::<Vec<_>>(), "the same names every time");
        if first.status.code().is_some() {
            assert_eq!((first.status.code(), twice), (Some(0), 0), "{}", String::from_utf8_lossy(&first.stderr));
            break;
        }
        killed += 1;
        assert_eq!(twice, usize::from(last.ends_with("notify-sent")), "killed at {last}: {fresh:?}");
        doubtful += twice;
    }
    assert_eq!((killed, doubtful), (14, 4), "two writings of the state, three steps for each of four messages");
}
