//! What an evaluation is known by, and what it needs to be gone on with.

use serde::{Deserialize, Serialize};

use super::{Evaluation, Protocol, TrainingSet, set::Images};
use crate::{
    data::Dataset,
    error::{Error, Result},
    fingerprint::Fnv,
    sealed::{Fault, Seal},
};

/// What networks trained on `set` by this protocol and seed, on the engine of this name, are known by: equal keys are equal
/// accuracies, network by network. It takes a pass over all images.
pub fn key(protocol: &Protocol, set: &TrainingSet, test: &Dataset, seed: u64, engine: &str) -> String {
    let mut hash = Fnv::default();
    let mut settings = |value: postcard::Result<Vec<u8>>| {
        hash.sized(&value.unwrap_or_else(|error| unreachable!("plain data in memory can be written: {error}")));
    };
    settings(postcard::to_stdvec(&(env!("CARGO_PKG_VERSION"), engine, protocol, seed)));
    settings(postcard::to_stdvec(&(set.classes, set.image, &set.normalisation, set.factor)));
    settings(postcard::to_stdvec(&test.fingerprint()));
    match &set.images {
        Images::Pixels(pixels) => hash.sized(pixels),
        Images::Canvases(values) => hash.sized(bytemuck::cast_slice(values)),
    }
    hash.sized(bytemuck::cast_slice(&set.targets));
    hash.text()
}

/// An evaluation between two units.
#[derive(Serialize, Deserialize)]
struct Saved {
    key: String,
    each: Vec<f64>,
    /// Batches of the network that is being trained.
    step: u64,
    buffers: Vec<(String, Vec<f32>)>,
}

const SEAL: Seal = Seal { magic: b"ATTARE", versions: 1..=1 };

impl Evaluation {
    /// Everything needed to go on later: bytes for [`Evaluation::resume`]. `key` is that of the [function](key) of this
    /// name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn checkpoint(&self, key: &str) -> Result<Vec<u8>> {
        // A test is short, and begun again.
        let step = self.step.min(self.trainer.steps());
        let names = if step == 0 { Vec::new() } else { self.trainer.state() };
        let buffers = self.exec.save_f32(names).await?;
        Ok(SEAL.seal(&Saved { key: key.into(), each: self.each.clone(), step, buffers }))
    }

    /// Goes on from a checkpoint; one of more networks than this evaluation has is cut to them.
    ///
    /// # Errors
    /// [`Error::Format`] if the bytes are no checkpoint or are damaged; [`Error::Data`] if it is of an evaluation with
    /// another key.
    pub fn resume(&mut self, key: &str, checkpoint: &[u8]) -> Result<()> {
        let mut saved: Saved = SEAL.unseal(checkpoint).map_err(|fault| {
            Error::Format(match fault {
                Fault::Foreign => "this is no checkpoint of an evaluation".into(),
                Fault::Damaged => "the checkpoint of the evaluation is damaged: its checksum is wrong".into(),
                Fault::Version(_) | Fault::Body => "the checkpoint of the evaluation is of another version".into(),
            })
        })?;
        if saved.key != key {
            return Err(Error::Data("the checkpoint is of another evaluation: other sets, protocol or seed".into()));
        }
        if saved.each.len() >= self.repeats {
            saved.each.truncate(self.repeats);
            saved.step = 0;
        } else if saved.step > 0 {
            self.exec.restore_f32(&saved.buffers)?;
        }
        (self.member, self.step, self.each) = (saved.each.len(), saved.step.min(self.trainer.steps()), saved.each);
        Ok(())
    }
}
