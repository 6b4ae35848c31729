//! `attar engines`: where a run can take place on this machine.

use attar::engine;
use pollster::block_on;
use serde::Serialize;

use crate::{console::Console, failure::Result};

#[derive(Serialize)]
struct Listed {
    name: String,
    /// Whether `auto` takes it.
    auto: bool,
}

pub fn run(console: &Console) -> Result<()> {
    let names = block_on(engine::available());
    let engines: Vec<Listed> = (0..).zip(names).map(|(index, name)| Listed { name, auto: index == 0 }).collect();
    let line = |engine: &Listed| format!("{} {}\n", if engine.auto { '*' } else { ' ' }, engine.name);
    console.result(&engines, &engines.iter().map(line).collect::<String>())
}
