# The desk of a VM test: keys, a trust root and releases of checks/vm/tree, made by the real `writ`.
#
#   desk.sh lay FOLDER TREE MODULES [BUSYBOX]   keys, trust root, the appliance's identity; nothing is released
#   desk.sh release FOLDER [TOPLEVEL]           the next release into FOLDER/releases, with this system
#
# LOGGED=1 lays a trust root that names a log and a witness, as where there is a depot; DEPOT=URL publishes to it too.
# FOLDER/front holds what the appliance gets: appliance.key and trust.json. FOLDER/keys/log.key and reader.key are for a depot; the
# reader's is the witness's too.
set -euo pipefail
site=clinic-vm
pass() { echo "a passphrase for a test that is over in a minute" > "$1/passphrase"; chmod 600 "$1/passphrase"; }

lay() {
  folder=$1 tree=$2 modules=$3 busybox=${4:-}
  mkdir -p "$folder/keys" "$folder/front" "$folder/releases/trust" "$folder/flake"
  cd "$folder"
  pass .
  writ keys new --name alice --out keys --kdf interactive --role trust --role release --passphrase-file passphrase
  writ keys new --name cache --out keys --role cache
  writ keys new --name log --out keys --role log
  writ keys new --name reader --out keys --role read --no-passphrase
  writ keys new --name desk --out keys --role appliance --no-passphrase
  cp -r --no-preserve=mode "$tree/." flake/
  mkdir -p flake/modules
  cp -r --no-preserve=mode "$modules/policy" "$modules/minimal-system" flake/modules/
  cp keys/desk.pub "flake/hosts/$site/desk/key.pub"
  if [ -n "$busybox" ]; then
    mkdir -p "flake/hosts/$site/busybox/bin"
    cp "$busybox" "flake/hosts/$site/busybox/bin/busybox"
    chmod 0755 "flake/hosts/$site/busybox/bin/busybox"
  fi
  git -C flake init --quiet --initial-branch=main
  writ trust init --expires 1y --threshold trust=1 --threshold release=1 --key keys/alice.pub:trust,release \
    --key keys/cache.pub:cache --key keys/reader.pub:read,attest \
    ${LOGGED:+--key keys/log.pub:log --log-origin "$site=log.example/$site" --witness witness.example=keys/reader.pub} --out releases/trust/1.json
  writ trust sign releases/trust/1.json --key keys/alice.key --passphrase-file passphrase
  cp releases/trust/1.json front/trust.json
  install -m 0600 keys/desk.key front/appliance.key
}

draft() {
  cd "$1"
  if [ -n "${2:-}" ]; then echo "$2" > "flake/hosts/$site/desk/toplevel"; fi
  git -C flake add --all
  git -C flake -c user.name=Engineer -c user.email=engineer@example.org -c commit.gpgsign=false commit --quiet --allow-empty --message Release
  rm -rf draft
  writ release draft --flake flake --site "$site" --to draft --previous releases
  writ release sign draft --flake flake --key keys/alice.key --passphrase-file passphrase
}

case ${1:-} in
  lay) shift; lay "$@" ;;
  draft) shift; draft "$@" ;;
  release) shift; draft "$@"; writ release publish draft --to releases --cache-key keys/cache.nix-key ${DEPOT:+--depot "$DEPOT" --read-key keys/reader.key} ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
