//! The sections of packets, one file for each. A section is always there: one without anything to tell says so.

mod access;
mod assets;
mod changes;
mod contacts;
mod controls;
mod encryption;
mod evidence;
mod exceptions;
pub(super) mod incidents;
mod keys;
pub(super) mod learning;
pub(super) mod patterns;
mod people;
mod posture;
mod recommendations;
mod runbooks;
mod samples;
mod summary;
mod trends;
mod verification;

pub use self::samples::{SAMPLES, sampled};
use super::Kind;
use super::model::Section;
use super::site::Site;

/// The sections of a packet. What stands between `controls` and `incidents` is of the frameworks; what is told of a change of
/// baseline is in `changes`.
pub fn of_packet(site: &Site<'_>) -> Vec<Section> {
    let mut sections = vec![summary::section(site), posture::section(site)];
    if site.kind != Kind::Monthly {
        sections.push(trends::section(site));
    }
    sections.extend([
        controls::section(site),
        incidents::section(site),
        people::section(site),
        learning::section(site),
        changes::section(site),
        exceptions::section(site),
        evidence::section(site),
    ]);
    if matches!(site.kind, Kind::Annual | Kind::Preparation) {
        sections.push(samples::section(site));
    }
    sections.extend([recommendations::section(site), verification::section(site)]);
    sections
}

/// What an audit preparation set has beside the annual summary, each a document of its own.
pub fn of_preparation(site: &Site<'_>) -> Vec<Section> {
    vec![
        exceptions::section(site),
        access::section(site),
        encryption::section(site),
        keys::section(site),
        assets::section(site),
        contacts::section(site),
        runbooks::section(site),
        samples::section(site),
    ]
}
