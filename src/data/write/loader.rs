//! The arrays with a few lines of Python that load them for a framework.

use super::{npz, place::Entry};
use crate::{Error, Result, data::Distilled};

const PYTORCH: &str = include_str!("loaders/pytorch.py");
const KERAS: &str = include_str!("loaders/keras.py");
const JAX: &str = include_str!("loaders/jax.py");

pub(super) fn pytorch(set: &Distilled) -> Result<Vec<Entry>> {
    entries(set, PYTORCH)
}

pub(super) fn keras(set: &Distilled) -> Result<Vec<Entry>> {
    entries(set, KERAS)
}

pub(super) fn jax(set: &Distilled) -> Result<Vec<Entry>> {
    entries(set, JAX)
}

/// `distilled.npz` and `load.py`.
///
/// # Errors
/// [`Error::Data`] if the set is of canvases, on which no network is to be trained; otherwise as [`npz()`].
fn entries(set: &Distilled, loader: &str) -> Result<Vec<Entry>> {
    if set.factor > 1 {
        return Err(Error::Data(
            "canvases hold several pictures each and cannot be trained on: leave out --canvases, or choose npz".into(),
        ));
    }
    Ok(vec![
        Entry { path: "distilled.npz".into(), bytes: npz::npz(set)? },
        Entry { path: "load.py".into(), bytes: loader.into() },
    ])
}
