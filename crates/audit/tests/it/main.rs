//! Real audit folders, really signed, then attacked.

mod attacks;
mod collecting;
mod comparing;
mod reading;
mod reports;
mod world;
