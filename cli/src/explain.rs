//! `attar distill --explain`: what a run would execute, and what it costs.

use std::sync::Arc;

use attar::{Distillation, engine::Engine};
use serde::Serialize;

use crate::{console::Console, failure::Result, format};

/// A program of the run.
#[derive(Debug, Serialize)]
struct Explained {
    program: String,
    nodes: usize,
    /// Of one run of the program, as are the bytes.
    flops: u64,
    contraction_flops: u64,
    /// Read and written if every node went through memory.
    bytes: u64,
    /// What the engine made of it, or else the program itself.
    text: String,
}

/// Prints the programs of a run that has not begun.
pub fn run(work: &Distillation, engine: &Arc<dyn Engine>, console: &Console) -> Result<()> {
    let mut explained = Vec::new();
    for program in work.programs()? {
        let cost = program.cost();
        explained.push(Explained {
            program: program.name().into(),
            nodes: program.nodes().len(),
            flops: cost.flops,
            contraction_flops: cost.contraction_flops,
            bytes: cost.bytes,
            text: engine.load(&program)?.explain().unwrap_or_else(|| program.to_string()),
        });
    }
    console.result(&explained, &explained.iter().map(Explained::text).collect::<Vec<_>>().join("\n"))
}

impl Explained {
    /// A line of costs above the text.
    fn text(&self) -> String {
        format!(
            "{}: {} nodes, {} ({} in contractions), {}\n{}",
            self.program,
            self.nodes,
            format::flops(self.flops),
            format::flops(self.contraction_flops),
            format::bytes(self.bytes),
            self.text,
        )
    }
}
