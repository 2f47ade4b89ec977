use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// The first 592 bytes of a header of version 1 as cryptsetup 2.6.1 makes it, the salts left out.
fn first_header() -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    bytes[..8].copy_from_slice(b"LUKS\xba\xbe\0\x01");
    bytes[8..11].copy_from_slice(b"aes");
    bytes[40..51].copy_from_slice(b"xts-plain64");
    bytes[72..78].copy_from_slice(b"sha256");
    bytes[108..112].copy_from_slice(&64_u32.to_be_bytes());
    bytes[208..212].copy_from_slice(&[0x00, 0xac, 0x71, 0xf3]);
    for slot in 1..8 {
        bytes[208 + slot * 48..212 + slot * 48].copy_from_slice(&[0x00, 0x00, 0xde, 0xad]);
    }
    bytes
}

fn second_header(json: &str) -> Vec<u8> {
    let mut bytes = vec![0; 16384];
    bytes[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    bytes[8..16].copy_from_slice(&16384_u64.to_be_bytes());
    bytes[4096..4096 + json.len()].copy_from_slice(json.as_bytes());
    bytes
}

const JSON: &str = r#"{"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"type":"luks1"}},"1":{"type":"luks2","key_size":64}},"tokens":{},"segments":{"0":{"type":"crypt","offset":"16777216","encryption":"aes-xts-plain64"}},"digests":{},"config":{"json_size":"12288"}}"#;

#[test]
fn headers_say_cipher_and_slots() {
    let cipher = || "aes-xts-plain64".to_owned();
    let first = Header { format: "LUKS1", cipher: cipher(), key_bits: 512, keyslots: 1 };
    assert_eq!(Header::parse(&first_header()), Some(first.clone()));
    let second = Header { format: "LUKS2", cipher: cipher(), key_bits: 512, keyslots: 2 };
    assert_eq!(Header::parse(&second_header(JSON)), Some(second.clone()));
    let weak = Header { cipher: "aes-cbc-essiv:sha256".into(), key_bits: 256, ..second.clone() };
    let mut seen = Observation::new();
    header::show(&mut seen, &[second, weak, first], 0);
    let told = ["format", "cipher", "key_bits", "keyslot_count"].map(|field| seen.get(field).unwrap().to_string());
    assert_eq!(told, ["\"LUKS1\"", "\"aes-cbc-essiv:sha256\"", "256", "1"]);
}

#[test]
fn what_is_no_header_says_nothing() {
    let mut cut = second_header(JSON);
    cut[8..16].copy_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(Header::parse(&cut), None, "it says to be longer than it is");
    let mut third = first_header();
    third[7] = 3;
    let mut short = first_header();
    short.truncate(300);
    for bad in [vec![], b"LUKS\xba\xbe".to_vec(), third, short, second_header("{"), second_header(&"[".repeat(9000))] {
        assert_eq!(Header::parse(&bad), None);
    }
}

/// A machine with a partition of `sda` that LVM lies on, and an encrypted `sdb`.
fn machine() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let lay = |path: &str, bytes: &[u8]| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    lay("sys/devices/sda/dev", b"8:0");
    lay("sys/devices/sda/sda1/partition", b"1");
    lay("sys/devices/sdb/dev", b"8:16");
    for (dm, uuid, slave) in [
        ("dm-0", "LVM-abc", "../../../sda/sda1"),
        ("dm-1", "CRYPT-LUKS2-f54be853-data", "../../../sdb"),
        ("dm-2", "LVM-def", "../../dm-1"),
        ("dm-3", "CRYPT-PLAIN-swap", "../../../sda/sda1"),
        ("dm-4", "CRYPT-LUKS1-3cc8aea3", "../../dm-0"),
    ] {
        lay(&format!("sys/devices/virtual/{dm}/dm/uuid"), format!("{uuid}\n").as_bytes());
        let folder = dir.path().join("sys/devices/virtual").join(dm).join("slaves");
        fs::create_dir_all(&folder).unwrap();
        symlink(slave, folder.join(slave.rsplit('/').next().unwrap())).unwrap();
    }
    fs::create_dir_all(dir.path().join("sys/dev/block")).unwrap();
    for (number, place) in [
        ("8:1", "sda/sda1"),
        ("253:0", "virtual/dm-0"),
        ("253:1", "virtual/dm-1"),
        ("253:2", "virtual/dm-2"),
        ("253:3", "virtual/dm-3"),
        ("253:4", "virtual/dm-4"),
    ] {
        symlink(format!("../../devices/{place}"), dir.path().join("sys/dev/block").join(number)).unwrap();
    }
    lay("dev/sdb", &second_header(JSON));
    lay("dev/dm-0", &first_header());
    dir
}

