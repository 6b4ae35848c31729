"""A distilled set for Keras: with this folder beside your code, `from <folder>.load import arrays, classes`."""

from pathlib import Path

import numpy as np

_set = np.load(Path(__file__).with_name("distilled.npz"))
classes = _set["classes"].tolist()  # names, by label


def normalised(images):
    """Images [n, h, w, c], bytes or numbers from 0 to 1, as networks are to see them; use it for test images, too."""
    images = images.astype("float32") / (255 if images.dtype == "uint8" else 1)
    return (images - _set["mean"]) / _set["std"]


def arrays():
    """Images [n, h, w, c], normalised, and labels [n]; or [n, classes], probabilities, if the set has soft labels:
    `model.fit(*arrays())`, where the loss is sparse_categorical_crossentropy; or categorical_crossentropy, if soft."""
    return normalised(_set["images"].transpose(0, 2, 3, 1)), _set["soft" if "soft" in _set else "labels"]


def dataset(batch_size=50):
    """Both as a tf.data.Dataset in batches, shuffled anew in each epoch."""
    from tensorflow.data import Dataset

    images, labels = arrays()
    return Dataset.from_tensor_slices((images, labels)).shuffle(len(labels)).batch(batch_size)
