# 164.310: rooms, workstations, devices and media. People look after most of it.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
  texts = import ./texts.nix { };
  # Where copies are kept; an appliance that keeps them elsewhere overrides the repository of each check.
  offsite = more: { repository = "sftp:offsite:writ"; password = writ.secret "backup"; } // more;
in
{
  controls."164.310(a)(1)" = writ.control {
    title = "Facility access controls";
    requirement = "standard";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.4" ]; nist-800-53 = [ "PE-2" "PE-3" ]; };
    duties = [ "facility.keys" ];
    procedure = "The server closet is locked; the practice manager keeps the list of key holders and reviews it every quarter.";
  };

  controls."164.310(a)(2)(i)" = writ.control {
    title = "Contingency operations";
    requirement = "addressable";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.4" "A1.2" ]; nist-800-53 = [ "CP-2" "PE-17" ]; };
    duties = [ "facility.contingency" ];
    procedure = "The plan names who may enter to restore data in an emergency and where the spare key is; the spare key is tried every year.";
  };

  controls."164.310(a)(2)(ii)" = writ.control {
    title = "Facility security plan";
    requirement = "addressable";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.4" ]; nist-800-53 = [ "PE-1" "PE-3" ]; };
    duties = [ "facility.plan" ];
    procedure = "The facility security plan says what protects rooms and equipment; it is reviewed every year.";
  };

  controls."164.310(a)(2)(iii)" = writ.control {
    title = "Access control and validation procedures";
    requirement = "addressable";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.4" ]; nist-800-53 = [ "PE-2" "PE-8" ]; };
    duties = [ "facility.visitors" ];
    procedure = "Visitors are received, logged and accompanied; the log is read every month.";
  };

  controls."164.310(a)(2)(iv)" = writ.control {
    title = "Maintenance records";
    requirement = "addressable";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC6.4" ]; nist-800-53 = [ "MA-2" "MA-6" ]; };
    duties = [ "facility.maintenance" ];
    procedure = "Every repair of a door, lock or wall that protects equipment is recorded.";
  };

  controls."164.310(b)" = writ.control {
    title = "Workstation use";
    requirement = "required";
    coverage = "partial";
    severity = "low";
    maps = { soc2 = [ "CC1.1" "CC5.3" ]; nist-800-53 = [ "AC-8" "PL-4" ]; };
    checks = [ "workstation.banner" "workstation.banner-shown" ];
    duties = [ "workstations.rules" ];
    not_assessed = "How staff use their workstations, and where those stand: only that people are told before they log in.";
  };

  controls."164.310(c)" = writ.control {
    title = "Workstation security";
    requirement = "required";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.4" ]; nist-800-53 = [ "PE-3" "SI-7(9)" ]; };
    checks = [ "workstation.boot-locked" ];
    duties = [ "workstations.walk" ];
    not_assessed = "The workstations themselves: only that whoever sits at this appliance cannot boot another system.";
  };

  controls."164.310(d)(1)" = writ.control {
    title = "Device and media controls";
    requirement = "standard";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.5" "CC6.7" ]; nist-800-53 = [ "MP-1" "MP-7" ]; };
    checks = [ "devices.usb-storage" "devices.removable" ];
    duties = [ "devices.inventory" ];
    not_assessed = "Media of other machines, and what leaves the house in pockets.";
  };

  controls."164.310(d)(2)(i)" = writ.control {
    title = "Disposal";
    requirement = "required";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC6.5" ]; nist-800-53 = [ "MP-6" ]; };
    duties = [ "devices.disposal" ];
    procedure = "Disks are destroyed by a contractor who certifies serial numbers; the certificate is filed before the device leaves the inventory.";
  };

  controls."164.310(d)(2)(ii)" = writ.control {
    title = "Media re-use";
    requirement = "required";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC6.5" ]; nist-800-53 = [ "MP-6" ]; };
    duties = [ "devices.reuse" ];
    procedure = "Media are wiped and read back before anybody else uses them.";
  };

  controls."164.310(d)(2)(iii)" = writ.control {
    title = "Accountability";
    requirement = "addressable";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.7" ]; nist-800-53 = [ "MP-5" "CM-8" ]; };
    duties = [ "devices.movement" "devices.inventory" ];
    procedure = "Whoever moves a device with ePHI writes down what, from where, to where, and for whom.";
  };

  controls."164.310(d)(2)(iv)" = writ.control {
    title = "Data backup and storage";
    requirement = "addressable";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "A1.2" ]; nist-800-53 = [ "CP-9" "CP-6" ]; sop = [ "OP-003" ]; };
    checks = [ "backup.offsite" "backup.offsite-database" "backup.logs" ];
    duties = [ "devices.copy" ];
    not_assessed = "The copy made before one machine is moved: only that an exact copy stands elsewhere.";
  };

  checks."workstation.banner" = writ.check {
    title = "The login banner says what this computer is for";
    probe.file = { path = "/etc/issue.net"; };
    expect = {
      exists.eq = true;
      sha256.eq = writ.digest texts.banner;
      mode.eq = "0644";
    };
    every = "5m";
    # With a mode of its own it is a file; without, a link into the store.
    nixos.environment.etc."issue.net" = { text = texts.banner; mode = "0644"; };
  };

  checks."workstation.banner-shown" = writ.check {
    title = "The SSH server shows that banner before login";
    probe.sshd = { };
    expect.banner.eq = "/etc/issue.net";
    every = "15m";
    nixos.services.openssh.settings.Banner = "/etc/issue.net";
  };

  checks."workstation.boot-locked" = writ.check {
    title = "Nobody at the keyboard can boot another system";
    probe.secure_boot = { };
    expect = {
      enabled.eq = true;
      setup_mode.eq = false;
      editor.eq = false;
    };
    every = "1h";
    severity = "medium";
  };

  checks."devices.usb-storage" = writ.check {
    title = "The driver of memory sticks is not loaded and cannot be";
    probe.kernel_module = { name = "usb-storage"; };
    expect = {
      loaded.eq = false;
      loadable.eq = false;
    };
    every = "5m";
    severity = "medium";
    cites = [ "catalogue:AG-13" "catalogue:HC-10" ];
    # NixOS has no /bin/false.
    nixos.environment.etc."modprobe.d/writ-usb-storage.conf".text = "blacklist usb-storage\ninstall usb-storage /bin/sh -c 'exit 1'\n";
  };

  checks."devices.removable" = writ.check {
    title = "No medium that can be carried away is mounted";
    probe.removable_media = { };
    expect.mounted_count.eq = 0;
    prefer.attached_count.eq = 0;
    every = "1m";
    severity = "medium";
    cites = [ "catalogue:AG-13" "catalogue:HC-10" ];
  };

  checks."backup.offsite" = writ.check {
    title = "A copy of the backup stands elsewhere";
    probe.restic = offsite { };
    expect = {
      reachable.eq = true;
      age_seconds.le = s "backup.offsite.weekly" + s "backup.grace";
    };
    prefer.age_seconds.le = s "backup.offsite.weekly";
    every = "1h";
    severity = "high";
    cites = [ "catalogue:BK-01" "catalogue:BK-02" "catalogue:HC-11" "catalogue:WS-02" ];
  };

  checks."backup.offsite-database" = writ.check {
    title = "A copy of the database of the last day stands elsewhere, a run's time allowed";
    probe.restic = offsite { tag = "database"; };
    expect.age_seconds.le = s "backup.offsite.daily" + s "backup.grace";
    every = "1h";
    severity = "critical";
    cites = [ "catalogue:BK-03" "catalogue:HC-11" ];
  };

  # Only as a preference: a new appliance has no old backups.
  checks."backup.logs" = writ.check {
    title = "A copy of the logs of the last month stands elsewhere, and reaches back as far as it must";
    probe.restic = offsite { tag = "logs"; };
    expect.age_seconds.le = s "backup.offsite.monthly" + s "backup.grace";
    prefer.oldest_age_seconds.ge = s "backup.logs.keep" - s "backup.offsite.monthly";
    every = "6h";
    severity = "medium";
    cites = [ "catalogue:BK-04" "catalogue:HC-11" ];
  };
}
