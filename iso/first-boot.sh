# Gives this machine its identity from what lies on a stick, once.
#
#   first-boot.sh STICK STATE
#
# STICK/writ/site.toml   site, appliance and depot, each `key = "value"` on a line of its own
# STICK/writ/trust.json  the first trust root: trusted because whoever holds the stick is
# STATE                  where the identity is kept; must outlive a restart
#
# Nothing on the stick is a secret, and no secret is put there: the key is made here and stays here. What goes back is its
# public half and the claim, for the pull request that makes the appliance known. An identity that is here is left alone.
#
# Exit codes: 0 done, or done before; 1 the stick does not say what is needed, and nothing was changed; 2 usage.
set -euo pipefail
umask 077

[ $# -eq 2 ] || { echo "usage: first-boot.sh STICK STATE" >&2; exit 2; }
stick=$1/writ state=$2
fail() { echo "first boot: $*" >&2; exit 1; }

if [ -e "$state/appliance.key" ]; then
  echo "first boot: $state/appliance.key is there: this machine has its identity"
  exit 0
fi
[ -f "$stick/site.toml" ] || fail "there is no writ/site.toml on the stick"
[ -f "$stick/trust.json" ] || fail "there is no writ/trust.json on the stick"
[ "$(stat -c %s "$stick/site.toml")" -le 65536 ] || fail "writ/site.toml is larger than 64 KiB"
[ "$(stat -c %s "$stick/trust.json")" -le 4194304 ] || fail "writ/trust.json is larger than 4 MiB"

# The value of a key, where its line is plain; what is not understood is refused, never skipped.
value() { # key pattern description
  local lines
  lines=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"\([^\"\\]*\)\"[[:space:]]*\(#.*\)\{0,1\}\r\{0,1\}$/\1/p" "$stick/site.toml")
  [ -n "$lines" ] || fail "writ/site.toml lacks $1 = \"…\": $3"
  [ "$(printf '%s\n' "$lines" | wc -l)" -eq 1 ] || fail "writ/site.toml has $1 several times"
  printf '%s\n' "$lines" | grep -Eqx -- "$2" || fail "writ/site.toml: $1 is \"$lines\": expected $3"
  printf '%s\n' "$lines"
}
name='[a-z0-9]([a-z0-9-]{1,38})[a-z0-9]'
site=$(value site "$name" "3 to 40 of a-z, 0-9 and \"-\"")
appliance=$(value appliance "$name" "3 to 40 of a-z, 0-9 and \"-\"")
depot=$(value depot 'https://[A-Za-z0-9.:-]+|https://\[[0-9a-f:]+\](:[0-9]+)?' "https://host or https://host:port")
unknown=$(grep -Ev '^[[:space:]]*(#.*)?$|^[[:space:]]*(site|appliance|depot)[[:space:]]*=' "$stick/site.toml" | head -n 1 || true)
[ -z "$unknown" ] || fail "writ/site.toml has a line that is not understood: $unknown"

# Complete before any of it counts: the key, last, is what says that the identity is there.
mkdir -p "$state"
work=$(mktemp -d "$state/.first-boot.XXXXXX")
trap 'rm -rf "$work"' EXIT
writ keys new --name "$appliance" --out "$work" --role appliance --no-passphrase --json > "$work/made.json"
fingerprint=$(sed -n 's/.*"fingerprint"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$work/made.json" | head -n 1)
[ -n "$fingerprint" ] || fail "writ keys new said no fingerprint"

install -m 0644 "$stick/trust.json" "$work/trust.json"
cat > "$work/enforce.toml" <<END
site = "$site"
appliance = "$appliance"
releases = "$state/spool/inbox"
trust = "$state/trust.json"
key = "$state/appliance.key"
END
cat > "$work/sync.toml" <<END
site = "$site"
appliance = "$appliance"
depot = "$depot"
trust = "$state/trust.json"
END
cat > "$work/claim.txt" <<END
site         $site
appliance    $appliance
fingerprint  $fingerprint
END
# The courier reads its settings as an ordinary user.
chmod 0644 "$work/enforce.toml" "$work/sync.toml"

# To the stick first: an identity of which nobody could learn would be none.
cp "$work/$appliance.pub" "$stick/$appliance.pub"
cp "$work/claim.txt" "$stick/claim.txt"
sync "$stick/$appliance.pub" "$stick/claim.txt"
for file in trust.json enforce.toml sync.toml; do mv "$work/$file" "$state/$file"; done
sync "$state"
mv "$work/$appliance.key" "$state/appliance.key"
sync "$state"

cat <<END

  This machine is  $appliance  of  $site
  Its key is       $fingerprint

  The stick has $appliance.pub and claim.txt. Compare the fingerprint above with claim.txt where the pull request is made:
  cp $appliance.pub hosts/$site/$appliance/key.pub

END
