# Gives this machine its identity from what lies on a stick, once.
#
#   first-boot.sh STICK STATE
#
# STICK/writ/site.toml   site, appliance and depot, each `key = "value"` on a line of its own
# STICK/writ/trust.json  the first trust root: trusted because whoever holds the stick is
# STATE                  where the identity is kept; must outlive a restart
#
# `writ provision usb` writes what must be on it. Nothing on the stick is a secret, and no secret is put there: the key is made here
# and stays here. What goes back is its public half and the claim, for the pull request that makes the appliance known. An identity
# that is here is left alone.
#
# Exit codes: 0 done, or done before; 1 the stick does not say what is needed, and nothing was changed; 2 usage.
set -euo pipefail
umask 077

[ $# -eq 2 ] || { echo "usage: first-boot.sh STICK STATE" >&2; exit 2; }
stick=$1/writ state=$2
fail() { echo "first boot: $*" >&2; exit 1; }
# What a stick says goes to a console that obeys control characters.
plain() { LC_ALL=C tr -cd '[:print:]\n' | tr '\n' ' ' | cut -c 1-200; }

if [ -e "$state/appliance.key" ]; then
  echo "first boot: $state/appliance.key is there: this machine has its identity"
  exit 0
fi
# Complete before any of it counts: the key, last, is what says that the identity is there.
mkdir -p "$state"
work=$(mktemp -d "$state/.first-boot.XXXXXX")
trap 'rm -rf "$work"' EXIT

# What is judged is a copy: the stick may change between two looks. A link would name a file of this machine.
take() { # name most description
  [ ! -L "$stick/$1" ] || fail "writ/$1 on the stick is a link"
  [ -f "$stick/$1" ] || fail "there is no writ/$1 on the stick"
  head -c "$(($2 + 1))" -- "$stick/$1" > "$work/$1"
  [ "$(stat -c %s "$work/$1")" -le "$2" ] || fail "writ/$1 is larger than $3"
}
[ ! -L "$stick" ] || fail "writ on the stick is a link"
take site.toml 65536 "64 KiB"
take trust.json 4194304 "4 MiB"

# The value of a key, where its line is plain; what is not understood is refused, never skipped.
value() { # key pattern description
  local lines
  lines=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"\([^\"\\]*\)\"[[:space:]]*\(#.*\)\{0,1\}\r\{0,1\}$/\1/p" "$work/site.toml")
  [ -n "$lines" ] || fail "writ/site.toml lacks $1 = \"…\": $3"
  [ "$(printf '%s\n' "$lines" | wc -l)" -eq 1 ] || fail "writ/site.toml has $1 several times"
  printf '%s\n' "$lines" | grep -Eqx -- "$2" ||
    fail "writ/site.toml: $1 is \"$(printf '%s' "$lines" | plain)\": expected $3"
  printf '%s\n' "$lines"
}
name='[a-z0-9]([a-z0-9-]{1,38})[a-z0-9]'
site=$(value site "$name" "3 to 40 of a-z, 0-9 and \"-\"")
appliance=$(value appliance "$name" "3 to 40 of a-z, 0-9 and \"-\"")
depot=$(value depot 'https://[A-Za-z0-9.:-]+|https://\[[0-9a-f:]+\](:[0-9]+)?' "https://host or https://host:port")
unknown=$(grep -aEv '^[[:space:]]*(#.*)?$|^[[:space:]]*(site|appliance|depot)[[:space:]]*=' "$work/site.toml" | head -n 1 || true)
[ -z "$unknown" ] || fail "writ/site.toml has a line that is not understood: $(printf '%s' "$unknown" | plain)"
writ trust show "$work/trust.json" > /dev/null 2> "$work/why" ||
  fail "writ/trust.json is no trust root: $(plain < "$work/why")"

writ keys new --name "$appliance" --out "$work" --role appliance --no-passphrase --json > "$work/made.json"
said() { sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p" "$2" | head -n 1; }
fingerprint=$(said fingerprint "$work/made.json")
[ -n "$fingerprint" ] || fail "writ keys new said no fingerprint"
writ provision show --public-key "$work/$appliance.pub" --json > "$work/claim.json"
code=$(said claim_code "$work/claim.json")
[ -n "$code" ] || fail "writ provision show said no claim code"

# What its secrets are encrypted to; signed by its key, so that nobody can put another in its place.
writ secret identity --key "$work/secrets.key" --signed-by "$work/$appliance.key" --out "$work" > /dev/null

cat > "$work/enforce.toml" <<END
site = "$site"
appliance = "$appliance"
releases = "$state/spool/inbox"
trust = "$state/trust.json"
key = "$state/appliance.key"
secrets_out = "/run/writ/secrets"
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
claim code   $code
END
# The courier reads its settings as an ordinary user.
chmod 0644 "$work/enforce.toml" "$work/sync.toml" "$work/trust.json"

# To the stick first: an identity of which nobody could learn would be none. A rename takes the place of a link that was
# laid there, and writes nowhere else.
give() {
  local new
  new=$(mktemp "$stick/new-XXXXXX")
  cat "$work/$1" > "$new" && sync "$new" && mv -T "$new" "$stick/$1" || { rm -f "$new"; fail "cannot write writ/$1 onto the stick"; }
}
give "$appliance.pub"
give secrets.pub
give secrets.pub.minisig
give claim.txt
sync "$stick"
# Their contents before their names: after a power cut a name could stand over nothing.
sync "$work/trust.json" "$work/enforce.toml" "$work/sync.toml"
for file in trust.json enforce.toml sync.toml; do mv "$work/$file" "$state/$file"; done
sync "$state"
mv "$work/secrets.key" "$state/secrets.key"
sync "$state"
mv "$work/$appliance.key" "$state/appliance.key"
sync "$state"
# The key that it would have had over the network.
rm -rf -- "$state/claim"

cat <<END

  This machine is  $appliance  of  $site

END
# Its claim code, in lines for a narrow screen, and as a QR code.
writ provision show --state "$state" --qr
cat <<END

  The stick has $appliance.pub, secrets.pub with its signature, and claim.txt. Read the claim code above off this screen, and where the pull request is made:
  writ provision claim --site $site --appliance $appliance --public-key STICK/writ/$appliance.pub --code 'CODE'

END
