//! Modules that nothing may load, as modprobe.d(5) has it.

use anyhow::Result;

use super::lay;
use crate::container::Container;

const TEXT: &str = "blacklist usb-storage\ninstall usb-storage /bin/false\n";

pub(super) fn furnish(container: &Container) -> Result<()> {
    lay(container, "/etc/modprobe.d/50-devices.conf", 0o644, TEXT)
}
