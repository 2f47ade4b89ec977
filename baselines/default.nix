# The baselines that sites can name. Each folder holds one, with its version.
{
  hipaa = ./hipaa;
  hardening = ./hardening;
}
