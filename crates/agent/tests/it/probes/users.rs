//! `users` on the accounts of this machine.

use std::fs;

use serde_json::json;

use super::{int, list, seen};

#[test]
fn accounts_of_this_machine_are_read() {
    let users = seen("users", json!({}));
    assert!(list(&users, "uid_zero_users").contains(&"root".to_owned()));
    assert!(int(&users, "uid_zero_count") >= 1);
    assert_eq!(users.get("empty_password_count").is_some(), fs::File::open("/etc/shadow").is_ok());
}
