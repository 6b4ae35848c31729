//! How fast the engines are in WebAssembly.

use attar::{
    bench::{ConvNet, Pass, Stopwatch},
    engine::{
        available,
        cpu::{Isa, cached_product},
        open,
    },
};
use pollster::block_on;

use crate::host;

/// Spent on the figure.
const SECONDS: f64 = 2.0;

/// Measures a training step of ConvNet-D3 on the best engine, and says what came out.
#[expect(unsafe_code, reason = "exported")]
#[unsafe(no_mangle)]
extern "C" fn bench(width: usize, batch: usize) {
    host::say_panics();
    let engine = block_on(open(&block_on(available())[0])).expect("an available engine opens");
    let net = ConvNet { width, batch, ..ConvNet::default() };
    let watch = Stopwatch { clock: &|| host::now(), seconds: SECONDS };
    let figure = block_on(net.measure(Pass::TrainingStep, &engine, &watch)).expect("it fits");
    let (gflops, milliseconds) = (figure.gflops(), 1e3 * figure.seconds);
    let cached = cached();
    host::say(&format!("innermost loop on cached operands: {cached:.2} GFLOP/s"));
    host::say(&format!(
        "{}: ConvNet-D3 of width {width}, {batch} images, training step: {gflops:.2} GFLOP/s, {:.0} % of that, \
         {milliseconds:.0} ms",
        engine.name(),
        100.0 * gflops / cached,
    ));
}

/// GFLOP/s of the CPU engine's innermost loop, the best of several trials.
fn cached() -> f64 {
    let rate = |_| {
        let start = host::now();
        let flops = cached_product(Isa::best(), 20_000);
        flops as f64 / (host::now() - start) / 1e9
    };
    (0..10).map(rate).fold(0.0, f64::max)
}
