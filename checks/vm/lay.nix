# The beginning of every VM test's script: a desk on this machine, the appliance's identity, and helpers.
{ logged ? false }:
''
  import json

  DESK = "${if logged then "LOGGED=1 " else ""}bash ${./desk.sh}"

  def lay(machine, busybox):
      machine.succeed(f"{DESK} lay /srv/desk ${./tree} ${../../modules} {busybox} >&2")

  def identity(machine):
      machine.succeed(
          "install -m 0600 /srv/desk/front/appliance.key /var/lib/writ/appliance.key",
          "install -m 0644 /srv/desk/front/trust.json /var/lib/writ/trust.json",
      )

  def status(machine):
      return json.loads(machine.succeed("cat /var/lib/writ/enforce/status.json"))

  def bundles(machine, kind):
      text = machine.succeed("jq -c . /var/lib/writ/spool/outbox/*.json")
      return [b for b in map(json.loads, text.splitlines()) if b.get("kind") == kind]
''
