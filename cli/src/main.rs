//! `attar`: dataset distillation from the command line.

fn main() {}
