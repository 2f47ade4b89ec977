//! The courier: its memory over many cycles against a depot with TLS. The enforcer's part is played here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use writ_scenarios::depot::Depot;
use writ_scenarios::{binaries, run};
use writ_trust::minisign::PublicKey;
use writ_wire::Signed;

use super::super::figure;
use super::super::process::pss_mb;
use super::Amounts;
use super::appliance::key;
use super::closure::{self, Entry};
use super::delivery::seal_files;
use super::stats::{float, whole};
use super::watch::{Cost, Watch};
use super::world::{CACHE, ClosureDocument, Served, World, now};

/// Store paths that it downloads first.
const PATHS: usize = 40;
/// Bundles in each cycle.
const BUNDLES: usize = 10;
/// How long a cycle may take, and the download.
const PATIENCE: Duration = Duration::from_secs(120);

/// Prints the memory of `writ-sync` at its most and in the end.
pub fn run(amounts: &Amounts) -> Result<()> {
    let cycles = amounts.cycles;
    let (entries, bytes, toplevel) = closure::make(PATHS, CACHE, &key("cache"))?;
    let megabytes = float(entries.iter().map(Entry::size).sum::<usize>()) / 1e6;
    println!(
        "Courier: a closure of {} MB, then {cycles} cycles of check-in, pull, delivery of {BUNDLES} bundles; TLS 1.3",
        whole(megabytes)
    );
    let mut world = World::make(1, 1, Some(ClosureDocument { bytes, toplevel }))?;
    let mut served = world.serve(|client| entries.iter().try_for_each(|entry| entry.upload(client)))?;
    drop(entries);
    served.depot.stop()?;
    let tls = certificates(world.folder())?;
    let mut command = world.command()?;
    command.arg("--tls-cert").arg(tls.join("depot.pem")).arg("--tls-key").arg(tls.join("depot.key"));
    // A minute's work is done as fast as it can be.
    command.args(["--extra-writes", "0", "--batches", "0", "--daily-evidence", "0"]);
    served.depot = Depot::spawn(&mut command, &world.data())?;
    let spool = Spool::make(&world, &served, &tls)?;
    let courier = spool.start(&world, &served)?;
    let (pid, watch) = (courier.0.id(), Watch::begin(courier.0.id()));
    let start = Instant::now();
    spool.wait("the closure in the inbox", || {
        Ok(spool.count("inbox/cache/nar", ".nar") == PATHS && spool.count("inbox/cache", ".narinfo") == PATHS)
    })?;
    let fetched = start.elapsed().as_secs_f64();
    let (cost, start) = (Cost::from_now(pid)?, Instant::now());
    for cycle in 1..=cycles {
        spool.bundles(&mut world, &served)?;
        spool.beat(&world, &served)?;
        run::checked(Command::new("kill").args(["-HUP", &pid.to_string()]))?;
        spool.wait("receipts", || Ok(spool.count("inbox/receipts", ".receipt.json") == cycle * BUNDLES))?;
    }
    let (took, last) = (start.elapsed().as_secs_f64(), pss_mb(pid)?);
    let cost = cost.each(float(cycles))? / 1e3;
    let most = watch.end()?;
    figure("closure downloaded and verified", &format!("{:.0} MB/s", megabytes / fetched), None);
    figure("cycles, each bundle's receipt verified", &format!("{:.1}/s", float(cycles) / took), None);
    figure("writ-sync: processor time for each cycle", &format!("{cost:.1} ms"), None);
    figure(
        &format!("writ-sync, PSS after {cycles} cycles"),
        &format!("{last:.1} MB"),
        Some(("under 10 MB", last < 10.0)),
    );
    figure("writ-sync, largest PSS", &format!("{most:.1} MB"), Some(("under 10 MB", most < 10.0)));
    drop(courier);
    served.depot.stop()
}

/// The folder that enforcer and courier share, and the courier's configuration.
struct Spool {
    folder: PathBuf,
    log: PathBuf,
}

/// A running courier; killed when dropped.
struct Courier(Child);

