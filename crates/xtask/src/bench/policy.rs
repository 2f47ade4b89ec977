//! Evaluating and checking policy: 1, 100 and 1,000 sites.

use std::fs;
use std::process::Command;

use anyhow::Result;
use writ_scenarios::flake::copy;
use writ_scenarios::run;
use writ_scenarios::workshop::{SITE, Workshop};

use super::figure;
use super::process::cost;

/// Prints what evaluation alone and `writ check` take.
pub fn run() -> Result<()> {
    println!("Policy: the example site, many times over");
    for sites in [1, 100, 1000] {
        let scratch = tempfile::tempdir()?;
        let desk = Workshop::open(&scratch.path().join("desk"))?;
        let hosts = desk.flake().join("hosts");
        fs::remove_dir_all(hosts.join(SITE).join("busybox"))?;
        for n in 2..=sites {
            copy(&hosts.join(SITE), &hosts.join(format!("clinic-{n:04}")))?;
        }
        desk.commit("Many clinics")?;
        let mut evaluate = Command::new("nix-instantiate");
        evaluate.current_dir(desk.flake()).args(["--eval", "--strict", "--json", "modules/policy/evaluate.nix"]);
        evaluate.args(["--arg", "root", "./.", "-A", "report"]);
        let evaluation = cost(&mut evaluate)?;
        let check = cost(&mut desk.writ(["check", "flake"]))?;
        run::checked(&mut desk.writ(["check", "flake"]))?;
        figure(&format!("{sites} sites, evaluation alone"), &format!("{:.2} s", evaluation.wall_ms / 1e3), None);
        let seconds = check.wall_ms / 1e3;
        let target = (sites == 1000).then_some(("under 3 s", seconds < 3.0));
        figure(&format!("{sites} sites, writ check"), &format!("{seconds:.2} s"), target);
    }
    Ok(())
}
