//! Releases with another kernel: booted once through real files of a loader's partition and of the firmware's variables,
//! by a program that does with them what systemd-boot does. What only a real loader shows is `checks/vm/reboot.nix`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;
use writ_agent::switch::boot::machine::Stage;
use writ_agent::switch::boot::{Record, left, pending, window};
use writ_agent::switch::{Journal, Resumed, State, SwitchRequest, resume};
use writ_policy::settings::maintenance::Work;
use writ_trust::digest::Digest;

use super::bootable::{FEATURES, Machine, ONCE, SECURE_BOOT};
use super::world::until;

fn notes(journal: &Journal) -> String {
    journal.history.iter().map(|step| format!("{}: {}\n", step.state.as_str(), step.note)).collect()
}

#[test]
fn a_candidate_with_another_kernel_is_booted_once_and_kept_when_it_holds() {
    let machine = Machine::new();
    machine.world.ask(&machine.always());
    let journal = machine.world.run();
    assert!(!journal.is_over() && journal.reboot_required, "{}", notes(&journal));
    // What a driver finds now is a machine that has come up with it; the default is as before.
    assert_eq!((machine.booted(), machine.world.read("boot").as_str()), (machine.world.two.clone(), "one"));
    assert_eq!(machine.world.profile_target().as_ref(), Some(&machine.world.one));
    // Not every partition of a loader is one without modes, and the initrd may hold secrets.
    let initrd = machine.root("boot/EFI/writ/initrd.efi");
    assert_eq!(fs::metadata(initrd).unwrap().permissions().mode() & 0o777, 0o600);
    let journal = machine.run();
    assert!(journal.is_committed(), "{}", notes(&journal));
    machine.world.assert_on_two();
    assert_eq!(machine.world.read("log"), "test two\nboot\ntest two\nboot two");
    assert_eq!(journal.course.interruptions, 0, "a start that was meant is no interruption");
    assert!(notes(&journal).contains("the machine came up with the candidate"), "{}", notes(&journal));
    assert_eq!((Record::of(&journal), pending(&machine.world.boot, &machine.world.state_dir())), (None, None));
    machine.assert_loader_is_clean();
}

#[test]
fn a_kernel_that_does_not_come_up_is_back_in_the_old_system_by_itself() {
    let machine = Machine::new();
    machine.world.write("dead-kernel", "");
    machine.world.ask(&machine.always());
    machine.world.run();
    assert_eq!(machine.booted(), machine.world.one);
    let journal = machine.run();
    assert_eq!(journal.course.state, State::RolledBack);
    machine.world.assert_on_one();
    let note = journal.last_note().to_owned() + &notes(&journal);
    assert!(note.contains("did not come up with the candidate") && note.contains(&machine.world.one), "{note}");
    assert!(journal.is_set_aside(journal.request.epoch, journal.request.serial));
    assert_eq!((Record::of(&journal), machine.world.read("boot").as_str()), (None, "one"));
    machine.assert_loader_is_clean();
}

#[test]
fn a_kernel_with_which_something_fails_is_gone_back_on_by_another_boot() {
    let machine = Machine::new();
    machine.world.write("bad-kernel", "");
    machine.world.ask(&machine.always());
    let journal = machine.run();
    assert_eq!(journal.course.state, State::RolledBack, "{}", notes(&journal));
    assert_eq!((machine.booted(), machine.world.read("boot").as_str()), (machine.world.one.clone(), "one"));
    machine.world.assert_on_one();
    assert_eq!(machine.world.read("log"), "test two\nboot\ntest two\nswitch one\nboot");
    assert!(notes(&journal).contains("probation failed: state.ok"), "{}", notes(&journal));
    machine.assert_loader_is_clean();
    // What was left for the time until then means nothing to the next start.
    assert_eq!(pending(&machine.world.boot, &machine.world.state_dir()), None);
}

/// Kills the driver at crash points before the boot and after it, at every one where there is time for all of them; the
/// machine goes on, or loses its power at that instant.
fn sweep(power_goes: bool, mark: Option<&str>, expected: State, stride: usize) -> u64 {
    let machine = Machine::new();
    let stride = if std::env::var_os("WRIT_ALL_KILLS").is_some() { 1 } else { stride };
    let mut points = 0;
    for after_boot in [false, true] {
        for passage in (2..).step_by(stride) {
            machine.reset();
            if let Some(mark) = mark {
                machine.world.write(mark, "");
            }
            machine.world.ask(&machine.always());
            if after_boot {
                machine.world.run();
            }
            if !machine.world.run_killed_at(passage) {
                break;
            }
            points += 1;
            // The order to boot is carried out within the order, so the candidate may have come up before the kill, too.
            let ordered = Record::of(&machine.world.journal()).is_some_and(|record| record.stage == Stage::Ordered);
            let unseen = ordered && machine.booted() == machine.world.two;
            if power_goes {
                machine.power_cut();
            }
            // Who lost the power before anybody saw that it had come up did not come up.
            let expected = if power_goes && unseen { State::RolledBack } else { expected };
            let journal = if machine.world.journal().is_over() { machine.world.journal() } else { machine.run() };
            machine.assert_ended(&journal, expected, &format!("killed at {passage}, after the boot: {after_boot}"));
        }
    }
    points
}

