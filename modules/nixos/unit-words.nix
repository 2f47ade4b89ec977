# Words of a command line in a unit file (systemd.service(5), "Command lines"), so that each arrives as it is.
rec {
  word = text: builtins.replaceStrings [ "%" "$" ] [ "%%" "$$" ] (builtins.toJSON text);
  words = list: builtins.concatStringsSep " " (map word list);
}
