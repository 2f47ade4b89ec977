//! The portal's pages over a thousand sites: how long a page takes and how large it is.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use writ_scenarios::Time;
use writ_scenarios::binaries;

use self::folder::{Laid, Plan};
use super::{figure, percentile};

mod folder;

const SITES: usize = 1000;
/// How often each page is asked for.
const ROUNDS: usize = 200;
/// The largest page, in bytes, and the longest time, in milliseconds.
const LARGEST: usize = 60_000;
const LONGEST: f64 = 20.0;
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running portal; ended when dropped.
struct Portal(Child);

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A connection of somebody who is signed in.
struct Browser {
    stream: BufReader<TcpStream>,
    host: String,
    cookie: String,
}

impl Browser {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), host: address.to_string(), cookie: String::new() })
    }

    /// Status, headers and body of an answer.
    fn ask(&mut self, method: &str, path: &str) -> Result<(u16, String, Vec<u8>)> {
        let (host, cookie) = (&self.host, &self.cookie);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\nsec-fetch-site: same-origin\r\ncontent-length: 0\r\n\r\n"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(self.stream.read_line(&mut head)? > 0, "the portal ended the connection");
        }
        let header = |name: &str| {
            let line = head
                .lines()
                .find_map(|line| line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name)));
            line.map(|(_, value)| value.to_owned())
        };
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        Ok((status, header("set-cookie").unwrap_or_default(), body))
    }

    fn page(&mut self, path: &str) -> Result<Vec<u8>> {
        match self.ask("GET", path)? {
            (200, _, body) => Ok(body),
            (status, ..) => bail!("{path}: {status}"),
        }
    }
}

/// Prints how long each kind of page takes.
pub fn run() -> Result<()> {
    println!(
        "Portal: {SITES} sites with an hour of evidence each, one of them with a day and 1,000 incidents; pages over one connection, signed in"
    );
    let scratch = tempfile::Builder::new().prefix("writ-bench-").tempdir()?;
    let folder = scratch.path().join("audit");
    let now = Time::from_unix_millis(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?);
    let laid = Laid::begin(&folder, now)?;
    for n in 1..SITES {
        laid.site(&Plan { hours: 1, ..Plan::quiet(&format!("practice-{n:04}"), now) })?;
    }
    let busy = laid.site(&Plan {
        releases: 2,
        hours: 24,
        healed: 895,
        planned: 100,
        open: 5,
        ..Plan::quiet("clinic-001", now)
    })?;
    let begun = Instant::now();
    let (portal, address, link) = start(scratch.path(), &folder, &laid)?;
    let mut browser = Browser::open(address)?;
    let (status, cookie, _) = browser.ask("POST", &link)?;
    ensure!(status == 303, "signing in: {status}");
    browser.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    wait(&mut browser)?;
    figure(&format!("reading and verifying {SITES} sites"), &format!("{:.1} s", begun.elapsed().as_secs_f64()), None);
    let last = busy.last().context("no bundle")?;
    let bundle = last.replacen("evidence/clinic-001", "/site/clinic-001/bundles", 1);
    let incidents = String::from_utf8(browser.page("/site/clinic-001/incidents")?)?;
    let incident = incidents
        .split("href=\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|href| href.contains("/incidents/front-desk/"));
    let pages = [
        ("the fleet", "/"),
        ("the fleet, its last part", "/?page=17"),
        ("exceptions", "/exceptions"),
        ("learning", "/learning"),
        ("how learning stands, as JSON", "/learning/status"),
        ("candidates, as JSON", "/learning/candidates"),
        ("checklists", "/checklists"),
        ("a site", "/site/clinic-001"),
        ("its control matrix", "/site/clinic-001/controls"),
        ("a control", "/site/clinic-001/controls/164.308(a)(7)(ii)(A)"),
        ("its incidents", "/site/clinic-001/incidents"),
        ("the story of one", incident.context("no incident")?),
        ("its bundles", "/site/clinic-001/bundles"),
        ("a bundle", bundle.trim_end_matches(".json")),
        ("a release", "/site/clinic-001/releases/1-2"),
    ];
    for (what, path) in pages {
        measure(&mut browser, what, path)?;
    }
    let cold = Instant::now();
    browser.page("/site/practice-0999")?;
    figure(
        "a site that is not held: read and verified first",
        &format!("{:.0} ms", cold.elapsed().as_secs_f64() * 1e3),
        None,
    );
    drop(portal);
    Ok(())
}

fn measure(browser: &mut Browser, what: &str, path: &str) -> Result<()> {
    let mut size = 0;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let asked = Instant::now();
        size = browser.page(path)?.len();
        times.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (half, most) = (percentile(&times, 0.5), percentile(&times, 0.99));
    let value = format!("{half:.1}; {most:.1} ms");
    figure(&format!("{what}, p50; p99"), &value, Some(("p99 under 20 ms", most < LONGEST)));
    #[allow(clippy::cast_precision_loss, reason = "kilobytes")]
    let kilobytes = size as f64 / 1e3;
    figure(&format!("{what}, size"), &format!("{kilobytes:.1} kB"), Some(("under 60 kB", size < LARGEST)));
    Ok(())
}

/// Starts a portal; gives where it listens, and the path of the link that it prints.
fn start(dir: &Path, folder: &Path, laid: &Laid) -> Result<(Portal, SocketAddr, String)> {
    let (address, log) = (dir.join("address"), dir.join("log"));
    let mut command = Command::new(binaries::folder()?.join("writ-portal"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--address-file"]).arg(&address);
    command.arg("--folder").arg(folder).arg("--trust").arg(laid.trust());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log)?);
    let mut portal = Portal(command.spawn()?);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let link = said.split_whitespace().find_map(|word| word.find("/login/").map(|at| word[at..].to_owned()));
        let found = fs::read_to_string(&address).ok().and_then(|text| text.trim().parse().ok());
        if let (Some(link), Some(address)) = (link, found) {
            return Ok((portal, address, link));
        }
        ensure!(portal.0.try_wait()?.is_none() && Instant::now() < deadline, "the portal does not serve: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Until all sites are read.
fn wait(browser: &mut Browser) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let fleet = String::from_utf8(browser.page("/")?)?;
        if fleet.contains("Part 1 of 17") && !fleet.contains("Being read") {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the sites are not read in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}
