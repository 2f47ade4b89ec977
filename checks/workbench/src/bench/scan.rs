//! Fifty file-mode checks with one to heal: the enforcer once, beside cf-agent, monit and oscap.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use writ_scenarios::run;

use super::clinic::{Clinic, FILES};
use super::process::{Cost, cost, cpu_ms, pss_mb};
use super::{figure, percentile};
use writ_tools::peers;

const RUNS: usize = 15;

/// Prints CPU time and memory of each.
pub fn run(lynis: bool) -> Result<()> {
    println!("One scan of {FILES} file-mode checks with one to heal (median of {RUNS})");
    let clinic = Clinic::open()?;
    let daemon_ms = in_daemon(&clinic)?;
    let once = median(|| {
        clinic.set_mode(7, 0o600)?;
        let cost = cost(clinic.enforcer().arg("--once"))?;
        healed(&clinic)?;
        Ok(cost)
    })?;
    let agent = cf_agent(&clinic)?;
    figure("writ-enforce, scan in the running daemon, CPU", &format!("{daemon_ms:.2} ms"), None);
    figure("writ-enforce --once, CPU", &format!("{:.1} ms", once.cpu_ms), None);
    figure("writ-enforce --once, wall", &format!("{:.1} ms", once.wall_ms), None);
    figure("writ-enforce --once, peak memory", &format!("{:.1} MB", once.peak_mb), None);
    figure("cf-agent, CPU", &format!("{:.1} ms", agent.cpu_ms), None);
    figure("cf-agent, wall", &format!("{:.1} ms", agent.wall_ms), None);
    figure("cf-agent, peak memory", &format!("{:.1} MB", agent.peak_mb), None);
    let ratio = daemon_ms / agent.cpu_ms;
    figure("ratio of CPU, daemon's scan to cf-agent", &format!("{ratio:.3}"), Some(("at most 0.1", ratio <= 0.1)));
    figure("ratio of CPU, --once to cf-agent", &format!("{:.3}", once.cpu_ms / agent.cpu_ms), None);
    monit(&clinic)?;
    clinic.set_mode(7, 0o644)?;
    let judged = super::oscap::run(&clinic)?;
    figure("ratio of CPU, daemon's scan to oscap", &format!("{:.3}", daemon_ms / judged.cpu_ms), None);
    if lynis { run_lynis() } else { Ok(()) }
}

/// Costs of several runs: the middle of each figure.
pub fn median(mut one: impl FnMut() -> Result<Cost>) -> Result<Cost> {
    let costs = (0..RUNS).map(|_| one()).collect::<Result<Vec<_>>>()?;
    let middle = |f: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(f).collect();
        values.sort_by(f64::total_cmp);
        percentile(&values, 0.5)
    };
    Ok(Cost { wall_ms: middle(|c| c.wall_ms), cpu_ms: middle(|c| c.cpu_ms), peak_mb: middle(|c| c.peak_mb) })
}

fn healed(clinic: &Clinic) -> Result<()> {
    if clinic.mode(7)? == 0o644 { Ok(()) } else { bail!("the file was not healed") }
}

/// CPU time of full scans in the running daemon, one drift each, over as many scans.
fn in_daemon(clinic: &Clinic) -> Result<f64> {
    let daemon = clinic.start()?;
    let mut values = Vec::new();
    for _ in 0..RUNS {
        let before = cpu_ms(daemon.pid())?;
        let scans = super::memory::scans(clinic)?;
        clinic.set_mode(7, 0o600)?;
        super::memory::scan(&daemon, clinic, scans)?;
        run::wait("the file to be healed", Duration::from_secs(5), || Ok((clinic.mode(7)? == 0o644).then_some(())))?;
        values.push(cpu_ms(daemon.pid())? - before);
    }
    values.sort_by(f64::total_cmp);
    Ok(percentile(&values, 0.5))
}