impl Drop for Courier {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Spool {
    fn make(world: &World, served: &Served, tls: &Path) -> Result<Self> {
        let folder = world.folder().join("appliance");
        for name in ["outbox", "presence", "inbox", "store"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let appliance = &world.appliances[0];
        let at = |path: PathBuf| path.display().to_string();
        let (_, port) = served.depot.address.rsplit_once(':').context("the depot listens on no port")?;
        let config = format!(
            "site = \"{}\"\nappliance = \"{}\"\ndepot = \"https://localhost:{port}\"\nca_file = \"{}\"\ntrust = \"{}\"\n\
             spool = \"{}\"\nstate_dir = \"{}\"\nstore = \"{}\"\ncheckin = \"60s\"\nsync = \"1h\"\n",
            appliance.site,
            appliance.id,
            at(tls.join("ca.pem")),
            at(world.folder().join("trust.json")),
            at(folder.clone()),
            at(folder.join("state")),
            at(folder.join("store")),
        );
        fs::write(folder.join("sync.toml"), config)?;
        let log = folder.join("sync.log");
        Ok(Self { folder, log })
    }

    /// Starts the courier and vouches for its key.
    fn start(&self, world: &World, served: &Served) -> Result<Courier> {
        self.beat(world, served)?;
        let log = fs::File::create(&self.log)?;
        let mut command = Command::new(binaries::folder()?.join("writ-sync"));
        command.arg("--config").arg(self.folder.join("sync.toml"));
        let courier = Courier(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?);
        let own = self.folder.join("inbox/courier.pub");
        self.wait("the courier's key", || Ok(own.exists()))?;
        let own: PublicKey = fs::read_to_string(own)?.parse()?;
        self.state("courier.json", &world.appliances[0].vouch(&own, now())?)?;
        Ok(courier)
    }

    fn state(&self, name: &str, signed: &Signed) -> Result<()> {
        let presence = self.folder.join("presence");
        let signature = &signed.signatures.first().context("a statement without signature")?.0;
        writ_durable::replace(&presence.join(format!("{name}.minisig")), signature, 0o644)?;
        writ_durable::replace(&presence.join(name), &signed.document.0, 0o644)?;
        Ok(())
    }

    fn beat(&self, world: &World, served: &Served) -> Result<()> {
        let appliance = &world.appliances[0];
        self.state("heartbeat.json", &appliance.heartbeat(&served.site(&appliance.site)?.log, now())?)
    }

    fn bundles(&self, world: &mut World, served: &Served) -> Result<()> {
        let outbox = self.folder.join("outbox");
        for sealed in seal_files(&mut world.appliances[0], served, BUNDLES)? {
            let file = outbox.join(sealed.file_name());
            fs::write(outbox.join(format!("{}.minisig", sealed.file_name())), &sealed.signature_text)?;
            writ_durable::replace(&file, &sealed.bytes, 0o644)?;
        }
        Ok(())
    }

    /// How many files of a folder have names that end so; those that are being written do not count.
    fn count(&self, folder: &str, suffix: &str) -> usize {
        let names =
            fs::read_dir(self.folder.join(folder)).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        names.filter(|name| name.ends_with(suffix) && !name.starts_with('.')).count()
    }

    fn wait(&self, what: &str, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
        run::wait(what, PATIENCE, || Ok(ready()?.then_some(()))).with_context(|| {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            format!("the courier said at last:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
        })
    }
}

/// An authority, and a certificate by it for `localhost`: `ca.pem`, `depot.pem`, `depot.key` in the folder returned.
fn certificates(scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("tls");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("leaf.cnf"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")?;
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |arguments: &[&str]| run::checked(Command::new("openssl").current_dir(&folder).args(arguments));
    let authority = ["req", "-x509", "-days", "30", "-subj", "/CN=measured", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(&[&authority[..], &curve].concat())?;
    openssl(&[&["req", "-subj", "/CN=localhost", "-keyout", "depot.key", "-out", "depot.csr"][..], &curve].concat())?;
    let sign =
        ["x509", "-req", "-days", "30", "-in", "depot.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(&[&sign[..], &["-extfile", "leaf.cnf", "-out", "depot.pem"]].concat())?;
    if !folder.join("depot.pem").exists() {
        bail!("openssl made no certificate");
    }
    Ok(folder)
}
