//! Attacks by what a file is, not by what it says.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode};

use super::{Attack, attack};
use crate::house::*;

pub const ALL: &[Attack] = &[
    attack("a release that is a link", "readable", "release", |h| {
        good(h);
        let path = h.place("1-6").join("release.json");
        fs::rename(&path, h.path("elsewhere")).unwrap();
        symlink(h.path("elsewhere"), path).unwrap();
    }),
    attack("a release that never ends", "readable", "release", |h| {
        symlink("/dev/zero", h.place("1-6").join("release.json")).unwrap();
    }),
    attack("a release that is a pipe", "readable", "release", |h| {
        rustix::fs::mknodat(CWD, h.place("1-6").join("release.json"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    }),
    attack("a release that is a folder", "readable", "release", |h| {
        fs::create_dir(h.place("1-6").join("release.json")).unwrap();
    }),
];

fn good(house: &House) {
    house.publish(&house.release(6));
}

/// Names that lead elsewhere are no offers at all, and nothing is said of them.
#[test]
fn strange_names_are_not_offers() {
    let house = House::enforcing(1);
    good(&house);
    let site = house.place("1-6").parent().unwrap().to_owned();
    for name in ["01-7", "1-07", "1-", "-7", "1-7-8", "1-99999999999999999999", " 1-7", "1-7.json", "..7", "1-\u{0660}"]
    {
        fs::create_dir(site.join(name)).unwrap();
        fs::copy(site.join("1-6/release.json"), site.join(name).join("release.json")).unwrap();
    }
    fs::remove_dir_all(site.join("1-6")).unwrap();
    let ran = house.once();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(house.obeys().as_deref(), Some("1-5"));
}

/// What hostile hands put above a good release does not hide it.
#[test]
fn bad_offers_do_not_hide_a_good_one() {
    let house = House::enforcing(1);
    good(&house);
    for n in 7..12 {
        house.put(&format!("1-{n}"), &house.release(n).canonical(), &[ALICE]);
    }
    let ran = house.once();
    assert_eq!(house.obeys().as_deref(), Some("1-6"), "{}", ran.stderr);
    let refused = ran.stderr.lines().filter(|line| line.contains("signature-threshold")).count();
    assert_eq!(refused, 5, "{}", ran.stderr);
}

/// A folder from which everything has vanished changes nothing: withholding is all that is left to an attacker.
#[test]
fn an_empty_folder_changes_nothing() {
    let house = House::enforcing(1);
    let floor = house.state("floor");
    fs::remove_dir_all(house.path("releases")).unwrap();
    house.break_file(0);
    let ran = house.once();
    assert_eq!((ran.code, house.obeys().as_deref()), (Some(0), Some("1-5")), "{}", ran.stderr);
    assert!(house.is_whole(0) && house.state("floor") == floor);
}
