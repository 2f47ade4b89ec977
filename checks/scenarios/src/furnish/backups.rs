//! The records that the units of the backup leave: `writ-record restic`, `restic-check` and `restore-test`.

use anyhow::Result;
use writ_wire::record::{Facts, Group, Record, Repository, RestoreTest, Verified};

use super::{DAY, MINUTE, ago, keep};
use crate::container::Container;

/// The repositories that the baselines look into.
const REPOSITORIES: [&str; 2] = ["/var/backup/writ", "sftp:offsite:writ"];
/// The tags of their snapshots.
const TAGS: [&str; 4] = ["database", "logs", "system", "user"];

pub(super) fn furnish(container: &Container) -> Result<()> {
    for address in REPOSITORIES {
        let name = Record::repository_name(address);
        let group = |tag: Option<&str>| Group {
            tag: tag.map(str::to_owned),
            count: 400,
            newest_at: ago(10 * MINUTE),
            oldest_at: ago(400 * DAY),
            newest: "9cdfbd1fc8b4d37fd290f408b7a99a407915f92dfa59c1832156c82415662cdc".to_owned(),
            size_bytes: Some(3 << 30),
        };
        let groups = [None].into_iter().chain(TAGS.map(Some)).map(group).collect();
        let held = Facts::Restic(Repository { reachable: true, groups, locked: Some(false) });
        keep(container, &name, [ago(MINUTE), ago(MINUTE)], held)?;
        let verified = Verified { whole: Some(true), at: Some(ago(60 * MINUTE)) };
        keep(container, &name, [ago(70 * MINUTE), ago(60 * MINUTE)], Facts::ResticCheck(verified))?;
    }
    let seed = "furnished".to_owned();
    let tried =
        RestoreTest { backup_at: Some(ago(8 * DAY)), seed, sampled: 50, compared: 50, ..RestoreTest::default() };
    keep(container, "records", [ago(7 * DAY + 20 * MINUTE), ago(7 * DAY)], Facts::RestoreTest(tried))
}
