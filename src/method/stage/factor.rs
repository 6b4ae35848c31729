//! The choice of a factor: whether four pictures on a canvas are worth more than one.

use crate::{
    data::Dataset,
    recipe::{Factor, Recipe},
};

/// Canvases of a class times the square of the share of an image that shrinking loses, up to which four pictures on a canvas
/// are worth more than one. (docs/defaults.md)
const WORTH_SHRINKING: f64 = 0.14;

/// Images that the choice looks at.
const LOOKED_AT: usize = 256;

/// The factor of a recipe for these images: the one it names, or 2 where every class has images enough to fill the
/// canvases, and where the square of what shrinking loses of an image, times the images per class, is little: few canvases
/// gain most by more pictures, and fine strokes lose most by being shrunk.
pub fn choose(recipe: &Recipe, data: &Dataset) -> usize {
    if let Factor::Of(factor) = recipe.canvas.factor {
        return factor;
    }
    let ipc = recipe.images_per_class;
    let smallest = (0..data.classes().len()).map(|class| data.of_class(class as u32).len()).min().unwrap_or(0);
    let pays = smallest >= 4 * ipc && ipc as f64 * lost_by_shrinking(data).powi(2) <= WORTH_SHRINKING;
    if pays { 2 } else { 1 }
}

/// The share of the variance of images that is lost when they are shrunk to half and enlarged again, as pictures on a
/// canvas of four are made and shown.
fn lost_by_shrinking(data: &Dataset) -> f64 {
    let images = data.images();
    let size = (images.height(), images.width());
    let step = (images.len() / LOOKED_AT).max(1);
    let planes = images.iter().step_by(step).flat_map(|image| image.chunks_exact(size.0 * size.1));
    let (mut lost, mut count, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
    for plane in planes {
        for (at, &pixel) in plane.iter().enumerate() {
            let value = f64::from(pixel);
            lost += (enlarged(plane, size, (at / size.1, at % size.1)) - value).powi(2);
            (count, sum, squares) = (count + 1.0, sum + value, squares + value * value);
        }
    }
    let variance: f64 = squares - sum * sum / count;
    if variance > 0.0 { lost / variance } else { 0.0 }
}

/// A pixel of a plane `[h, w]` that was shrunk to every other pixel and enlarged bilinearly.
fn enlarged(plane: &[u8], (height, width): (usize, usize), (row, column): (usize, usize)) -> f64 {
    // Neighbours among the pixels kept, and the second one's share, along one axis.
    let along = |at: usize, size: usize| {
        let last = size.div_ceil(2) - 1;
        let place = ((at as f64 + 0.5) / 2.0 - 0.5).clamp(0.0, last as f64);
        let first = place as usize;
        (2 * first, 2 * (first + 1).min(last), place - first as f64)
    };
    let ((top, bottom, down), (left, right, across)) = (along(row, height), along(column, width));
    let value = |row: usize, column: usize| f64::from(plane[row * width + column]);
    let line = |row: usize| value(row, left) * (1.0 - across) + value(row, right) * across;
    line(top) * (1.0 - down) + line(bottom) * down
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;

    /// Two classes of 40 images each, 8 x 8, of these values by row and column.
    fn data(value: impl Fn(usize, usize) -> u8) -> Dataset {
        let image = || (0..64).map(|at| value(at / 8, at % 8));
        let pixels = (0..80).flat_map(|_| image()).collect();
        let images = Images::new(1, 8, 8, pixels).expect("64 values each");
        Dataset::new(vec!["a".into(), "b".into()], images, (0..80).map(|row| row % 2).collect()).expect("labels fit")
    }

    fn factor(data: &Dataset, images_per_class: usize) -> usize {
        let mut recipe = Recipe::default().images_per_class(images_per_class);
        recipe.canvas.factor = Factor::Automatic;
        choose(&recipe, data)
    }

    #[test]
    fn smooth_images_share_canvases_and_strokes_do_not() {
        let (smooth, strokes) = (data(|row, _| 30 * row as u8), data(|_, column| 255 * (column % 2) as u8));
        assert!(lost_by_shrinking(&smooth) < 0.1 && lost_by_shrinking(&strokes) > 0.9);
        assert_eq!((factor(&smooth, 10), factor(&strokes, 10)), (2, 1));
    }

    #[test]
    fn canvases_that_cannot_be_filled_show_one_picture() {
        assert_eq!(factor(&data(|row, _| 30 * row as u8), 11), 1);
    }

    #[test]
    fn a_factor_that_is_named_stays() {
        let mut recipe = Recipe::default();
        recipe.canvas.factor = Factor::Of(3);
        assert_eq!(choose(&recipe, &data(|_, _| 7)), 3);
    }
}