fn cf_agent(clinic: &Clinic) -> Result<Cost> {
    let folder = peers::unpack("cfengine3", &["cfengine3"])?;
    let work = folder.join("work");
    for dir in ["bin", "inputs"] {
        fs::create_dir_all(work.join(dir))?;
    }
    fs::copy(folder.join("usr/bin/cf-promises"), work.join("bin/cf-promises"))?;
    let mut policy =
        String::from("body common control { bundlesequence => { \"main\" }; }\nbundle agent main { files:\n");
    for n in 1..=FILES {
        policy += &format!("\"{}\" perms => m644;\n", clinic.file(n).display());
    }
    policy += "}\nbody perms m644 { mode => \"644\"; }\n";
    let file = private(&folder.join("fifty.cf"), &policy)?;
    median(|| {
        clinic.set_mode(7, 0o600)?;
        let mut command = peers::command(&folder, "usr/bin/cf-agent");
        command.args(["-K", "-f"]).arg(&file).env("CFENGINE_TEST_OVERRIDE_WORKDIR", &work);
        let cost = cost(&mut command)?;
        healed(clinic)?;
        Ok(cost)
    })
}

fn monit(clinic: &Clinic) -> Result<()> {
    let folder = peers::unpack("monit", &["monit"])?;
    let at = |name: &str| folder.join(name).display().to_string();
    let mut control =
        format!("set daemon 1\nset pidfile {}\nset statefile {}\nset idfile {}\n", at("pid"), at("state"), at("id"));
    for n in 1..=FILES {
        let file = clinic.file(n).display().to_string();
        control += &format!(
            "check file f{n} with path {file}\n  if failed permission 644 then exec \"/bin/chmod 644 {file}\"\n"
        );
    }
    let file = private(&folder.join("monitrc"), &control)?;
    let mut command = peers::command(&folder, "usr/bin/monit");
    let mut child = command
        .arg("-I")
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let measured = (|| {
        std::thread::sleep(Duration::from_secs(3));
        let before = cpu_ms(child.id())?;
        let start = Instant::now();
        clinic.set_mode(7, 0o600)?;
        run::wait("monit to heal", Duration::from_secs(10), || Ok((clinic.mode(7)? == 0o644).then_some(())))?;
        let healed = start.elapsed().as_secs_f64() * 1e3;
        std::thread::sleep(Duration::from_secs(5));
        Ok::<_, anyhow::Error>((
            healed,
            (cpu_ms(child.id())? - before) / start.elapsed().as_secs_f64(),
            pss_mb(child.id())?,
        ))
    })();
    child.kill()?;
    child.wait()?;
    let (healed, cpu, memory) = measured?;
    figure("monit (polls every 1 s), until healed", &format!("{healed:.0} ms"), None);
    figure("monit, CPU per scan", &format!("{cpu:.1} ms"), None);
    figure("monit, memory (PSS)", &format!("{memory:.1} MB"), None);
    Ok(())
}

fn run_lynis() -> Result<()> {
    let folder = peers::unpack("lynis", &["lynis"])?.canonicalize()?;
    let share = folder.join("usr/share/lynis");
    let scratch = tempfile::tempdir()?;
    let mut lynis = Command::new(folder.join("usr/sbin/lynis"));
    lynis.current_dir(share).arg("--profile").arg(folder.join("etc/lynis/default.prf"));
    lynis.arg("--plugindir").arg(folder.join("etc/lynis/plugins"));
    lynis.arg("--logfile").arg(scratch.path().join("log")).arg("--report-file").arg(scratch.path().join("report"));
    let cost = cost(lynis.args(["audit", "system", "--quick", "--quiet"]))?;
    let log = fs::read_to_string(scratch.path().join("log")).unwrap_or_default();
    if !log.contains("Lynis ended successfully") {
        bail!("lynis did not run to its end");
    }
    figure("lynis audit system, wall (for scale; other checks)", &format!("{:.1} s", cost.wall_ms / 1e3), None);
    figure("lynis audit system, CPU", &format!("{:.1} s", cost.cpu_ms / 1e3), None);
    Ok(())
}

fn private(path: &Path, text: &str) -> Result<std::path::PathBuf> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(path.to_owned())
}
