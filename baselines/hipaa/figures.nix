# Every figure this baseline uses, in one place. The Security Rule itself names only one of them (six years); the others
# are the operating standards of the service, and those marked "ours" are our own choice.
{ writ, ... }: {
  # Response targets by severity, and the failed automatic repairs after which a person is called. Critical pages at
  # once, low at the end of the business day, while repairs go on.
  sla = { critical = "15m"; high = "1h"; medium = "4h"; low = "24h"; };
  escalation.l1_failures = { critical = 3; high = 2; medium = 3; low = 3; };

  # 164.316(b)(2)(i): six years. Security logs: 365 days.
  retention = { evidence = "6y"; logs = "365d"; };
  log_retention_seconds = writ.days 365;

  disk = { failed_below_percent = 5; warning_below_percent = 15; };
  memory = { failed_above_percent = 95; warning_above_percent = 85; };
  cpu = {
    failed = { above_percent = 95; window = "2m"; };
    warning = { above_percent = 80; window = "5m"; };
  };

  password_max_days = 90;
  ssh_max_auth_tries = 5;

  # Ours: no source gives a figure for certificates.
  certificate_warning_seconds = writ.days 30;
}
