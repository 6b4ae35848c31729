//! Which crops there are, which are taken, and what networks think of them.

use super::{
    super::selection::tests::{data, distilled},
    *,
};
use crate::data::SoftLabels;

#[test]
fn crops_lie_within_the_image_and_are_as_large_as_asked_for() {
    let image = ImageSize { channels: 1, height: 20, width: 30 };
    let mut draws = Draws::new(1, 2, 3);
    let mut areas = Vec::new();
    for _ in 0..500 {
        let Crop { top, left, height, width } = crop(&mut draws, image, 0.25);
        assert!(top + height <= 20 && left + width <= 30);
        areas.push((height * width) as f64 / 600.0);
    }
    let [least, most] = [f64::min, f64::max].map(|pick| areas.iter().copied().reduce(pick).expect("some"));
    assert!((0.22..0.30).contains(&least) && most > 0.95, "{least} {most}");
    assert_eq!(crop(&mut draws, image, 1.0), Crop::whole(image));
}

#[test]
fn the_best_crop_of_each_image_comes_before_second_best_ones() {
    let losses = [0.9, 0.1, 0.5, 0.3, 0.2, 0.4];
    assert_eq!(best(&losses, 2, 3), [1, 4, 3]);
    assert_eq!(best(&losses, 2, 9), [1, 4, 3, 5, 2, 0]);
    assert_eq!(best(&[f32::NAN, 1.0], 1, 1), [1], "what is no number is last");
}

#[test]
fn every_picture_has_the_networks_word_on_it() {
    let set = distilled("rded", &["canvas.factor=2", "method.images=4", "method.crops=2", "method.least_area=0.5"]);
    // Two images and two crops of each fill one canvas of four.
    assert_eq!(set.counts(), [3, 2, 1]);
    let Some(SoftLabels::Pictures(rows)) = &set.soft else { panic!("labels are soft") };
    assert_eq!(rows.len(), 6 * 4 * 3);
    assert!(rows.chunks(3).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
}

#[test]
fn networks_are_surer_of_what_is_taken() {
    // All images of the largest class, whole: taking half of them by their loss leaves the worse half out.
    let settings = ["canvas.factor=1", "method.images=12", "images_per_class=6", "pool.epochs=12"];
    let own = |method: &str| {
        let settings: Vec<&str> =
            settings.into_iter().filter(|s| method == "rded" || !s.starts_with("method")).collect();
        let set = distilled(method, &[settings.as_slice(), &["labels=soft"]].concat());
        let Some(SoftLabels::Pictures(rows)) = set.soft else { panic!("labels are soft") };
        rows.chunks(3).zip(&set.labels).filter(|(_, label)| **label == 0).map(|(row, _)| row[0].ln()).sum::<f32>()
    };
    assert_eq!(data().of_class(0).len(), 12);
    let (taken, random) = (own("rded"), own("random"));
    assert!(taken > random, "{taken} {random}");
}
