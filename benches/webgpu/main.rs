//! The convolutions of the WebGPU engine beside a plain matrix product on the same adapter: what share of the rate of a
//! well-known shader they reach.
//!
//! `cargo bench --features webgpu --bench webgpu`. The yardstick is [`plain`], written by itself and tried in several
//! sizes of tiles, of which the fastest counts.

mod plain;

use std::{process::ExitCode, time::Instant};

use attar::{
    Error, Result,
    engine::{Buffer, Engine, Scalars, webgpu::WebGpu},
    graph::{Conv, Graph, Kind, Tensor},
    program::Program,
};
use pollster::block_on;

/// Spent on each figure, at least.
const SECONDS: f64 = 2.0;

/// Channels in and out, and the side of the images.
const WIDTH: usize = 128;
const SIDE: usize = 16;

fn main() -> ExitCode {
    let batch = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(16);
    match print_table(batch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_table(batch: usize) -> Result<()> {
    let plain = block_on(plain::best(SECONDS))
        .map_err(|message| Error::Engine { engine: "the plain product".into(), message })?;
    let engine = block_on(WebGpu::open())?;
    println!("adapter: {}", engine.adapter());
    println!("plain product of 1024^3: {:.2} GFLOP/s ({})", plain.gflops, plain.variant);
    println!("convolutions 3x3, {WIDTH} to {WIDTH} channels, {SIDE}x{SIDE}, batch {batch}; the engine's own 1024^3\n");
    for (name, program) in programs(batch)? {
        let gflops = measure(&engine, &program)?;
        println!("{name:<16} {gflops:>8.2} GFLOP/s {:>5.0} % of plain", 100.0 * gflops / plain.gflops);
    }
    Ok(())
}

/// A program of one contraction each.
fn programs(batch: usize) -> Result<Vec<(&'static str, Program)>> {
    fn program(write: impl for<'g> Fn(&'g Graph) -> Tensor<'g>) -> Result<Program> {
        let g = Graph::new();
        let value = write(&g);
        g.output("out", value);
        Program::new("contraction", g)
    }
    let (image, kernel, conv) = ([batch, WIDTH, SIDE, SIDE], [WIDTH, WIDTH, 3, 3], Conv::padded(1));
    Ok(vec![
        ("matmul", program(|g| g.input("a", [1024, 1024]).matmul(g.input("b", [1024, 1024])))?),
        ("forward", program(|g| g.input("x", image).conv2d(g.input("k", kernel), conv))?),
        (
            "input gradient",
            program(|g| g.input("g", image).conv2d_input_grad(g.input("k", kernel), conv, (SIDE, SIDE)))?,
        ),
        ("weight gradient", program(|g| g.input("x", image).conv2d_weight_grad(g.input("g", image), conv, (3, 3)))?),
    ])
}

/// Billions of floating-point operations a second of the fastest run.
fn measure(engine: &WebGpu, program: &Program) -> Result<f64> {
    let buffers: Vec<Buffer> =
        program.slots().iter().map(|slot| engine.buffer(slot.kind, slot.shape)).collect::<Result<_>>()?;
    let bound: Vec<&Buffer> = buffers.iter().collect();
    let last = engine.buffer(Kind::F32, [1].into())?;
    let loaded = engine.load(program)?;
    let run = || -> Result<f64> {
        let start = Instant::now();
        loaded.run(&bound, &Scalars::default())?;
        // Whatever is read is there when all before it is done.
        block_on(engine.read(&last))?;
        Ok(start.elapsed().as_secs_f64())
    };
    run()?;
    let (start, mut shortest) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < SECONDS {
        shortest = shortest.min(run()?);
    }
    Ok(program.cost().contraction_flops as f64 / shortest / 1e9)
}