#[test]
fn every_layer_below_is_gone_through() {
    let machine = machine();
    let look = |devices: &[&str]| {
        let devices: Vec<String> = devices.iter().map(|device| (*device).to_owned()).collect();
        let seen = observe(machine.path(), &devices).unwrap();
        assert_eq!(SCHEMA.unpromised(&seen), []);
        seen
    };
    let plain = Observation::new().with("present", true).with("encrypted", false);
    assert_eq!(look(&["8:1"]), plain);
    assert_eq!(look(&["253:0"]), plain, "LVM encrypts nothing");
    assert_eq!(look(&["253:1", "8:1"]), plain, "one that is not is enough");
    assert_eq!(look(&[""]), plain, "memory is not encrypted");
    let second = plain.clone().with("encrypted", true).with("format", "LUKS2").with("cipher", "aes-xts-plain64");
    let second = second.with("key_bits", 512).with("keyslot_count", 2);
    assert_eq!(look(&["253:1"]), second);
    assert_eq!(look(&["253:2"]), second, "LVM on top of it");
    assert_eq!(
        look(&["253:3"]),
        Observation::new().with("present", true).with("encrypted", true).with("format", "plain")
    );
    assert_eq!(look(&["253:4"]).get("format"), Some(&"LUKS1".into()));
    assert_eq!(look(&[]), Observation::new().with("present", false));
    assert!(observe(machine.path(), &["9:9".to_owned()]).is_err());
}

#[test]
fn layers_that_go_round_end() {
    let dir = tempfile::tempdir().unwrap();
    for (dm, slave) in [("dm-0", "dm-1"), ("dm-1", "dm-0")] {
        let folder = dir.path().join("sys/dev/block").join(dm).join("slaves");
        fs::create_dir_all(&folder).unwrap();
        symlink(format!("../../{slave}"), folder.join(slave)).unwrap();
    }
    let said = observe(dir.path(), &["dm-0".to_owned()]).unwrap_err().to_string();
    assert!(said.contains("too many devices"), "{said}");
}

#[test]
fn the_device_below_a_path_is_that_of_the_deepest_mount() {
    let mounts = Mounts::parse(
        b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 253:1 / /var/lib rw - xfs /dev/mapper/data rw\n\
          3 1 0:40 / /tmp rw - tmpfs tmpfs rw\n4 1 0:41 / /pool rw - zfs pool/data rw\n",
    );
    let dir = tempfile::tempdir().unwrap();
    let device = |path: &str| device_of(dir.path(), &mounts, Path::new(path));
    assert_eq!(device("/var/lib/ehr").unwrap(), "253:1");
    assert_eq!(device("/var/library").unwrap(), "8:1");
    assert_eq!(device("/tmp").unwrap(), "");
    assert!(device("/pool/x").unwrap_err().to_string().contains("tells of no device"));
    let swaps = b"Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n/var/lib/swap file 1 0 -2\n";
    assert_eq!(swap_devices(dir.path(), &mounts, swaps).unwrap(), ["253:1"]);
    assert!(swap_devices(dir.path(), &mounts, b"h\n/dev/none partition 1 0 1\n").is_err());
    assert_eq!(swap_devices(dir.path(), &mounts, b"").unwrap(), Vec::<String>::new());
}
