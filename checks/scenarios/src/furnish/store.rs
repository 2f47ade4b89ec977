//! The Nix store as NixOS has it: mounted read-only, and verified.

use anyhow::Result;
use writ_wire::record::{Facts, StoreVerify};

use super::{DAY, MINUTE, ago, keep};
use crate::container::Container;

const MOUNT: &str = "mkdir -p /nix/store && mount --bind /nix/store /nix/store && mount -o remount,ro,bind /nix/store";

pub(super) fn furnish(container: &Container) -> Result<()> {
    container.run("sh", &["-c", MOUNT])?;
    let found = StoreVerify { at: Some(ago(DAY)), corrupt: Some(0), unsigned: Some(0) };
    keep(container, "store", [ago(DAY + 10 * MINUTE), ago(DAY)], Facts::StoreVerify(found))
}
