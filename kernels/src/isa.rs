//! Which vector instructions the kernels use: found at run time on x86-64, at compile time elsewhere.

/// A set of vector instructions that the kernels are compiled for. Every variant gives results within the rule of
/// agreement; bit equality is promised within one variant only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust: what the target's baseline has. Not in a module with `simd128`, which runs nowhere without it: there
    /// it would only be downloaded.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Baseline,
    /// x86-64 with AVX2 and FMA: 8 lanes, 16 registers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL: 16 lanes, 32 registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AArch64: 4 lanes, 32 registers, fused multiply-add.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// WebAssembly with `simd128`: 4 lanes, no fused multiply-add.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

impl Isa {
    /// The variants that run on this machine, worst first; never empty.
    pub fn available() -> Vec<Isa> {
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        #[allow(unused_mut, reason = "some targets add nothing")]
        let mut found = vec![Isa::Baseline];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let found = vec![Isa::Simd128];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") {
                found.push(Isa::Avx2);
            }
            if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") && has!("fma") {
                found.push(Isa::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        found.push(Isa::Neon);
        found
    }

    /// The best variant on this machine.
    pub fn best() -> Isa {
        Isa::available().into_iter().next_back().expect("every machine has one")
    }
}
