# A depot takes what the right keys signed and nothing else, and needs no rights for it.
{ packages, ... }:
{
  name = "writ-refuses";
  nodes.depot = { pkgs, lib, ... }: {
    imports = [ ../../modules/nixos ];
    services.writ.depot = {
      enable = true;
      package = packages.writ-depot;
      trustRoot = "/srv/desk/releases/trust/1.json";
      logKeyFile = "/srv/desk/keys/log.key";
    };
    systemd.services.writ-depot.wantedBy = lib.mkForce [ ];
    environment.systemPackages = [ packages.writ pkgs.git pkgs.jq pkgs.curl ];
  };
  testScript = import ./lay.nix { logged = true; } + ''
    depot.wait_for_unit("multi-user.target")
    lay(depot, "")
    # Who runs the depot may read what the desk gives out.
    depot.succeed("chmod 0755 /srv/desk /srv/desk/releases /srv/desk/releases/trust && chmod 0644 /srv/desk/releases/trust/*")
    depot.succeed("systemctl start writ-depot.service")
    url = "http://127.0.0.1:8080"
    depot.wait_until_succeeds(f"curl -sf {url}/ready", timeout=90)

    def answer(arguments):
        return depot.succeed(f"curl -s -o /dev/null -w '%{{http_code}}' {arguments}").strip()

    with subtest("nobody gets in unsigned"):
        assert answer(f"{url}/agent/sync") == "401"
        assert answer(f"{url}/api/evidence/sites/clinic-vm/bundles") == "401"
        assert answer(f"-X POST --data x {url}/agent/checkin") == "401"

    with subtest("what is no release is refused"):
        assert answer(f"-X PUT --data '{{}}' {url}/publish/releases/clinic-vm") in ("400", "403", "422")
        assert answer(f"-X PUT --data '{{}}' {url}/publish/trust/2") in ("400", "403", "409", "422")

    with subtest("a release that the right keys signed is taken"):
        depot.succeed(f"DEPOT={url} {DESK} release /srv/desk >&2")
        depot.wait_until_succeeds(f"curl -sf {url}/log/clinic-vm/checkpoint | grep log.example/clinic-vm", timeout=90)

    with subtest("one that was changed on its way is not, and as it was signed it is"):
        depot.succeed(f"{DESK} draft /srv/desk >&2")
        folder = "/srv/desk/draft/releases/clinic-vm/1-2"
        # As `writ` sends it: the bytes of the document and of its signatures.
        depot.succeed(
            f"cd {folder} && sed 's/\"expires_at\":\"2/\"expires_at\":\"3/' release.json > changed.json && ! cmp -s release.json changed.json",
            f"cd {folder} && for name in release changed; do jq -cj -n --arg document \"$(base64 -w0 $name.json)\""
            " --arg signature \"$(base64 -w0 release.json.*.minisig)\" '{$document, signatures: [$signature]}' > $name.envelope; done",
        )
        put = f"-X PUT {url}/publish/releases/clinic-vm --data-binary"
        assert answer(f"{put} @{folder}/changed.envelope") == "403"
        assert answer(f"{put} @{folder}/release.envelope") == "200"

    with subtest("it has no rights, and its state is its own"):
        depot.succeed("systemctl show writ-depot.service --property=CapabilityBoundingSet | grep -x CapabilityBoundingSet=")
        depot.succeed("test $(stat -c %U:%a /var/lib/writ/depot) = writ-depot:700")
        # Its key was handed to it: it could not have opened it.
        depot.succeed("test $(stat -c %U:%a /srv/desk/keys/log.key) = root:600")
        depot.fail("runuser -u writ-depot -- cat /srv/desk/keys/log.key")
  '';
}
