# What a policy's checks take for granted of the machine and no option can be set for: said when the system is built, not
# found out when the release is on the appliance.
{ config, lib, ... }:
let
  cfg = config.services.writ.appliance;
  checks = if cfg.policy == null then { } else cfg.policy.checks;
  uses = probe: builtins.filter (id: checks.${id}.probe ? ${probe} && checks.${id}.target == "self") (builtins.attrNames checks);
  encrypted = uses "luks";

  # Units that steps of runbooks name or stand for, and this system has not. systemd's own are not NixOS' to define.
  inherit (config.systemd) services slices timers;
  steps = builtins.concatMap (runbook: runbook.steps) (builtins.attrValues (if cfg.policy == null then { } else cfg.policy.runbooks));
  standsFor = {
    "backup.run" = parameters: {
      files = "writ-backup.service";
      database = "writ-backup-database.service";
      offsite = "writ-backup-offsite.service";
    }.${parameters.backup or "files"};
    "restore.test" = parameters: "writ-restore-test@${parameters.name}.service";
    "scan.run" = parameters: "writ-scan-${parameters.scan}.service";
    "signatures.update" = _: "clamav-freshclam.service";
  };
  unitsOf = step:
    if step.parameters ? unit then [ step.parameters.unit ]
    else if standsFor ? ${step.step} then [ (standsFor.${step.step} step.parameters) ]
    else [ ];
  units = builtins.attrNames
    (builtins.listToAttrs (map (name: { inherit name; value = null; }) (builtins.concatMap unitsOf steps)));
  # A template's instances are the template.
  defines = set: name: set ? ${name} || set ? "${builtins.head (builtins.split "@" name)}@";
  split = builtins.match "(.*)[.](service|slice|timer)";
  exists = unit:
    let parts = split unit; name = builtins.head parts;
    in parts == null || lib.hasPrefix "systemd-" unit
      || defines { service = services; slice = slices; timer = timers; }.${builtins.elemAt parts 1} name;
  absent = builtins.filter (unit: !(exists unit)) units;

  # Repositories that checks look into.
  kept = [ cfg.backup.repository cfg.backup.offsite ];
  elsewhere = builtins.filter (id: !(builtins.elem checks.${id}.probe.restic.repository kept)) (uses "restic");
  # Of a machine that first boot tells who it is.
  ignored = builtins.filter (name: !(builtins.elem cfg.${name} [ null false { } ]))
    [ "allowHttp" "caFile" "depot" "pauseCode" "settings" "syncSettings" "trustRoot" ];
  named = ids:
    let count = builtins.length ids;
    in if count <= 3 then builtins.concatStringsSep ", " ids
    else "${builtins.head ids}, ${builtins.elemAt ids 1} and ${toString (count - 2)} more";
in
{
  options.services.writ.appliance.encryptedElsewhere = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether the disks that the policy wants encrypted are opened by other means than boot.initrd.luks.devices.";
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = !(cfg.provisioned && cfg.policy != null);
        message = "services.writ.appliance.provisioned is for images without a policy of their own: this system has one, "
          + "and says itself who it is.";
      }
      {
        assertion = cfg.policy == null || (cfg.policy.site == cfg.site && cfg.policy.appliance == cfg.name);
        message = "services.writ.appliance.policy is that of another appliance than ${cfg.site}/${cfg.name}.";
      }
      {
        assertion = encrypted == [ ] || config.boot.initrd.luks.devices != { } || cfg.encryptedElsewhere;
        message = "The policy wants encrypted disks (${named encrypted}), and boot.initrd.luks.devices opens none. "
          + "Add the device, or set services.writ.appliance.encryptedElsewhere where something else opens it.";
      }
      {
        assertion = uses "sshd" == [ ] || config.services.openssh.enable;
        message = "The policy judges the SSH server (${named (uses "sshd")}), and services.openssh.enable is false: "
          + "those checks would not apply, which is no success. Enable it, or leave the checks out by an exception.";
      }
      {
        assertion = cfg.backup.repository == null || elsewhere == [ ];
        message = "The policy looks for backups in other repositories than services.writ.appliance.backup.{repository,offsite} "
          + "(${named elsewhere}): nothing would ever be found there. Set those options, or override the repository of the checks.";
      }
      {
        assertion = !cfg.provisioned || ignored == [ ];
        message = "services.writ.appliance.provisioned: first boot writes the daemons' settings, and "
          + "services.writ.appliance.{${builtins.concatStringsSep "," ignored}} would have no effect.";
      }
    ];
    warnings = lib.optional (absent != [ ])
      ("Runbooks of the policy name units that this system lacks, and would fail: ${builtins.concatStringsSep ", " absent}.")
    ++ lib.optional (uses "log_forwarding" != [ ] && !cfg.logs.enable)
      ("The policy wants logs to leave this machine (${named (uses "log_forwarding")}): "
        + "set services.writ.appliance.depot, and leave services.writ.appliance.logs.enable as it is.");
  };
}
