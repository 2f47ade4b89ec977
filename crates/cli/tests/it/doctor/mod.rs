//! `writ doctor` on folders that the real writers of them left: each cause by its name, with what to do next.

mod figures;
mod healing;
mod hostile;
pub mod house;
mod running;
pub mod syncing;
mod unknown;

use writ_agent::sync::schedule::{Ending, Job};

use self::house::House;

/// Every job of the courier came to a good end.
pub fn all_done() -> Vec<(Job, Result<Ending, writ_agent::sync::trouble::Trouble>)> {
    Job::ALL.into_iter().map(|job| (job, Ok(Ending::Done))).collect()
}

#[test]
fn where_nothing_is_wrong_it_says_so() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.courier(&all_done(), |_| {});
    let said = house.doctor(&[]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    for words in [
        "clinic-001/front-desk, release 1-7, ",
        "Running: the enforcer and the courier run",
        "Syncing: nothing is in the way",
        "Healing: of 1 check, 1 hold",
        "Applicable: every check applies",
        "nothing is wrong",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    let json = house.doctor(&["--format", "json"]).json();
    assert_eq!((&json["schema"], &json["well"]), (&"writ.doctor.v1".into(), &true.into()));
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(json["checks"]["pass"], 1);
}

#[test]
fn it_changes_nothing() {
    let mut house = House::new();
    let enforcer = house.enforcing(&house.policy());
    house.courier(&all_done(), |_| {});
    drop(enforcer);
    let files = |house: &House| -> Vec<(std::path::PathBuf, Vec<u8>, std::time::SystemTime)> {
        let mut folders = vec![house.path("")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let (path, data) = (entry.as_ref().unwrap().path(), entry.unwrap().metadata().unwrap());
                match data.is_dir() {
                    true => folders.push(path),
                    false => {
                        files.push((path.clone(), std::fs::read(&path).unwrap_or_default(), data.modified().unwrap()))
                    }
                }
            }
        }
        files.sort();
        files
    };
    let before = files(&house);
    for arguments in [&[][..], &["file.motd", "--look"], &["--format", "openmetrics"]] {
        house.doctor(arguments);
    }
    assert!(before.len() > 10 && before == files(&house));
}

#[test]
fn what_cannot_be_read_ends_with_2() {
    let house = House::new();
    let said = house.doctor(&["--sync-config", "/nonexistent"]);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    assert!(said.stderr.contains("--sync-config"), "{}", said.stderr);
    let _enforcer = house.enforcing(&house.policy());
    let said = house.doctor(&["file.moot"]);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    assert!(said.stderr.contains("did you mean `file.motd`?"), "{}", said.stderr);
    std::fs::write(house.path("etc/enforce.toml"), "site = 1\n").unwrap();
    let said = house.doctor(&[]);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    assert!(said.stdout.is_empty() && said.stderr.contains("enforce.toml"), "{}", said.stderr);
}

/// The names of causes that the sources give, and those that the page has.
#[test]
fn the_page_names_every_cause() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/appliance.md")).unwrap();
    // Where the name is not written where the finding is made.
    let mut codes: Vec<String> = [
        "refused",
        "release-not-before",
        "log-consistency",
        "check-in-fails",
        "pull-fails",
        "download-fails",
        "delivery-fails",
        "notices-fail",
        "logs-fail",
        "orders-fail",
    ]
    .into_iter()
    .chain(["breaker", "no-rule", "left-to-people", "attempts-used", "with-people"])
    .map(str::to_owned)
    .collect();
    let mut folders = vec![root.join("src/doctor")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(entry).unwrap();
            for made in [
                "wrong(",
                "note(",
                "wrong(Question::Running,",
                "note(Question::Running,",
                "note(Question::Healing,",
                "note(Question::Applicable,",
            ] {
                let after = text.split(made).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
                codes.extend(after.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }
    assert!(codes.len() > 40, "{codes:?}");
    let without: Vec<_> = codes.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(without.is_empty(), "docs/appliance.md does not name {without:?}");
}
