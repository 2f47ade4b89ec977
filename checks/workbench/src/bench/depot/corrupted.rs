//! One bundle in a hundred damaged on its way: those are refused, no others, and their places stay free for the right ones.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use writ_trust::digest::Digest;
use writ_wire::{Blob, Signed};

use super::super::figure;
use super::Amounts;
use super::delivery::{Batch, WORLD, bundles, deliver, digest, judge, requests, seal};
use super::stats::{float, whole};
use super::world::World;

/// One in so many is damaged.
const ONE_IN: usize = 100;
/// Bundles in a batch.
const SIZE: usize = 10;

/// Fails unless exactly the damaged bundles are refused.
pub fn run(amounts: &Amounts) -> Result<()> {
    println!("Evidence with 1 % of the bundles damaged, in batches of {SIZE}");
    let (sites, each) = WORLD;
    let mut world = World::make(sites, each, None)?;
    let served = world.serve(|_| Ok(()))?;
    let mut batches = seal(&mut world, &served, amounts.bundles, SIZE)?;
    let sent = bundles(&batches);
    let (mut damaged, mut good) = (BTreeSet::new(), Vec::new());
    for hundred in 0..sent / ONE_IN {
        // Another place in each hundred.
        let n = hundred * ONE_IN + hundred * 37 % ONE_IN;
        let Batch { appliance, bundles } = &mut batches[n / SIZE];
        let bundle = &mut bundles[n % SIZE];
        good.push(Batch { appliance: *appliance, bundles: vec![bundle.clone()] });
        damage(bundle, n)?;
        damaged.insert(digest(bundle));
    }
    let (load, receipts) = deliver(&served, &requests(&world, &batches)?)?;
    let taken = judge(&world, &served, &receipts)?;
    let refused: Vec<Digest> = receipts.iter().flat_map(|r| &r.refused).map(|refused| refused.digest).collect();
    let others = refused.iter().filter(|digest| !damaged.contains(digest)).count();
    if refused.len() != damaged.len() || others > 0 || taken + refused.len() != sent {
        bail!(
            "of {sent} bundles {} were damaged; {} were refused, {others} of them sound, and {taken} were taken",
            damaged.len(),
            refused.len()
        );
    }
    let (_, late) = deliver(&served, &requests(&world, &good)?)?;
    if judge(&world, &served, &late)? != good.len() {
        bail!("a sound bundle was not taken after a damaged one in its place");
    }
    figure("bundles sent", &whole(float(sent)), None);
    figure("damaged on the way", &whole(float(damaged.len())), None);
    let as_many = refused.len() == damaged.len();
    figure("refused: the damaged ones and no others", &whole(float(refused.len())), Some(("as many", as_many)));
    figure("taken afterwards, undamaged, in their places", &whole(float(good.len())), None);
    figure("bundles judged", &format!("{}/s", whole(float(sent) / load.took.as_secs_f64())), None);
    served.depot.stop()
}

/// Flips one bit: of the bundle, or of the signature over it.
fn damage(bundle: &mut Signed, n: usize) -> Result<()> {
    if n.is_multiple_of(2) {
        let place = n * 31 % bundle.document.0.len();
        bundle.document.0[place] ^= 1 << (n % 8);
        return Ok(());
    }
    // A minisign file's second line: 2 bytes of algorithm, 8 of key id, 64 of signature.
    let text = std::str::from_utf8(&bundle.signatures[0].0)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines.get_mut(1).context("a signature file of one line")?;
    let mut signature = Blob::decode(line)?;
    signature.0[10 + n % 64] ^= 1 << (n % 8);
    *line = signature.encode();
    bundle.signatures[0] = Blob(format!("{}\n", lines.join("\n")).into_bytes());
    Ok(())
}
