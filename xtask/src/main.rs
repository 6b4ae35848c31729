//! Chores of the repository, run as `cargo xtask`.
//!
//! In Rust and without dependencies, so that they work wherever the crate builds and compile in a second; what needs
//! some is a program of its own, `xtask-bindgen`.

mod report;
mod serve;
mod setup;
mod step;
mod steps;
mod test;
mod wasm;
mod web;

use std::{env, process::ExitCode};

const HELP: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  test        Run every check and test, cheapest first, and end with a line `N passed, N failed`
  web         Build the npm package (wasm/npm) and the demo (www)
  serve       Serve the demo to this machine
  size        Measure what the engines alone would be to download
  bench-wasm  Measure how fast WebAssembly is under Node
  bench-web   Measure how fast WebGPU is in Chromium, beside jax-js and TensorFlow.js
  help        Print this text";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => test::run(),
        ["web"] => web::build(),
        ["serve"] => web::serve(),
        ["size"] => web::engines_size(),
        ["bench-wasm"] => wasm::bench(),
        ["bench-web"] => web::bench(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("error: there is no command `{}`\n\n{HELP}", arguments.join(" "));
            ExitCode::from(2)
        }
    }
}
