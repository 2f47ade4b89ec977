# Three appliances, of which one goes first.
{ writ, ... }: writ.site {
  title = "Lakeside Family Practice";
  time_zone = "America/New_York";
  baselines.house = "1";
  approvers = [ "Dr. Ruth Alvarez, practice owner" ];
  contacts = [ "on-call@msp.example" ];
  probation = { window = "1s"; checks = [ "records.runs" ]; };
}
