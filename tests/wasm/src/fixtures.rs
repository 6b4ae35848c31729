//! The fixtures, in the binary.

use crate::common::fixtures::Fixtures;

/// The files that were there when it was built.
pub struct Embedded;

/// A table of files of `tests/fixtures`.
macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_bytes!(concat!("../../fixtures/", $name)))),*]
    };
}

const FILES: [(&str, &[u8]); 15] = files! {
    "augment.safetensors"
    "cf_loss.safetensors"
    "convnet.safetensors"
    "decode.safetensors"
    "distribution_matching.safetensors"
    "gradient_matching.safetensors"
    "krr.safetensors"
    "metrics.safetensors"
    "ncfm_step.safetensors"
    "networks.safetensors"
    "optim.safetensors"
    "performance_matching.safetensors"
    "sampling_net.safetensors"
    "tolerances.json"
    "trajectory_matching.safetensors"
};

impl Fixtures for Embedded {
    fn read(&self, file: &str) -> Vec<u8> {
        let found = FILES.iter().find(|(name, _)| *name == file);
        found.unwrap_or_else(|| panic!("{file} is not embedded")).1.to_vec()
    }
}
