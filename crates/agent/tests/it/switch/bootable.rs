//! A machine with files of a loader's partition and of the firmware's variables, and a program that does with them what systemd-boot
//! does.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};
use writ_agent::config::Boot;
use writ_agent::switch::Journal;
use writ_policy::policy::upgrade;

use super::world::World;

pub const ONCE: &str = "sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
pub const FEATURES: &str = "sys/firmware/efi/efivars/LoaderFeatures-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
pub const SECURE_BOOT: &str = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// A machine with firmware and a boot loader, beside the switch's own.
pub struct Machine {
    pub world: World,
}

impl Machine {
    pub fn new() -> Self {
        let mut world = World::of_kernels("old", "new");
        let root = world.path("root");
        world.boot = Boot { esp: None, reboot: vec![world.path("reboot").display().to_string()], root };
        let machine = Self { world };
        machine.lay();
        machine
    }

    pub fn reset(&self) {
        self.world.reset();
        self.lay();
    }

    pub fn root(&self, path: &str) -> PathBuf {
        self.world.boot.root.join(path)
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        fs::create_dir_all(self.root(path).parent().unwrap()).unwrap();
        fs::write(self.root(path), bytes).unwrap();
    }

    pub fn lay(&self) {
        self.put(FEATURES, &[6, 0, 0, 0, 0xff, 0x3f, 0, 0, 0, 0, 0, 0]);
        self.put("proc/sys/kernel/random/boot_id", b"boot-1\n");
        self.put("boot/loader/loader.conf", b"timeout 3\ndefault nixos-generation-1.conf\n");
        self.put("boot/loader/entries/nixos-generation-1.conf", b"title NixOS\n");
        fs::create_dir_all(self.root("run")).unwrap();
        for system in ["run/booted-system", "run/current-system"] {
            symlink(&self.world.one, self.root(system)).unwrap();
        }
        let (dir, one, two) = (self.world.dir.path().display(), &self.world.one, &self.world.two);
        let script = format!(
            "#!{dir}/tools/bin/busybox sh\n\
             b={dir}/tools/bin/busybox; r={dir}/root; e=$r/boot/loader/entries/writ-once.conf\n\
             [ ! -e {dir}/refuse-reboot ] || {{ echo 'Interactive authentication required.' >&2; exit 1; }}\n\
             echo boot >> {dir}/log\n\
             system={one}; [ \"$($b cat {dir}/boot)\" = one ] || system={two}\n\
             if [ -e $r/{ONCE} ]; then\n\
               $b rm $r/{ONCE}\n\
               named=$($b sed -n 's/^options init=\\([^ ]*\\)\\/init .*/\\1/p' $e)\n\
               [ -e {dir}/dead-kernel ] || {{ $b cmp $named/kernel $r/boot/EFI/writ/kernel.efi && \
                 $b cmp $named/initrd $r/boot/EFI/writ/initrd.efi && system=$named; }}\n\
             fi\n\
             $b ln -sfn $system $r/run/booted-system; $b ln -sfn $system $r/run/current-system\n\
             name=one; [ $system = {one} ] || {{ name=two; [ ! -e {dir}/bad-kernel ] || echo > {dir}/break-two; }}\n\
             echo $name > {dir}/running; echo ok > {dir}/state\n\
             $b cat /proc/sys/kernel/random/uuid > $r/proc/sys/kernel/random/boot_id\n"
        );
        let program = self.world.path("reboot");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// From now on it takes the order to boot and does nothing.
    pub fn slow_down(&self) {
        let script = format!("#!{}/tools/bin/busybox sh\necho order >> {0}/log\n", self.world.dir.path().display());
        fs::write(self.world.path("reboot"), script).unwrap();
    }

    /// The power goes, and comes back.
    pub fn power_cut(&self) {
        let ran = std::process::Command::new(self.world.path("reboot")).status().unwrap();
        assert!(ran.success());
    }

    /// A policy with a window that allows this, from this day on, all day.
    pub fn policy(&self, allows: &[&str], days: &[&str]) -> Value {
        let mut policy = upgrade(self.world.policy());
        let window = json!({ "days": days, "from": "00:00", "to": "00:00", "allows": allows });
        policy["settings"]["maintenance"] = json!({ "windows": [window] });
        policy
    }

    pub fn always(&self) -> Value {
        self.policy(&["switch", "reboot"], &["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
    }

    /// Drives on after each boot, as the enforcer does.
    pub fn run(&self) -> Journal {
        for _ in 0..12 {
            let journal = self.world.run();
            if journal.is_over() {
                return journal;
            }
        }
        panic!("it does not end: {:#?}", self.world.journal());
    }

    pub fn assert_loader_is_clean(&self) {
        for left in [ONCE, "boot/loader/entries/writ-once.conf", "boot/EFI/writ"] {
            assert!(!self.root(left).exists(), "{left}");
        }
    }

    pub fn booted(&self) -> String {
        fs::read_link(self.root("run/booted-system")).unwrap().display().to_string()
    }
}
