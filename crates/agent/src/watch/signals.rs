//! Signals as messages: SIGTERM and SIGINT stop, SIGHUP reloads.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Message;

/// Sends a message for each signal from now on.
pub fn watch(messages: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).stack_size(128 * 1024).spawn(move || {
        for signal in signals.forever() {
            let message = if signal == SIGHUP { Message::Reload } else { Message::Stop };
            if messages.send(message).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
