# An appliance heals what is broken, and leaves evidence of it.
{ packages, ... }:
{
  name = "writ-heals";
  nodes.machine = import ./appliance.nix { inherit packages; };
  testScript = import ./lay.nix { } + ''
    machine.wait_for_unit("multi-user.target")
    lay(machine, "")
    identity(machine)
    machine.succeed(f"{DESK} release /srv/desk >&2")
    machine.succeed("systemctl start writ-enforce.service")
    machine.wait_until_succeeds("jq -e '.. | strings | select(. == \"1-1\")' /var/lib/writ/enforce/status.json", timeout=180)

    with subtest("a service that stopped is started"):
        machine.succeed("systemctl stop records.service")
        machine.wait_until_succeeds("systemctl is-active records.service", timeout=180)

    with subtest("settings that were opened are closed"):
        machine.succeed("chmod 0666 /var/lib/records/settings")
        machine.wait_until_succeeds("test $(stat -c %a /var/lib/records/settings) = 640", timeout=180)

    with subtest("what happened is evidence, signed by the appliance"):
        machine.wait_until_succeeds("grep -l incident-closed /var/lib/writ/spool/outbox/*.json", timeout=180)
        assert len(bundles(machine, "incident-opened")) >= 2
        machine.succeed(
            "cd /srv/desk && writ audit collect --releases releases --to audit /var/lib/writ/spool/outbox >&2",
            "cd /srv/desk && writ audit verify audit --trust front/trust.json >&2",
        )

    with subtest("the enforcer cannot reach an address"):
        assert "AF_INET" not in machine.succeed("systemctl show writ-enforce.service --property=RestrictAddressFamilies")
        machine.succeed("systemctl show writ-enforce.service --property=NRestarts | grep -x NRestarts=0")
  '';
}
