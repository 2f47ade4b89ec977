# Figures for checks/policy: a good one and two that give no value.
{ writ, ... }: {
  figures."a.b" = writ.figure { value = "72h"; unit = "span"; about = "A"; };
  figures.broken = writ.figure { value = 72; unit = "span"; about = "B"; };
  figures.raw = "72h";
}
