# The audit rules that both baselines ask for, as `auditctl -l` prints those that watch files. Both name the whole list, so
# that a system which follows both loads it once. A system with a state folder of its own adds the watches of that folder.
let
  watch = key: permissions: path: "-w ${path} -p ${permissions} -k ${key}";
  call = key: calls: "-a always,exit -F arch=b64 -S ${calls} -k ${key}";
in
rec {
  # By key. A key alone proves nothing: the checks compare these rules too.
  watches = {
    identity = map (watch "identity" "wa") [ "/etc/passwd" "/etc/shadow" "/etc/group" ];
    elevation = [ (watch "elevation" "wa" "/etc/sudoers") ];
    logins = map (watch "logins" "wa") [ "/var/log/lastlog" "/var/log/btmp" ];
    signing-key-access = [ (watch "signing-key-access" "rwa" "/var/lib/writ/appliance.key") ];
    secrets = [ (watch "secrets" "rwa" "/var/lib/writ/secrets") ];
  };

  # Which the kernel may print otherwise than they were written, and in another order on another architecture.
  calls = [
    (call "elevation" "execve -F euid=0 -F auid>=1000 -F auid!=unset")
    (call "time-change" "adjtimex,settimeofday,clock_settime")
    (call "modules" "init_module,finit_module,delete_module")
    (call "mounts" "mount,umount2")
  ];

  rules = builtins.concatLists (builtins.attrValues watches) ++ calls;
}
