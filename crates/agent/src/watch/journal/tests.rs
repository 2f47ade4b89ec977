use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;

const LOGIN: Pattern = Pattern { programs: &["sshd"], beginnings: &["Failed "] };
const OTHER: Pattern = Pattern { programs: &["su"], beginnings: &["FAILED SU"] };

fn script(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("journalctl");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A journal in which nothing has happened yet.
fn journal() -> Journal {
    Journal::with(PathBuf::from("/bin/true"), [LOGIN, OTHER], REST).unwrap()
}

fn owed(journal: &Journal) -> Vec<Pattern> {
    journal.patterns.iter().filter(|(_, told)| told.owed).map(|(pattern, _)| *pattern).collect()
}

#[test]
fn a_line_says_look_again_by_how_it_begins_wherever_it_is_cut() {
    let mut j = journal();
    for part in ["not Failed \n", "\n", " Failed \n", "Fai", "led"] {
        j.take_part(part.as_bytes());
        assert_eq!(owed(&j), [], "{part:?}");
    }
    j.take_part(b" password for ann\n");
    assert_eq!(owed(&j), [LOGIN]);
    j.take_part(b"FAILED SU (to root) ann\n");
    assert_eq!(owed(&j), [LOGIN, OTHER]);
}

#[test]
fn a_pattern_tells_twice_at_once_and_then_now_and_then_and_never_forgets_the_last() {
    let (mut j, now) = (journal(), Instant::now());
    let mut told = 0;
    for _ in 0..100 {
        j.take_part(b"Failed password\n");
        told += j.tell(now).len();
    }
    assert_eq!((told, j.dropped), (2, 97), "each but the one that is owed");
    let due = j.due().unwrap();
    assert!(due > now && due <= now + TELL_EVERY);
    assert_eq!(j.tell(now + TELL_EVERY), [Watch::Journal(LOGIN)]);
    assert_eq!((j.tell(now + TELL_EVERY * 2), j.due()), (vec![], None));
}

#[test]
fn a_program_that_ends_or_is_not_there_is_an_error() {
    assert!(Journal::with(PathBuf::from("/nowhere/journalctl"), [LOGIN], REST).is_err());
    let dir = tempfile::tempdir().unwrap();
    let mut j = Journal::with(script(dir.path(), "exit 3"), [LOGIN], REST).unwrap();
    let ended = loop {
        match j.take(Instant::now()) {
            Ok(told) => assert_eq!(told, []),
            Err(e) => break e,
        }
    };
    assert!(ended.to_string().contains("has ended: exit status: 3"), "{ended}");
}

/// One line without an end, and one that fits again and again: neither is read to its end, and no more of it is kept than of any other.
#[test]
fn who_writes_more_than_is_read_is_not_read_any_longer_for_a_while() {
    for flood in ["exec cat /dev/zero", "exec yes 'Failed password for root'"] {
        let dir = tempfile::tempdir().unwrap();
        let mut j = Journal::with(script(dir.path(), flood), [LOGIN], REST).unwrap();
        let (now, mut told) = (Instant::now(), Vec::new());
        let pid = j.child.as_ref().unwrap().child.id();
        // By a clock that stands still.
        while j.rests_until.is_none() {
            told.extend(j.take(now).unwrap());
            assert!(j.line.begins.capacity() <= 2 * KEPT);
        }
        assert!(j.descriptor().is_none() && !Path::new(&format!("/proc/{pid}")).exists(), "the program is ended");
        assert!(j.dropped >= 1 && told.contains(&Watch::Journal(LOGIN)), "{told:?}: anything may have been missed");
        assert_eq!(j.take(now).unwrap(), []);
        assert!(j.due().is_some_and(|due| due <= now + REST));
        j.take(now + REST).unwrap();
        assert!(j.descriptor().is_some(), "it is followed again");
    }
}

proptest! {
    /// However bytes are cut, the same patterns fit, and no more is kept than the beginning of a line.
    #[test]
    fn bytes_come_to_the_same_however_they_are_cut(
        lines in prop::collection::vec(prop_oneof![
            Just(b"Failed x".to_vec()),
            Just(b"FAILED SU".to_vec()),
            prop::collection::vec(any::<u8>(), 0..600),
        ], 0..6),
        cut in 1..700_usize,
    ) {
        let all: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let mut j = journal();
        for chunk in all.chunks(cut) {
            for part in chunk.split_inclusive(|byte| *byte == b'\n') {
                j.take_part(part);
                prop_assert!(j.line.begins.len() <= KEPT);
            }
        }
        let fits = |pattern: &Pattern| all.split(|byte| *byte == b'\n').any(|line| pattern.fits(line));
        let expected: Vec<Pattern> = [LOGIN, OTHER].into_iter().filter(fits).collect();
        prop_assert_eq!(owed(&j), expected);
    }
}
