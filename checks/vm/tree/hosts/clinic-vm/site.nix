# The site of the VM tests.
{ writ, ... }: writ.site {
  title = "Clinic in a virtual machine";
  time_zone = "Etc/UTC";
  baselines.vm = "1";
  rule_families = [ "vm" ];
  approvers = [ "Kim Lee, office manager" ];
  contacts = [ "kim@clinic.example" ];
  probation = { window = "5s"; checks = [ "service.runs" ]; };
}
