//! The pool of networks that distillation looks through: each with its initial and its trained parameters.

mod run;
mod training;

use serde::{Deserialize, Serialize};

use crate::{
    data::Dataset,
    engine::{Data, Executor},
    error::{Error, Result},
    graph::Kind,
    nn::{Architecture, ImageSize, Network},
    recipe::Recipe,
    sealed::{Fault, Seal},
};

pub use run::{PoolCheckpoint, PoolRun};
pub(crate) use training::{PoolCursor, PoolTraining};

/// Name of the buffer of the real set, u8 `[n, c, h, w]`.
pub const PIXELS: &str = "real.pixels";

/// Name of the buffer of the initial parameters of network `index` of the pool.
pub fn initial(index: usize) -> String {
    format!("pool.{index}.initial")
}

/// Name of the buffer of the trained parameters of network `index` of the pool.
pub fn trained(index: usize) -> String {
    format!("pool.{index}.trained")
}

/// Trained networks with the parameters they started from, and what they fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    pub architecture: PoolKey,
    pub networks: Vec<Member>,
}

/// What a pool was trained on and for; another run may use it if its own is equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolKey {
    pub network: Architecture,
    /// Of the training images.
    pub image: ImageSize,
    pub classes: usize,
    /// Fingerprint of the training images.
    pub fingerprint: String,
}

/// One network of a pool, flat parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub initial: Vec<f32>,
    pub trained: Vec<f32>,
}

const SEAL: Seal = Seal { magic: b"ATTARP", versions: 1..=1 };

impl PoolKey {
    /// The key of pools for this recipe and these images.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no such network.
    pub(crate) fn new(recipe: &Recipe, data: &Dataset) -> Result<PoolKey> {
        let image = image_size(data);
        let network = recipe.network.architecture(image)?;
        Ok(PoolKey { network, image, classes: data.classes().len(), fingerprint: data.fingerprint() })
    }

    /// Refuses a pool of another network or of other images.
    ///
    /// # Errors
    /// [`Error::Recipe`] that says which.
    pub(crate) fn accept(&self, pool: &Pool) -> Result<()> {
        let there = &pool.architecture;
        if (&there.network, there.image, there.classes) != (&self.network, self.image, self.classes) {
            let (held, needed) = (there.networks(), self.networks());
            return Err(Error::Recipe(format!(
                "the pool holds networks ({held}) of another kind than this run needs ({needed}): train another"
            )));
        }
        if there.fingerprint != self.fingerprint {
            return Err(Error::Recipe(
                "the pool was trained on other images: give the source, size and seed that it was trained with".into(),
            ));
        }
        Ok(())
    }

    /// What networks it holds, in words.
    fn networks(&self) -> String {
        let ImageSize { channels, height, width } = self.image;
        let network = self.network.in_words();
        format!("{network}, for {channels}x{height}x{width} images of {} classes", self.classes)
    }
}

impl Pool {
    /// The pool as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        SEAL.seal(self)
    }

    /// Reads what [`Pool::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Format`] if it is no pool, is damaged, or comes from another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Pool> {
        let sentence = |fault| match fault {
            Fault::Foreign => "this is no pool file: make one with `attar pool`",
            Fault::Damaged => "the pool file is damaged: its checksum is wrong",
            Fault::Version(_) | Fault::Body => "the pool file was written by another version: train the pool again",
        };
        SEAL.unseal(bytes).map_err(|fault| Error::Format(sentence(fault).into()))
    }
}

/// Names of the buffers of the first `count` networks.
pub(crate) fn member_buffers(count: usize) -> Vec<String> {
    (0..count).flat_map(|index| [initial(index), trained(index)]).collect()
}

/// Makes the buffers of a pool.
pub(crate) fn make_buffers(exec: &mut Executor, network: &Network, count: usize) -> Result<()> {
    member_buffers(count).iter().try_for_each(|name| exec.ensure(name, Kind::F32, [network.table().len()]))
}

/// Reads a pool from its buffers.
pub(crate) async fn collect(exec: &Executor, count: usize, architecture: PoolKey) -> Result<Pool> {
    let mut networks = Vec::with_capacity(count);
    for index in 0..count {
        networks.push(Member {
            initial: exec.get_f32(&initial(index)).await?,
            trained: exec.get_f32(&trained(index)).await?,
        });
    }
    Ok(Pool { architecture, networks })
}

/// Writes the real set to the buffer that the pool and the method read.
pub(crate) fn write_real(exec: &mut Executor, data: &Dataset) -> Result<()> {
    exec.ensure(PIXELS, Kind::Pixels, image_size(data).batch(data.len()))?;
    exec.set(PIXELS, Data::Pixels(data.images().pixels()))
}

/// The size of a set's images.
pub(crate) fn image_size(data: &Dataset) -> ImageSize {
    let images = data.images();
    ImageSize { channels: images.channels(), height: images.height(), width: images.width() }
}

/// The network of a recipe for a set.
pub(crate) fn network_for(architecture: Architecture, data: &Dataset) -> Result<Network> {
    Network::new(architecture, image_size(data), data.classes().len())
}
