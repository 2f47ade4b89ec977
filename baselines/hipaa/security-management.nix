# 164.308(a)(1) and (2): risks, sanctions, review, and who is responsible.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."164.308(a)(1)(i)" = writ.control {
    title = "Security management process";
    requirement = "standard";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC3.1" "CC5.3" ]; nist-800-53 = [ "PL-1" "RA-1" ]; sop = [ "SOP-001" "SOP-002" "SOP-003" ]; };
    checks = [ "system.checkin" "system.rule-sync" "emergency.code" "emergency.bounded" ];
    duties = [ "documents.policies" "daily.checks" ];
    not_assessed = "Whether the policies prevent, detect, contain and correct: only that the appliance hears and obeys the ones in force, and that nobody has paused it for long.";
  };

  controls."164.308(a)(1)(ii)(A)" = writ.control {
    title = "Risk analysis";
    requirement = "required";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC3.2" ]; nist-800-53 = [ "RA-3" ]; sop = [ "SOP-001" ]; };
    duties = [ "risk.analysis" ];
    procedure = "Once a year, and when a system, site or threat is new, the security official analyses the risks to all ePHI and signs the analysis.";
  };

  controls."164.308(a)(1)(ii)(B)" = writ.control {
    title = "Risk management";
    requirement = "required";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC3.2" "CC8.1" "CC9.1" ]; nist-800-53 = [ "CM-3" "RA-7" "SI-2" ]; sop = [ "SOP-012" "SOP-014" ]; };
    checks = [ "system.generation" "system.release-valid" "patches.exploited" "patches.system-age" ];
    duties = [ "risk.treatment" "review.patches" "patch.exploited" "change.normal" ];
    not_assessed = "Whether the measures chosen fit the risk analysis: only that the ones released are in force and have not run out, and that exploited flaws are closed in time.";
  };

  controls."164.308(a)(1)(ii)(C)" = writ.control {
    title = "Sanction policy";
    requirement = "required";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC1.5" ]; nist-800-53 = [ "PS-8" ]; };
    duties = [ "sanctions.record" ];
    procedure = "The practice owner applies the sanction policy to every breach and records it; a year without one ends with a nil return.";
  };

  controls."164.308(a)(1)(ii)(D)" = writ.control {
    title = "Information system activity review";
    requirement = "required";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC4.1" "CC7.2" ]; nist-800-53 = [ "AU-6" "CA-7" ]; sop = [ "SOP-013" ]; };
    checks = [ "review.evidence-delivered" "review.log-lag" ];
    duties = [ "review.activity" "review.logs" "review.learning" "review.learning-ratios" "review.learning-audit" "review.health" ];
    not_assessed = "Whether anybody reads what is delivered: the weekly review says so.";
  };

  # The operating standards print this id for risk management; by the text of the rule that is (a)(1)(ii)(B).
  controls."164.308(a)(2)" = writ.control {
    title = "Assigned security responsibility";
    requirement = "required";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC1.3" ]; nist-800-53 = [ "PM-2" ]; };
    duties = [ "official.appointment" ];
    procedure = "One named security official is responsible; the practice owner confirms the name every year.";
  };

  checks."system.checkin" = writ.check {
    title = "The appliance has checked in lately";
    probe.writ = { };
    expect.checkin_age_seconds.le = s "checkin.critical";
    prefer.checkin_age_seconds.le = s "checkin.warning";
    every = "1m";
    severity = "high";
    cites = [ "catalogue:IR-32" "catalogue:MA-09" "catalogue:CK-01" ];
  };

  checks."system.rule-sync" = writ.check {
    title = "Releases reach the appliance";
    probe.writ = { };
    expect.sync_failure_count.le = f."sync.failures_most";
    prefer.sync_failure_count.eq = 0;
    every = "5m";
    severity = "medium";
    cites = [ "catalogue:LL-26" "catalogue:MA-05" "catalogue:SY-23" ];
  };

  checks."emergency.code" = writ.check {
    title = "A code is set with which healing can be paused in an emergency, and with nothing else";
    probe.writ = { };
    expect.pause_code_set.eq = true;
    every = "1h";
    severity = "high";
  };

  checks."emergency.bounded" = writ.check {
    title = "Healing is not paused for longer than a working day";
    probe.writ = { };
    expect.longest_pause_seconds.le = s "pause.longest";
    prefer.longest_pause_seconds.eq = 0;
    every = "5m";
    severity = "medium";
  };

  checks."system.release-valid" = writ.check {
    title = "The release and the trust root in force have not run out";
    probe.writ = { };
    expect = {
      release_expires_in_seconds.gt = 0;
      root_expires_in_seconds.gt = 0;
    };
    prefer = {
      release_expires_in_seconds.ge = s "release.renew_before";
      root_expires_in_seconds.ge = s "release.renew_before";
    };
    every = "1h";
    severity = "high";
    cites = [ "catalogue:KY-16" ];
  };

  checks."system.generation" = writ.check {
    title = "The system in force is the one that was released";
    probe.nix_generation = { };
    expect.matches.eq = true;
    every = "10s";
    severity = "critical";
    cites = [ "catalogue:AG-01" "catalogue:CM-14" ];
  };

  # The list of known flaws travels with the release; without a current one, the other figures say nothing.
  checks."patches.exploited" = writ.check {
    title = "No flaw that is being exploited is open past its time, and the list of flaws is current";
    probe.patches = { };
    expect = {
      advisories_age_seconds.le = s "patch.advisories";
      exploited_oldest_age_seconds.le = s "patch.exploited";
    };
    prefer.exploited_count.eq = 0;
    every = "1h";
    severity = "critical";
    cites = [ "catalogue:PT-08" "catalogue:PT-11" ];
  };

  checks."patches.system-age" = writ.check {
    title = "The system in force was built within the last two patch cycles";
    probe.patches = { };
    expect.system_age_seconds.le = s "patch.nixos.system_age";
    prefer.system_age_seconds.le = s "patch.nixos.system_age_warning";
    every = "6h";
    severity = "medium";
    cites = [ "catalogue:PT-03" ];
  };

  checks."review.evidence-delivered" = writ.check {
    title = "Evidence leaves the appliance, so that it can be read";
    probe.writ = { };
    expect.undelivered_age_seconds.le = s "evidence.delivered_within";
    prefer.undelivered_age_seconds.le = s "evidence.delivered_warning";
    every = "5m";
    severity = "medium";
    cites = [ "catalogue:HC-07" "catalogue:EV-53" ];
  };

  checks."review.log-lag" = writ.check {
    title = "Logs reach their second place without delay";
    probe.log_forwarding = { };
    expect = {
      configured.eq = true;
      lag_seconds.le = s "ingestion.critical";
    };
    prefer.lag_seconds.le = s "ingestion.warning";
    every = "1m";
    severity = "high";
    cites = [ "catalogue:LM-14" "catalogue:MA-08" ];
  };
}
