//! The workloads of [`attar::bench`] at the sizes of the field, on the CPU engine and by candle's own layers and
//! automatic differentiation, beside the peak of the machine.
//!
//! `cargo bench --bench engines` takes a few minutes; `cargo bench --bench engines -- ncfm forward` runs the rows that
//! have one of these words in their names.

mod candle;

use std::{env, process::ExitCode, sync::Arc, time::Instant};

use attar::{
    Result,
    bench::{self, ConvNet, Figure, Pass, Stopwatch},
    engine::{self, Engine},
};
use pollster::block_on;

/// The command line's allocator: with the system's, candle takes twice as long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Spent on each figure.
const SECONDS: f64 = 3.0;

#[derive(Debug, Clone, Copy)]
enum Workload {
    ConvNet(Pass),
    NcfmClassStep { real: usize },
    EvaluationEpoch,
    GradientStep,
}

const ROWS: [(&str, Workload); 7] = [
    ("convnet forward", Workload::ConvNet(Pass::Forward)),
    ("convnet input gradient", Workload::ConvNet(Pass::InputGradient)),
    ("convnet training step", Workload::ConvNet(Pass::TrainingStep)),
    ("ncfm class step, real 1024", Workload::NcfmClassStep { real: 1024 }),
    ("ncfm class step, real 256", Workload::NcfmClassStep { real: 256 }),
    ("evaluation epoch, width 64", Workload::EvaluationEpoch),
    ("gradient matching step", Workload::GradientStep),
];

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let asked = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    match print_table(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_table(asked: &dyn Fn(&str) -> bool) -> Result<()> {
    let start = Instant::now();
    let watch = Stopwatch { clock: &|| start.elapsed().as_secs_f64(), seconds: SECONDS };
    let engine = open()?;
    let peak = bench::gemm_peak(&watch);
    println!("peak of this machine (gemm, all threads): {peak:.1} GFLOP/s");
    println!("ConvNet-D3 of width 128, 3x32x32, batch 256, but for the evaluation\n");
    println!("{:<27} {:>37}   {:>37}", "", engine.name(), "candle's autograd");
    let columns = format!("{:>9} {:>9} {:>8} {:>8}", "ms", "GFLOP/s", "of peak", "ratio");
    println!("{:<27} {}   {columns}", "", columns.replace("ratio", "     "));
    for (name, workload) in ROWS {
        if asked(name) {
            let ours = measure(workload, &engine, &watch)?;
            let theirs = match workload {
                Workload::ConvNet(pass) => Some(candle::seconds(ConvNet::default(), pass, &watch)?),
                _ => None,
            };
            println!("{}", row(name, ours, theirs, peak));
        }
    }
    Ok(())
}

/// The engine of the crate where it is compiled in, else the best there is.
fn open() -> Result<Arc<dyn Engine>> {
    block_on(engine::open("cpu")).or_else(|_| block_on(engine::open("auto")))
}

fn measure(workload: Workload, engine: &Arc<dyn Engine>, watch: &Stopwatch<'_>) -> Result<Figure> {
    block_on(async {
        match workload {
            Workload::ConvNet(pass) => ConvNet::default().measure(pass, engine, watch).await,
            Workload::NcfmClassStep { real } => bench::ncfm_class_step(128, real, engine, watch).await,
            Workload::EvaluationEpoch => bench::evaluation_epoch(64, engine, watch).await,
            Workload::GradientStep => bench::gradient_step(128, engine, watch).await,
        }
    })
}

fn row(name: &str, ours: Figure, theirs: Option<f64>, peak: f64) -> String {
    let columns = |figure: Figure| {
        let gflops = figure.gflops();
        format!("{:>9.1} {gflops:>9.1} {:>6.0} %", 1e3 * figure.seconds, 100.0 * gflops / peak)
    };
    let row = format!("{name:<27} {}", columns(ours));
    match theirs {
        None => row,
        Some(seconds) => {
            let ratio = seconds / ours.seconds;
            format!("{row}            {} {ratio:>7.1}x", columns(Figure { seconds, ..ours }))
        }
    }
}
