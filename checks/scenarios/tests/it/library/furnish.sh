# What a theatre's machine has and a bare container lacks. Each stand-in says why the real thing cannot be had.
set -eu
unit() { cat > "/etc/systemd/system/$1"; }
ago() { date -u -d "$1 ago" +%FT%T.000Z; }

# Debian's packages, as if they were installed; before them what stands for a machine elsewhere: an SSH server is nobody's
# here, the protocol behind it is sftp-server's own.
mkdir -p /opt/peers/here/usr/local/bin /var/backup/elsewhere
printf '#!/bin/sh\ncd /var/backup/elsewhere && exec /usr/lib/openssh/sftp-server\n' > /opt/peers/here/usr/local/bin/ssh
chmod 0755 /opt/peers/here/usr/local/bin/ssh
layers=
for layer in here openssh chrony restic clamav clamav-daemon; do layers="$layers/opt/peers/$layer/usr:"; done
mount -t overlay overlay -o "lowerdir=$layers/usr" /usr

# People and folders.
groupadd -f theatre
groupadd -f wheel
groupadd -f systemd-journal
useradd --system --no-create-home --gid theatre --shell /usr/sbin/nologin recorder
useradd --system --no-create-home --home-dir /run/sshd --shell /usr/sbin/nologin sshd
useradd --no-create-home --shell /bin/bash gone
chage --maxdays 90 gone
chown root:shadow /etc/shadow
chmod 0640 /etc/shadow
mkdir -p /srv/recordings
cp -a /var/lib/ehr/. /srv/recordings/
install -d -o recorder -g theatre -m 0750 /srv/recordings
install -d -m 0700 /var/lib/writ/quarantine /var/lib/writ/secrets
install -d /var/lib/nixos /srv/found

# As a theatre is set up, where that is stricter than other machines of this suite.
sed -i 's/^deny = .*/deny = 3/' /etc/security/faillock.conf
mount -o remount,nosuid,nodev,noexec /dev/shm
mkdir -p /etc/nix
printf 'allowed-users = root\ntrusted-users = root\nsubstituters =\nsandbox = true\nrequire-sigs = true\n' > /etc/nix/nix.conf

# SSH.
mkdir -p /etc/ssh /run/sshd
ssh-keygen -q -A
unit sshd.service <<'U'
[Service]
ExecStart=/usr/sbin/sshd -D
U

# Kernel settings. Those of a network are the container's own; the others are of the whole machine, and a container may not
# write them: files stand for them.
for setting in net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 \
  net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.all.accept_source_route=0 \
  net.ipv4.conf.all.rp_filter=1 net.ipv4.tcp_syncookies=1 net.ipv4.icmp_echo_ignore_broadcasts=1 \
  net.ipv4.conf.all.log_martians=1 net.ipv6.conf.all.accept_redirects=0 net.ipv4.conf.default.accept_redirects=0 \
  net.ipv4.conf.default.send_redirects=0 net.ipv6.conf.default.accept_redirects=0; do
  sysctl -qw "$setting"
done
for folder in kernel fs net/core; do
  mkdir -p "/srv/settings/$folder"
  cp -r "/proc/sys/$folder/." "/srv/settings/$folder/" 2>/dev/null || true
done
mkdir -p /srv/settings/kernel/yama
for setting in kernel/kptr_restrict=1 kernel/dmesg_restrict=1 kernel/perf_event_paranoid=2 kernel/randomize_va_space=2 \
  fs/suid_dumpable=0 kernel/yama/ptrace_scope=1 kernel/unprivileged_bpf_disabled=1 net/core/bpf_jit_harden=2 \
  fs/protected_symlinks=1 fs/protected_hardlinks=1 fs/protected_fifos=1 fs/protected_regular=1 \
  kernel/kexec_load_disabled=1 kernel/sysrq=0; do
  rm -f "/srv/settings/${setting%=*}"
  echo "${setting#*=}" > "/srv/settings/${setting%=*}"
done
for folder in kernel fs net/core; do mount --bind "/srv/settings/$folder" "/proc/sys/$folder"; done

