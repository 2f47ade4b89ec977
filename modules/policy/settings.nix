# The settings of an appliance. A baseline prescribes some, a site describes itself, the rest have defaults here.
{ lib, types }:
let
  inherit (types) struct nullOr listOf nonEmptyListOf oneOf attrsOf text span positive natural;
  optional = type: { type = nullOr type; default = null; };
  withDefault = type: default: { inherit type default; };
  severities = [ "critical" "high" "medium" "low" ];
  perSeverity = type: struct (builtins.listToAttrs (map (name: { inherit name; value = { inherit type; }; }) severities));

  # When an incident goes to people, and what they are told when. Only the first has no default.
  escalation = {
    l1_failures = { type = perSeverity positive; };
    l2_failures = withDefault positive 2;
    no_answer = withDefault span "30m";
    acknowledge = withDefault span "15m";
    updates = withDefault (struct { critical = { type = span; }; high = { type = span; }; }) { critical = "2h"; high = "4h"; };
    report = withDefault span "72h";
  };
  # How long things are kept. `online` is the site's tier's, unless it is said here.
  retention = {
    evidence = { type = span; };
    logs = { type = span; };
    application_logs = optional span;
    audit_logs = optional span;
    configuration = optional span;
    reports = optional span;
    online = optional span;
  };

  # Whom an incident of each severity reaches, by name of contact.
  route = struct (builtins.listToAttrs (map (name: { inherit name; value = withDefault (listOf text) [ ]; }) severities));
  noRoute = builtins.listToAttrs (map (name: { inherit name; value = [ ]; }) severities);

  roles = [ "primary" "secondary" "manager" "security" "account" "after-hours" "clinic" ];
  contact = struct {
    person = { type = text; about = "who answers"; };
    role = { type = oneOf roles; about = "one of ${lib.quoted roles}"; };
    email = optional text;
    phone = optional text;
    answers_within = { type = span; about = "a duration such as \"15m\""; };
  };

  # Exactly one of address and secret; `secret` is how a name of one is written.
  channel = secret: context: value:
    let
      result = struct
        {
          kind = { type = oneOf [ "email" "pagerduty" "webhook" ]; about = "\"email\", \"pagerduty\" or \"webhook\""; };
          address = optional text;
          secret = optional secret;
          severities = withDefault (nonEmptyListOf types.severity) severities;
          events = {
            type = nonEmptyListOf (oneOf [ "incident-opened" "escalated" "incident-closed" "exception-expiring" "release" "silence" ]);
            about = "what it tells of, such as [ \"escalated\" \"silence\" ]";
          };
        }
        context
        value;
    in
    if result.value == null || (result.value.address == null) != (result.value.secret == null) then result
    # Where the only one that stands there was refused, that was said, and what is left of the channel means nothing.
    else if !result.ok && result.value.address == null && (value ? address || value ? secret) then result // { value = null; }
    else {
      ok = false;
      value = null;
      findings = result.findings ++ [
        (lib.finding {
          inherit (context) at path;
          code = "wrong-value";
          message = "a notification goes to an address or to what a secret names: exactly one of the two";
          expected = "address = \"…\"; or secret = writ.secret \"…\";";
        })
      ];
    };

  # A language model that a planner may ask; `secret` is how the name of its key is written. What it may use up, and what it
  # costs, whoever pays says: neither has a default.
  model = secret: struct {
    url = { type = text; about = "the base of an OpenAI-compatible interface, such as \"https://models.example/v1\""; };
    name = { type = text; about = "the model, as that interface knows it"; };
    key = optional secret;
    insecure = withDefault types.boolean false;
    deadline = withDefault span "4s";
    most_runbooks = withDefault positive 3;
    budget = {
      type = struct {
        calls_per_hour = { type = positive; about = "calls within any hour, such as 6"; };
        calls_per_day = { type = positive; about = "calls within any 24 hours, such as 30"; };
        microdollars_per_day = { type = natural; about = "millionths of a US dollar within any 24 hours, such as 100000"; };
      };
      about = "budget = { calls_per_hour = 6; calls_per_day = 30; microdollars_per_day = 100000; }";
    };
    price = {
      type = struct {
        input_microdollars_per_1000_tokens = { type = natural; about = "what a thousand tokens cost that it is asked; 0 where nobody pays"; };
        output_microdollars_per_1000_tokens = { type = natural; about = "what a thousand tokens cost that it answers; 0 where nobody pays"; };
      };
      about = "price = { input_microdollars_per_1000_tokens = 150; output_microdollars_per_1000_tokens = 600; }";
    };
  };
  # Whether something that is no rule may choose among signed runbooks, when people look at what it chose, and what it may ask.
  planner = secret: withDefault
    (struct {
      enabled = withDefault types.boolean false;
      review = withDefault (oneOf [ "before" "after" "never" ]) "before";
      model = optional (model secret);
    })
    { enabled = false; review = "before"; model = null; };

  days = [ "mon" "tue" "wed" "thu" "fri" "sat" "sun" ];
  window = struct {
    days = { type = nonEmptyListOf (oneOf days); about = "days such as [ \"sat\" \"sun\" ]"; };
    from = { type = types.clock; about = "a time of day such as \"02:00\""; };
    to = { type = types.clock; about = "a time of day such as \"06:00\", earlier than `from` where the window passes midnight"; };
    allows = {
      type = nonEmptyListOf (oneOf [ "switch" "reboot" "scan" "restore-test" ]);
      about = "what may happen then, such as [ \"switch\" \"reboot\" ]";
    };
  };
