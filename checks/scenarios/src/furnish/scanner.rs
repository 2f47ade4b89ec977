//! A scanner for malware, as far as it can be seen: what answers as clamd does, a process by the name of clamonacc, the header
//! of a file of signatures, and the records of scans.

use std::os::unix::fs::symlink;

use anyhow::Result;
use writ_wire::record::{Facts, Scan};

use super::{DAY, MINUTE, ago, keep, lay, start};
use crate::container::Container;

const SOCKET: &str = "[Socket]\nListenStream=/run/clamav/clamd.ctl\nAccept=yes\n";
const ANSWER: &str = "[Service]\nExecStart=/usr/bin/printf 'PONG\\\\0'\nStandardInput=socket\nStandardOutput=socket\nStandardError=journal\n";
const ON_ACCESS: &str = "[Service]\nExecStart=/srv/clinic/clamonacc infinity\n";

pub(super) fn furnish(container: &Container) -> Result<()> {
    lay(container, "/etc/clamav/clamd.conf", 0o644, "LocalSocket /run/clamav/clamd.ctl\nHeuristicAlerts yes\n")?;
    let built = ago(180 * MINUTE).unix_millis() / 1000;
    let header =
        format!("ClamAV-VDB:07 Nov 2026 08-24 +0000:27452:2062745:90:0b2d0b2ee4ba8d5c:furnished:nobody:{built}");
    lay(container, "/var/lib/clamav/daily.cvd", 0o644, format!("{header:512}"))?;
    lay(container, "/etc/systemd/system/clinic-clamd.socket", 0o644, SOCKET)?;
    lay(container, "/etc/systemd/system/clinic-clamd@.service", 0o644, ANSWER)?;
    // A process has the name that it was started by.
    lay(container, "/srv/clinic/README", 0o644, "Programs that stand for those of a clinic's machine.\n")?;
    let on_access = container.path("/srv/clinic/clamonacc");
    if on_access.symlink_metadata().is_err() {
        symlink("/usr/bin/sleep", on_access)?;
    }
    lay(container, "/etc/systemd/system/clinic-clamonacc.service", 0o644, ON_ACCESS)?;
    start(container, &["clinic-clamd.socket", "clinic-clamonacc.service"])?;
    for (name, age, took) in [("quick", 60 * MINUTE, MINUTE), ("full", DAY, 60 * MINUTE)] {
        let complete = Scan {
            complete: true,
            complete_at: Some(ago(age)),
            complete_seconds: Some(u64::try_from(took / 1000)?),
            ..Scan::default()
        };
        keep(container, name, [ago(age + took), ago(age)], Facts::Scan(complete))?;
    }
    Ok(())
}
