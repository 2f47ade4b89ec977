# The baselines of Writ that sites can name. Each folder holds one, with its version. Your own go into default.nix: a newer
# version of Writ replaces this file.
{
  hipaa = ./hipaa;
  hardening = ./hardening;
}
