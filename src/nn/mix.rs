//! CutMix (Yun et al. 2019) and Mixup (Zhang et al. 2018). The choice is data: no mixing is an empty box.

use crate::{graph::Tensor, nn::ImageSize, rng::Draws};

/// A box of pixels, `top <= row < bottom` and `left <= column < right`, that CutMix takes from the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CutBox {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl CutBox {
    /// A box for lambda ~ Beta(1, 1): sides `sqrt(1 - lambda)` of the image's, centre uniform, clipped at the edges.
    pub fn draw(draws: &mut Draws, size: ImageSize) -> CutBox {
        let side = (1.0 - draws.uniform()).sqrt();
        let mut span = |len: usize| {
            let (half, centre) = ((len as f64 * side) as usize / 2, draws.below(len));
            (centre.saturating_sub(half), (centre + half).min(len))
        };
        let (top, bottom) = span(size.height);
        let (left, right) = span(size.width);
        CutBox { top, left, bottom, right }
    }

    /// The part of the image that stays: the weight of the own label.
    pub fn kept(&self, size: ImageSize) -> f64 {
        let area = (self.bottom - self.top) * (self.right - self.left);
        1.0 - area as f64 / (size.height * size.width) as f64
    }

    /// As [`cutmix`] takes it.
    pub fn values(&self) -> [f32; 4] {
        [self.top, self.left, self.bottom, self.right].map(|v| v as f32)
    }
}

/// 1 inside of boxes `[n, 4]` (top, left, bottom, right), else 0: `[n, 1, h, w]`.
#[track_caller]
pub(super) fn inside(boxes: Tensor<'_>, (h, w): (usize, usize)) -> Tensor<'_> {
    let (g, n) = (boxes.graph(), boxes.dim(0));
    let side = |index: usize| boxes.narrow(1, index, 1).reshape([n, 1, 1, 1]);
    let (row, column) = (g.iota(2, [1, 1, h, 1]), g.iota(3, [1, 1, 1, w]));
    let rows = row.ge(side(0)) * side(2).gt(row);
    let columns = column.ge(side(1)) * side(3).gt(column);
    rows * columns
}

/// Images `x [n, c, h, w]` with the box (`[4]`: top, left, bottom, right) taken from images `partner [n, c, h, w]`.
#[track_caller]
pub fn cutmix<'g>(x: Tensor<'g>, partner: Tensor<'g>, cut: Tensor<'g>) -> Tensor<'g> {
    inside(cut.reshape([1, 4]), (x.dim(2), x.dim(3))).select(partner, x)
}

/// `lambda x + (1 - lambda) partner`, for images and for targets, `lambda` of shape `[]`.
#[track_caller]
pub fn mixup<'g>(x: Tensor<'g>, partner: Tensor<'g>, lambda: Tensor<'g>) -> Tensor<'g> {
    x * lambda + partner * (1.0 - lambda)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_stay_inside_and_weigh_their_area() {
        let size = ImageSize { channels: 1, height: 28, width: 20 };
        let mut draws = Draws::new(3, 0, 0);
        let mut total = 0.0;
        for _ in 0..500 {
            let cut = CutBox::draw(&mut draws, size);
            assert!(cut.top <= cut.bottom && cut.bottom <= 28 && cut.left <= cut.right && cut.right <= 20);
            total += cut.kept(size);
        }
        assert!((0.5..0.8).contains(&(total / 500.0)), "{total}");
        assert_eq!(CutBox::default().kept(size), 1.0);
    }
}
