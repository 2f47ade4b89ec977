# What a policy's checks take for granted of the machine and no option can be set for: said when the system is built, not
# found out when the release is on the appliance.
{ config, lib, ... }:
let
  cfg = config.services.writ.appliance;
  checks = if cfg.policy == null then { } else cfg.policy.checks;
  uses = probe: builtins.filter (id: checks.${id}.probe ? ${probe} && checks.${id}.target == "self") (builtins.attrNames checks);
  encrypted = uses "luks";
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
    ];
    warnings = lib.optional (uses "log_forwarding" != [ ] && cfg.logForward.url == null)
      ("The policy wants logs to leave this machine (${named (uses "log_forwarding")}): "
        + "set services.writ.appliance.logForward.url, or define writ-log-forward.service.");
  };
}
