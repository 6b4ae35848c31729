//! From candidates to pictures: as a network sees them, and as canvases hold them.

use crate::{
    engine::Executor,
    error::Result,
    graph::{Border, Graph, Tensor},
    method::Setting,
    micro_batch::Parts,
    nn::{ImageSize, augment::Map, normalise},
    pool::PIXELS,
    program::Program,
};

/// What the slots of the micro-batch begin with that is looked at.
pub(in crate::method) const LOOK: &str = "selection.look";

/// A picture that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Of the real set.
    pub row: u32,
    pub crop: Crop,
}

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

impl Crop {
    /// All of an image.
    pub fn whole(image: ImageSize) -> Crop {
        Crop { top: 0, left: 0, height: image.height, width: image.width }
    }

    /// Where pixels of a picture of `size` (height, width) are read that shows this part of `image`.
    fn map(self, image: ImageSize, size: (usize, usize)) -> Map {
        let axis = |first: usize, length: usize, whole: usize, size: usize| {
            let offset = first as f64 + (length as f64 - whole as f64) / 2.0;
            (length as f64 / size as f64, offset)
        };
        let (down, row) = axis(self.top, self.height, image.height, size.0);
        let (across, column) = axis(self.left, self.width, image.width, size.1);
        [[across, 0.0, column], [0.0, down, row]]
    }
}

/// The name of the program that fills this many canvases.
pub(super) fn canvases(count: usize) -> String {
    format!("selection.canvases.{count}")
}

/// Its slot of the canvases.
pub(super) fn slot(count: usize) -> String {
    format!("{}.canvas", canvases(count))
}

impl Setting {
    /// The micro-batches in which a class is looked at.
    pub(in crate::method) fn looks(&self) -> Parts {
        let largest = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        self.recipe.micro_batch.parts(largest, &self.network, self.limits)
    }

    /// A micro-batch of candidates as a network sees them when they are chosen: decoded from their tile of a canvas and
    /// normalised, `[m, c, h, w]`.
    pub(in crate::method) fn looked_at<'g>(&self, g: &'g Graph) -> Tensor<'g> {
        let (tiles, image) = (self.tiles(g, LOOK, self.looks().each), self.network.image());
        let pictures = if self.factor() > 1 { tiles.resize((image.height, image.width)) } else { tiles };
        normalise(pictures, &self.normalisation.mean, &self.normalisation.std)
    }

    /// The program that fills `count` canvases with candidates, tile by tile, as [`decode`](crate::nn::decode::decode)
    /// reads them.
    pub(super) fn canvases_program(&self, count: usize) -> Result<Program> {
        let g = Graph::new();
        let (image, factor, name) = (self.network.image(), self.factor(), canvases(count));
        let tiles = self.tiles(&g, &name, count * factor * factor);
        let [c, h, w] = [1, 2, 3].map(|axis| tiles.dim(axis));
        let placed = tiles.reshape([factor, factor, count, c, h, w]).permute(&[2, 3, 0, 4, 1, 5]);
        let whole = placed.reshape([count, c, factor * h, factor * w]);
        g.output(&slot(count), whole.narrow(2, 0, image.height).narrow(3, 0, image.width));
        Program::new(name, g)
    }

    /// Candidates at the size of a tile, `[n, c, ceil(h / factor), ceil(w / factor)]`; [`Setting::show`] gives them.
    fn tiles<'g>(&self, g: &'g Graph, slots: &str, n: usize) -> Tensor<'g> {
        let pixels = g.pixels(PIXELS, self.network.image().batch(self.real()));
        let maps = g.input(&format!("{slots}.maps"), [n, 2, 3]);
        pixels.take(g.rows(&format!("{slots}.rows"), n)).sample2d(maps, self.tile(), Border::Edge)
    }

    fn tile(&self) -> (usize, usize) {
        let (image, factor) = (self.network.image(), self.factor());
        (image.height.div_ceil(factor), image.width.div_ceil(factor))
    }

    /// Writes candidates to the slots whose names begin with `slots`; what room is left shows the first again.
    pub(super) fn show(&self, exec: &Executor, slots: &str, candidates: &[Candidate]) -> Result<()> {
        let name = format!("{slots}.rows");
        let room = exec.buffer(&name)?.shape().elements();
        let first = candidates.first().copied();
        let all: Vec<Candidate> = candidates.iter().copied().chain(first.into_iter().cycle()).take(room).collect();
        let rows: Vec<u32> = all.iter().map(|candidate| candidate.row).collect();
        exec.set_rows(&name, &rows)?;
        let map = |candidate: &Candidate| candidate.crop.map(self.network.image(), self.tile()).concat();
        let maps: Vec<f32> = all.iter().flat_map(map).map(|value| value as f32).collect();
        exec.set_f32(&format!("{slots}.maps"), &maps)
    }
}
