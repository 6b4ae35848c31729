"""A distilled set for PyTorch: with this folder beside your code, `from <folder>.load import classes, dataset`."""

from pathlib import Path

import numpy as np

_set = np.load(Path(__file__).with_name("distilled.npz"))
classes = _set["classes"].tolist()  # names, by label


def normalised(images):
    """Images [n, c, h, w], bytes or numbers from 0 to 1, as networks are to see them; use it for test images, too."""
    images = images.astype("float32") / (255 if images.dtype == "uint8" else 1)
    return (images - _set["mean"].reshape(-1, 1, 1)) / _set["std"].reshape(-1, 1, 1)


def arrays():
    """Images [n, c, h, w], normalised, and labels [n]; or [n, classes], probabilities, if the set has soft labels."""
    return normalised(_set["images"]), _set["soft" if "soft" in _set else "labels"]


def dataset():
    """Both as a TensorDataset; `torch.nn.CrossEntropyLoss` takes labels of either kind."""
    from torch import from_numpy
    from torch.utils.data import TensorDataset

    return TensorDataset(*map(from_numpy, arrays()))
