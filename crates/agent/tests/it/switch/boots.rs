//! Releases with another kernel: booted once through real files of a loader's partition and of the firmware's variables,
//! by a program that does with them what systemd-boot does. What only a real loader shows is `checks/vm/reboot.nix`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};
use writ_agent::config::Boot;
use writ_agent::switch::boot::{Record, differs, machine::Stage, pending};
use writ_agent::switch::{Journal, Resumed, State, resume};
use writ_policy::policy::upgrade;
use writ_trust::digest::Digest;

use super::world::World;

const ONCE: &str = "sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const FEATURES: &str = "sys/firmware/efi/efivars/LoaderFeatures-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const SECURE_BOOT: &str = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// A machine with firmware and a boot loader, beside the switch's own.
struct Machine {
    world: World,
}

impl Machine {
    fn new() -> Self {
        let mut world = World::of_kernels("old", "new");
        let root = world.path("root");
        world.boot = Boot { esp: None, reboot: vec![world.path("reboot").display().to_string()], root };
        let machine = Self { world };
        machine.lay();
        machine
    }

    fn reset(&self) {
        self.world.reset();
        self.lay();
    }

    fn root(&self, path: &str) -> PathBuf {
        self.world.boot.root.join(path)
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        fs::create_dir_all(self.root(path).parent().unwrap()).unwrap();
        fs::write(self.root(path), bytes).unwrap();
    }

    fn lay(&self) {
        self.put(FEATURES, &[6, 0, 0, 0, 0xff, 0x3f, 0, 0, 0, 0, 0, 0]);
        self.put("proc/sys/kernel/random/boot_id", b"boot-1\n");
        self.put("boot/loader/loader.conf", b"timeout 3\ndefault nixos-generation-1.conf\n");
        self.put("boot/loader/entries/nixos-generation-1.conf", b"title NixOS\n");
        fs::create_dir_all(self.root("run")).unwrap();
        for system in ["run/booted-system", "run/current-system"] {
            symlink(&self.world.one, self.root(system)).unwrap();
        }
        let (dir, one, two) = (self.world.dir.path().display(), &self.world.one, &self.world.two);
        let script = format!(
            "#!{dir}/tools/bin/busybox sh\n\
             b={dir}/tools/bin/busybox; r={dir}/root; e=$r/boot/loader/entries/writ-once.conf\n\
             [ ! -e {dir}/refuse-reboot ] || {{ echo 'Interactive authentication required.' >&2; exit 1; }}\n\
             echo boot >> {dir}/log\n\
             system={one}; [ \"$($b cat {dir}/boot)\" = one ] || system={two}\n\
             if [ -e $r/{ONCE} ]; then\n\
               $b rm $r/{ONCE}\n\
               named=$($b sed -n 's/^options init=\\([^ ]*\\)\\/init .*/\\1/p' $e)\n\
               [ -e {dir}/dead-kernel ] || {{ $b cmp $named/kernel $r/boot/EFI/writ/kernel.efi && \
                 $b cmp $named/initrd $r/boot/EFI/writ/initrd.efi && system=$named; }}\n\
             fi\n\
             $b ln -sfn $system $r/run/booted-system; $b ln -sfn $system $r/run/current-system\n\
             name=one; [ $system = {one} ] || {{ name=two; [ ! -e {dir}/bad-kernel ] || echo > {dir}/break-two; }}\n\
             echo $name > {dir}/running; echo ok > {dir}/state\n\
             $b cat /proc/sys/kernel/random/uuid > $r/proc/sys/kernel/random/boot_id\n"
        );
        let program = self.world.path("reboot");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The power goes, and comes back.
    fn power_cut(&self) {
        let ran = std::process::Command::new(self.world.path("reboot")).status().unwrap();
        assert!(ran.success());
    }

    /// A policy with a window that allows this, from this day on, all day.
    fn policy(&self, allows: &[&str], days: &[&str]) -> Value {
        let mut policy = upgrade(self.world.policy());
        let window = json!({ "days": days, "from": "00:00", "to": "00:00", "allows": allows });
        policy["settings"]["maintenance"] = json!({ "windows": [window] });
        policy
    }

    fn always(&self) -> Value {
        self.policy(&["switch", "reboot"], &["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
    }

    /// Drives on after each boot, as the enforcer does.
    fn run(&self) -> Journal {
        for _ in 0..12 {
            let journal = self.world.run();
            if journal.is_over() {
                return journal;
            }
        }
        panic!("it does not end: {:#?}", self.world.journal());
    }

    fn assert_loader_is_clean(&self) {
        for left in [ONCE, "boot/loader/entries/writ-once.conf", "boot/EFI/writ"] {
            assert!(!self.root(left).exists(), "{left}");
        }
    }

    fn booted(&self) -> String {
        fs::read_link(self.root("run/booted-system")).unwrap().display().to_string()
    }
}

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
            let unseen = Record::of(&machine.world.journal()).is_some_and(|record| record.stage == Stage::Ordered);
            if power_goes {
                machine.power_cut();
            }
            // Who lost the power before anybody saw that it had come up did not come up.
            let expected = if power_goes && after_boot && unseen { State::RolledBack } else { expected };
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
    let mut journal = machine.world.ask(&policy);
    let waits = machine.world.run();
    assert!(waits.course.waits_for_import() && waits.reboot_required && waits.before.is_none(), "{}", notes(&waits));
    assert!(waits.last_note().contains("needs a boot of the machine"), "{}", waits.last_note());
    assert_eq!((machine.world.read("log").as_str(), Record::of(&waits)), ("", None), "nothing was activated");
    assert!(matches!(resume(&machine.world.state_dir()).unwrap(), Resumed::Resting(_)));
    // The first release of all waits for nothing, and is not booted either.
    journal.request.at_once = true;
    journal.write().unwrap();
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
    machine.world.write("slow", "");
    let script = format!("#!{}/tools/bin/busybox sh\necho order >> {0}/log\n", machine.world.dir.path().display());
    fs::write(machine.world.path("reboot"), script).unwrap();
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
    machine.world.ask(&machine.always());
    machine.world.run();
    let journal: Value =
        serde_json::from_slice(&fs::read(machine.world.state_dir().join("switch.json")).unwrap()).unwrap();
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
    // On a machine that is booted the usual way its request says nothing of that.
    let usual = Boot::default();
    assert!(usual.is_usual() && !machine.world.boot.is_usual());
    assert!(differs(machine.world.one.as_ref(), machine.world.two.as_ref()));
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
    }
}
