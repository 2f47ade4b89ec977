# writ.digest "text": the digest of a file with exactly that content, as the `file` probe reports it.
{ lib }:
text:
if builtins.isString text then "sha256:${builtins.hashString "sha256" text}"
else {
  _writ = "invalid";
  message = "writ.digest was given ${lib.describe text}";
  expected = "a string";
}
