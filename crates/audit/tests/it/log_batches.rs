//! Batches of logs in an audit folder: what the appliance dropped and said so, and what is withheld.

use std::fs;
use std::path::PathBuf;

use writ_audit::collect::collect;
use writ_audit::problem::{Code, Weight};
use writ_audit::verify::VerifyReport;
use writ_evidence::Kind;
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_evidence::records::{LogExtract, Refused};
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use writ_wire::log_batch::{LogBatch, LogBatchSchema, file_name};

use crate::world::*;

/// A world with a chain of batches, of five minutes and a line each.
struct Logs {
    world: World,
    packed: Vec<Vec<u8>>,
}

fn ends(number: u64) -> Time {
    morning().plus_millis(i64::try_from(number).unwrap() * 5 * MINUTE)
}

impl Logs {
    /// So many batches in the folder; bundles name these as ends of the chain.
    fn new(count: u64, heads: &[u64]) -> Self {
        let mut world = World::new();
        world.started(morning());
        let mut packed: Vec<Vec<u8>> = Vec::new();
        for number in 1..=count {
            let previous = packed.last().map(|bytes| Digest::of(bytes));
            let batch = LogBatch {
                schema: LogBatchSchema::V1,
                source: "audit".parse().unwrap(),
                number,
                previous,
                from: ends(number - 1),
                to: ends(number),
                lines: 1,
                dropped: 0,
            };
            packed.push(batch.pack(format!("{{\"text\":\"{number}\"}}\n").as_bytes()));
        }
        let mut logs = Self { world, packed };
        logs.packed.iter().for_each(|bytes| fs::write(logs.file_of(Digest::of(bytes)), bytes).unwrap());
        let mut before = 0;
        for head in heads {
            let mut draft = logs.world.draft(Kind::Logs);
            let (from, to, digest) = (ends(before), ends(*head), logs.digest(*head));
            draft.logs = Some(LogExtract { source: "audit".into(), from, to, lines: head - before, digest });
            logs.world.seal(draft, ends(*head).plus_millis(1000));
            before = *head;
        }
        logs
    }

    fn digest(&self, number: u64) -> Digest {
        Digest::of(&self.packed[usize::try_from(number).unwrap() - 1])
    }

    fn file_of(&self, digest: Digest) -> PathBuf {
        let folder = self.world.path().join("logs/clinic-001");
        fs::create_dir_all(&folder).unwrap();
        folder.join(format!("{}.jsonl.gz", digest.hex()))
    }

    /// The appliance says that it dropped these, from the one to the other.
    fn told(&mut self, first: u64, last: u64) {
        let dropped = LogsDropped {
            source: "audit".parse().unwrap(),
            from: ends(first - 1),
            to: ends(last),
            batches: last + 1 - first,
            lines: last + 1 - first,
            before: (first > 1).then(|| self.digest(first - 1)),
        };
        let mut draft = self.world.draft(Kind::Refused);
        let (message, what) = (dropped.to_string(), "log-batch".to_owned());
        let digest = Some(self.digest(last));
        draft.refused = Some(Refused { rule: RULE.into(), message, what, digest, count: dropped.batches });
        self.world.seal(draft, morning().plus_millis(DAY));
    }

    fn without(&self, numbers: &[u64]) -> VerifyReport {
        let aside = |number: &u64| {
            let file = self.file_of(self.digest(*number));
            (fs::read(&file).unwrap(), file)
        };
        let aside: Vec<_> = numbers.iter().map(aside).collect();
        aside.iter().for_each(|(_, file)| fs::remove_file(file).unwrap());
        let report = self.world.verify();
        aside.iter().for_each(|(bytes, file)| fs::write(file, bytes).unwrap());
        report
    }
}

/// Codes and weights of everything that is told of logs.
fn problems(report: &VerifyReport) -> Vec<(Code, Weight)> {
    report.problems.list.iter().map(|problem| (problem.code, problem.weight)).collect()
}

#[test]
fn what_was_dropped_excuses_what_is_missing_and_nothing_else() {
    let mut logs = Logs::new(12, &[4, 12]);
    let report = logs.without(&[]);
    assert!(report.ok && report.problems.notes == 0, "{:#?}", report.problems);
    assert_eq!((report.log_sources[0].batches, report.log_sources[0].lines), (12, 12));
    assert!(!logs.without(&[8]).ok, "nothing was said of it");
    logs.told(7, 9);
    let report = logs.without(&[7, 8, 9]);
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(problems(&report), [(Code::Thinned, Weight::Note)]);
    assert_eq!(report.log_sources[0].batches, 9, "also those before them");
    // One that was delivered is withheld: before them, after them.
    for withheld in [5, 6, 10, 3] {
        let report = logs.without(&[7, 8, 9, withheld]);
        assert!(problems(&report).contains(&(Code::Missing, Weight::Bad)), "{withheld}: {:#?}", report.problems);
    }
    // Some of them came nevertheless.
    for missing in [&[7, 8][..], &[7], &[8], &[9, 7], &[]] {
        let report = logs.without(missing);
        assert!(report.ok, "{missing:?}: {:#?}", report.problems);
    }
}

