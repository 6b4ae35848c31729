//! `attar`: dataset distillation from the command line.
//!
//! A thin face on the library: it reads arguments, calls, and shows what came out. Results go to stdout, everything else to
//! stderr. Each command has a file of its own; what they share is in the others.

mod args;
mod bench;
mod compare;
mod console;
mod distill;
mod engines;
mod evaluate;
mod explain;
mod export;
mod failure;
mod format;
mod inspect;
mod kept;
mod pool;
mod progress;
mod reading;
mod real;
mod report;
mod run_dir;
mod sample;
mod signals;
mod source;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Args, Command},
    console::Console,
    failure::Result,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let console = Console::new(&args.output);
    match run(&args.command, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.error(&failure);
            failure.exit_code()
        }
    }
}

fn run(command: &Command, console: &Console) -> Result<()> {
    match command {
        Command::Distill(args) => distill::run(args, console),
        Command::Evaluate(args) => evaluate::run(args, console),
        Command::Compare(args) => compare::run(args, console),
        Command::Inspect(args) => inspect::run(args, console),
        Command::Export(args) => export::run(args, console),
        Command::Pool(args) => pool::run(args, console),
        Command::Engines => engines::run(console),
        Command::Bench(args) => bench::run(args, console),
    }
}
