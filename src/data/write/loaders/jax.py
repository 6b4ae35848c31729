"""A distilled set for JAX: with this folder beside your code, `from <folder>.load import batches, classes`."""

from pathlib import Path

import numpy as np

_set = np.load(Path(__file__).with_name("distilled.npz"))
classes = _set["classes"].tolist()  # names, by label


def normalised(images):
    """Images [n, h, w, c], bytes or numbers from 0 to 1, as networks are to see them; use it for test images, too."""
    images = images.astype("float32") / (255 if images.dtype == "uint8" else 1)
    return (images - _set["mean"]) / _set["std"]


def arrays():
    """Images [n, h, w, c], normalised, and labels [n]; or [n, classes], probabilities, if the set has soft labels."""
    return normalised(_set["images"].transpose(0, 2, 3, 1)), _set["soft" if "soft" in _set else "labels"]


def batches(key, batch_size=50):
    """An epoch of batches of both on the device, in an order that the key decides."""
    import jax

    images, labels = map(jax.numpy.asarray, arrays())
    order = jax.random.permutation(key, len(labels))
    for start in range(0, len(labels), batch_size):
        rows = order[start : start + batch_size]
        yield images[rows], labels[rows]
