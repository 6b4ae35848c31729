//! The two streams of the program: results on stdout; notes, progress and errors on stderr.

use std::{
    fmt::Display,
    io::{self, ErrorKind, IsTerminal as _, Write as _},
};

use attar::Error;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::{args::OutputArgs, failure::Result};

/// Which filter of log messages the environment may set.
const LOG_FILTER: &str = "ATTAR_LOG";

/// Where a command says what it has to say.
#[derive(Debug, Default)]
pub struct Console {
    json: bool,
    quiet: bool,
    live: bool,
}

impl Console {
    /// As the arguments ask. Also sets the log up.
    pub fn new(args: &OutputArgs) -> Console {
        let level = match args.verbose {
            0 => "off",
            1 => "attar=debug",
            _ => "trace",
        };
        let filter = EnvFilter::try_from_env(LOG_FILTER).unwrap_or_else(|_| EnvFilter::new(level));
        let logs = filter.max_level_hint().is_some_and(|level| level != tracing_subscriber::filter::LevelFilter::OFF);
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(false)
            .without_time()
            .init();
        // A log line in the middle of a bar is unreadable; and a terminal that cannot move its cursor says so.
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let live = io::stderr().is_terminal() && !args.quiet && !logs && !dumb;
        Console { json: args.json, quiet: args.quiet, live }
    }

    /// Says something that is good to know, unless quiet.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            self.say(&text.to_string());
        }
    }

    /// Says what a person may not expect, unless quiet.
    pub fn notes(&self, notes: &[String]) {
        notes.iter().for_each(|note| self.note(format!("note: {note}")));
    }

    /// Says why the command failed, in a line.
    pub fn error(&self, text: impl Display) {
        self.say(&text.to_string().replace('\n', "\\n"));
    }

    /// Whether progress is to be drawn in place, rather than a line now and then.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Prints the result of the command, in the form that was asked for. A reader that has gone away is no error.
    pub fn result(&self, value: &impl Serialize, text: &str) -> Result<()> {
        let json = serde_json::to_string(value).map_err(|error| Error::io("stdout", error))?;
        let text = if self.json { &format!("{json}\n") } else { text };
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("stdout", error).into()),
            _ => Ok(()),
        }
    }

    fn say(&self, text: &str) {
        // Names of files are in it, which may have what a terminal obeys.
        let letter = |c: char| match c.is_control() && c != '\n' {
            true => c.escape_default().to_string(),
            false => c.to_string(),
        };
        let text: String = text.chars().map(letter).collect();
        // Nobody is left to hear that nobody is left to hear.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
