//! Training images that are held out of a run, to judge by them what came of it.

use crate::{recipe::Recipe, streams::Use};

/// The most images of all classes together: more would judge no better than an accuracy of one network is sure.
const MOST: usize = 2000;

/// The fewest: by less an accuracy is a toss of a coin.
const FEWEST: usize = 50;

/// Takes from the rows of each class the share that the recipe, whose factor is chosen, holds out, and gives them, class by
/// class and ascending. It is a function of the recipe's seed. Nothing is held out of a set that is too small to judge by,
/// or where a class would not keep the images that its canvases show.
pub(super) fn hold_out(rows: &mut [Vec<u32>], recipe: &Recipe) -> Vec<u32> {
    let counts = counts(rows, recipe.choice.held_out);
    let shown = recipe.images_per_class * recipe.canvas.factor.number().pow(2);
    let keep_enough = rows.iter().zip(&counts).all(|(rows, count)| rows.len() >= count + shown.max(1));
    if !keep_enough || counts.iter().sum::<usize>() < FEWEST {
        return Vec::new();
    }
    let mut held_out = Vec::new();
    for (class, (rows, &count)) in rows.iter_mut().zip(&counts).enumerate() {
        let order = Use::HeldOut.draws(recipe.seed, class, 0).permutation(rows.len());
        let mut apart: Vec<u32> = order.iter().take(count).map(|&index| rows[index as usize]).collect();
        apart.sort_unstable();
        rows.retain(|row| apart.binary_search(row).is_err());
        held_out.append(&mut apart);
    }
    held_out
}

/// Images of each class: this share of them, or a smaller one that makes no more than [`MOST`].
fn counts(rows: &[Vec<u32>], share: f64) -> Vec<usize> {
    let rounded: Vec<usize> = rows.iter().map(|rows| (share * rows.len() as f64).round() as usize).collect();
    if rounded.iter().sum::<usize>() <= MOST {
        return rounded;
    }
    let all: usize = rows.iter().map(Vec::len).sum();
    let share = share.min(MOST as f64 / all as f64);
    rows.iter().map(|rows| (share * rows.len() as f64) as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Factor;

    /// Rows of classes of these sizes, taken in turn as in a shuffled set.
    fn rows(sizes: &[usize]) -> Vec<Vec<u32>> {
        let step = sizes.len();
        let of = |(class, &size): (usize, &usize)| (0..size).map(|at| (at * step + class) as u32).collect();
        sizes.iter().enumerate().map(of).collect()
    }

    fn recipe(held_out: f64, images_per_class: usize) -> Recipe {
        let mut recipe = Recipe::default().images_per_class(images_per_class);
        (recipe.choice.held_out, recipe.canvas.factor) = (held_out, Factor::Of(2));
        recipe
    }

    /// What is held out of classes of these sizes, and what they keep.
    fn parted(sizes: &[usize], recipe: &Recipe) -> (Vec<u32>, Vec<Vec<u32>>) {
        let mut kept = rows(sizes);
        (hold_out(&mut kept, recipe), kept)
    }

    #[test]
    fn each_class_gives_its_share_and_keeps_the_rest() {
        let (held_out, kept) = parted(&[300, 404], &recipe(0.1, 1));
        assert_eq!((held_out.len(), kept[0].len(), kept[1].len()), (70, 270, 364));
        assert!(held_out[..30].iter().all(|row| row % 2 == 0) && held_out[30..].iter().all(|row| row % 2 == 1));
        let mut all = [&held_out[..], &kept[0], &kept[1]].concat();
        all.sort_unstable();
        let mut whole = rows(&[300, 404]).concat();
        whole.sort_unstable();
        assert_eq!(all, whole, "every row once");
    }

    #[test]
    fn the_seed_decides_which() {
        let held_out = |seed| parted(&[300, 300], &recipe(0.1, 1).seed(seed)).0;
        assert_eq!(held_out(3), held_out(3));
        assert_ne!(held_out(3), held_out(4));
    }

    #[test]
    fn no_more_are_taken_than_judge_better() {
        assert_eq!(parted(&[6000; 10], &recipe(0.1, 10)).0.len(), MOST);
        assert_eq!(parted(&[1000; 10], &recipe(0.1, 10)).0.len(), 1000);
        // Shares that would all be rounded up.
        assert!((1900..=MOST).contains(&parted(&[16; 1000], &recipe(0.125, 1)).0.len()));
        assert!(parted(&[17; 1000], &recipe(0.15, 1)).0.len() <= MOST);
    }

    #[test]
    fn nothing_is_held_out_where_too_little_would_be() {
        for (sizes, recipe) in [
            (&[240, 240][..], recipe(0.1, 1)),
            (&[3000, 3000], recipe(0.0, 1)),
            // Four pictures on each of 70 canvases are more than the 270 that would be left.
            (&[300, 300], recipe(0.1, 70)),
            (&[600, 4], recipe(0.1, 2)),
        ] {
            assert_eq!(parted(sizes, &recipe), (Vec::new(), rows(sizes)), "{sizes:?}");
        }
        assert_eq!(parted(&[600, 4], &recipe(0.1, 1)).1[1].len(), 4);
    }
}
