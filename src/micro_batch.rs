//! How many images pass through a network at once.
//!
//! Large batches pass in parts, and what the parts contribute (gradients, sums of cos and sin, hits) adds up. So the size
//! of a batch costs no memory, and on a CPU a part's activations stay in the cache.

use serde::{Deserialize, Serialize};

use crate::{engine::Limits, nn::Network, settings::Automatic};

/// The most images that pass through a network at once. Results depend on it by rounding alone; it is a function of the
/// recipe and the engine, so that a run resumed on the same engine is the same to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Automatic", into = "Automatic")]
pub enum MicroBatch {
    /// As many as the engine has fast memory for. Written `"auto"`.
    #[default]
    Automatic,
    /// This many.
    Images(usize),
}

impl TryFrom<Automatic> for MicroBatch {
    type Error = &'static str;

    fn try_from(written: Automatic) -> Result<MicroBatch, &'static str> {
        Ok(written.number()?.map_or(MicroBatch::Automatic, MicroBatch::Images))
    }
}

impl From<MicroBatch> for Automatic {
    fn from(micro_batch: MicroBatch) -> Automatic {
        Automatic::from(match micro_batch {
            MicroBatch::Automatic => None,
            MicroBatch::Images(images) => Some(images),
        })
    }
}

impl MicroBatch {
    /// Bounds of the automatic choice: below, what all images share (kernels, frequencies) is read too often, which costs
    /// more than activations that do not fit the cache; above, nothing gains.
    const FEWEST: u64 = 32;
    const MOST: u64 = 256;

    /// The parts in which `count` images pass through `network` on an engine with these limits.
    pub(crate) fn parts(self, count: usize, network: &Network, limits: Limits) -> Parts {
        Parts::of(count, self.images(network.activation_bytes(), limits))
    }

    /// The parts of a batch of `count`, which is smaller than those that pass in `parts`. Of their size, where a program
    /// of another takes longer to compile than it saves: not on a processor.
    pub(crate) fn rest(self, count: usize, parts: Parts, network: &Network, limits: Limits) -> Parts {
        match limits.cache_bytes {
            Some(_) => self.parts(count, network, limits),
            None => Parts { number: count.div_ceil(parts.each), ..parts },
        }
    }

    fn images(self, bytes_each: u64, limits: Limits) -> usize {
        match (self, limits.cache_bytes) {
            (MicroBatch::Images(images), _) => images,
            (MicroBatch::Automatic, None) => MicroBatch::MOST as usize,
            (MicroBatch::Automatic, Some(cache)) => {
                let fitting = cache / bytes_each.max(1) / 8 * 8;
                fitting.clamp(MicroBatch::FEWEST, MicroBatch::MOST) as usize
            }
        }
    }
}

/// A number of images in equal parts. They may have room for a few more: those repeat one with weight 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Number of parts.
    pub number: usize,
    /// Images of each.
    pub each: usize,
}

impl Parts {
    /// The fewest equal parts of at most `most` images that hold `count`, and within these the smallest: 100 images at
    /// most 48 at once are 3 parts of 34, not of 48.
    fn of(count: usize, most: usize) -> Parts {
        let number = count.div_ceil(most).max(1);
        Parts { number, each: count.div_ceil(number).max(1) }
    }

    /// Images that all parts hold.
    pub(crate) fn room(self) -> usize {
        self.number * self.each
    }
}

/// `rows` and their weights for a program that takes `room`: the weight of each is `weight`, and missing ones repeat the
/// first with weight 0.
pub(crate) fn padded(rows: &[u32], weight: f32, room: usize) -> (Vec<u32>, Vec<f32>) {
    let mut weights = vec![weight; rows.len()];
    weights.resize(room, 0.0);
    let mut rows = rows.to_vec();
    rows.resize(room, rows.first().copied().unwrap_or(0));
    (rows, weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Architecture, ImageSize};

    #[test]
    fn the_automatic_choice_fits_the_cache() {
        let images =
            |bytes, cache_bytes| MicroBatch::Automatic.images(bytes, Limits { buffer_bytes: u64::MAX, cache_bytes });
        assert_eq!(images(1 << 18, Some(16 << 20)), 64);
        assert_eq!(images(400_000, Some(16 << 20)), 40, "a multiple of 8");
        assert_eq!(images(1 << 30, Some(16 << 20)), 32);
        assert_eq!(images(100, Some(16 << 20)), 256);
        assert_eq!(images(1 << 30, None), 256);
    }

    #[test]
    fn parts_hold_all_and_waste_little() {
        for (count, most) in [(128, 32), (128, 48), (100, 48), (1, 8), (7, 8), (9, 8), (10, 1)] {
            let parts = Parts::of(count, most);
            assert!(parts.each <= most && parts.room() >= count && parts.room() - count < parts.number, "{parts:?}");
        }
        assert_eq!(Parts::of(100, 48), Parts { number: 3, each: 34 });
    }

    #[test]
    fn the_rest_of_a_batch_has_room_in_it() {
        let network = Network::new(Architecture::convnet(1, 2), ImageSize { channels: 1, height: 4, width: 4 }, 2);
        let network = network.expect("it fits");
        let limits = |cache_bytes| Limits { buffer_bytes: u64::MAX, cache_bytes };
        for (batch, most) in [(64, 64), (128, 48), (13, 5), (100, 1)] {
            let micro_batch = MicroBatch::Images(most);
            let parts = micro_batch.parts(batch, &network, limits(None));
            for count in 1..batch {
                let same = micro_batch.rest(count, parts, &network, limits(None));
                assert!(same.each == parts.each && (count..=parts.room()).contains(&same.room()), "{count}: {same:?}");
                let own = micro_batch.rest(count, parts, &network, limits(Some(1 << 20)));
                assert!((count..=same.room()).contains(&own.room()), "{count}: {own:?}");
            }
        }
    }

    #[test]
    fn missing_rows_repeat_the_first_and_weigh_nothing() {
        assert_eq!(padded(&[5, 6], 0.5, 4), (vec![5, 6, 5, 5], vec![0.5, 0.5, 0.0, 0.0]));
    }
}
