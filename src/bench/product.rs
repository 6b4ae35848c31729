//! The fastest matrix product of an engine: the yardstick of a GPU.

use std::sync::Arc;

use super::{Stopwatch, noise};
use crate::{
    engine::{Engine, Executor},
    error::Result,
    graph::Graph,
    program::Program,
    rng::Draws,
};

/// `m, n, k` of the products, large enough for every cache and every thread.
pub(super) const SIZES: [(usize, usize, usize); 3] = [(1024, 1024, 1024), (2048, 2048, 2048), (4096, 2048, 1024)];

/// Seconds of products that are queued before an engine is waited for, else the way to a GPU and back would count.
const QUEUED: f64 = 0.05;

/// Seconds of a single product from which on no larger one is tried: a processor plays the GPU.
const SLOW: f64 = 1.0;

/// The GFLOP/s of the fastest of three matrix products as a program on `engine`: what it reaches where nothing but one
/// product is to be done. For candle on CUDA that is cuBLAS, for WebGPU a kernel of our own.
///
/// # Errors
/// Those of the engine.
pub async fn product_peak(engine: &Arc<dyn Engine>, watch: &Stopwatch<'_>) -> Result<f64> {
    let mut peak: f64 = 0.0;
    for (m, n, k) in SIZES {
        let g = Graph::new();
        let product = g.input("a", [m, k]).matmul(g.input("b", [k, n]));
        g.output("product", product);
        g.output("corner", product.slice(&[0, 0], &[1, 1], [1, 1]).reshape([1]));
        let mut exec = Executor::new(Arc::clone(engine));
        exec.load(Program::new("bench.product", g)?)?;
        let mut draws = Draws::new(1, 0, 0);
        noise(&mut exec, "a", [m, k], &mut draws)?;
        noise(&mut exec, "b", [k, n], &mut draws)?;
        let products = async |count: usize| {
            let start = (watch.clock)();
            for _ in 0..count {
                exec.run("bench.product", &[])?;
            }
            exec.get_f32("corner").await?;
            Ok(((watch.clock)() - start) / count as f64)
        };
        products(1).await?;
        let once = products(1).await?;
        let gflops = |seconds: f64| (2 * m * n * k) as f64 / seconds / 1e9;
        if once > SLOW {
            return Ok(peak.max(gflops(once)));
        }
        let count = (QUEUED / once).clamp(1.0, 1000.0) as usize;
        peak = peak.max(gflops(watch.shortest(async || products(count).await).await?));
    }
    Ok(peak)
}
