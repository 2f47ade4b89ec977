//! `luks` beside cryptsetup: the headers that it makes are read as it reads them itself.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, check_schema, context, int};
use crate::peers;

fn cryptsetup(arguments: &[&str], image: &Path, more: &[&Path]) {
    let mut command = peers::command("cryptsetup", "sbin/cryptsetup");
    command.args(arguments).arg(image).args(more).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"password").unwrap();
    assert!(child.wait().unwrap().success(), "{arguments:?}");
}

/// A machine whose root lies on a mapping of this image.
fn machine(dir: &Path, kind: &str, image: &Path) {
    let (mapping, disk) = (dir.join("sys/devices/virtual/block/dm-0"), dir.join("sys/devices/sda"));
    for folder in [mapping.join("dm"), mapping.join("slaves"), disk.clone(), dir.join("sys/dev/block"), dir.join("dev")]
    {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(mapping.join("dm/uuid"), format!("CRYPT-{kind}-0123-root\n")).unwrap();
    std::os::unix::fs::symlink(&disk, mapping.join("slaves/sda")).unwrap();
    // Wherever this test's folder lies: that device is the mapping.
    let device = std::os::unix::fs::MetadataExt::dev(&fs::metadata("/").unwrap());
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    std::os::unix::fs::symlink(&mapping, dir.join("sys/dev/block").join(number)).unwrap();
    fs::copy(image, dir.join("dev/sda")).unwrap();
}

#[test]
fn headers_made_by_cryptsetup_are_read() {
    for (kind, more, slots) in [("LUKS1", "--key-size=256", 1), ("LUKS2", "--key-size=512", 2)] {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        fs::File::create(&image).unwrap().set_len(20 << 20).unwrap();
        let quick = ["--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--batch-mode"];
        let format = format!("--type={}", kind.to_lowercase());
        cryptsetup(
            &[&["luksFormat", &format, more, "--cipher=aes-xts-plain64"], &quick[..]].concat(),
            &image,
            &[Path::new("-")],
        );
        if slots == 2 {
            let (first, second) = (dir.path().join("first"), dir.path().join("second"));
            fs::write(&first, "password").unwrap();
            fs::write(&second, "for recovery").unwrap();
            let key = format!("--key-file={}", first.display());
            cryptsetup(&[&["luksAddKey", &key], &quick[..]].concat(), &image, &[&second]);
        }
        machine(dir.path(), kind, &image);
        let mut context = context();
        dir.path().clone_into(&mut context.root);
        let probed = probes::run(&call("luks", json!({ "path": "/" })), &mut context);
        let Probed::Seen(seen) = probed else {
            // In memory, as a container of CI has it, there is no device below.
            assert!(matches!(&probed, Probed::Failed(reason) if reason.contains("no device")), "{probed:?}");
            return;
        };
        check_schema("luks", &seen);
        assert_eq!((seen.get("encrypted"), seen.get("format")), (Some(&true.into()), Some(&kind.into())));
        assert_eq!(seen.get("cipher"), Some(&"aes-xts-plain64".into()));
        let bits: i64 = more.rsplit('=').next().unwrap().parse().unwrap();
        assert_eq!((int(&seen, "key_bits"), int(&seen, "keyslot_count")), (bits, slots));
    }
}
