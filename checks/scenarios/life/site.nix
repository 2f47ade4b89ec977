# A clinic with three appliances, which lets a language model choose among its runbooks.
{ writ, ... }:
writ.site {
  title = "A clinic that learns";
  time_zone = "Etc/UTC";
  baselines.life = "1";
  rule_families = [ "desk" "learned" ];
  approvers = [ "Dr. Ruth Alvarez, practice owner" ];
  contacts = [ "on-call@msp.example" ];
  circuit_breaker = { fires = 100000; within = "1h"; };
  probation.window = "1s";
  planner = {
    enabled = true;
    review = "never";
    model = {
      url = "@url@";
      name = "chooser-1";
      deadline = "5s";
      most_runbooks = 2;
      budget = { calls_per_hour = 1000; calls_per_day = 1000; microdollars_per_day = 1000000; };
      price = { input_microdollars_per_1000_tokens = 150; output_microdollars_per_1000_tokens = 600; };
    };
  };
}
