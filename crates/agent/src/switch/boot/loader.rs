//! The boot loader's partition and its variables: the entry that is booted once.
//!
//! Everything is written so that a power cut leaves either no entry, or a whole one that nobody boots: the entry comes after
//! what it names, and the word to the loader after the entry.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use super::entry;
use crate::command;
use crate::config::Boot;

/// The entry, as the loader calls it.
pub const ENTRY: &str = "writ-once.conf";
/// The folder of the partition that kernel and initrd are put into.
const FOLDER: &str = "EFI/writ";
const KERNEL: &str = "kernel.efi";
const INITRD: &str = "initrd.efi";
/// The namespace of the Boot Loader Interface.
const INTERFACE: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// The namespace of the variables that UEFI itself defines.
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const VARIABLES: &str = "sys/firmware/efi/efivars";
/// Where the partition is mounted: systemd's three, bootctl(1).
const PARTITIONS: [&str; 3] = ["efi", "boot", "boot/efi"];
const MAX_FILE: usize = 64 * 1024;
/// The largest kernel or initrd that is copied.
const MAX_IMAGE: u64 = 1 << 30;

/// A boot loader that can boot an entry once.
#[derive(Debug)]
pub struct Loader {
    partition: PathBuf,
    variables: PathBuf,
}

impl Loader {
    /// The boot loader of this machine.
    ///
    /// # Errors
    /// Why nothing can be booted once here, as text.
    pub fn find(boot: &Boot) -> Result<Self, String> {
        if is_container(boot) {
            return Err("this is a container, which is not booted by a boot loader".to_owned());
        }
        let variables = boot.root.join(VARIABLES);
        if !variables.is_dir() {
            return Err("this machine was not booted by UEFI".to_owned());
        }
        let features = read(&variables.join(format!("LoaderFeatures-{INTERFACE}")))?;
        if !entry::boots_once(&features.unwrap_or_default()) {
            return Err("its boot loader cannot boot an entry once, as systemd-boot does".to_owned());
        }
        if let Some([_, _, _, _, 1]) = read(&variables.join(format!("SecureBoot-{GLOBAL}")))?.as_deref() {
            return Err("Secure Boot is on, and only what its own tools sign is started".to_owned());
        }
        let partition = partition(boot)?;
        let conf = read(&partition.join("loader/loader.conf"))?.unwrap_or_default();
        // Without one the loader takes the newest of all entries, which may be the one that is to be booted once.
        match entry::default_entry(&conf) {
            Some(default) if partition.join("loader/entries").join(&default).is_file() => {}
            _ => return Err("loader.conf names no entry as the default that the machine would come back to".to_owned()),
        }
        Ok(Self { partition, variables })
    }

    /// Lays out the entry for a system, with its kernel and initrd.
    ///
    /// # Errors
    /// Why that is not possible, as text: no room, or no such system.
    pub fn prepare(&self, system: &str, version: &str, timeout: Duration) -> Result<(), String> {
        let (own, folder) = (Path::new(system), self.partition.join(FOLDER));
        if !own.join("init").exists() {
            return Err(format!("{system} has no init, and so cannot be booted"));
        }
        let parameters = read(&own.join("kernel-params"))?.unwrap_or_default();
        let named = |file: &str| format!("/{FOLDER}/{file}");
        let text = entry::entry(version, system, &parameters, &named(KERNEL), &named(INITRD))?;
        remove_entry(&self.partition)?;
        crate::crash_point!("switch.boot-entry-removed");
        let failed = |e: io::Error| format!("{}: {e}", folder.display());
        writ_durable::create_directories(&folder).map_err(failed)?;
        copy(&own.join("kernel"), &folder.join(KERNEL), |_| Ok(()))?;
        crate::crash_point!("switch.boot-kernel-copied");
        copy(&own.join("initrd"), &folder.join(INITRD), |initrd| append_secrets(own, initrd, timeout))?;
        crate::crash_point!("switch.boot-initrd-copied");
        writ_durable::replace(&self.entry(), text.as_bytes(), 0o600).map_err(failed)?;
        crate::crash_point!("switch.boot-entry-made");
        Ok(())
    }

    /// Has the loader boot the entry at the next start, and never again.
    ///
    /// # Errors
    /// Why the firmware did not take it, as text.
    pub fn set_once(&self) -> Result<(), String> {
        let (path, bytes) = (once(&self.variables), entry::variable(ENTRY));
        let failed = |e: io::Error| format!("{}: {e}", path.display());
        remove_variable(&path).map_err(failed)?;
        // With one call to write, as the kernel's efivarfs wants it.
        let mut file = File::options().write(true).create_new(true).open(&path).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        drop(file);
        match read(&path)? {
            Some(found) if found == bytes => Ok(()),
            _ => Err(format!("{}: the firmware does not keep it", path.display())),
        }
    }

