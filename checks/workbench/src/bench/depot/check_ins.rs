//! Check-ins: a signed heartbeat each, in the request of a courier.

use std::time::Duration;

use anyhow::Result;

use super::super::figure;
use super::super::load;
use super::cores::in_parallel;
use super::stats::{Rounds, float, whole};
use super::watch::{Cost, Watch};
use super::world::{World, now};
use super::{Amounts, address, limits, memory};

/// How long the machine's limit is measured in each round.
const LIMIT: Duration = Duration::from_millis(500);
/// Couriers that talk at the same time.
const CONNECTIONS: usize = 32;
/// Check-ins of each appliance in a round. With the first one they stay below what a depot allows in five minutes.
const EACH: usize = 2;
/// The most rounds that the depot's allowance of 10 leaves.
const MOST_ROUNDS: usize = 4;

/// Prints check-ins per second.
pub fn run(amounts: &Amounts) -> Result<()> {
    let (sites, each) = amounts.fleet();
    println!("Check-ins: {} appliances of {sites} sites, {CONNECTIONS} connections", whole(float(sites * each)));
    let world = World::make(sites, each, None)?;
    let served = world.serve(|_| Ok(()))?;
    let (address, watch) = (address(&served.depot)?, Watch::begin(served.depot.pid()));
    let requests = |round: usize| -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        for turn in 0..if round == 0 { 1 } else { EACH } {
            let later = i64::try_from(round * EACH + turn)?;
            all.extend(in_parallel(&world.appliances, |appliance| {
                let now = now();
                appliance.check_in(&served.site(&appliance.site)?.log, now.plus_millis(later), now)
            })?);
        }
        Ok(all)
    };
    load::drive(address, CONNECTIONS, &requests(0)?, |_, _| {})?.all(200)?;
    let (mut rounds, mut costs, mut verifies) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 1..=amounts.rounds.min(MOST_ROUNDS) {
        let (requests, cost) = (requests(round)?, Cost::from_now(served.depot.pid())?);
        verifies.push(limits::verifies(LIMIT)?);
        let load = load::drive(address, CONNECTIONS, &requests, |_, _| {})?.all(200)?;
        costs.push(cost.each(float(requests.len()))?);
        rounds.push(load.per_second());
    }
    figure("machine: strict Ed25519 verifications, all cores", &verifies.shown("/s"), None);
    figure("depot: processor time for each check-in", &costs.shown(" µs"), None);
    figure("check-ins", &rounds.shown("/s"), Some(("at least 20,000/s", rounds.median() >= 20_000.0)));
    memory("depot during check-ins", watch)?;
    served.depot.stop()
}
