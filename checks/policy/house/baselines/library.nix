# What a newer version of Writ may replace: default.nix goes before, where both name a baseline.
{
  alpha = ./alpha;
  beta = ./alpha;
}