# A disk of its own, small enough to be filled. Memory is the whole machine's: a file stands for what the kernel says of it.
mount -t tmpfs -o size=8m,nr_inodes=400,nosuid,nodev tmpfs /var/tmp
printf '[Slice]\nCPUWeight=20\n' | unit writ-batch.slice
sed 's/^MemAvailable:.*/MemAvailable: 1 kB/' /proc/meminfo > /srv/clinic/no-memory
unit writ-eats-memory.service <<'U'
[Service]
Slice=writ-batch.slice
ExecStartPre=mount --bind /srv/clinic/no-memory /proc/meminfo
ExecStart=sleep infinity
ExecStopPost=umount /proc/meminfo
U

# The scanner. Its signature is one of ours; what scans on access needs fanotify, which a container may not have; the newest
# signatures are on the internet.
systemctl stop clinic-clamd.socket clinic-clamonacc.service
mkdir -p /srv/clinic/signatures
printf 'Writ.Test:0:*:%s\n' "$(printf 'writ library: a found file' | od -An -tx1 | tr -d ' \n')" > /srv/clinic/signatures/test.ndb
cat > /etc/clamav/clamd.conf <<'C'
LocalSocket /run/clamav/clamd.ctl
DatabaseDirectory /srv/clinic/signatures
HeuristicAlerts yes
Foreground yes
User root
ExcludePath ^/var/lib/writ/quarantine(/|$)
C
unit clamav-daemon.service <<'U'
[Service]
RuntimeDirectory=clamav
ExecStart=/usr/sbin/clamd
U
cp /etc/systemd/system/clinic-clamonacc.service /etc/systemd/system/clamav-clamonacc.service
unit clamav-freshclam.service <<'U'
[Service]
Type=oneshot
ExecStart=cp /srv/clinic/daily.cvd /var/lib/clamav/daily.cvd
U
cp /var/lib/clamav/daily.cvd /srv/clinic/daily.cvd

# A repository and its copy, as an administrator makes them.
printf 'correct horse battery staple' > /var/lib/writ/secrets/backup
chmod 0600 /var/lib/writ/secrets/backup
export RESTIC_PASSWORD_FILE=/var/lib/writ/secrets/backup RESTIC_CACHE_DIR=/var/cache/writ-backup
restic init --quiet --repo /var/backup/writ
PATH="/usr/local/bin:$PATH" restic init --quiet --repo sftp:offsite:writ
# Where cgroups are of version 1, systemd does not hear that the stand-in for ssh has ended.
for look in '' -look; do
  mkdir -p "/etc/systemd/system/writ-backup$look-offsite.service.d"
  printf '[Service]\nKillMode=process\n' | unit "writ-backup$look-offsite.service.d/here.conf"
done
# Of restic: `backup --stdin-from-command`, by which the modules dump a database, came with 0.17.
unit writ-backup-database.service <<'U'
[Service]
Type=oneshot
Slice=writ-batch.slice
Environment=RESTIC_REPOSITORY=/var/backup/writ RESTIC_PASSWORD_FILE=/var/lib/writ/secrets/backup RESTIC_CACHE_DIR=/var/cache/writ-backup
ExecStart=sh -c 'echo "CREATE TABLE visits ();" | restic backup --quiet --host theatre --tag database --stdin'
U

# Of Nix: its daemon, without which a unit may not touch the store.
cp /var/lib/writ/records/store-verify-store.json /srv/clinic/
unit writ-store-repair.service <<'U'
[Service]
Type=oneshot
ExecStart=true
U
unit writ-store-verify.service <<'U'
[Service]
Type=oneshot
ExecStart=cp /srv/clinic/store-verify-store.json /var/lib/writ/records/new
ExecStart=mv /var/lib/writ/records/new /var/lib/writ/records/store-verify-store.json
U

systemctl daemon-reload
systemctl start clamav-daemon.service clamav-clamonacc.service writ-backup.service writ-backup-database.service
systemctl reset-failed
