//! The names of network interfaces and their numbers (netdevice(7)), of this network namespace.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// What the kernel tells of all interfaces, at most.
const MAX_LISTING: usize = 1024 * 1024;

/// All of them; one that goes meanwhile is left out.
///
/// # Errors
/// When the kernel does not tell.
pub(super) fn all() -> io::Result<BTreeMap<String, u32>> {
    let listing = writ_durable::read_bounded(Path::new("/proc/net/dev"), MAX_LISTING)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    let listing = String::from_utf8_lossy(&listing);
    let numbered = names(&listing).filter_map(|name| Some((name.to_owned(), name_to_index(&socket, name).ok()?)));
    Ok(numbered.collect())
}

/// The names in `/proc/net/dev`: two lines of headings, then a line for each, which begins with its name and a colon. A name may
/// have a colon itself, and what stands behind the last is numbers.
fn names(listing: &str) -> impl Iterator<Item = &str> {
    listing.lines().skip(2).filter_map(|line| line.rsplit_once(':')).map(|(name, _)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_has_its_number() {
        let listing = "Inter-|   Receive\n face |bytes\n    lo: 1 2 3\neth0.7:1: 4 5\n";
        assert_eq!(names(listing).collect::<Vec<_>>(), ["lo", "eth0.7:1"]);
        assert!(all().unwrap().get("lo").is_none_or(|number| *number > 0));
    }
}
