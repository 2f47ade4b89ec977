# services.writ.notify: this machine tells people of incidents, as signed policies say, and looks itself whether depot, logs and
# appliances are there. Its state is what was told: nothing is told twice after a restart.
{ config, lib, pkgs, ... }:
let
  inherit (import ./reader.nix { inherit config lib pkgs; name = "notify"; })
    cfg option user words options credentials loaded arguments unit cornered users assertions warnings;
  inherit (lib) mkIf optional optionalString optionals types;

  path = option (types.nullOr types.path) null;
  text = option (types.nullOr types.str) null;
  given = name: value: optionals (value != null) [ name (toString value) ];

  # A credential has no folder: SITE.NAME, and no name of a site has a dot.
  secrets = builtins.concatMap
    (site: map (name: { inherit site name; file = cfg.secrets.${site}.${name}; }) (builtins.attrNames cfg.secrets.${site}))
    (builtins.attrNames cfg.secrets);
  all = arguments cfg.sites ++ [ "--state" "/var/lib/${user}" ]
    ++ given "--smtp" cfg.smtp
    ++ given "--from" cfg.from
    ++ given "--smtp-user" cfg.smtpUser
    ++ given "--smtp-ca-file" cfg.smtpCaFile
    ++ given "--hook-ca-file" cfg.hookCaFile
    ++ given "--pagerduty-url" cfg.pagerdutyUrl
    ++ given "--heartbeat-url" cfg.heartbeatUrl
    ++ given "--listen" cfg.listen
    ++ optional cfg.allowNetwork "--allow-network"
    ++ given "--link-base" cfg.linkBase
    ++ cfg.extraArguments;
in
{
  options.services.writ.notify = options // {
    smtp = text "The mail server: smtps://host, smtp://host (with STARTTLS), or smtp+plain://127.0.0.1:25 on this machine.";
    from = text "The address that mail comes from.";
    smtpUser = text "Who logs in at the mail server.";
    smtpPasswordFile = text "A file with their password, root's alone, never in the store; systemd hands it over.";
    smtpCaFile = path "Authorities (PEM) that vouch for the mail server, instead of the public web's.";
    hookCaFile = path "The same for webhooks, the pager and heartbeatUrl.";
    pagerdutyUrl = text "Where pages go: accounts of the EU have another.";
    heartbeatUrl = text "An address that is asked for after each round in which all was told.";
    listen = text "Where the page behind links is served, as in 127.0.0.1:8087; a proxy with TLS stands before it.";
    allowNetwork = option types.bool false "Whether listen may be an address that other machines reach.";
    linkBase = text "How links in mails begin, as in https://ack.example.";
    secrets = option (types.attrsOf (types.attrsOf types.str)) { } ''
      The secrets that channels name, by site: files that are root's alone, never in the store, as in
      { clinic-001 = { pager-key = "/var/lib/secrets/pager-key"; "hook.whsec" = "/var/lib/secrets/hook"; }; }; systemd hands them over.
    '';
    extraArguments = option (types.listOf types.str) [ ]
      "More of `writ notify`, such as --max-age 20m: https://github.com/writ-project/writ/blob/main/docs/notify.md";
  };

  config = mkIf cfg.enable {
    inherit warnings;
    users = users "Tells people of incidents";
    assertions = assertions (
      [{ option = "smtpPasswordFile"; file = cfg.smtpPasswordFile; }]
      ++ map (secret: { option = "secrets.${secret.site}.\"${secret.name}\""; inherit (secret) file; }) secrets
    ) ++ [
      {
        assertion = (cfg.smtp == null) == (cfg.from == null);
        message = "services.writ.notify needs both smtp and from, or neither.";
      }
      {
        assertion = (cfg.smtpUser == null) == (cfg.smtpPasswordFile == null) && (cfg.smtpUser == null || cfg.smtp != null);
        message = "services.writ.notify needs both smtpUser and smtpPasswordFile, with smtp, or neither.";
      }
      {
        assertion = cfg.listen == null || cfg.linkBase != null;
        message = "services.writ.notify.listen serves the page behind links: say by linkBase how those begin.";
      }
    ];

    # For `writ ack`.
    environment.systemPackages = [ cfg.package ];

    systemd.services.writ-notify = unit // {
      description = "Tell people of incidents";
      wantedBy = [ "multi-user.target" ];
      unitConfig = { StartLimitIntervalSec = 0; };
      serviceConfig = cornered user // {
        Type = "exec";
        ExecStart = "${cfg.package}/bin/writ notify ${credentials}"
          + optionalString (cfg.smtpPasswordFile != null) " --smtp-password-file %d/smtp-password"
          + optionalString (secrets != [ ]) " --secrets %d"
          + " ${words all}";
        LoadCredential = loaded
          ++ optional (cfg.smtpPasswordFile != null) "smtp-password:${cfg.smtpPasswordFile}"
          ++ map (secret: "${secret.site}.${secret.name}:${secret.file}") secrets;
        Restart = "always";
        RestartSec = "5s";
      };
    };
  };
}
