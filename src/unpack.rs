//! Distilled sets taken apart, for tools that know nothing of canvases.

use std::sync::Arc;

use crate::{
    data::{Distilled, Planes, SoftLabels},
    engine::{Engine, Executor, reference::Reference},
    error::Result,
    graph::Graph,
    nn::decode::{decode, sources},
    program::Program,
};

impl Distilled {
    /// The same set with every picture an image of its own, `[n factor^2, c, h, w]`, as evaluation sees them: the first
    /// picture of each canvas, then the second, and so on. Pixels stay u8 if they are.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) if the set does not pass [`Distilled::check`].
    pub async fn unpacked(&self) -> Result<Distilled> {
        self.unpacked_on(Arc::new(Reference::f32())).await
    }

    /// As [`unpacked`](Distilled::unpacked), on another engine than the reference, whose rounding decides of pixels that lie
    /// between two bytes: for pages, which need not load the reference then.
    ///
    /// # Errors
    /// As [`unpacked`](Distilled::unpacked); those of the engine.
    pub async fn unpacked_on(&self, engine: Arc<dyn Engine>) -> Result<Distilled> {
        self.check()?;
        let factor = self.factor as usize;
        if factor == 1 {
            return Ok(self.clone());
        }
        let g = Graph::new();
        g.output("pictures", decode(g.input("canvases", self.shape()), factor));
        let mut exec = Executor::new(engine);
        exec.load(Program::new("unpack", g)?)?;
        exec.set_f32("canvases", &self.images_f32())?;
        exec.run("unpack", &[])?;
        let pictures = exec.get_f32("pictures").await?;
        let planes = match &self.planes {
            Planes::U8(_) => Planes::U8(pictures.iter().map(|value| (value * 255.0).round() as u8).collect()),
            Planes::F32(_) => Planes::F32(pictures),
        };
        let (labels, soft) = self.labels_of_pictures();
        Ok(Distilled { factor: 1, planes, labels, soft: soft.map(SoftLabels::Images), ..self.clone() })
    }

    /// The class of each decoded picture, and its soft label, `[n factor^2, classes]`, if the set has them.
    pub(crate) fn labels_of_pictures(&self) -> (Vec<u32>, Option<Vec<f32>>) {
        let (classes, canvases) = (self.classes.len(), sources(self.len(), self.factor as usize));
        let labels = canvases.iter().map(|&canvas| self.labels[canvas as usize]).collect();
        let soft = self.soft.as_ref().map(|soft| match soft {
            SoftLabels::Images(rows) => {
                canvases.iter().flat_map(|&canvas| &rows[canvas as usize * classes..][..classes]).copied().collect()
            }
            SoftLabels::Pictures(rows) => rows.clone(),
        });
        (labels, soft)
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::data::example;

    #[test]
    fn every_picture_becomes_an_image() {
        let quarters = |values: [u8; 4]| {
            let row = |left: u8, right: u8| [left, left, right, right];
            let (above, below) = (row(values[0], values[1]), row(values[2], values[3]));
            [above, above, below, below].concat()
        };
        let packed = Distilled {
            channels: 1,
            height: 4,
            width: 4,
            factor: 2,
            labels: vec![1, 0],
            images_per_class: 1,
            planes: Planes::U8([quarters([10, 20, 30, 40]), quarters([50, 60, 70, 80])].concat()),
            soft: Some(SoftLabels::Images(vec![0.25, 0.75, 0.5, 0.5])),
            ..example()
        };
        let set = block_on(packed.unpacked()).unwrap();
        set.check().unwrap();
        assert_eq!((set.factor, &set.labels[..]), (1, &[1, 0, 1, 0, 1, 0, 1, 0][..]));
        let flat: Vec<u8> = [10, 50, 20, 60, 30, 70, 40, 80].iter().flat_map(|&value| [value; 16]).collect();
        assert_eq!(set.planes, Planes::U8(flat));
        assert_eq!(set.soft, Some(SoftLabels::Images([0.25, 0.75, 0.5, 0.5].repeat(4))));
        assert_eq!(block_on(set.unpacked()).unwrap(), set);
    }
}
