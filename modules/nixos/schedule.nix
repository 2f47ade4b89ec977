# When work that can wait is done (systemd.time(7)): each at least as often as the baselines' figures ask, with the timers'
# delay of at most 5 minutes and the work itself within the time left. checks/nixos holds them against the figures.
{
  backup = "*-*-* 01:00:00";
  backup-check = "*-*-* 04:00:00";
  backup-database = "*-*-* *:00/30:00";
  backup-forget = "*-*-* 06:00:00";
  backup-offsite = "*-*-* 05:00:00";
  # The third Friday's night.
  restore-test = "Fri *-*-15..21 23:00:00";
  scan-quick = "*-*-* 00/2:00:00";
  scan-full = "Sat *-*-* 22:30:00";
  # Oftener than the policy looks, so that a run which a night without power prevented is no failure.
  store-verify = "Wed,Sun *-*-* 03:00:00";
}
