//! Signals as messages: SIGTERM and SIGINT stop, SIGHUP reloads, SIGUSR1 runs every check.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::Message;

/// Sends a message for each signal from now on.
pub fn watch(messages: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
    thread::Builder::new().name("signals".to_owned()).stack_size(128 * 1024).spawn(move || {
        for signal in signals.forever() {
            let message = match signal {
                SIGHUP => Message::Reload,
                SIGUSR1 => Message::Rescan,
                _ => Message::Stop,
            };
            if messages.send(message).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
