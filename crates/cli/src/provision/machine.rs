//! What a machine is known by before it has a name: a network card, and what its firmware calls it.

use std::fs;
use std::path::Path;

use writ_wire::claim::PlainName;
use writ_wire::mac::MacAddress;

/// The most cards looked at.
const MOST_CARDS: usize = 256;
/// The largest file of sysfs that is read, in bytes: a page.
const PAGE: usize = 4096;
/// The kernel's number of cards with addresses as ethernet has them (`ARPHRD_ETHER`).
const ETHERNET: &str = "1";
/// The kernel's number of addresses that were made up (`NET_ADDR_RANDOM`).
const RANDOM: &str = "1";

/// A card of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What the kernel calls it.
    pub name: String,
    /// Its address.
    pub mac: MacAddress,
}

/// How good a card is to be known by, the best first: a real one before a bridge or a tunnel, one with a link before one without,
/// wired before wireless, one with the address that it was made with before one that made it up, and by name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_virtual: bool,
    has_no_link: bool,
    is_wireless: bool,
    is_made_up: bool,
    name: String,
}

/// The card that a machine is known by, in what sysfs says below `root` (`/` on a machine); none where there is none.
pub fn card(root: &Path) -> Option<Card> {
    let folder = root.join("sys/class/net");
    let names =
        fs::read_dir(&folder).ok()?.take(MOST_CARDS).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut cards: Vec<(Rank, MacAddress)> = names.filter_map(|name| look(&folder.join(&name), name)).collect();
    cards.sort_by(|one, other| one.0.cmp(&other.0));
    cards.into_iter().next().map(|(rank, mac)| Card { name: rank.name, mac })
}

fn look(at: &Path, name: String) -> Option<(Rank, MacAddress)> {
    let says = |file: &str| text(&at.join(file));
    if says("type").as_deref() != Some(ETHERNET) {
        return None;
    }
    let mac = MacAddress::from_label(&says("address")?).ok()?;
    // A card without a cable has no carrier, and one that is off cannot say.
    let has_link = says("carrier").as_deref() == Some("1") || says("operstate").as_deref() == Some("up");
    let rank = Rank {
        is_virtual: !at.join("device").exists(),
        has_no_link: !has_link,
        is_wireless: at.join("wireless").exists() || at.join("phy80211").exists(),
        is_made_up: says("addr_assign_type").as_deref() == Some(RANDOM),
        name,
    };
    Some((rank, mac))
}

/// What the firmware calls a machine, by DMI or the device tree below `root`.
pub fn hardware(root: &Path) -> PlainName {
    let dmi = |file: &str| text(&root.join("sys/class/dmi/id").join(file));
    let name = match (dmi("sys_vendor"), dmi("product_name")) {
        (Some(vendor), Some(product)) => Some(format!("{vendor} {product}")),
        (vendor, product) => product.or(vendor).or_else(|| text(&root.join("sys/firmware/devicetree/base/model"))),
    };
    PlainName::of(&name.unwrap_or_default())
}

/// The text of a file of sysfs; none where it cannot be read or is empty.
fn text(path: &Path) -> Option<String> {
    let bytes = writ_durable::read_bounded(path, PAGE).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim_matches(['\0', '\n', ' ']).to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of a card, and what each says; with a slash at its end it is a folder.
    type Files<'a> = &'a [(&'a str, &'a str)];

    /// A card in a made-up sysfs: name, last byte of the address, files.
    fn lay(root: &Path, name: &str, last: &str, files: Files<'_>) {
        let at = root.join("sys/class/net").join(name);
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join("address"), format!("00:00:5e:00:53:{last}\n")).unwrap();
        fs::write(at.join("type"), "1\n").unwrap();
        for (file, says) in files {
            match file.strip_suffix('/') {
                Some(folder) => fs::create_dir_all(at.join(folder)).unwrap(),
                None => fs::write(at.join(file), format!("{says}\n")).unwrap(),
            }
        }
    }

    const WIRED: Files<'_> = &[("device/", ""), ("carrier", "0"), ("operstate", "down")];
    const WIRED_UP: Files<'_> = &[("device/", ""), ("carrier", "1"), ("operstate", "up")];
    const WIRELESS_UP: Files<'_> = &[("device/", ""), ("phy80211/", ""), ("carrier", "1"), ("operstate", "up")];
    const WIRELESS: Files<'_> = &[("device/", ""), ("wireless/", ""), ("operstate", "down")];

    fn known_by(cards: &[(&str, &str, Files<'_>)]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, last, files) in cards {
            lay(dir.path(), name, last, files);
        }
        card(dir.path()).map(|card| card.name)
    }

    #[test]
    fn active_ethernet_goes_before_wireless() {
        assert_eq!(known_by(&[("wlan0", "01", WIRELESS_UP), ("eth0", "02", WIRED_UP)]).as_deref(), Some("eth0"));
        // In whatever order they come, and whatever they are called.
        assert_eq!(known_by(&[("awifi", "01", WIRELESS_UP), ("zcable", "02", WIRED_UP)]).as_deref(), Some("zcable"));
        assert_eq!(known_by(&[("eth0", "01", WIRED), ("eth1", "02", WIRED_UP)]).as_deref(), Some("eth1"));
        assert_eq!(known_by(&[("eth0", "01", WIRED), ("wlan0", "02", WIRELESS_UP)]).as_deref(), Some("wlan0"));
        assert_eq!(known_by(&[("wlan0", "01", WIRELESS), ("eth0", "02", WIRED)]).as_deref(), Some("eth0"));
        assert_eq!(known_by(&[("eth1", "01", WIRED_UP), ("eth0", "02", WIRED_UP)]).as_deref(), Some("eth0"));
        assert_eq!(known_by(&[("wlan0", "01", WIRELESS)]).as_deref(), Some("wlan0"));
    }

    #[test]
    fn bridges_tunnels_and_made_up_addresses_come_last() {
        let up: Files<'_> = &[("carrier", "1"), ("operstate", "up")];
        assert_eq!(known_by(&[("br0", "01", up), ("wlan0", "02", WIRELESS)]).as_deref(), Some("wlan0"));
        assert_eq!(known_by(&[("br0", "01", up)]).as_deref(), Some("br0"), "in a container there is nothing else");
        let made_up = [WIRED_UP, &[("addr_assign_type", "1")]].concat();
        let own = [WIRED_UP, &[("addr_assign_type", "0")]].concat();
        assert_eq!(known_by(&[("eth0", "01", &made_up), ("eth1", "02", &own)]).as_deref(), Some("eth1"));
        assert_eq!(known_by(&[]), None);
        assert_eq!(known_by(&[("lo", "00", &[("type", "772")])]), None);
        let nothing: Files<'_> = &[("address", "")];
        assert_eq!(known_by(&[("tun0", "02", nothing)]), None);
    }

    #[test]
    fn a_machine_without_sysfs_has_no_card() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(card(dir.path()), None);
        assert_eq!(hardware(dir.path()).as_str(), "unknown");
        let dmi = dir.path().join("sys/class/dmi/id");
        fs::create_dir_all(&dmi).unwrap();
        fs::write(dmi.join("product_name"), "t640 Thin Client\n").unwrap();
        assert_eq!(hardware(dir.path()).as_str(), "t640 Thin Client");
        fs::write(dmi.join("sys_vendor"), "HP\u{1b}[31m\n").unwrap();
        assert_eq!(hardware(dir.path()).as_str(), "HP[31m t640 Thin Client");
    }
}
