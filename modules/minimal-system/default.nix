# A small system closure from plain derivations, without nixpkgs: files, units, a packet filter and named programs, with
# the same face as a NixOS system: bin/switch-to-configuration {switch|test|boot|dry-activate} and activate. It brings
# one static busybox; nft, openssl and systemctl are taken from the machine it runs on.
#
# Here for examples and tests; a real appliance is a NixOS configuration.
{ busybox, system_type }:
let
  # The words of a list, quoted for sh.
  quote = word: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] word}'";
  words = list: builtins.concatStringsSep " " (map quote list);
  lines = f: set: builtins.concatStringsSep "\n" (map (name: f name set.${name}) (builtins.attrNames set));

  build = name: environment: commands: derivation (environment // {
    inherit name;
    system = system_type;
    builder = busybox;
    # The sandbox may have no PATH; busybox finds its own applets through `b`.
    args = [ "sh" "-euc" "export PATH=/none b=${busybox}\n${commands}" ];
  });
in
rec {
  # A file of the store with this content.
  file = name: text: builtins.toFile name text;

  # An executable sh script. Its PATH is NixOS' or Debian's; `$b` is busybox.
  script = name: text: build name { inherit text; } ''
    $b printf '#!%s sh\nset -eu\nexport PATH=/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin\nb=%s\n%s' "$b" "$b" "$text" > $out
    $b chmod 0555 $out
  '';

  # A program that renews a certificate.
  selfSigned = import ./self-signed.nix { inherit file script; };

  system =
    { name
    , files ? { }         # path -> { text, mode, owner, group }: real copies, because their mode and content are checked
    , directories ? { }   # path -> { mode, owner, group }
    , units ? { }         # name -> text of a unit, started with multi-user.target
    , programs ? { }      # symbol -> store path: what `writ.program "symbol"` stands for
    , ruleset ? null      # nftables, as `nft -s list ruleset` prints it
    , prepare ? ""        # sh commands after files and before units; must be idempotent
    }:
    let
      # Loading it twice is loading it once.
      rulesetFile = file "ruleset.nft" "flush ruleset\n${ruleset}";
      packetFilter = if ruleset == null then { } else {
        "packet-filter.service" = ''
          [Unit]
          Description=Packet filter
          DefaultDependencies=no
          Before=network-pre.target
          Wants=network-pre.target

          [Service]
          Type=oneshot
          RemainAfterExit=yes
          ExecStart=${script "load-ruleset" "exec nft -f ${rulesetFile}\n"}
        '';
      };
      # What activates is the system's own: it finds the rest beside itself.
      allPrograms = { activate = "@out@/activate"; } // programs
        // (if ruleset == null then { } else { "ruleset.nft" = rulesetFile; });
      allUnits = units // packetFilter;
      unitFolder = build "units" { } ''
        $b mkdir $out
        ${lines (unit: text: "$b printf %s ${quote text} > $out/${unit}") allUnits}
      '';

      activate = script "activate" ''
        new=$($b readlink -f "''${0%/*}")
        status=0
        warn() { echo "activate: $*" >&2; status=4; }

        # Replaced in one rename, and only when something differs: watchers are not woken for nothing.
        install_file() { # source target mode owner:group
          [ "$($b stat -c '%F %a %U:%G' "$2" 2>/dev/null)" = "regular file ''${3#0} $4" ] && $b cmp -s "$1" "$2" && return
          $b mkdir -p "''${2%/*}"
          $b cp "$1" "$2.new"
          $b chown "$4" "$2.new"
          $b chmod "$3" "$2.new"
          $b mv -f "$2.new" "$2"
        }
        link() { # target name
          [ "$($b readlink "$2")" = "$1" ] && return
          $b rm -f "$2.new"
          $b ln -s "$1" "$2.new"
          $b mv -f -T "$2.new" "$2"
        }

        ${lines (path: d: "$b mkdir -p ${quote path}; $b chown ${d.owner or "root"}:${d.group or "root"} ${quote path}; $b chmod ${d.mode or "0755"} ${quote path}") directories}
        ${lines
          (path: f: "install_file ${file (baseNameOf path) f.text} ${quote path} ${f.mode or "0644"} ${f.owner or "root"}:${f.group or "root"}")
          files}
        ${prepare}

        # Units: those that are new or differ are restarted, those that are gone are stopped.
        folder=/etc/systemd/system
        old=$($b readlink -f /run/current-system 2>/dev/null || echo /none)
        $b mkdir -p $folder/multi-user.target.wants
        restart= stop=
        for unit in $($b ls "$old/units" 2>/dev/null); do
          [ -e "$new/units/$unit" ] && continue
          stop="$stop $unit"
        done
        for unit in $($b ls "$new/units"); do
          $b cmp -s "$folder/$unit" "$new/units/$unit" || restart="$restart $unit"
        done
        running=; [ -d /run/systemd/system ] && running=yes
        if [ -n "$stop" ]; then
          [ -z "$running" ] || systemctl stop $stop || warn "could not stop$stop"
          for unit in $stop; do $b rm -f "$folder/$unit" "$folder/multi-user.target.wants/$unit"; done
        fi
        for unit in $($b ls "$new/units"); do
          link "$($b readlink -f "$new/units/$unit")" "$folder/$unit"
          link "$folder/$unit" "$folder/multi-user.target.wants/$unit"
        done
        link "$new" /run/current-system

        if [ -n "$running" ]; then
          systemctl daemon-reload || warn "could not reload systemd"
          # Restarting clears a failed state; starting is nothing for what runs already.
          [ -z "$restart" ] || systemctl restart $restart || warn "could not restart$restart"
          systemctl start $($b ls "$new/units") || warn "could not start all units"
        fi
        ${if ruleset == null then "" else ''
          # The unit stays active when somebody flushes the ruleset, so starting it would not load it again.
          if command -v nft >/dev/null; then nft -f ${rulesetFile} || warn "could not load the packet filter"
          else warn "there is no nft: no packet filter"
          fi
        ''}
        # As on NixOS: 4 means that something did not start. Whether the system is fit is for its checks to say.
        exit $status
      '';

      switch = script "switch-to-configuration" ''
        new=$($b readlink -f "''${0%/*}/..")
        case "''${1:-}" in
          switch|test) exec "$new/activate" ;;
          boot) echo "there is no boot loader here: the profile alone decides what starts next" ;;
          dry-activate)
            for unit in $($b ls "$new/units"); do
              $b cmp -s "/etc/systemd/system/$unit" "$new/units/$unit" || echo "would restart $unit"
            done ;;
          *) echo "usage: switch-to-configuration switch|test|boot|dry-activate" >&2; exit 1 ;;
        esac
      '';
    in
    build "system-${name}" { programs = builtins.toJSON allPrograms; } ''
      $b mkdir -p $out/bin
      $b ln -s ${activate} $out/activate
      $b cp ${switch} $out/bin/switch-to-configuration
      $b ln -s ${unitFolder} $out/units
      $b printf '%s\n' "$programs" | $b sed "s|@out@|$out|" > $out/programs.json
    '';
}
