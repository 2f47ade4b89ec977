# What probes would see of a NixOS system, as far as its configuration says so: for judging a policy's expectations before
# anything is built. On builtins alone; `config` is that of the system.
#
# Each probe is `parameters -> observation`, or null where the configuration says nothing of it. A field that depends on
# more than the configuration (what an administrator does, what the kernel adds) is left out, and so unknown.
{ config }:
let
  text = value:
    if value == true then "1" else if value == false then "0" else toString value;
  number = value:
    if builtins.isInt value then { value_number = value; }
    else if builtins.isBool value then { value_number = if value then 1 else 0; }
    else { };

  # As `sshd -T` prints it.
  yes = value: if value == true then "yes" else if value == false then "no" else toString value;
  ssh = config.services.openssh;
  list = value: if builtins.isList value then value else builtins.filter builtins.isString (builtins.split "," value);
  sshFields = {
    permit_root_login = [ "PermitRootLogin" (v: if yes v == "prohibit-password" then "without-password" else yes v) ];
    password_authentication = [ "PasswordAuthentication" yes ];
    kbd_interactive_authentication = [ "KbdInteractiveAuthentication" yes ];
    pubkey_authentication = [ "PubkeyAuthentication" yes ];
    hostbased_authentication = [ "HostbasedAuthentication" yes ];
    permit_empty_passwords = [ "PermitEmptyPasswords" yes ];
    permit_user_environment = [ "PermitUserEnvironment" yes ];
    ignore_rhosts = [ "IgnoreRhosts" yes ];
    strict_modes = [ "StrictModes" yes ];
    use_pam = [ "UsePAM" yes ];
    x11_forwarding = [ "X11Forwarding" yes ];
    allow_tcp_forwarding = [ "AllowTcpForwarding" yes ];
    allow_agent_forwarding = [ "AllowAgentForwarding" yes ];
    gateway_ports = [ "GatewayPorts" yes ];
    permit_tunnel = [ "PermitTunnel" yes ];
    log_level = [ "LogLevel" yes ];
    max_auth_tries = [ "MaxAuthTries" (v: v) ];
    max_sessions = [ "MaxSessions" (v: v) ];
    login_grace_time_seconds = [ "LoginGraceTime" (v: v) ];
    client_alive_interval_seconds = [ "ClientAliveInterval" (v: v) ];
    client_alive_count_max = [ "ClientAliveCountMax" (v: v) ];
    ciphers = [ "Ciphers" list ];
    macs = [ "Macs" list ];
    kex_algorithms = [ "KexAlgorithms" list ];
    host_key_algorithms = [ "HostKeyAlgorithms" list ];
  };
  sshd =
    let
      settings = ssh.settings;
      isSet = field: let key = builtins.head sshFields.${field}; in settings ? ${key} && settings.${key} != null;
      value = field: builtins.elemAt sshFields.${field} 1 settings.${builtins.head sshFields.${field}};
    in
    builtins.listToAttrs (map (field: { name = field; value = value field; }) (builtins.filter isSet (builtins.attrNames sshFields)))
    # What `settings` says is written before what `banner` says, and sshd takes the first.
    // { banner = settings.Banner or (if ssh.banner or null == null then "none" else "/etc/ssh/banner"); };

  # Of a file that is linked to, NixOS' `text` is null.
  textOf = file: let known = file.text or null; in if known == null then "" else known;
  modprobe = builtins.concatStringsSep "\n" (map
    (name: if builtins.substring 0 11 name == "modprobe.d/" then textOf config.environment.etc.${name} else "")
    (builtins.attrNames config.environment.etc)) + "\n" + config.boot.extraModprobeConfig or "";
  # The kernel takes both spellings.
  blocked = name: builtins.any
    (spelling: builtins.any (command: builtins.replaceStrings [ "install ${spelling} ${command}" ] [ "" ] modprobe != modprobe) [ "/bin/sh -c 'exit 1'" "/bin/false" ])
    [ name (builtins.replaceStrings [ "-" ] [ "_" ] name) ];
in
{
  sysctl = { key }:
    let value = config.boot.kernel.sysctl.${key} or null;
    in if value == null then null else { value = text value; } // number value;

  sshd = parameters: if parameters == { } && ssh.enable then sshd else null;

  mount = { path }:
    let mount = (config.boot.specialFileSystems or { } // config.fileSystems or { }).${path} or null;
    in if mount == null then null else { mounted = true; options = mount.options or [ ]; };

  kernel_command_line = { }: { options = config.boot.kernelParams or [ ]; };

  kernel_module = { name }:
    { loadable = !(blocked name); }
    // (
      if builtins.elem name (config.boot.kernelModules or [ ]) then { loaded = true; }
      else if blocked name then { loaded = false; }
      else { }
    );

  nix_config = { }:
    let
      settings = config.nix.settings;
      field = name: key: if settings ? ${key} then { ${name} = settings.${key}; } else { };
    in
    field "allowed_users" "allowed-users" // field "trusted_users" "trusted-users" // field "substituters" "substituters"
    // field "trusted_public_keys" "trusted-public-keys" // field "require_signatures" "require-sigs"
    // field "experimental_features" "experimental-features"
    // (
      if !(settings ? sandbox) then { }
      else if builtins.isBool settings.sandbox then { sandbox = if settings.sandbox then "true" else "false"; }
      else { inherit (settings) sandbox; }
    );

  journald = { }:
    let storage = config.services.journald.storage or null;
    in if storage == null then null else { inherit storage; persistent = storage == "persistent"; };
}
