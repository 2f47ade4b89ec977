# A release whose system does not keep what its policy demands is gone back on; one that does stays.
{ packages, pkgs }:
let
  # What the released systems are wrapped with: checks/vm/tree builds without nixpkgs.
  busybox = pkgs.pkgsStatic.busybox;
in
{
  name = "writ-rollback";
  nodes.machine = { pkgs, lib, ... }: {
    imports = [ (import ./appliance.nix { inherit packages; }) ];
    virtualisation.additionalPaths = [ busybox ];
    # The systems that are released: each is this machine with one difference.
    specialisation.good.configuration.environment.etc."generation".text = "good\n";
    specialisation.bad.configuration = {
      environment.etc."generation".text = "bad\n";
      systemd.services.records.serviceConfig.ExecStart = lib.mkForce "${pkgs.coreutils}/bin/false";
    };
  };
  testScript = { nodes, ... }:
    let system = name: nodes.machine.specialisation.${name}.configuration.system.build.toplevel;
    in
    import ./lay.nix { } + ''
      machine.wait_for_unit("multi-user.target")
      lay(machine, "${busybox}/bin/busybox")
      identity(machine)
      machine.succeed("nix-env --profile /nix/var/nix/profiles/system --set $(readlink -f /run/current-system)")

      with subtest("a good system is switched to and stays"):
          machine.succeed(f"{DESK} release /srv/desk ${system "good"} >&2")
          machine.succeed("systemctl start writ-enforce.service")
          machine.wait_until_succeeds("writ-switch status | grep 'over: committed'", timeout=540)
          machine.succeed("grep good /etc/generation")

      with subtest("a bad one is tried, and gone back on"):
          machine.succeed(f"{DESK} release /srv/desk ${system "bad"} >&2")
          machine.wait_until_succeeds("writ-switch status --json | jq -e '.request.serial == 2'", timeout=180)
          machine.wait_until_succeeds("writ-switch status | grep 'over: rolled'", timeout=900)
          machine.succeed("grep good /etc/generation")
          machine.wait_until_succeeds("systemctl is-active records.service", timeout=180)
          outcomes = [b["switch"]["outcome"] for b in bundles(machine, "switch")]
          assert outcomes[0] == "committed" and outcomes[-1] != "committed", outcomes

      with subtest("the enforcer went on"):
          machine.succeed("systemctl is-active writ-enforce.service")
          # A transient unit, and no file of that name, or activating a system would stop it.
          machine.fail("ls /etc/systemd/system/writ-switch*")
    '';
}