impl Machine {
    fn assert_ended(&self, journal: &Journal, expected: State, at: &str) {
        let at = format!("{at}: {}", notes(journal));
        assert_eq!(journal.course.state, expected, "{at}");
        self.assert_loader_is_clean();
        match expected {
            State::Committed => self.world.assert_on_two(),
            _ => self.world.assert_on_one(),
        }
        // Where the power went after the last word was spoken, or the last order was lost, the other kernel may run, and then
        // that is said.
        let as_it_should = if expected == State::Committed { &self.world.two } else { &self.world.one };
        fs::remove_file(self.root("run/current-system")).unwrap();
        symlink(as_it_should, self.root("run/current-system")).unwrap();
        let told = pending(&self.world.boot, &self.world.state_dir()).is_some();
        assert_eq!(self.booted() != *as_it_should, told, "{at}");
    }
}

#[test]
fn a_driver_that_is_killed_anywhere_boots_the_candidate_and_keeps_it() {
    let points = sweep(false, None, State::Committed, 16);
    assert!(points >= 3, "{points} crash points");
}

#[test]
fn a_machine_that_loses_its_power_anywhere_comes_to_the_same_end() {
    let points = sweep(true, None, State::Committed, 8) + sweep(true, Some("bad-kernel"), State::RolledBack, 16);
    assert!(points >= 8, "{points} crash points");
}

