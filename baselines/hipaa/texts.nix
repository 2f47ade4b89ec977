# Texts that checks compare with and runbooks restore, to the letter.
_: {
  banner = ''
    This computer handles protected health information.
    Use is limited to authorised staff, for their work, and is recorded.
  '';

  journald = ''
    [Journal]
    Storage=persistent
    MaxRetentionSec=0
  '';
}