#[test]
fn ends_of_chains_may_be_among_what_was_dropped() {
    let mut logs = Logs::new(16, &[2, 6, 10, 14, 16]);
    logs.told(4, 12);
    let all: Vec<u64> = (4..=12).collect();
    let report = logs.without(&all);
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(report.log_sources[0].batches, 7);
    for withheld in [3, 13, 14, 1] {
        let report = logs.without(&[&all[..], &[withheld]].concat());
        assert!(!report.ok, "{withheld}: {:#?}", report.problems);
    }
    let mut first = Logs::new(6, &[3, 6]);
    first.told(1, 2);
    let report = first.without(&[1, 2]);
    assert!(report.ok && report.log_sources[0].batches == 4, "{:#?}", report.problems);
}

#[test]
fn a_folder_that_has_none_of_them_is_as_bad_as_one_that_lacks_one() {
    let logs = Logs::new(3, &[3]);
    let report = logs.without(&[1, 2, 3]);
    assert_eq!(problems(&report), [(Code::Missing, Weight::Bad)]);
    // Only where nobody looked for any it is said, and that is all.
    fs::remove_dir_all(logs.world.path().join("logs")).unwrap();
    assert_eq!(problems(&logs.world.verify()), [(Code::Missing, Weight::Note)]);
}

#[test]
fn batches_are_gathered_out_of_a_spool() {
    let mut logs = Logs::new(7, &[3, 6]);
    logs.told(2, 2);
    let world = &logs.world;
    let temp = tempfile::tempdir().unwrap();
    let (spool, to) = (temp.path().join("logs"), temp.path().join("audit"));
    let lay = |source: &str, number: u64, bytes: &[u8]| {
        fs::create_dir_all(spool.join(source)).unwrap();
        fs::write(spool.join(source).join(file_name(number)), bytes).unwrap();
    };
    for (number, bytes) in (1..).zip(&logs.packed).filter(|(number, _)| *number != 2) {
        lay("audit", number, bytes);
    }
    lay("audit", 90, b"none");
    lay("of-another", 1, &logs.packed[0]);
    let outbox = [world.path().join(format!("evidence/clinic-001/{}", device().public_key().fingerprint()))];
    let gather = |spools: &[PathBuf]| collect(Some(world.path()), &outbox, spools, &to).unwrap();
    assert_eq!((gather(&[]).log_batches_missing, to.join("logs").exists()), (0, false), "nobody asked for them");
    let done = gather(std::slice::from_ref(&spool));
    // The newest waits for a bundle that names it.
    assert_eq!((done.copied, done.log_batches_missing), (5, 0), "{done:#?}");
    assert!(done.refused.len() == 1 && done.refused[0].path.ends_with("audit/90.jsonl.gz"), "{done:#?}");
    let options = writ_audit::Options { trust: world.trust(), site: None, without_entries: false, now: None };
    let verified = || writ_audit::verify::verify(writ_audit::Folder::open(&to).unwrap(), &options);
    let report = verified();
    assert!(report.ok && report.log_sources[0].batches == 5, "{:#?}", report.problems);
    // What was gathered before is there, also when the spool has it no more; what is nowhere is said.
    fs::remove_file(spool.join("audit").join(file_name(1))).unwrap();
    fs::remove_file(spool.join("of-another").join(file_name(1))).unwrap();
    let done = gather(std::slice::from_ref(&spool));
    assert_eq!((done.copied, done.log_batches_missing), (0, 0), "{done:#?}");
    fs::remove_dir_all(to.join("logs")).unwrap();
    assert_eq!(gather(std::slice::from_ref(&spool)).log_batches_missing, 1);
    assert!(!verified().ok);
}

/// As a depot removes them: the oldest first, once the policy has them kept no longer (365 days).
#[test]
fn what_was_to_be_kept_no_longer_is_not_missed() {
    let logs = Logs::new(12, &[4, 8, 12]);
    for number in 1..=6 {
        fs::remove_file(logs.file_of(logs.digest(number))).unwrap();
    }
    let now = |number| ends(number).plus_millis(365 * DAY);
    // The sixth ended, and so the seventh began, before that.
    let report = logs.world.verify_at(now(7));
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!(problems(&report), [(Code::PastRetention, Weight::Note); 2]);
    assert_eq!(report.log_sources[0].batches, 6);
    // A moment earlier it was to be here; so are those without a policy that says otherwise.
    for report in [logs.world.verify_at(now(6)), logs.world.verify()] {
        assert!(problems(&report).contains(&(Code::Missing, Weight::Bad)), "{:#?}", report.problems);
    }
    // One that is withheld among those that are to be here is missed all the same.
    fs::remove_file(logs.file_of(logs.digest(10))).unwrap();
    let report = logs.world.verify_at(now(7));
    assert!(problems(&report).contains(&(Code::Missing, Weight::Bad)), "{:#?}", report.problems);
}
