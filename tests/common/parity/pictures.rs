//! What becomes of pictures: decoding and augmentation.

use std::sync::Arc;

use attar::{
    engine::Engine,
    graph::{Graph, Tensor},
    nn::{
        ImageSize,
        augment::{self, IDENTITY, Parameters, Slots, Strategy},
        decode, normalise,
    },
};

use crate::common::fixtures::{Topic, Trial};

pub fn decode(topic: &Topic, engine: &Arc<dyn Engine>) {
    for case in topic.cases("cotangent") {
        let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
        let [x, cotangent] = ["x", "cotangent"].map(|part| trial.input(&g, &format!("{case}{part}")));
        let factor = topic.int(&format!("{case}factor"));
        let y = decode::decode(x, factor);
        let labels = topic.ints(&format!("{case}label"));
        let tiled: Vec<f32> =
            decode::sources(labels.len(), factor).iter().map(|&canvas| labels[canvas as usize] as f32).collect();
        topic.compare("host", &format!("{case}y_label"), &tiled);
        trial.expect(&g, &format!("{case}y"), y);
        trial.expect(&g, &format!("{case}vjp_x"), g.vjp(&[(y, cotangent)], &[x])[0]);
        trial.check(g);
    }
    let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
    let [multi, bound] = ["multi.x", "bound.x"].map(|name| trial.input(&g, name));
    let most = topic.int("multi.factor_max");
    trial.expect(&g, "multi.y", decode::decode_multi(multi, most));
    let (bound_most, limit) = (topic.int("bound.factor_max"), topic.int("bound.bound"));
    trial.expect(&g, "bound.y", decode::decode_bound(bound, bound_most, limit));
    let all = (1..=most).flat_map(|factor| decode::sources(multi.dim(0), factor));
    topic.compare("host", "multi.y_label", &all.map(|source| source as f32).collect::<Vec<_>>());
    let mut start = 0;
    let mut shown = Vec::new();
    for (factor, canvases) in decode::bounded(bound.dim(0), bound_most, limit) {
        shown.extend(decode::sources(canvases, factor).iter().map(|&source| (start + source as usize) as f32));
        start += canvases;
    }
    topic.compare("host", "bound.y_label", &shown);
    trial.check(g);
    let shape = topic.shape("mix.x");
    let size = ImageSize { channels: shape.dim(1), height: shape.dim(2), width: shape.dim(3) };
    topic.compare("host", "mix.y", &decode::mix(&topic.f32s("mix.x"), size, topic.int("mix.factor")));
}

/// The parameters of operation `operation` for each image, as the fixture gives them.
fn parameters(topic: &Topic, case: &str, operation: &str, size: ImageSize) -> Vec<Parameters> {
    let values = |part: &str| topic.f32s(&format!("{case}{operation}.{part}")).into_iter().map(f64::from);
    let pairs = |a: &str, b: &str| values(a).zip(values(b)).collect::<Vec<_>>();
    let moved = |map| Parameters { map, ..Parameters::NEUTRAL };
    match operation {
        "flip" => {
            values("flag").map(|flag| moved(if flag == 0.0 { IDENTITY } else { augment::flipped(IDENTITY) })).collect()
        }
        "brightness" => values("u").map(|u| Parameters { brightness: u - 0.5, ..Parameters::NEUTRAL }).collect(),
        "saturation" => values("u").map(|u| Parameters { saturation: 2.0 * u, ..Parameters::NEUTRAL }).collect(),
        "contrast" => values("u").map(|u| Parameters { contrast: u + 0.5, ..Parameters::NEUTRAL }).collect(),
        "crop" => pairs("rows", "cols").into_iter().map(|(rows, cols)| moved(augment::shifted(rows, cols))).collect(),
        "translate" => values("cols").map(|cols| moved(augment::shifted(0.0, cols))).collect(),
        "cutout" => pairs("rows", "cols")
            .into_iter()
            .map(|(row, col)| Parameters { cutout: augment::cutout(row, col, size), ..Parameters::NEUTRAL })
            .collect(),
        "scale" => pairs("sx", "sy").into_iter().map(|(sx, sy)| moved(augment::scaled(sx, sy))).collect(),
        "rotate" => values("angle").map(|angle| moved(augment::rotated(angle, size))).collect(),
        other => panic!("no augmentation `{other}` is known"),
    }
}

pub fn augment(topic: &Topic, engine: &Arc<dyn Engine>) {
    let strategy: Strategy = "color_crop_cutout_flip_scale_rotate".parse().expect("known operations");

    for output in topic.cases(".y").into_iter().filter(|name| name.contains('.')) {
        let (case, operation) = output.split_once('.').expect("case and operation");
        let case = format!("{case}.");
        let size = image_size(topic, &format!("{case}x"));
        let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
        let [x, cotangent] = ["x", "cotangent"].map(|part| trial.input(&g, &format!("{case}{part}")));
        let y = augmented(&g, &mut trial, &strategy, x, &parameters(topic, &case, operation, size));
        trial.expect(&g, &format!("{output}.y"), y);
        trial.expect(&g, &format!("{output}.vjp_x"), g.vjp(&[(y, cotangent)], &[x])[0]);
        trial.check(g);
    }
    let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
    let [x, cotangent] = ["pipeline.x", "pipeline.cotangent"].map(|name| trial.input(&g, name));
    let size = image_size(topic, "pipeline.x");
    let u: Vec<f64> = topic.f32s("pipeline.u").into_iter().map(f64::from).collect();
    let pair = |name: &str| topic.f32s(name).into_iter().map(f64::from).collect::<Vec<_>>();
    let (crop, cut) = (pair("pipeline.crop"), pair("pipeline.cutout"));
    let common = Parameters {
        brightness: u[0] - 0.5,
        saturation: 2.0 * u[1],
        contrast: u[2] + 0.5,
        map: augment::shifted(crop[0], crop[1]),
        cutout: augment::cutout(cut[0], cut[1], size),
    };
    let normalised = normalise(x, &topic.f32s("pipeline.mean"), &topic.f32s("pipeline.std"));
    let y = augmented(&g, &mut trial, &strategy, normalised, &vec![common; x.dim(0)]);
    trial.expect(&g, "pipeline.y", y);
    trial.expect(&g, "pipeline.vjp_x", g.vjp(&[(y, cotangent)], &[x])[0]);
    trial.check(g);
}

fn image_size(topic: &Topic, name: &str) -> ImageSize {
    let shape = topic.shape(name);
    ImageSize { channels: shape.dim(1), height: shape.dim(2), width: shape.dim(3) }
}

fn augmented<'g>(
    g: &'g Graph,
    trial: &mut Trial<'_>,
    strategy: &Strategy,
    x: Tensor<'g>,
    parameters: &[Parameters],
) -> Tensor<'g> {
    let slots = Slots::declare(g, "augment", strategy, parameters.len());
    for (name, values) in augment::values("augment", strategy, parameters) {
        trial.fill(&name, values);
    }
    strategy.apply(x, &slots)
}
