//! Durable evidence: batches of sealed bundles, every signature verified, beside what the machine can verify and fsync.

use std::time::Duration;

use anyhow::{Result, bail};

use super::super::figure;
use super::delivery::{CONNECTIONS, WORLD, bundles, deliver, judge, requests, seal};
use super::stats::{Rounds, float, whole};
use super::watch::{Cost, Watch};
use super::world::{Served, World};
use super::{Amounts, limits, memory};

/// How long each limit of the machine is measured in each round.
const LIMIT: Duration = Duration::from_millis(500);
/// Strict Ed25519 verifications that one bundle costs: a minisign file signs the bundle, and its trusted comment.
const SIGNATURES: f64 = 2.0;

/// Prints bundles per second for both sizes of batches.
pub fn run(amounts: &Amounts) -> Result<()> {
    let (sites, each) = WORLD;
    println!("Durable evidence: {} appliances of {sites} sites, {CONNECTIONS} connections", sites * each);
    let mut world = World::make(sites, each, None)?;
    let served = world.serve(|_| Ok(()))?;
    let watch = Watch::begin(served.depot.pid());
    for size in [10, 100] {
        batches_of(size, amounts, &mut world, &served)?;
    }
    memory("depot while it takes evidence", watch)?;
    served.depot.stop()
}

fn batches_of(size: usize, amounts: &Amounts, world: &mut World, served: &Served) -> Result<()> {
    let (mut rates, mut verifies, mut fsyncs) = (Rounds::default(), Rounds::default(), Rounds::default());
    let (mut average, mut costs) = (0, Rounds::default());
    for _ in 0..amounts.rounds {
        let batches = seal(world, served, amounts.bundles, size)?;
        let (sent, requests) = (bundles(&batches), requests(world, &batches)?);
        average = batches.iter().flat_map(|b| &b.bundles).map(|bundle| bundle.document.0.len()).sum::<usize>() / sent;
        verifies.push(limits::verifies(LIMIT)?);
        fsyncs.push(limits::fsyncs(world.folder(), LIMIT)?);
        let cost = Cost::from_now(served.depot.pid())?;
        let (load, receipts) = deliver(served, &requests)?;
        costs.push(cost.each(float(sent))?);
        let held = judge(world, served, &receipts)?;
        if held != sent {
            bail!("{sent} bundles were sent and {held} receipts came");
        }
        rates.push(float(sent) / load.took.as_secs_f64());
    }
    let (by_verifying, by_fsync) = (verifies.median() / SIGNATURES, fsyncs.median() * float(size));
    let share = rates.median() / by_verifying.min(by_fsync);
    println!("  in batches of {size}, {average} bytes a bundle");
    figure("machine: strict Ed25519 verifications, all cores", &verifies.shown("/s"), None);
    figure("machine: bundles by verifications, two for each", &format!("{}/s", whole(by_verifying)), None);
    figure("machine: fsyncs", &fsyncs.shown("/s"), None);
    figure("machine: bundles by fsyncs, one for each batch", &format!("{}/s", whole(by_fsync)), None);
    figure("depot: processor time for each bundle", &costs.shown(" µs"), None);
    figure("durable bundles", &rates.shown("/s"), Some(("at least 10,000/s", rates.median() >= 10_000.0)));
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    figure("share of the tighter limit", &percent(share), Some(("at least 40 %", share >= 0.4)));
    let single = rates.median() / verifies.median().min(by_fsync);
    figure("the same if a bundle cost one verification", &percent(single), None);
    Ok(())
}
