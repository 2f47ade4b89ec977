//! One hundred thousand appliances that check in every minute, for minutes: what each waits, and what the depot takes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use super::super::answer::Answer;
use super::super::{figure, percentile};
use super::stats::{float, whole};
use super::watch::{Cost, Watch};
use super::world::{Served, World, now};
use super::{APPLIANCES_OF_A_SITE, Amounts, address};

/// How often an appliance checks in.
const EVERY: Duration = Duration::from_secs(60);
/// Clients that wait for an answer at the same time, at most.
const CLIENTS: usize = 128;
/// Addresses of this machine that they come from in turns: the ports of one are not enough for a minute's connections.
const ADDRESSES: usize = 16;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most memory, in MB, and the longest that 99 of 100 wait, in milliseconds.
const LIMITS: (f64, f64) = (300.0, 50.0);

/// Prints how long check-ins took, counted from when each was due, and the depot's memory and processor time.
pub fn run(amounts: &Amounts) -> Result<()> {
    let sites = amounts.steady.div_ceil(APPLIANCES_OF_A_SITE);
    let count = sites * APPLIANCES_OF_A_SITE;
    let minutes = amounts.steady_minutes;
    println!(
        "Steady: {} appliances of {} sites, each checks in every {} s, over a connection of its own, for {minutes} minutes",
        whole(float(count)),
        whole(float(sites)),
        EVERY.as_secs()
    );
    let world = World::make(sites, APPLIANCES_OF_A_SITE, None)?;
    let served = world.serve(|_| Ok(()))?;
    let (watch, cost) = (Watch::begin(served.depot.pid()), Cost::from_now(served.depot.pid())?);
    let total = count * minutes;
    let begun = Instant::now();
    let mut waited = check_in(&world, &served, total)?;
    let took = begun.elapsed().as_secs_f64();
    let each = cost.each(float(total))?;
    let most = watch.end()?;
    waited.sort_by(f64::total_cmp);
    let at = |share| percentile(&waited, share) * 1e3;
    let milliseconds = |share| format!("{:.1} ms", at(share));
    figure("check-ins a second, as due", &format!("{}/s", whole(float(total) / took)), None);
    figure("depot: processor time for each", &format!("{each:.0} µs"), None);
    figure("depot: of one core", &format!("{:.0} %", each * float(total) / took / 1e4), None);
    figure("waited, median", &milliseconds(0.5), None);
    figure("waited, 99 of 100 within", &milliseconds(0.99), Some(("under 50 ms", at(0.99) < LIMITS.1)));
    figure("waited, the longest", &milliseconds(1.0), None);
    figure("depot, largest PSS", &format!("{most:.0} MB"), Some(("under 300 MB", most < LIMITS.0)));
    served.depot.stop()
}

/// Sends as many check-ins as asked, evenly in time and by the appliances in turns. Returns how many seconds each took.
fn check_in(world: &World, served: &Served, total: usize) -> Result<Vec<f64>> {
    let depot = address(&served.depot)?;
    let (next, waited) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(total)));
    let gap = EVERY.as_secs_f64() / float(world.appliances.len());
    let start = Instant::now() + Duration::from_millis(100);
    let client = |number: usize| -> Result<()> {
        let mut own = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= total {
                break;
            }
            let due = start + Duration::from_secs_f64(gap * float(turn));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let appliance = &world.appliances[turn % world.appliances.len()];
            let log = &served.sites[turn % world.appliances.len() / APPLIANCES_OF_A_SITE].log;
            let request = appliance.check_in(log, now(), now())?;
            exchange(depot, number, &request).with_context(|| format!("check-in {turn}"))?;
            own.push(due.elapsed().as_secs_f64());
        }
        waited.lock().expect("no thread panics").extend(own);
        Ok(())
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || client(number))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a thread that does not panic"))
    })?;
    Ok(waited.into_inner().expect("no thread panics"))
}

/// One request over a connection of its own, which must be answered by 200.
fn exchange(depot: SocketAddr, client: usize, request: &[u8]) -> Result<()> {
    let mut stream = TcpStream::from(socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?);
    let last = u8::try_from(client % ADDRESSES + 1)?;
    bind(&stream, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, last), 0))?;
    connect(&stream, &depot)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let (mut answer, mut piece) = (Answer::default(), [0; 4096]);
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            bail!("the depot hung up");
        }
        if answer.take(&piece[..read])? {
            break;
        }
    }
    match answer.get()?.0 {
        200 => Ok(()),
        status => bail!("answered by {status}"),
    }
}
