//! One picture of a whole distilled set.

use super::lettering;
use crate::{Error, Result, data::Distilled};

/// Between images, in pixels of the picture.
const GUTTER: usize = 2;
/// Between the blocks of two classes, and around all.
const MARGIN: usize = 6;
const BACKGROUND: u8 = 255;
/// Of names.
const INK: u8 = 40;
/// Above the images of a class, for its name.
const NAME: usize = lettering::HEIGHT + 4;
/// Small images are enlarged to about this many pixels, ...
const VISIBLE_SIDE: usize = 96;
/// ... as long as the picture stays within this.
const COMFORTABLE_SIDE: usize = 2048;
/// The largest picture drawn.
const MOST_PIXELS: u64 = 1 << 28;
/// Width over height that a layout aims at.
const ASPECT: f64 = 1.5;

/// An RGB picture, `[height, width, 3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rgb: Vec<u8>,
}

/// Draws all images under the names of their classes: one row a class where that gives a fair shape, else blocks of several
/// rows, or several classes side by side. Small images are enlarged by whole numbers, without smoothing. A name that is
/// wider than its images is cut, and letters beyond Western European ones are `?`.
///
/// # Errors
/// [`Error::Data`] if the set does not pass [`Distilled::check`] or has neither 1 nor 3 channels, [`Error::Limit`] if the
/// picture would be too large.
pub fn png_grid(set: &Distilled) -> Result<Picture> {
    set.check()?;
    if !matches!(set.channels, 1 | 3) {
        let channels = set.channels;
        return Err(Error::Data(format!(
            "images of {channels} channels cannot be drawn: only 1 (grey) or 3 (RGB) can"
        )));
    }
    let mut rows = vec![Vec::new(); set.classes.len()];
    for (row, &label) in set.labels.iter().enumerate() {
        rows[label as usize].push(row);
    }
    let rows: Vec<(&str, Vec<usize>)> =
        set.classes.iter().map(String::as_str).zip(rows).filter(|(_, rows)| !rows.is_empty()).collect();
    let most = rows.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0);
    let layout = Layout::new(rows.len(), most, set.height, set.width);
    let mut picture = layout.blank()?;
    let pixels = set.images_u8();
    let images: Vec<&[u8]> = pixels.chunks_exact(set.channels * set.height * set.width).collect();
    for (class, (name, rows)) in rows.iter().enumerate() {
        layout.letter(&mut picture, name, class);
        for (index, &row) in rows.iter().enumerate() {
            layout.draw(&mut picture, images[row], class, index);
        }
    }
    Ok(picture)
}

/// Where each image goes: `across` blocks side by side, one a class, each of `columns` x `lines` images.
#[derive(Debug, PartialEq)]
struct Layout {
    classes: usize,
    across: usize,
    columns: usize,
    lines: usize,
    scale: usize,
    height: usize,
    width: usize,
}

impl Layout {
    fn new(classes: usize, per_class: usize, height: usize, width: usize) -> Layout {
        let shapes =
            (1..=per_class.clamp(1, 64)).flat_map(|lines| (1..=classes.clamp(1, 256)).map(move |a| (a, lines)));
        let cost = |&(across, lines): &(usize, usize)| shape_cost(classes, per_class, across, lines);
        let best = shapes.min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let (across, lines) = best.unwrap_or((1, 1));
        let mut layout = Layout { classes, across, columns: per_class.div_ceil(lines), lines, scale: 1, height, width };
        for scale in 2..=VISIBLE_SIDE / height.max(width).min(VISIBLE_SIDE) {
            let larger = Layout { scale, ..layout };
            let (height, width) = larger.size();
            if height.max(width) > COMFORTABLE_SIDE {
                break;
            }
            layout = larger;
        }
        layout
    }

    /// Height and width of the picture.
    fn size(&self) -> (usize, usize) {
        let down = self.classes.div_ceil(self.across);
        let (y, x) = self.corner((down - 1) * self.across, (self.lines - 1) * self.columns);
        let (_, right) = self.corner(self.across - 1, self.columns - 1);
        let bottom = y.saturating_add(self.height * self.scale).saturating_add(MARGIN);
        (bottom, right.max(x).saturating_add(self.width * self.scale).saturating_add(MARGIN))
    }

    /// Top and left of image `index` of class `class`.
    fn corner(&self, class: usize, index: usize) -> (usize, usize) {
        let along = |block: usize, cells: usize, cell: usize, side: usize| {
            let gap = if cells == 1 { GUTTER } else { MARGIN };
            let step = side * self.scale + GUTTER;
            (step * cells - GUTTER + gap).saturating_mul(block).saturating_add(MARGIN + step * cell)
        };
        let names = NAME.saturating_mul(class / self.across + 1);
        (
            along(class / self.across, self.lines, index / self.columns, self.height).saturating_add(names),
            along(class % self.across, self.columns, index % self.columns, self.width),
        )
    }

