//! On the real Nix of this machine: publishing, importing, and every way in which an import must refuse.

mod closures;
mod imports;
mod nars;
mod profiles;
mod publishing;
mod world;
