//! The portal: pages for operators and auditors over what verified of an audit folder.
//!
//! It is a process of its own, beside a depot or on an auditor's laptop, and is trusted with nothing: it reads an audit folder
//! that `writ audit fetch` keeps current, verifies it from the first trust root on ([`read`]), shows only what verified ([`page`]),
//! says with each page what was read and when, and hands out the raw bytes for whoever looks for themselves. It changes nothing,
//! and connects to nobody but a mail server, for sign-in links ([`access`]).

pub mod access;
pub mod address;
pub mod answer;
pub mod clock;
pub mod config;
pub mod documents;
pub mod fault;
pub mod html;
pub mod mail;
pub mod options;
pub mod page;
pub mod portal;
pub mod read;
pub mod server;
pub mod views;
