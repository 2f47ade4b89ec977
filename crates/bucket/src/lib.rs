//! A bucket of S3's kind in which what is written stays until a date (Object Lock, mode `COMPLIANCE`).
//!
//! What is spoken is the part of S3's REST interface that archives need: is the bucket one that locks, put an object that is not
//! there yet, read back what holds it, list, get. Requests are signed by Signature Version 4; objects are addressed by path
//! (`https://host/bucket/key`), which every server of this kind understands.
//!
//! No answer is believed further than it must be: sizes, times and counts are bounded, no redirect is followed, and what a
//! `HEAD` says of a lock or a digest is the server's word, which only a download proves.

mod address;
mod bucket;
mod credentials;
mod error;
#[cfg(test)]
mod hostile;
pub mod sign;
pub mod xml;

pub use address::{Address, AddressError};
pub use bucket::{Bucket, Content, Digests, Lock, Put, Settings, Stored, Version, digests};
pub use credentials::{Credentials, CredentialsError};
pub use error::BucketError;
