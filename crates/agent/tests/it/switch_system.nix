# A system on builtins alone, for tests of the switch: its activation writes what it did into a folder of the test, and
# misbehaves when a file there says so.
{ generation, world, busybox, kernel ? "" }:
let
  tools = builtins.path { name = "busybox-tools"; path = busybox; };
in
derivation {
  name = "writ-test-system-${generation}";
  system = builtins.currentSystem;
  builder = "${tools}/bin/busybox";
  inherit world;
  args = [ "sh" "-c" ''
    b=${tools}/bin/busybox
    $b mkdir -p $out/bin
    $b printf '{"writ-enforce":"%s/bin/own-enforcer"}' $out > $out/programs.json
    $b cat > $out/bin/own-enforcer <<EOF
    #!$b sh
    [ "\$1" = check-policy ] && [ -f "\$2" ] && [ ! -e ${world}/own-refuses ]
    EOF
    $b cat > $out/bin/switch-to-configuration <<EOF
    #!$b sh
    echo "\$1 ${generation}" >> ${world}/log
    [ -e ${world}/hang-\$1-${generation} ] && $b sleep 1000
    while [ -e ${world}/wait-\$1-${generation} ]; do $b sleep 0.05; done
    case "\$1" in
      test | switch)
        echo ${generation} > ${world}/running
        if [ -e ${world}/break-${generation} ]; then echo broken > ${world}/state; else echo ok > ${world}/state; fi ;;
      boot) echo ${generation} > ${world}/boot ;;
    esac
    [ ! -e ${world}/exit-\$1-${generation} ] || exit 7
    EOF
    if [ -n "${kernel}" ]; then
      for file in kernel initrd init; do echo "$file of ${kernel}" > $out/$file; done
      echo "loglevel=4" > $out/kernel-params
    fi
    $b sed -i 's/^    //' $out/bin/*
    $b chmod +x $out/bin/*
  '' ];
}
