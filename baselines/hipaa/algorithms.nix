# Algorithms that an SSH server may accept. `sshd -T` prints the whole list in effect, so that a server must set each.
_: rec {
  ciphers = [
    "chacha20-poly1305@openssh.com"
    "aes256-gcm@openssh.com"
    "aes128-gcm@openssh.com"
    "aes256-ctr"
    "aes192-ctr"
    "aes128-ctr"
  ];

  # Those that authenticate what was encrypted: what our own systems set, while others may also have the older two.
  preferredMacs = [
    "hmac-sha2-512-etm@openssh.com"
    "hmac-sha2-256-etm@openssh.com"
    "umac-128-etm@openssh.com"
  ];
  macs = preferredMacs ++ [
    "hmac-sha2-512"
    "hmac-sha2-256"
  ];
}
