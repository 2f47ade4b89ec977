# What building, linting and the demo need: for the shell of developers and for `nix run .#demo`.
{ pkgs }:
with pkgs; [
  cargo
  rustc
  clippy
  rustfmt
  stdenv.cc
  git
  nix
  minisign
  openssl
  nftables
  iproute2
  util-linux
  strace
  pkgsStatic.busybox
]