#[test]
fn where_the_machine_may_or_can_not_be_booted_that_is_said_and_the_rest_is_as_ever() {
    let machine = Machine::new();
    let no_window = machine.policy(&["switch"], &["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    let refuses: &dyn Fn() = &|| machine.world.write("refuse-reboot", "");
    let cases: [(&Value, &dyn Fn(), &str); 7] = [
        (&no_window, &|| {}, "no maintenance window of the site allows a reboot"),
        (&machine.world.policy(), &|| {}, "no maintenance window of the site allows a reboot"),
        (&machine.always(), &|| machine.put(FEATURES, &[6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]), "as systemd-boot does"),
        (&machine.always(), &|| machine.put(SECURE_BOOT, &[6, 0, 0, 0, 1]), "Secure Boot is on"),
        (&machine.always(), &|| machine.put("boot/loader/loader.conf", b"timeout 3\n"), "no entry as the default"),
        (&machine.always(), &|| machine.put("run/systemd/container", b"lxc"), "a container"),
        (&machine.always(), refuses, "Interactive authentication required"),
    ];
    for (policy, change, says) in cases {
        machine.reset();
        let _ = fs::remove_file(machine.root(SECURE_BOOT));
        change();
        machine.world.ask(policy);
        let journal = machine.world.run();
        assert!(journal.is_committed() && journal.reboot_required, "{says}: {}", notes(&journal));
        machine.world.assert_on_two();
        assert_eq!(Record::of(&journal).unwrap().stage, Stage::Pending);
        let _ = fs::remove_file(machine.root("run/current-system"));
        symlink(&machine.world.two, machine.root("run/current-system")).unwrap();
        let why = pending(&machine.world.boot, &machine.world.state_dir()).unwrap();
        assert!(why.contains(says), "{says}: {why}");
        if !says.contains("container") {
            machine.assert_loader_is_clean();
        }
    }
}

#[test]
fn a_candidate_that_needs_a_boot_waits_for_the_window_that_allows_one() {
    let machine = Machine::new();
    let policy = machine.policy(&["reboot"], &[never()]);
    let journal = machine.world.ask(&policy);
    let waits = machine.world.run();
    assert!(waits.course.waits_for_import() && waits.reboot_required && waits.before.is_none(), "{}", notes(&waits));
    assert!(waits.last_note().contains("needs a boot of the machine"), "{}", waits.last_note());
    assert_eq!((machine.world.read("log").as_str(), Record::of(&waits)), ("", None), "nothing was activated");
    assert!(matches!(resume(&machine.world.state_dir()).unwrap(), Resumed::Resting(_)));
    // The first release of all waits for nothing, and is not booted either.
    let first = SwitchRequest { at_once: true, ..journal.request };
    Journal::begin_in_writing(first, journal.course.previous, None, journal.began_at).unwrap();
    let journal = machine.world.run();
    assert!(journal.is_committed(), "{}", notes(&journal));
    assert!(Record::of(&journal).unwrap().why.unwrap().contains("waits for no window"));
}

/// A window that is never now: the day before yesterday, whatever the clock says.
fn never() -> &'static str {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    days[((seconds / 86_400 + 3 + 5) % 7) as usize]
}

/// A machine that takes the order to boot and is slow about it.
fn slow() -> Machine {
    let machine = Machine::new();
    machine.slow_down();
    machine
}

#[test]
fn a_machine_is_not_booted_when_the_window_that_allowed_it_is_over() {
    let machine = slow();
    machine.world.ask(&machine.always());
    let mut journal = machine.world.run();
    assert_eq!((machine.world.read("log").as_str(), machine.root(ONCE).exists()), ("test two\norder", true));
    // Hours later it is taken up again.
    let policy = writ_trust::json::canonical(&machine.policy(&["switch", "reboot"], &[never()]));
    fs::write(&journal.request.policy.path, &policy).unwrap();
    journal.request.policy.digest = Digest::of(&policy);
    journal.write().unwrap();
    let journal = machine.run();
    assert!(journal.is_committed(), "{}", notes(&journal));
    assert_eq!(machine.world.read("log"), "test two\norder\nboot two", "the order is not given again");
    let why = Record::of(&journal).unwrap().why.unwrap();
    assert!(why.contains("the window that allowed it is over"), "{why}");
    machine.assert_loader_is_clean();
}

#[test]
fn who_gave_the_order_waits_for_the_machine_to_go_down() {
    let machine = slow();
    machine.world.ask(&machine.always());
    let journal = machine.world.run();
    assert!(!journal.is_over() && machine.root(ONCE).exists());
    assert_eq!(Record::of(&journal).unwrap().stage, Stage::Ordered);
    assert!(matches!(resume(&machine.world.state_dir()).unwrap(), Resumed::Resting(_)));
    // Who is told to go on anyway gives it again, and the rollback timer ends what never comes.
    machine.world.run();
    assert_eq!(machine.world.read("log"), "test two\norder\norder");
    machine.world.command("rollback").output().unwrap();
    assert_eq!(machine.world.journal().course.state, State::RolledBack);
    machine.world.assert_on_one();
    machine.assert_loader_is_clean();
}

#[test]
fn a_journal_amid_a_boot_is_read_by_who_knows_nothing_of_boots() {
    let machine = Machine::new();
    let asked = machine.world.ask(&machine.always());
    // Each first release is asked for so, and this machine is not booted the usual way.
    let first = SwitchRequest { at_once: true, ..asked.request };
    Journal::begin_in_writing(first, asked.course.previous, None, asked.began_at).unwrap();
    machine.world.run();
    let file = machine.world.state_dir().join("switch.json");
    let mut journal: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let members: Vec<&String> = journal.as_object().unwrap().keys().collect();
    let known = [
        "acknowledged",
        "activation",
        "before",
        "began_at",
        "course",
        "finished_at",
        "history",
        "reboot_required",
        "request",
        "schema",
        "set_aside",
        "timer",
        "verdict",
    ];
    assert_eq!(members, known);
    assert!(!journal["course"].as_object().unwrap().contains_key("boot"));
    let request: Vec<&String> = journal["request"].as_object().unwrap().keys().collect();
    let known = [
        "activation",
        "activation_timeout",
        "appliance",
        "cache_dir",
        "cache_keys",
        "closure",
        "epoch",
        "fallback_window",
        "gc_roots",
        "launch",
        "policy",
        "profile",
        "release",
        "serial",
        "site",
        "state_dir",
        "switch_binary",
        "toplevel",
    ];
    assert_eq!(request, known);
    let read = machine.world.journal().request;
    assert_eq!((&read.boot, read.at_once), (&machine.world.boot, true), "it is kept beside it");
    // The next release's is not this one's; and a version wrote both into the journal.
    journal["request"]["serial"] = 3.into();
    fs::write(&file, writ_trust::json::canonical(&journal)).unwrap();
    let other = machine.world.journal().request;
    assert!(other.boot.is_usual() && !other.at_once && !machine.world.boot.is_usual());
    journal["request"]["at_once"] = true.into();
    fs::write(&file, writ_trust::json::canonical(&journal)).unwrap();
    assert!(machine.world.journal().request.at_once);
}

#[test]
fn a_record_that_is_damaged_ends_in_one_of_the_two_systems() {
    let machine = Machine::new();
    for bytes in [&b"{"[..], b"\xff\x00", b"{\"schema\":\"writ.reboot.v9\"}", &[b'['; 100_000]] {
        machine.reset();
        machine.world.ask(&machine.always());
        machine.world.run();
        fs::write(machine.world.state_dir().join("reboot.json"), bytes).unwrap();
        let journal = machine.run();
        assert!(journal.is_committed(), "{}", notes(&journal));
        machine.world.assert_on_two();
        // Nobody knows how far it had come.
        machine.assert_loader_is_clean();
        assert!(!machine.world.state_dir().join("reboot.json").exists());
    }
}

#[test]
fn the_boot_loader_is_cleared_whatever_has_become_of_it_and_again_until_it_is() {
    let machine = Machine::new();
    let (state_dir, here, away) = (machine.world.state_dir(), machine.root("boot"), machine.root("away"));
    // The candidate's own entry is no longer one to come back to, and its firmware is set otherwise.
    machine.world.ask(&machine.always());
    machine.world.run();
    machine.put("boot/loader/loader.conf", b"default nixos-*\n");
    machine.put(SECURE_BOOT, &[6, 0, 0, 0, 1]);
    let journal = machine.run();
    assert!(journal.is_committed(), "{}", notes(&journal));
    machine.assert_loader_is_clean();
    assert_eq!(Record::of(&journal), None);

    // The partition is not there when it was booted: it is said, and tried again.
    machine.reset();
    machine.world.ask(&machine.always());
    machine.world.run();
    fs::rename(&here, &away).unwrap();
    let journal = machine.run();
    assert!(journal.is_committed(), "{}", notes(&journal));
    assert!(left(&state_dir).unwrap().contains("is not mounted"));
    let said = String::from_utf8(machine.world.command("status").output().unwrap().stdout).unwrap();
    assert!(said.contains("over: committed\nwhat the boot loader was told is not taken back"), "{said}");
    assert_eq!(resume(&state_dir).unwrap(), Resumed::Nothing, "it was tried just now");
    fs::rename(&away, &here).unwrap();
    let record = Record::of(&journal).unwrap();
    Record { at: record.at.plus_millis(-600_000), ..record }.write(&state_dir).unwrap();
    assert_eq!(resume(&state_dir).unwrap(), Resumed::Clearing);
    until("it is taken back", || left(&state_dir).is_none());
    machine.assert_loader_is_clean();

    // Refused before it was booted: the loader's word goes also without the partition, and no start boots the release.
    machine.reset();
    machine.slow_down();
    machine.world.ask(&machine.always());
    machine.world.run();
    assert!(machine.root(ONCE).exists());
    fs::rename(&here, &away).unwrap();
    machine.world.command("rollback").output().unwrap();
    let journal = machine.world.journal();
    assert_eq!((journal.course.state, machine.root(ONCE).exists()), (State::RolledBack, false));
    assert_eq!(Record::of(&journal).unwrap().stage, Stage::Dropped);
    fs::rename(&away, &here).unwrap();
    machine.world.run();
    machine.assert_loader_is_clean();
    assert_eq!(Record::of(&journal), None);
}

#[test]
fn a_switch_waits_for_the_window_of_what_it_is_about_to_do() {
    let machine = Machine::new();
    let people = machine.policy(&["switch"], &["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    for (policy, work, stage) in
        [(people, Work::Switch, Stage::Pending), (machine.always(), Work::Reboot, Stage::Planned)]
    {
        machine.reset();
        let mut journal = machine.world.ask(&policy);
        // No rollback timer can be armed, so nothing is activated.
        journal.request.switch_binary = Some("/nowhere/writ-switch".into());
        journal.write().unwrap();
        let journal = machine.world.run();
        assert!(journal.course.waits_for_import() && journal.reboot_required, "{}", notes(&journal));
        assert_eq!((Record::of(&journal).unwrap().stage, window(&journal)), (stage, work));
    }
    // Of such a try a record is left; and then somebody boots a system with that kernel.
    let planned = Record::of(&machine.world.journal()).unwrap();
    machine.world.ask(&machine.always());
    planned.write(&machine.world.state_dir()).unwrap();
    fs::remove_file(machine.root("run/booted-system")).unwrap();
    symlink(&machine.world.two, machine.root("run/booted-system")).unwrap();
    let journal = machine.world.run();
    assert!(journal.is_committed() && !journal.reboot_required, "{}", notes(&journal));
    assert_eq!((machine.world.read("log").as_str(), Record::of(&journal)), ("test two\nboot two", None));
}
