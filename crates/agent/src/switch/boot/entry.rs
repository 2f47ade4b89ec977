//! What the boot loader reads: an entry of the Boot Loader Specification (type 1), and variables of the Boot Loader
//! Interface (<https://systemd.io/BOOT_LOADER_INTERFACE/>). Pure.

use std::fmt::Write;

/// How long the kernel waits after a panic until it starts the machine again, in seconds: without it, it waits for ever, and
/// nobody would come back to the old default.
const PANIC: &str = "panic=30";
/// The longest kernel command line that is passed on: COMMAND_LINE_SIZE of x86.
const LONGEST: usize = 2048;
/// `EFI_LOADER_FEATURE_ENTRY_ONESHOT` in the variable `LoaderFeatures`.
const ENTRY_ONESHOT: u64 = 1 << 3;
/// `EFI_VARIABLE_NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS` (UEFI 2.10, 8.2).
const ATTRIBUTES: [u8; 4] = [7, 0, 0, 0];

/// The entry for a system whose kernel and initrd lie at these paths of the partition.
///
/// # Errors
/// When its kernel parameters cannot be those of an entry: what is wrong, as text.
pub fn entry(version: &str, system: &str, parameters: &[u8], kernel: &str, initrd: &str) -> Result<String, String> {
    let parameters = std::str::from_utf8(parameters).map_err(|_| "its kernel parameters are no text".to_owned())?;
    let words: Vec<&str> = parameters.split_ascii_whitespace().collect();
    let mut options = format!("init={system}/init");
    for word in &words {
        let _ = write!(options, " {word}");
    }
    if !words.iter().any(|word| word.starts_with("panic=")) {
        let _ = write!(options, " {PANIC}");
    }
    if options.len() >= LONGEST || options.chars().any(char::is_control) {
        return Err(format!("its kernel parameters are longer than {LONGEST} bytes, or hold control characters"));
    }
    Ok(format!(
        "title Writ: a release that is tried once\nversion {version}\nlinux {kernel}\ninitrd {initrd}\noptions {options}\n"
    ))
}

/// A variable that holds a string: its attributes, then UTF-16 with a closing NUL.
pub fn variable(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
    ATTRIBUTES.into_iter().chain(units).collect()
}

/// Whether a loader with these features (the whole variable `LoaderFeatures`) boots an entry once.
pub fn boots_once(features: &[u8]) -> bool {
    let Some(value) = features.get(4..12).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) else { return false };
    u64::from_le_bytes(value) & ENTRY_ONESHOT != 0
}

/// The entry that loader.conf(5) names as the default, if it names one and not a pattern.
pub fn default_entry(loader_conf: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(loader_conf);
    let named = |line: &str| Some(line.trim().strip_prefix("default")?.strip_prefix([' ', '\t'])?.trim().to_owned());
    let name = text.lines().filter_map(named).next_back()?;
    let plain = !name.is_empty() && !name.contains(['*', '?', '[', '/', '@']) && !name.starts_with('.');
    plain.then(|| if name.ends_with(".conf") { name } else { format!("{name}.conf") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_has_what_the_loader_needs() {
        let system = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-desk-26.05";
        let text =
            entry("1-7", system, b"loglevel=4 lsm=landlock,yama\n", "/EFI/writ/kernel.efi", "/EFI/writ/initrd.efi");
        let expected = format!(
            "title Writ: a release that is tried once\nversion 1-7\nlinux /EFI/writ/kernel.efi\n\
             initrd /EFI/writ/initrd.efi\noptions init={system}/init loglevel=4 lsm=landlock,yama panic=30\n"
        );
        assert_eq!(text.unwrap(), expected);
        assert!(entry("1-7", system, b"panic=-1", "/k", "/i").unwrap().contains(" panic=-1\n"), "it has its own");
        for bad in [&b"a\x01b"[..], &[b'a'; 3000], b"\xff"] {
            assert!(entry("1-7", system, bad, "/k", "/i").is_err());
        }
    }

    /// `LoaderEntryOneShot` as `bootctl set-oneshot writ-once.conf` of systemd 257 leaves it, and `LoaderFeatures` of its
    /// systemd-boot.
    #[test]
    fn variables_are_those_of_the_interface() {
        let bytes = variable("a.conf");
        assert_eq!(bytes, [&[7, 0, 0, 0][..], b"a\0.\0c\0o\0n\0f\0\0\0"].concat());
        assert!(boots_once(&[6, 0, 0, 0, 0xff, 0x3f, 0, 0, 0, 0, 0, 0]));
        assert!(!boots_once(&[6, 0, 0, 0, 0x07, 0, 0, 0, 0, 0, 0, 0]), "a loader that knows defaults only");
        assert!(!boots_once(&[6, 0, 0, 0]) && !boots_once(b""));
    }

    #[test]
    fn a_default_is_an_entry_and_no_pattern() {
        let named = |text: &str| default_entry(text.as_bytes());
        assert_eq!(
            named("timeout 5\ndefault nixos-generation-12.conf\neditor 0\n").unwrap(),
            "nixos-generation-12.conf"
        );
        assert_eq!(named("default\tone\ndefault two\n").unwrap(), "two.conf");
        for other in
            ["timeout 5\n", "default nixos-*\n", "default @saved\n", "default ../x\n", "defaults x\n", "default \n"]
        {
            assert_eq!(named(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            boots_once(&bytes);
            if let Some(name) = default_entry(&bytes) {
                prop_assert!(!name.contains('/') && !name.starts_with('.'));
            }
            if let Ok(text) = entry("1-1", "/nix/store/x", &bytes, "/k", "/i") {
                prop_assert_eq!(text.lines().count(), 5);
            }
        }
    }
}
