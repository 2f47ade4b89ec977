//! The binary cache beside nginx: the same files, the same client, in turns.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use writ_client::{Client, Settings};
use writ_wire::paths;

use super::super::figure;
use super::appliance::key;
use super::closure::{self, Entry};
use super::nginx::Nginx;
use super::stats::{Rounds, float, whole};
use super::watch::Watch;
use super::world::{CACHE, ClosureDocument, World};
use super::wrk::Wrk;
use super::{Amounts, address, memory};

/// Store paths in the cache.
const PATHS: usize = 200;
/// Connections that ask for narinfos, and for NARs.
const CONNECTIONS: (usize, usize) = (32, 8);
/// How much of nginx's rate is met.
const SHARE: f64 = 0.9;

/// Prints narinfos and NARs per second of both, and the ratio.
pub fn run(amounts: &Amounts) -> Result<()> {
    let (entries, bytes, toplevel) = closure::make(PATHS, CACHE, &key("cache"))?;
    let mean = entries.iter().map(Entry::size).sum::<usize>() / entries.len();
    println!("Binary cache: {PATHS} paths, NARs of 2 KiB to 8 MiB, {} KiB on average", whole(float(mean / 1024)));
    let world = World::make(1, 1, Some(ClosureDocument { bytes, toplevel }))?;
    let served = world.serve(|client| entries.iter().try_for_each(|entry| entry.upload(client)))?;
    let folder = world.data().join("cache");
    let nginx = Nginx::start(&folder, world.folder())?;
    let narinfos: Vec<String> =
        entries.iter().map(|entry| Ok(paths::narinfo(&entry.part()?).to_string())).collect::<Result<_>>()?;
    let nars: Vec<String> = entries.iter().map(|entry| format!("/{}", entry.url)).collect();
    drop(entries);
    let depot = address(&served.depot)?;
    for address in [depot, nginx.address] {
        same(address, &folder, narinfos.iter().chain(&nars))?;
    }
    let watch = Watch::begin(served.depot.pid());
    let time = Duration::from_secs(amounts.seconds);
    for (what, list, connections) in [("narinfo", narinfos, CONNECTIONS.0), ("NAR", nars, CONNECTIONS.1)] {
        let wrk = Wrk::new(world.folder(), &format!("{what}.list"), &list)?;
        let (mut ours, mut theirs) = ([Rounds::default(), Rounds::default()], [Rounds::default(), Rounds::default()]);
        // What either has to open or read once is not measured.
        for address in [depot, nginx.address] {
            wrk.run(address, connections, Duration::from_secs(1))?;
        }
        for _ in 0..amounts.rounds {
            for (address, rounds) in [(depot, &mut ours), (nginx.address, &mut theirs)] {
                let figures = wrk.run(address, connections, time)?;
                rounds[0].push(figures.per_second);
                rounds[1].push(figures.megabytes);
            }
        }
        let ratio = ours[0].median() / theirs[0].median();
        let label = |who: &str| format!("{what}s from {who}, {connections} connections");
        figure(&label("the depot"), &ours[0].shown("/s"), None);
        figure(&label("nginx"), &theirs[0].shown("/s"), None);
        let megabytes = |rounds: &[Rounds; 2]| format!("{} MB/s", whole(rounds[1].median()));
        figure("in megabytes, depot and nginx", &format!("{}, {}", megabytes(&ours), megabytes(&theirs)), None);
        let target = format!("at least {SHARE}");
        figure(&format!("{what}s, ratio to nginx"), &format!("{ratio:.2}"), Some((&target, ratio >= SHARE)));
    }
    memory("depot while it serves its cache", watch)?;
    served.depot.stop()
}

/// Fails unless a server answers each path with the file's bytes.
fn same<'a>(address: SocketAddr, folder: &std::path::Path, list: impl Iterator<Item = &'a String>) -> Result<()> {
    let client = Client::new(&Settings::new(format!("http://{address}")))?;
    for path in list {
        let file = folder.join(path.trim_start_matches('/'));
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        let target = paths::Target { path: path.clone(), query: None };
        if client.get(&target, bytes.len() as u64)? != bytes {
            bail!("{address} serves other bytes than {}", file.display());
        }
    }
    Ok(())
}
