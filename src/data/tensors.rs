//! Images as candle's tensors, for networks that are not of this crate.

use candle_core::{DType, Device, Result as CandleResult, Tensor};

use super::{Dataset, Distilled, Normalisation};
use crate::{Error, Result, engine::candle::failure};

impl Distilled {
    /// The set to train a network on: images as networks see them, f32 `[n, c, h, w]`, each channel less its mean, by its
    /// deviation; and their classes, u32 `[n]`. Test images want the same means: [`Dataset::to_candle`]. What a set has
    /// besides, such as soft labels, is in its fields.
    ///
    /// ```
    /// use attar::data::{Dataset, Images, Normalisation};
    /// use candle_core::Device;
    ///
    /// # fn set() -> attar::Result<attar::Distilled> {
    /// #     let images = Images::new(1, 4, 4, (0..32).collect())?;
    /// #     let real = Dataset::new(vec!["cat".into(), "dog".into()], images, vec![0, 1])?;
    /// #     let recipe = attar::Recipe::default().with("images_per_class=1")?.with("canvas.factor=1")?;
    /// #     attar::run::initial(&recipe, &real)
    /// # }
    /// let set = set()?;
    /// let pictures = pollster::block_on(set.unpacked())?;
    /// let (images, labels) = pictures.to_candle(&Device::Cpu)?;
    /// assert_eq!((images.dims(), labels.dims()), (&[2, 1, 4, 4][..], &[2][..]));
    /// # Ok::<(), attar::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] if the set does not pass [`check`](Distilled::check), or is of canvases, which
    /// [`unpacked`](Distilled::unpacked) takes apart; [`Error::Engine`] if the device cannot hold it.
    pub fn to_candle(&self, device: &Device) -> Result<(Tensor, Tensor)> {
        self.check()?;
        if self.factor > 1 {
            let pictures = self.factor.pow(2);
            return Err(Error::Data(format!(
                "canvases of {pictures} pictures cannot be trained on: give the pictures, as `unpacked` makes them"
            )));
        }
        let images = Tensor::from_slice(&self.images_f32(), &self.shape()[..], device);
        both(images, self.shape(), &self.normalisation, &self.labels, device)
    }
}

impl Dataset {
    /// The images as networks see them, f32 `[n, c, h, w]`, by the means and deviations that the network is trained with,
    /// as of a [`Distilled`]; and their classes, u32 `[n]`.
    ///
    /// # Errors
    /// [`Error::Data`] if those are not of as many channels; [`Error::Engine`] if the device cannot hold the images.
    pub fn to_candle(&self, normalisation: &Normalisation, device: &Device) -> Result<(Tensor, Tensor)> {
        let images = self.images();
        let shape = [self.len(), images.channels(), images.height(), images.width()];
        if [normalisation.mean.len(), normalisation.std.len()] != [images.channels(); 2] {
            let (channels, own) = (images.channels(), normalisation.mean.len());
            return Err(Error::Data(format!(
                "images of {channels} channels cannot be normalised as those of {own}: read them with that many channels"
            )));
        }
        let bytes = Tensor::from_slice(images.pixels(), &shape[..], device);
        let values = bytes.and_then(|bytes| bytes.to_dtype(DType::F32)?.affine(1.0 / 255.0, 0.0));
        both(values, shape, normalisation, self.labels(), device)
    }
}

/// Images of this shape in [0, 1], normalised, and labels.
fn both(
    images: CandleResult<Tensor>,
    shape: [usize; 4],
    normalisation: &Normalisation,
    labels: &[u32],
    device: &Device,
) -> Result<(Tensor, Tensor)> {
    let each = |values: &[f32]| Tensor::from_slice(values, (1, values.len(), 1, 1), device);
    let normalised = || {
        let centred = images?.broadcast_sub(&each(&normalisation.mean)?)?;
        CandleResult::Ok((
            centred.broadcast_div(&each(&normalisation.std)?)?,
            Tensor::from_slice(labels, labels.len(), device)?,
        ))
    };
    let bytes = 4 * shape.iter().product::<usize>() as u64;
    normalised().map_err(|error| failure("candle", bytes, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Images, example};

    #[test]
    fn images_are_normalised() {
        let (images, labels) = example().to_candle(&Device::Cpu).unwrap();
        assert_eq!(images.dims(), example().shape());
        let values: Vec<f32> = example().images_f32().iter().map(|value| (value - 0.25) / 0.5).collect();
        assert_eq!(images.flatten_all().unwrap().to_vec1::<f32>().unwrap(), values);
        assert_eq!(labels.to_vec1::<u32>().unwrap(), [0, 0, 1, 1]);
        let canvases = Distilled { height: 2, width: 2, labels: vec![0, 1], soft: None, factor: 2, ..example() };
        assert!(canvases.to_candle(&Device::Cpu).unwrap_err().to_string().contains("`unpacked`"));
    }

    #[test]
    fn test_images_are_normalised_alike() {
        let set = example();
        let images = Images::new(1, 1, 2, vec![0, 255, 51, 102]).unwrap();
        let test = Dataset::new(set.classes.clone(), images, vec![1, 0]).unwrap();
        let (images, labels) = test.to_candle(&set.normalisation, &Device::Cpu).unwrap();
        let values = images.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected = [-0.5, 1.5, -0.1, 0.3];
        assert!(values.iter().zip(expected).all(|(value, expected)| (value - expected).abs() < 1e-6), "{values:?}");
        assert_eq!(labels.to_vec1::<u32>().unwrap(), [1, 0]);
        let two = Normalisation { mean: vec![0.0; 2], std: vec![1.0; 2] };
        assert!(test.to_candle(&two, &Device::Cpu).unwrap_err().to_string().contains("1 channels"));
    }
}
