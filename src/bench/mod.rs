//! What Attar's speed is measured by: workloads on any engine, and the machine's own peak to hold them against.
//!
//! `attar bench`, `cargo bench --bench engines` and the WebAssembly build all measure these. The core has no clock, so
//! the face passes one in. Figures of speed are contraction FLOPs (2 a multiply-add of the direct algorithm) of the
//! programs that ran, as [`Program::cost`](crate::program::Program::cost) counts them, by the seconds of the best round.

mod convnet;
mod evaluation;
mod gradient;
mod meter;
mod ncfm;
#[cfg(feature = "candle")]
mod peak;
mod product;

pub use convnet::{ConvNet, Pass};
pub use evaluation::evaluation_epoch;
pub use gradient::gradient_step;
pub use ncfm::{ncfm_class_step, ncfm_programs};
#[cfg(feature = "candle")]
pub use peak::gemm_peak;
pub use product::product_peak;

use meter::Meter;

use crate::{engine::Executor, error::Result, graph::Kind, nn::ImageSize, rng::Draws, shape::Shape};

/// The images of CIFAR, on which speeds are quoted.
const IMAGE: ImageSize = ImageSize { channels: 3, height: 32, width: 32 };

/// How measurements are taken.
#[derive(Clone, Copy)]
pub struct Stopwatch<'a> {
    /// Seconds since some moment.
    pub clock: &'a dyn Fn() -> f64,
    /// Rounds of a workload are repeated for this many seconds, or until there are two of them.
    pub seconds: f64,
}

impl Stopwatch<'_> {
    /// The shortest time of a round, besides a first one that warms caches and allocators up. A round tells the seconds
    /// that it wants counted.
    ///
    /// # Errors
    /// Those of the rounds.
    pub async fn shortest(&self, mut round: impl AsyncFnMut() -> Result<f64>) -> Result<f64> {
        round().await?;
        let start = (self.clock)();
        let mut shortest = round().await?;
        loop {
            shortest = shortest.min(round().await?);
            if (self.clock)() - start >= self.seconds {
                return Ok(shortest);
            }
        }
    }

    /// Measures rounds on an engine that `meter` watches, each of which does `count` pieces of work; the seconds that a
    /// round tells are those of one piece.
    async fn measure(&self, meter: &Meter, count: u64, mut round: impl AsyncFnMut() -> Result<f64>) -> Result<Figure> {
        let (mut flops, mut before) = (0, meter.flops());
        let seconds = self.shortest(async || {
            let seconds = round().await?;
            let after = meter.flops();
            flops = (after - before) / count;
            before = after;
            Ok(seconds)
        });
        let seconds = seconds.await?;
        Ok(Figure { seconds, flops })
    }
}

/// What was measured of a workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Of the best round.
    pub seconds: f64,
    /// Contraction FLOPs of the programs that a round ran.
    pub flops: u64,
}

impl Figure {
    /// Billions of FLOPs a second.
    pub fn gflops(self) -> f64 {
        self.flops as f64 / self.seconds / 1e9
    }
}

/// A buffer of normal noise.
fn noise(exec: &mut Executor, name: &str, shape: impl Into<Shape>, draws: &mut Draws) -> Result<()> {
    let shape = shape.into();
    exec.ensure(name, Kind::F32, shape)?;
    exec.set_f32(name, &(0..shape.elements()).map(|_| draws.normal() as f32).collect::<Vec<_>>())
}