    fn blank(&self) -> Result<Picture> {
        let (height, width) = self.size();
        let pixels = (height as u64).saturating_mul(width as u64);
        if pixels > MOST_PIXELS {
            let what = "a picture of all images (in pixels)".into();
            return Err(Error::Limit { what, needs: pixels, has: MOST_PIXELS });
        }
        Ok(Picture { width: width as u32, height: height as u32, rgb: vec![BACKGROUND; height * width * 3] })
    }

    /// Writes a name above the images of its class.
    fn letter(&self, picture: &mut Picture, name: &str, class: usize) {
        let (top, left) = self.corner(class, 0);
        let width = self.columns * (self.width * self.scale + GUTTER) - GUTTER;
        for (x, column) in lettering::line(name, width).into_iter().enumerate() {
            for y in (0..lettering::HEIGHT).filter(|y| column >> y & 1 == 1) {
                let at = ((top - lettering::HEIGHT - 1 + y) * picture.width as usize + left + x) * 3;
                picture.rgb[at..at + 3].fill(INK);
            }
        }
    }

    /// Draws an image, `[c, h, w]`.
    fn draw(&self, picture: &mut Picture, image: &[u8], class: usize, index: usize) {
        let (top, left) = self.corner(class, index);
        let plane = self.height * self.width;
        let channels = image.len() / plane;
        for y in 0..self.height * self.scale {
            let start = ((top + y) * picture.width as usize + left) * 3;
            let row = &mut picture.rgb[start..start + self.width * self.scale * 3];
            for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let at = y / self.scale * self.width + x / self.scale;
                *pixel = std::array::from_fn(|channel| image[channel % channels * plane + at]);
            }
        }
    }
}

/// How far a layout is from a fair shape: off the aspect, with blank places, or with a class over several lines.
fn shape_cost(classes: usize, per_class: usize, across: usize, lines: usize) -> f64 {
    let (columns, down) = (across * per_class.div_ceil(lines), lines * classes.div_ceil(across));
    let blank = 1.0 - (classes * per_class) as f64 / (columns as f64 * down as f64);
    (columns as f64 / down as f64 / ASPECT).ln().abs() + 10.0 * blank + 0.2 * (lines - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::example;

    #[test]
    fn layouts_are_fair() {
        let shape = |classes, per_class| {
            let layout = Layout::new(classes, per_class, 28, 28);
            (layout.across, layout.columns, layout.lines)
        };
        assert_eq!(shape(10, 10), (1, 10, 1));
        assert_eq!(shape(10, 1), (5, 1, 1));
        assert_eq!(shape(10, 50), (1, 25, 2));
        assert_eq!(shape(100, 1), (10, 1, 1));
        assert_eq!(shape(2, 1), (2, 1, 1));
        assert_eq!(Layout::new(10, 10, 28, 28).scale, 3);
        assert_eq!(Layout::new(10, 10, 224, 224).scale, 1);
    }

    #[test]
    fn every_pixel_is_where_it_belongs() {
        let set = example();
        let picture = png_grid(&set).unwrap();
        let layout = Layout::new(2, 2, 1, 2);
        assert_eq!((picture.height as usize, picture.width as usize), layout.size());
        assert_eq!(picture.rgb.len(), (picture.height * picture.width * 3) as usize);
        let at = |y: usize, x: usize| picture.rgb[(y * picture.width as usize + x) * 3];
        for (row, image) in set.images_u8().chunks_exact(2).enumerate() {
            let (top, left) = layout.corner(row / 2, row % 2);
            let (bottom, right) = (top + layout.scale - 1, left + 2 * layout.scale - 1);
            assert_eq!([at(top, left), at(bottom, right)], [image[0], image[1]]);
            assert_eq!([at(top - 1, left), at(bottom + 1, right), at(top, left - 1)], [BACKGROUND; 3]);
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let mut set = example();
        (set.channels, set.width) = (2, 1);
        set.normalisation.mean.push(0.0);
        set.normalisation.std.push(1.0);
        assert!(png_grid(&set).unwrap_err().to_string().contains("2 channels"));
        let mut uneven = example();
        uneven.soft = None;
        uneven.classes = (0..40_000).map(|class| class.to_string()).collect();
        uneven.labels = (0..40_000).chain([0; 40_000]).collect();
        uneven.planes = crate::data::Planes::U8(vec![0; 160_000]);
        assert!(matches!(png_grid(&uneven), Err(Error::Limit { .. })));
    }
}
