//! `attar bench`: how fast an engine is, as shares of the fastest matrix product of its processor or GPU.

use std::{sync::Arc, time::Instant};

use attar::{
    bench::{self, ConvNet, Figure, Pass, Stopwatch},
    engine::{self, Engine},
};
use pollster::block_on;
use serde::Serialize;

use crate::{
    args::BenchArgs,
    console::Console,
    failure::Result,
    format,
    progress::{Goal, Meter},
};

/// Spent on each figure. The short form of `cargo bench --bench engines`.
const SECONDS: f64 = 0.5;

/// Real images of the NCFM step, as published.
const REAL: usize = 1024;

/// A value for each workload.
#[derive(Debug, Clone, Copy, Serialize)]
struct Workloads<T> {
    convnet_forward: T,
    convnet_input_gradient: T,
    convnet_training_step: T,
    ncfm_class_step: T,
}

/// The result of `attar bench`.
#[derive(Debug, Serialize)]
struct BenchReport {
    engine: String,
    /// Channels of the networks.
    width: usize,
    /// The fastest matrix product: of the `gemm` crate on a CPU, of the engine itself on a GPU.
    gemm_peak_gflops: f64,
    /// Speeds as fractions of it.
    of_gemm_peak: Workloads<f64>,
    gflops: Workloads<f64>,
    seconds: Workloads<f64>,
    /// What the programs of the NCFM step dispatch, on WebGPU.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    programs: Vec<Dispatched>,
}

/// What a run of a program dispatches and binds, and what it would without a plan.
#[derive(Debug, Serialize)]
struct Dispatched {
    program: String,
    dispatches: usize,
    dispatches_one_by_one: usize,
    bound_bytes: u64,
    bound_bytes_one_by_one: u64,
}

pub fn run(args: &BenchArgs, console: &Console) -> Result<()> {
    let engine = block_on(engine::open(&args.engine))?;
    let start = Instant::now();
    let watch = Stopwatch { clock: &|| start.elapsed().as_secs_f64(), seconds: SECONDS };
    let mut meter = Meter::new(console, "measuring");
    meter.update(0, Goal::Amount(5), "the fastest product");
    let peak = match engine.limits().cache_bytes {
        Some(_) => bench::gemm_peak(&watch),
        // A GPU: no cache of a processor to keep to.
        None => block_on(bench::product_peak(&engine, &watch))?,
    };
    let net = ConvNet::on(engine.as_ref(), args.width);
    let mut done = 0;
    let mut next = |what: &str| {
        done += 1;
        meter.update(done, Goal::Amount(5), what);
    };
    let figures = measure(net, &engine, &watch, &mut next)?;
    meter.finish("5 figures");
    let report = BenchReport {
        engine: engine.name().into(),
        width: args.width,
        gemm_peak_gflops: peak,
        of_gemm_peak: figures.map(|figure| figure.gflops() / peak),
        gflops: figures.map(Figure::gflops),
        seconds: figures.map(|figure| figure.seconds),
        programs: dispatched(engine.as_ref(), args.width)?,
    };
    console.result(&report, &report.text())
}

/// Measures one workload after the other; `next` hears what begins.
fn measure(
    net: ConvNet,
    engine: &Arc<dyn Engine>,
    watch: &Stopwatch<'_>,
    next: &mut dyn FnMut(&str),
) -> Result<Workloads<Figure>> {
    let mut convnet = |pass, what: &str| {
        next(what);
        block_on(net.measure(pass, engine, watch))
    };
    Ok(Workloads {
        convnet_forward: convnet(Pass::Forward, "forward")?,
        convnet_input_gradient: convnet(Pass::InputGradient, "input gradient")?,
        convnet_training_step: convnet(Pass::TrainingStep, "training step")?,
        ncfm_class_step: {
            next("NCFM");
            block_on(bench::ncfm_class_step(net.width, REAL, engine, watch))?
        },
    })
}

/// The traffic of the programs of the NCFM step, if the engine is one that dispatches plans.
#[cfg(feature = "webgpu")]
fn dispatched(engine: &dyn Engine, width: usize) -> Result<Vec<Dispatched>> {
    use attar::engine::webgpu::Traffic;
    if engine.name() != "webgpu" {
        return Ok(Vec::new());
    }
    let programs = bench::ncfm_programs(width, REAL, engine.limits())?;
    let compared = programs.iter().map(|program| {
        let (planned, alone) = (Traffic::of(program), Traffic::one_by_one(program));
        Dispatched {
            program: program.name().into(),
            dispatches: planned.dispatches,
            dispatches_one_by_one: alone.dispatches,
            bound_bytes: planned.bound_bytes,
            bound_bytes_one_by_one: alone.bound_bytes,
        }
    });
    Ok(compared.collect())
}

#[cfg(not(feature = "webgpu"))]
fn dispatched(_: &dyn Engine, _: usize) -> Result<Vec<Dispatched>> {
    Ok(Vec::new())
}

impl<T: Copy> Workloads<T> {
    fn map<U>(self, mut f: impl FnMut(T) -> U) -> Workloads<U> {
        Workloads {
            convnet_forward: f(self.convnet_forward),
            convnet_input_gradient: f(self.convnet_input_gradient),
            convnet_training_step: f(self.convnet_training_step),
            ncfm_class_step: f(self.ncfm_class_step),
        }
    }

    fn rows(self) -> [(&'static str, T); 4] {
        [
            ("ConvNet-D3, 256 images forward", self.convnet_forward),
            ("the same, and the gradient to the images", self.convnet_input_gradient),
            ("the same, and all parameters' gradients", self.convnet_training_step),
            ("NCFM, one class, 1024 real images", self.ncfm_class_step),
        ]
    }
}

impl BenchReport {
    fn text(&self) -> String {
        let title = format!("{}, networks of width {}", self.engine, self.width);
        let peak = format!("{:>8.1} GFLOP/s, the peak", self.gemm_peak_gflops);
        let mut rows = vec![("matrix product", peak)];
        let (shares, seconds) = (self.of_gemm_peak.rows(), self.seconds.rows());
        for (index, (label, gflops)) in self.gflops.rows().into_iter().enumerate() {
            let (share, milliseconds) = (100.0 * shares[index].1, 1e3 * seconds[index].1);
            rows.push((label, format!("{gflops:>8.1} GFLOP/s, {share:>3.0} % of it, {milliseconds:>7.1} ms")));
        }
        rows.extend(self.programs.iter().map(|program| (program.program.as_str(), program.text())));
        format!("{title}\n{}", format::table(&rows))
    }
}

impl Dispatched {
    fn text(&self) -> String {
        let [bound, alone] = [self.bound_bytes, self.bound_bytes_one_by_one].map(format::bytes);
        let (dispatches, all) = (self.dispatches, self.dispatches_one_by_one);
        format!("{dispatches} dispatches bind {bound}; an operation each, {all} bind {alone}")
    }
}
