//! Who may be at the boot loader, and when it is tried to take back what was left there.

use std::thread;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::*;
use crate::switch::{Resumed, SwitchRequest, resume};

const ENTRY: &str = "root/boot/loader/entries/writ-once.conf";
const VARIABLES: &str = "root/sys/firmware/efi/efivars";
const ONCE: &str = "LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// A machine whose last switch is over and has left its entry; long ago it was tried to take that back.
struct Machine {
    dir: tempfile::TempDir,
    journal: Journal,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["state", "root/boot/loader/entries", VARIABLES] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join(ENTRY), "").unwrap();
        let mut request = SwitchRequest::of_tests(&dir.path().join("state"));
        request.boot.root = dir.path().join("root");
        let mut journal = Journal::begin(request, None, None, now());
        journal.course.settled = true;
        journal.write().unwrap();
        let (left, at) = (Some("it was not mounted".to_owned()), "2020-01-01T00:00:00Z".parse().unwrap());
        let record = Record { left, at, ..Record::new(&journal, Stage::Dropped, None) };
        record.write(&journal.request.state_dir).unwrap();
        Self { dir, journal }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn entry_is_there(&self) -> bool {
        self.dir.path().join(ENTRY).exists()
    }

    fn hold(&self) -> Hold {
        Hold::take(&self.state(), PATIENCE).unwrap()
    }
}

#[test]
fn nothing_is_taken_back_while_another_is_at_the_boot_loader() {
    let machine = Machine::new();
    let (state, before) = (machine.state(), Record::read(&machine.state()));
    let _other = Hold::of_loader(&state, Duration::ZERO).unwrap();
    assert!(!nobody_clears(&state) && may_be_cleared(&state, now()));
    assert_eq!(resume(&state).unwrap(), Resumed::Running, "nobody is started for it");
    clear_again(&machine.journal, machine.hold()).unwrap();
    assert_eq!((machine.entry_is_there(), Record::read(&state)), (true, before), "and it is tried again at any time");
}

#[test]
fn another_switch_may_begin_while_what_was_left_is_taken_back() {
    for another in [false, true] {
        let machine = Machine::new();
        let (state, hold) = (machine.state(), machine.hold());
        // A firmware that takes its time: whoever reads this variable waits until somebody writes it.
        let variable = machine.dir.path().join(VARIABLES).join(ONCE);
        mknodat(CWD, &variable, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        thread::scope(|scope| {
            let clearing = scope.spawn(|| clear_again(&machine.journal, hold));
            let firmware = loop {
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                if let Ok(firmware) = rustix::fs::open(&variable, flags, Mode::empty()) {
                    break firmware;
                }
                assert!(!clearing.is_finished(), "it has not asked the firmware");
                thread::yield_now();
            };
            assert!(!nobody_clears(&state));
            assert!(left(&state).is_some() && !may_be_cleared(&state, now()), "killed now, it is not followed at once");
            let begins = machine.hold();
            if another {
                enter(&machine.journal, Stage::Planned, None).unwrap();
            }
            drop((begins, firmware));
            clearing.join().unwrap().unwrap();
        });
        assert!(!machine.entry_is_there());
        let record = Record::read(&state).map(|record| (record.stage, record.left.is_some()));
        assert_eq!(record, another.then_some((Stage::Planned, true)), "what another wrote since stays");
    }
}
