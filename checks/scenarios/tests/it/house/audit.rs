//! What an auditor gets of a house: its releases and evidence in one folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use writ_trust::minisign::signature_file_name;

use super::releases::sign;
use super::*;

impl House {
    /// A house with an incident behind it, gathered for an audit into the folder that is given too.
    pub fn gathered() -> (Self, PathBuf) {
        let house = Self::enforcing(1);
        house.break_file(0);
        assert_eq!(house.once().code, Some(0));
        let audit = house.gather();
        (house, audit)
    }

    /// Gathers releases and outbox.
    pub fn gather(&self) -> PathBuf {
        let roots = self.path("releases/trust");
        fs::copy(self.path("etc/trust.json"), roots.join("1.json")).unwrap();
        let signature = sign(TRUST, &self.root.canonical());
        fs::write(roots.join(signature_file_name("1.json", public(TRUST).key_id())), signature).unwrap();
        let mut collect = program("writ");
        collect.args(["audit", "collect", "--releases"]).arg(self.path("releases"));
        let done = ran(collect.arg("--outbox").arg(self.outbox()).arg("--to").arg(self.path("audit")));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        self.path("audit")
    }

    /// `writ audit VERB` on what was gathered, from the first trust root.
    pub fn audit(&self, verb: &str) -> Command {
        let mut command = program("writ");
        command.args(["audit", verb]).arg(self.path("audit")).arg("--trust").arg(self.path("etc/trust.json"));
        command
    }
}
