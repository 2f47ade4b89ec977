//! Names that are wrong, or not enough.

use super::{explain, tree};

#[test]
fn what_nothing_is_called_is_no_answer_and_says_what_is_near() {
    let tree = tree();
    for (id, said, next) in [
        ("disk.rot", "nothing here is called `disk.rot`", "did you mean `disk.root`?"),
        ("L1-FILE", "nothing here is called `L1-FILE`", "there is: L1-FILE-001, L1-FILE-002"),
        ("check:training", "no check is called `training`", "it is the name of a duty: writ explain 'duty:training'"),
        ("check:A.1", "no check is called `A.1`", "it is the name of a control: writ explain 'control:A.1'"),
        ("Disk.Root", "nothing here is called `Disk.Root`", "did you mean `disk.root`?"),
        ("l1-FILE", "nothing here is called `l1-FILE`", "there is: L1-FILE-001, L1-FILE-002"),
        ("probe:mont", "no probe is called `mont`", "did you mean `probe:mount`?"),
        ("zzzzzz", "nothing here is called `zzzzzz`", "name a check, control, rule"),
        ("", "nothing here is called ``", "name a check, control, rule"),
        ("a\u{1b}[31mb", "nothing here is called `a\\u{1b}[31mb`", "name a check"),
    ] {
        let output = explain(&tree, &[id]);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{id:?}");
        assert!(output.stderr.contains(said) && output.stderr.contains(next), "{id:?}: {}", output.stderr);
    }
}

#[test]
fn a_name_of_several_things_asks_which() {
    let tree = tree();
    tree.edit("baselines/small/disks.nix", "duties.\"training\"", "duties.\"disk.root\"");
    tree.edit("baselines/small/disks.nix", "[ \"training\" ]", "[ \"disk.root\" ]");
    let output = explain(&tree, &["disk.root"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("`disk.root` is the name of 2 things"), "{}", output.stderr);
    assert!(output.stderr.contains("check:disk.root or duty:disk.root"), "{}", output.stderr);
    for (id, title) in [("check:disk.root", "Free space"), ("duty:disk.root", "Train everybody")] {
        assert!(explain(&tree, &[id]).stdout.contains(title));
    }
}

#[test]
fn sites_and_appliances_are_known() {
    let tree = tree();
    for (arguments, said) in [
        (&["disk.root", "--site", "clinic-01"][..], "did you mean `clinic-001`?"),
        (&["disk.root", "--appliance", "front-dsk"], "did you mean `front-desk`?"),
        (&["disk.root", "--site", "clinic-002", "--appliance", "front-desk"], "there are: kiosk"),
        (&["disk.root", "--state", "/nonexistent"], "no state folder of an appliance"),
    ] {
        let output = explain(&tree, arguments);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
    }
}

#[test]
fn what_only_others_have_says_who() {
    let tree = tree();
    for (arguments, who) in [
        (&["unit.sshd", "--site", "clinic-002"][..], "it is found on clinic-001/front-desk"),
        (&["check:unit.sshd", "--appliance", "back-office"], "it is found on clinic-001/front-desk"),
        (&["EX-001", "--site", "clinic-002"], "it is found on clinic-001/back-office, clinic-001/front-desk"),
    ] {
        let output = explain(&tree, arguments);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(output.stderr.contains(who) && output.stderr.contains("there"), "{arguments:?}: {}", output.stderr);
    }
    let nowhere = explain(&tree, &["unit.sshdd", "--site", "clinic-001"]).stderr;
    assert!(nowhere.contains("did you mean `unit.sshd`?"), "{nowhere}");
}

#[test]
fn a_tree_with_mistakes_is_explained_as_far_as_it_goes() {
    let tree = tree();
    tree.edit("baselines/small/files.nix", "writ.control", "writ.contol");
    let output = explain(&tree, &["disk.root"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(
        output.stderr.contains("this tree has mistakes") && output.stderr.contains("`writ check`"),
        "{}",
        output.stderr
    );
    assert_eq!(explain(&tree, &["file.motd"]).code, 2, "its file does not evaluate");
}