in
rec {
  # From baselines.
  prescribed = {
    sla = optional (perSeverity span);
    escalation = optional (struct escalation);
    retention = optional (struct retention);
  };

  # From the site, with the values that hold where it says nothing.
  operational = {
    circuit_breaker = withDefault (struct { fires = { type = positive; }; within = { type = span; }; }) { fires = 5; within = "1h"; };
    posture = withDefault (struct { vector = { type = span; }; snapshot = { type = span; }; }) { vector = "1h"; snapshot = "7d"; };
    # How long a new generation is watched before it is kept; null: by all its checks.
    probation = withDefault (struct { window = { type = span; }; checks = optional (nonEmptyListOf text); }) { window = "60s"; checks = null; };
    evidence_budget_mb = withDefault positive 512;
    # The service that the site bought; it decides how much evidence is kept at hand.
    tier = optional (oneOf [ "essential" "professional" "enterprise" ]);
    # When what disturbs people may happen, in the site's time zone.
    maintenance = withDefault (struct { windows = withDefault (listOf window) [ ]; }) { windows = [ ]; };
    # When nobody is called for what is not critical, in the site's time zone. Null: as QuietHours::usual of crates/policy has
    # it, and policies are those of before.
    quiet_hours = optional (struct {
      from = withDefault types.clock "22:00";
      to = withDefault types.clock "07:00";
      severities = withDefault (listOf (oneOf [ "high" "medium" "low" ])) [ "medium" "low" ];
    });
    planner = planner types.secretName;
  };

  # From the site alone: where incidents go.
  outbound = {
    escalation = withDefault (struct { route = withDefault route noRoute; }) { route = noRoute; };
    notify = withDefault (attrsOf (channel types.secretName)) { };
  };

  # Who takes up a release first: see rings.nix.
  rings = listOf (struct {
    name = {
      type = types.plain { expected = "up to 24 of a-z, 0-9 and \"-\""; test = v: builtins.isString v && builtins.match "[a-z0-9-]{1,24}" v != null; };
      about = "what the ring is called, such as \"canary\"";
    };
    # How much later than the release; "promotion": not before a newer release says so.
    after = withDefault
      (types.plain {
        expected = "a duration such as \"24h\", or \"promotion\": not before somebody promotes it";
        test = v: v == "0s" || v == "promotion" || lib.milliseconds v != null;
      })
      "0s";
    appliances = { type = ringMembers; about = "appliances such as [ \"front-desk\" ], or \"others\": all that no other ring names"; };
  });
  ringMembers = context: value:
    if value == "others" then types.good value
    else if builtins.isList value then listOf text context value
    else types.plain { expected = "a list of appliances, or \"others\""; test = _: false; } context value;

  # People by name, or a list of texts: each of them the primary contact.
  contacts = context: value:
    if builtins.isList value then nonEmptyListOf text context value
    else if value == { } then types.bad (context // {
      code = "wrong-type";
      message = "nobody is named here";
      expected = "contacts.on-call = { person = \"…\"; role = \"primary\"; answers_within = \"15m\"; };";
    })
    else attrsOf contact context value;

  # What the site wrote as contacts, by name.
  namedContacts = sla: written:
    if !builtins.isList written then written
    else builtins.listToAttrs (builtins.genList
      (i: {
        name = "contact-${toString (i + 1)}";
        value = {
          person = builtins.elemAt written i;
          role = "primary";
          email = null;
          phone = null;
          answers_within = sla.critical;
        };
      })
      (builtins.length written));

  # One line for each contact, as tickets print it, in the order in which they are called.
  contactLines = named:
    let
      line = name:
        let c = named.${name};
        in builtins.concatStringsSep ", " ([ "${c.role} ${name}: ${c.person}" ] ++ builtins.filter (x: x != null) [ c.phone c.email ]);
      ofRole = role: map line (builtins.filter (name: named.${name}.role == role) (builtins.attrNames named));
    in
    builtins.concatMap ofRole roles;

  # How long evidence is at hand, where no figure says otherwise.
  onlineOf = tier: if tier == null then null else { essential = "30d"; professional = "90d"; enterprise = "2y"; }.${tier};

  # Settings as a policy has them: with what follows from the others.
  finished = given: builtins.removeAttrs given (if given.quiet_hours == null then [ "quiet_hours" ] else [ ]) // {
    planner = if given.planner.model == null then builtins.removeAttrs given.planner [ "model" ] else given.planner;
    escalation = given.escalation // { contacts = contactLines given.contacts; };
    retention = given.retention // {
      online = if given.retention.online != null then given.retention.online else onlineOf given.tier;
    };
  };

  # All of them before that: what overrides are checked against.
  whole = struct ({
    title = { type = text; };
    time_zone = { type = text; };
    approvers = { type = listOf text; };
    contacts = { type = attrsOf contact; };
    sla = { type = perSeverity span; };
    escalation = { type = struct (escalation // { route = { type = route; }; }); };
    notify = { type = attrsOf (channel types.keptSecret); };
    retention = { type = struct retention; };
  } // operational // { planner = planner types.keptSecret; });
}
