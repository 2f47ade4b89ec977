# writ.valuesOf ./figures.nix: the figures of a file by id, their values alone, so that a figure stands in one place:
#   let f = writ.valuesOf ./figures.nix; in … f."response.high" …
# A figure that is wrong gives null, which no field accepts; the figure's own file says what is wrong with it.
{ lib, writ }:
file:
let
  # A path that stands in the file, never text: what is read is plain from the source.
  content = if builtins.isPath file then import file else { };
  loaded = if builtins.isFunction content then content { inherit writ; } else content;
  figures = if builtins.isAttrs loaded && builtins.isAttrs (loaded.figures or null) then loaded.figures else { };
  valueOf = _: item: if lib.tag item == "figure" && item.findings == [ ] then item.value.value else null;
in
# Positions are lost here; they were taken where the figures are read as part of their baseline.
builtins.mapAttrs valueOf figures
