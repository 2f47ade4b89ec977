# The site of the VM tests.
{ writ, ... }: writ.site {
  title = "Clinic in a virtual machine";
  time_zone = "Etc/UTC";
  baselines.vm = "1";
  rule_families = [ "vm" ];
  approvers = [ "Kim Lee, office manager" ];
  contacts = [ "kim@clinic.example" ];
  # A switch waits for none of them: they name boots alone, which no other window allows.
  maintenance.windows = map
    ({ from, to }: { inherit from to; days = [ "mon" "tue" "wed" "thu" "fri" "sat" "sun" ]; allows = [ "reboot" ]; })
    [ { from = "00:00"; to = "12:00"; } { from = "12:00"; to = "00:00"; } ];
  probation = { window = "5s"; checks = [ "service.runs" ]; };
}
