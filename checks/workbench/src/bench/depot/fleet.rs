//! A minute of ten thousand appliances: each connects, asks what is new, checks in, delivers a batch, and hangs up.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};

use super::super::{figure, load, percentile};
use super::cores::in_parallel_mut;
use super::delivery::seal_one;
use super::stats::{float, whole};
use super::watch::Watch;
use super::world::{World, now};
use super::{Amounts, address, memory};

/// Appliances that are connected at the same time.
const AT_ONCE: usize = 64;
/// Bundles that each delivers.
const BUNDLES: usize = 10;

/// Prints how long that takes, and fails on any answer that is not 200.
pub fn run(amounts: &Amounts) -> Result<()> {
    let (sites, each) = amounts.fleet();
    let count = sites * each;
    println!("A fleet: {} appliances of {sites} sites, {AT_ONCE} connected at a time", whole(float(count)));
    let mut world = World::make(sites, each, None)?;
    let served = world.serve(|_| Ok(()))?;
    let sessions = in_parallel_mut(&mut world.appliances, |appliance| {
        let bundles = seal_one(appliance, &served, BUNDLES)?;
        let (log, now) = (&served.site(&appliance.site)?.log, now());
        Ok(vec![appliance.sync(now), appliance.check_in(log, now, now)?, appliance.submit(bundles, now)])
    })?;
    let (watch, receipts) = (Watch::begin(served.depot.pid()), AtomicUsize::new(0));
    let see = |_, body: &[u8]| {
        receipts.fetch_add(body.windows(9).filter(|window| *window == b"\"proof\":[").count(), Ordering::Relaxed);
    };
    let (load, mut seconds) = load::sessions(address(&served.depot)?, AT_ONCE, &sessions, see)?;
    let errors: usize = load.statuses.iter().filter(|(status, _)| **status != 200).map(|(_, count)| count).sum();
    let took = load.took.as_secs_f64();
    seconds.sort_by(f64::total_cmp);
    let milliseconds = |share| format!("{:.1} ms", percentile(&seconds, share) * 1e3);
    figure("all appliances served once", &format!("{took:.1} s"), Some(("within 60 s", took <= 60.0)));
    figure("appliances a second", &format!("{}/s", whole(float(count) / took)), None);
    figure("bundles with receipts", &whole(float(receipts.load(Ordering::Relaxed))), None);
    figure("one appliance's exchange, median", &milliseconds(0.5), None);
    figure("one appliance's exchange, 99 of 100 within", &milliseconds(0.99), None);
    figure("answers other than 200", &whole(float(errors)), Some(("none", errors == 0)));
    memory("depot with this fleet", watch)?;
    if errors > 0 || receipts.load(Ordering::Relaxed) != count * BUNDLES {
        bail!("{:?}, and {} receipts for {} bundles", load.statuses, receipts.into_inner(), count * BUNDLES);
    }
    served.depot.stop()
}