    fn entry(&self) -> PathBuf {
        entry_on(&self.partition)
    }
}

/// Removes the entry with what it names from wherever it may lie, and the word to the loader where it is about that entry: each
/// for itself, and whatever has become since of what [`Loader::find`] asks for.
///
/// # Errors
/// What may be left, and why, as text.
pub fn clear(boot: &Boot) -> Result<(), String> {
    if is_container(boot) {
        return Ok(());
    }
    let variables = boot.root.join(VARIABLES);
    let once = once(&variables);
    let word = match read(&once) {
        Ok(Some(found)) if found == entry::variable(ENTRY) => {
            remove_variable(&once).map_err(|e| format!("{}: {e}", once.display()))
        }
        found => found.map(drop),
    };
    let partitions: Vec<PathBuf> = places(boot).into_iter().filter(|path| path.join("loader").is_dir()).collect();
    let mounted = if partitions.is_empty() && variables.is_dir() { Err(not_mounted(boot)) } else { Ok(()) };
    let removed = partitions.iter().flat_map(|partition| [remove_entry(partition), remove_images(partition)]);
    let left: Vec<String> = [word, mounted].into_iter().chain(removed).filter_map(Result::err).collect();
    if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
}

fn is_container(boot: &Boot) -> bool {
    boot.root.join("run/systemd/container").exists()
}

fn entry_on(partition: &Path) -> PathBuf {
    partition.join("loader/entries").join(ENTRY)
}

fn once(variables: &Path) -> PathBuf {
    variables.join(format!("LoaderEntryOneShot-{INTERFACE}"))
}

fn remove_entry(partition: &Path) -> Result<(), String> {
    let entry = entry_on(partition);
    writ_durable::remove(&entry).map_err(|e| format!("{}: {e}", entry.display()))
}

fn remove_images(partition: &Path) -> Result<(), String> {
    let folder = partition.join(FOLDER);
    let removed = match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(()) => writ_durable::sync_directory(folder.parent().unwrap_or(partition)),
    };
    removed.map_err(|e| format!("{}: {e}", folder.display()))
}

/// Where the partition of the loader may be mounted.
fn places(boot: &Boot) -> Vec<PathBuf> {
    let usual = || PARTITIONS.iter().map(|path| boot.root.join(path)).collect();
    boot.esp.clone().map_or_else(usual, |named| vec![named])
}

fn partition(boot: &Boot) -> Result<PathBuf, String> {
    let has_loader = |path: &PathBuf| path.join("loader/loader.conf").is_file();
    places(boot).into_iter().find(has_loader).ok_or_else(|| not_mounted(boot))
}

fn not_mounted(boot: &Boot) -> String {
    let wanted = boot.esp.as_ref().map_or_else(|| "/efi, /boot, /boot/efi".to_owned(), |esp| esp.display().to_string());
    format!("the partition of its boot loader is not mounted at {wanted}: name it as `boot.esp` in enforce.toml")
}

/// A small file; none where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match writ_durable::read_bounded(path, MAX_FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// The kernel marks variables as immutable, so that nobody removes what a firmware needs by mistake (`efivarfs`).
fn remove_variable(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    if let Ok(flags) = ioctl_getflags(&file)
        && flags.contains(IFlags::IMMUTABLE)
    {
        ioctl_setflags(&file, flags.difference(IFlags::IMMUTABLE))?;
    }
    drop(file);
    fs::remove_file(path)
}

/// Copies an image in such a way that it has its name when it is whole and on the disk. An initrd gets its secrets meanwhile, and not
/// every partition of a loader is one without modes.
fn copy(from: &Path, to: &Path, finish: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let temporary = to.with_extension("part");
    let failed = |e: io::Error| format!("{} to {}: {e}", from.display(), to.display());
    let copied = (|| {
        let source = File::open(from).map_err(failed)?;
        if source.metadata().map_err(failed)?.len() > MAX_IMAGE {
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        writ_durable::remove(&temporary).map_err(failed)?;
        let mut copy = File::options().write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed)?;
        io::copy(&mut io::Read::take(source, MAX_IMAGE), &mut copy).map_err(failed)?;
        drop(copy);
        finish(&temporary)?;
        File::open(&temporary).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&temporary, to).map_err(failed)?;
        writ_durable::sync_directory(to.parent().unwrap_or(Path::new("/"))).map_err(failed)
    })();
    if copied.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    copied
}

/// What NixOS adds to a copied initrd that must not be in the store.
fn append_secrets(system: &Path, initrd: &Path, timeout: Duration) -> Result<(), String> {
    let program = system.join("append-initrd-secrets");
    if !program.exists() {
        return Ok(());
    }
    let arguments: [&OsStr; 1] = [initrd.as_os_str()];
    match command::run(&program, &arguments, timeout, 4096) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("{}: {}: {said}", program.display(), output.status))
        }
        Err(e) => Err(e.to_string()),
    }
}
