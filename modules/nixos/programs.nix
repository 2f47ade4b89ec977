# The programs that runbooks may name (`writ.program`): the file programs.json of the system, which a release's closure
# document takes over. All are of the system, so that what runs is what was signed.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (lib) mkOption types;

  # The packet filter as NixOS loads it, in one transaction, so that nothing is ever open in between.
  filter = config.networking.nftables;
  table = t: ''
    table ${t.family} ${t.name} {
    ${t.content}
    }
  '';
  ruleset = "flush ruleset\n"
    + lib.concatMapStrings table (builtins.filter (t: t.enable) (builtins.attrValues filter.tables))
    + filter.ruleset + "\n"
    + lib.optionalString (filter.rulesetFile != null) "include \"${filter.rulesetFile}\"\n";

  named = builtins.mapAttrs (name: text: "${pkgs.writeShellScript name ("set -euo pipefail\n" + text)}") cfg.scripts;
  all = { writ-enforce = "${cfg.package}/bin/writ-enforce"; }
    // (if filter.enable then { "ruleset.nft" = "${pkgs.writeText "ruleset.nft" ruleset}"; } else { })
    // named // builtins.mapAttrs (_: path: "${path}") cfg.programs;
  # Of the system itself, whose path nobody knows before it is built.
  listed = pkgs.writeText "programs.json" (builtins.toJSON (all // { activate = "@out@/activate"; }));

  # 164.312(a)(2)(iii): as the policy says, or as the baseline does.
  longest = cfg.policy.checks."logoff.longest".expect.oldest_age_seconds.le or 28800;

  # Whose members are root, or as good as root: what the probe `privileged_groups` looks at unless the policy says otherwise.
  privileged = cfg.policy.checks."hardening.privileged-groups".probe.privileged_groups.groups or
    [ "root" "wheel" "sudo" "docker" "podman" "lxd" "incus-admin" "libvirtd" "disk" "shadow" "kmem" ];

  wanted = if cfg.policy == null then [ ] else cfg.policy.programs;
  missing = builtins.filter (symbol: !(all ? ${symbol}) && symbol != "activate") wanted;
in
{
  options.services.writ.appliance = {
    programs = mkOption {
      type = types.attrsOf (types.either types.path types.package);
      default = { };
      example = lib.literalExpression ''{ renew-certificate = pkgs.writeShellScript "renew" "…"; }'';
      description = "Programs and files of this system that runbooks name, by symbol.";
    };
    scripts = mkOption {
      type = types.attrsOf types.lines;
      default = { };
      internal = true;
      description = "The modules' own programs, as Bash.";
    };
    ruleset = mkOption {
      type = types.nullOr types.lines;
      default = null;
      description = ''
        The whole packet filter, written as `nft -s list ruleset` prints it, so that a check can expect its digest. It takes
        the place of NixOS' own firewall.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = missing == [ ];
        message = "The policy's runbooks name programs that this system lacks: ${builtins.concatStringsSep ", " missing}. "
          + "Define services.writ.appliance.programs.<symbol>, or take them off `programs` in policy.nix.";
      }
      {
        assertion = builtins.elem "ruleset.nft" wanted -> filter.enable;
        message = "The policy's runbooks load ruleset.nft: networking.nftables.enable must be true.";
      }
    ];

    system.systemBuilderCommands = ''
      substitute ${listed} $out/programs.json --subst-var out
    '';

    networking = lib.mkIf (cfg.ruleset != null) {
      firewall.enable = false;
      nftables = { enable = true; flushRuleset = true; inherit (cfg) ruleset; };
    };

    services.writ.appliance.scripts = {
      # Past their end in shadow(5): the password is locked, every group but their own is left, sessions end. One that cannot
      # be disabled does not keep the others from it. Evidence holds what is said, so accounts are told by their numbers, and
      # a password that is no account's by where it stands.
      disable-expired-accounts = ''
        today=$(( $(date +%s) / 86400 ))
        disabled=0 failed=0 line=0
        present=$(loginctl list-users --no-legend) || { echo "who has sessions cannot be listed" >&2; failed=1; }
        trouble() { echo "$1" >&2; failed=$(( failed + 1 )); }
        while IFS=: read -r name _ _ _ _ _ _ expires _; do
          line=$(( line + 1 ))
          case $expires in ""|*[!0-9]*) continue ;; esac
          [ "$expires" -lt "$today" ] || continue
          [ "$name" != root ] || continue
          id=$(id -u -- "$name" 2>/dev/null) \
            || { trouble "line $line of /etc/shadow has no account in /etc/passwd"; continue; }
          before=$failed
          usermod --lock --groups "" -- "$name" 2>/dev/null \
            || trouble "account $id: usermod cannot lock it and take it out of its groups"
          # The first word of a line is the user's number.
          if grep -q "^ *$id " <<< "$present"; then
            loginctl terminate-user "$id" || trouble "account $id: its sessions cannot be ended"
          fi
          own=$(id -gn -- "$name")
          case " ${builtins.concatStringsSep " " privileged} " in
            *" $own "*) trouble "account $id: its own group is $own, which gives rights: give it another" ;;
          esac
          [ "$failed" -gt "$before" ] || disabled=$(( disabled + 1 ))
        done < /etc/shadow
        echo "disabled $disabled"
        [ "$failed" -eq 0 ]
      '';

      # Whoever is at work logs in again. A session may end while it is looked at.
      end-old-sessions = ''
        read -r up _ < /proc/uptime
        loginctl list-sessions --no-legend | while read -r session _; do
          class=$(loginctl show-session "$session" --property=Class --value) || continue
          began=$(loginctl show-session "$session" --property=TimestampMonotonic --value) || continue
          case $class in user|user-*) ;; *) continue ;; esac
          case $began in ""|0|*[!0-9]*) continue ;; esac
          if [ $(( ''${up%%.*} - began / 1000000 )) -gt ${toString longest} ]; then
            loginctl terminate-session "$session" || continue
            echo "ended session $session"
          fi
        done
      '';

      unload-usb-storage = ''
        for module in uas usb_storage; do
          if grep -q "^$module " /proc/modules; then modprobe --remove "$module"; fi
        done
      '';
    };
  };
}
