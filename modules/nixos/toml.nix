# A flat TOML document. Values are text, integers and booleans; null is left out. JSON's spelling of each is TOML's too.
table:
builtins.concatStringsSep "" (map
  (key: if table.${key} == null then "" else "${key} = ${builtins.toJSON table.${key}}\n")
  (builtins.attrNames table))
