//! The engines under test.

use std::sync::Arc;

use attar::engine::{Engine, open, reference::Reference};

/// Every engine compiled in and there, besides the references.
pub fn engines() -> Vec<Arc<dyn Engine>> {
    let names = pollster::block_on(attar::engine::available());
    let asked = std::env::var("ATTAR_TEST_WEBGPU").unwrap_or_default();
    let skipped = asked == "skip";
    let there = !cfg!(feature = "webgpu") || names.iter().any(|name| name == "webgpu");
    assert!(asked != "required" || there, "no WebGPU adapter, though one is required");
    let chosen = names.iter().filter(|name| !(name.starts_with("reference") || skipped && *name == "webgpu"));
    #[cfg_attr(not(feature = "cpu"), expect(unused_mut, reason = "it adds some"))]
    let mut engines: Vec<_> =
        chosen.map(|name| pollster::block_on(open(name)).expect("an available engine opens")).collect();
    #[cfg(feature = "cpu")]
    engines.extend(cpu_kernels());
    engines
}

/// The CPU engine with every set of instructions, and with every way of computing contractions.
#[cfg(feature = "cpu")]
fn cpu_kernels() -> impl Iterator<Item = Arc<dyn Engine>> {
    use attar::engine::cpu::{Cpu, Isa, Variant};
    let instructions = Isa::available().into_iter().map(|isa| (isa, None));
    let ways = [Variant::Direct, Variant::Scatter, Variant::Winograd].map(|variant| (Isa::best(), Some(variant)));
    instructions.chain(ways).map(|(isa, variant)| Arc::new(Cpu::forced(isa, variant)) as Arc<dyn Engine>)
}

/// The reference in double and in single precision, then every other engine compiled in and there.
pub fn all_engines() -> Vec<Arc<dyn Engine>> {
    let references: [Arc<dyn Engine>; 2] = [Arc::new(Reference::f64()), Arc::new(Reference::f32())];
    references.into_iter().chain(engines()).collect()
}
