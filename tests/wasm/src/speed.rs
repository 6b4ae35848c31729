//! How fast the engines are in WebAssembly.

use attar::{
    bench::{ConvNet, Pass, Stopwatch},
    engine::{available, open},
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
    host::say(&format!(
        "{}: ConvNet-D3 of width {width}, {batch} images, training step: {gflops:.2} GFLOP/s, {milliseconds:.0} ms",
        engine.name()
    ));
}
