# A release with other kernel parameters is booted once, by the real systemd-boot on a real firmware (OVMF): one whose kernel
# does not come up is back in the old system by itself, one with which something fails is gone back on, and one that holds
# is what the machine boots from then on.
#
# What is proven without a virtual machine (crates/agent/tests/it/switch/boots.rs, which `cargo xtask test` runs): the states
# and their order under kills and power cuts at every numbered point, the entry's files on a partition made of ordinary
# folders, the bytes of the firmware's variables, and the windows. That the loader takes these files and bytes, and that a
# kernel starts from them, shows only this test.
{ packages, pkgs }:
let
  busybox = pkgs.pkgsStatic.busybox;
  generation = name: more: { lib, ... }: { boot.kernelParams = lib.mkAfter ([ "writ.generation=${name}" ] ++ more); };
in
{
  name = "writ-reboot";
  nodes.machine = { lib, ... }: {
    imports = [ (import ./appliance.nix { inherit packages; }) ];
    virtualisation.additionalPaths = [ busybox ];
    virtualisation.useBootLoader = true;
    virtualisation.useEFIBoot = true;
    boot.loader.systemd-boot.enable = true;
    boot.loader.efi.canTouchEfiVariables = true;
    boot.loader.timeout = lib.mkForce 0;
    # By what the machine was booted with, not by what was activated: alive it holds, after the boot it does not.
    systemd.services.records.unitConfig.ConditionKernelCommandLine = "!writ.generation=bad";

    specialisation.good.configuration = generation "good" [ ];
    specialisation.bad.configuration = generation "bad" [ ];
    # Nothing to start with: the kernel panics, and starts the machine again.
    specialisation.dead.configuration = generation "dead" [ "rdinit=/nonexistent" "panic=1" ];
  };
  testScript = { nodes, ... }:
    let system = name: nodes.machine.specialisation.${name}.configuration.system.build.toplevel;
    in
    import ./lay.nix { } + ''
      def boots(kernels):
          # So many kernels begin, one after the other; of the last the driver has to find the shell.
          for _ in range(kernels):
              machine.wait_for_console_text("Linux version")
          machine.connected = False
          machine.wait_for_unit("multi-user.target")

      def outcome(serial, wanted):
          machine.wait_until_succeeds(
              f"writ-switch status --json | jq -e '.request.serial == {serial} and .course.settled'", timeout=900)
          machine.succeed(f"writ-switch status | grep 'over: {wanted}'")

      # Without it, qemu ends where the machine starts again.
      machine.start(allow_reboot=True)
      boots(1)
      lay(machine, "${busybox}/bin/busybox")
      identity(machine)
      machine.succeed("nix-env --profile /nix/var/nix/profiles/system --set $(readlink -f /run/current-system)")
      machine.succeed(f"{DESK} release /srv/desk $(readlink -f /run/current-system) >&2")
      machine.succeed("systemctl start writ-enforce.service")
      outcome(1, "committed")
      default = machine.succeed("grep ^default /boot/loader/loader.conf")

      with subtest("a kernel that does not come up"):
          machine.succeed(f"{DESK} release /srv/desk ${system "dead"} >&2")
          boots(2)
          machine.fail("grep writ.generation /proc/cmdline")
          machine.succeed("systemctl start writ-enforce.service")
          outcome(2, "rolled_back")
          machine.succeed("writ-switch status | grep 'did not come up with the candidate'")
          assert machine.succeed("grep ^default /boot/loader/loader.conf") == default
          machine.fail("ls /boot/loader/entries/writ-once.conf /sys/firmware/efi/efivars/LoaderEntryOneShot-*")

      with subtest("a kernel with which a service does not run"):
          machine.succeed(f"{DESK} release /srv/desk ${system "bad"} >&2")
          boots(1)
          machine.succeed("grep writ.generation=bad /proc/cmdline")
          assert machine.succeed("grep ^default /boot/loader/loader.conf") == default
          machine.succeed("systemctl start writ-enforce.service")
          boots(1)
          machine.fail("grep writ.generation /proc/cmdline")
          machine.succeed("systemctl start writ-enforce.service")
          outcome(3, "rolled_back")

      with subtest("a kernel with which everything holds"):
          machine.succeed(f"{DESK} release /srv/desk ${system "good"} >&2")
          boots(1)
          machine.succeed("grep writ.generation=good /proc/cmdline")
          machine.succeed("systemctl start writ-enforce.service")
          outcome(4, "committed")
          assert machine.succeed("grep ^default /boot/loader/loader.conf") != default
          assert [b["switch"]["outcome"] for b in bundles(machine, "switch")][-1] == "committed"
          machine.reboot()
          boots(1)
          machine.succeed("grep writ.generation=good /proc/cmdline")
    '';
}
