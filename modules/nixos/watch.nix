# What is done anywhere but on the depot, on a machine of whoever looks after several sites: services.writ.notify tells people,
# services.writ.timestamp and services.writ.witness have somebody else say when a log was what it is, and services.writ.audit fetches and
# verifies evidence, makes packets of it, and reads it back.
{ imports = [ ./audit.nix ./notify.nix ./timestamp.nix ./witness.nix ]; }
