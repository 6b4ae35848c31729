//! Every fixture on every engine: values and gradients within the tolerances that stand beside them.
//!
//! `ATTAR_FIXTURES` names another folder of fixtures; cases and shapes come from the files.

mod common;

use attar::{
    engine::Executor,
    graph::{Graph, Tensor},
    nn::{
        ImageSize, Network,
        augment::{self, IDENTITY, Parameters, Slots, Strategy},
        decode,
        frequency::{Characteristic, SamplingNetwork, repeat_rows},
        loss, mix, normalise,
        optim::Optimiser,
        schedule::{Plateau, multi_step},
    },
    program::Program,
};
use common::fixtures::{Topic, Trial, each_engine};

#[test]
fn cf_loss() {
    each_engine("cf_loss", |topic, engine| {
        for case in topic.cases("feat_real") {
            let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
            let mut input = |name: &str| trial.input(&g, &format!("{case}{name}"));
            let [real, syn, t] = ["feat_real", "feat_syn", "t"].map(&mut input);
            let [alpha, beta] = ["alpha", "beta"].map(|name| input(name).reshape([]));
            let psi_real = Characteristic::mean(real.normalize(1), t);
            let psi_syn = Characteristic::mean(syn.normalize(1), t);
            let loss = psi_real.discrepancy(psi_syn, alpha, beta);
            let gradients = g.grad(loss, &[syn, t]);
            let outputs = [
                ("real_re", psi_real.re),
                ("real_im", psi_real.im),
                ("syn_re", psi_syn.re),
                ("syn_im", psi_syn.im),
                ("loss", loss),
                ("grad_feat_syn", gradients[0]),
                ("grad_t", gradients[1]),
            ];
            for (name, value) in outputs {
                trial.expect(&g, &format!("{case}{name}"), value);
            }
            trial.check(g);
        }
    });
}

#[test]
fn sampling_net() {
    each_engine("sampling_net", |topic, engine| {
        let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
        let [real, syn, noise] = ["feat_real", "feat_syn", "noise"].map(|name| trial.input(&g, name));
        let [alpha, beta] = ["alpha", "beta"].map(|name| trial.scalar(&g, name));
        let network = SamplingNetwork::new(noise.dim(1));
        let table = network.table();
        let flat: Vec<f32> =
            table.params().iter().flat_map(|param| topic.f32s(&format!("param.{}", param.name))).collect();
        let psi = trial.given(&g, "psi", [table.len()], flat);
        let (frequencies, statistics) = network.forward(psi, noise);
        let t = repeat_rows(frequencies, topic.int("t_batchsize"));
        let psi_real = Characteristic::mean(real.normalize(1), t);
        let loss = psi_real.discrepancy(Characteristic::mean(syn.normalize(1), t), alpha, beta);
        let gradient = g.grad(-loss, &[psi])[0];
        trial.expect(&g, "t", t);
        trial.expect(&g, "loss", loss);
        for param in table.params() {
            trial.expect(&g, &format!("grad_neg_loss.{}", param.name), table.get(gradient, &param.name));
        }
        for (layer, (mean, variance)) in [1, 4, 7].into_iter().zip(statistics) {
            for (name, batch) in [("running_mean", mean), ("running_var", variance)] {
                let before = trial.input(&g, &format!("param.t_layers_list.{layer}.{name}"));
                trial.expect(&g, &format!("updated.t_layers_list.{layer}.{name}"), before * 0.9 + batch * 0.1);
            }
        }
        trial.check(g);
    });
}

#[test]
fn convnet() {
    each_engine("convnet", |topic, engine| {
        for case in topic.cases("arch") {
            let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
            let network = topic.network(&format!("{case}arch"));
            let theta = trial.theta(&g, &network, &case);
            let x = trial.input(&g, &format!("{case}x"));
            let targets = one_hot(&g, &mut trial, &format!("{case}label"), network.classes());
            let forward = network.forward(theta, x);
            let loss = loss::cross_entropy(forward.logits, targets);
            let gradients = g.grad(loss, &[x, theta]);
            trial.expect(&g, &format!("{case}features"), forward.features);
            trial.expect(&g, &format!("{case}logits"), forward.logits);
            trial.expect(&g, &format!("{case}loss"), loss);
            trial.expect(&g, &format!("{case}grad_x"), gradients[0]);
            trial.expect_flat(&g, &network, &format!("{case}grad."), gradients[1]);
            trial.check(g);
        }
    });
}

fn one_hot<'g>(g: &'g Graph, trial: &mut Trial<'_>, labels: &str, classes: usize) -> Tensor<'g> {
    loss::one_hot(g, trial.rows(g, labels), classes)
}

#[test]
fn ncfm_step() {
    each_engine("ncfm_step", |topic, engine| {
        for case in topic.cases("init.arch") {
            let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
            let name = |part: &str| format!("{case}{part}");
            let network = topic.network(&name("init.arch"));
            let initial = trial.theta(&g, &network, &name("init."));
            let trained = trial.theta(&g, &network, &name("final."));
            let share = trial.scalar(&g, &name("mix"));
            let theta = initial * share + trained * (1.0 - share);
            let (mean, std) = (topic.f32s(&name("mean")), topic.f32s(&name("std")));
            let real = trial.input(&g, &name("real"));
            let syn = trial.input(&g, &name("syn"));
            let factor = topic.int(&name("factor"));
            let pictures = normalise(decode::decode(syn, factor), &mean, &std);
            let feat_real = network.forward(theta, normalise(real, &mean, &std)).features;
            let feat_syn = network.forward(theta, pictures).features;
            let t = trial.input(&g, &name("t"));
            let [alpha, beta] = ["alpha", "beta"].map(|part| trial.scalar(&g, &name(part)));
            let psi = Characteristic::mean(feat_real.normalize(1), t);
            let matching = psi.discrepancy(Characteristic::mean(feat_syn.normalize(1), t), alpha, beta) * 300.0;
            let labels = topic.ints(&name("label"));
            let sources = decode::sources(labels.len(), factor);
            let targets: Vec<f32> = sources
                .iter()
                .flat_map(|&canvas| (0..network.classes()).map(move |class| (canvas, class)))
                .map(|(canvas, class)| f32::from(u8::from(labels[canvas as usize] == class)))
                .collect();
            let targets = trial.given(&g, "targets", [sources.len(), network.classes()], targets);
            let calibration = loss::cross_entropy(network.forward(trained, pictures).logits, targets);
            trial.expect(&g, &name("feat_real"), feat_real);
            trial.expect(&g, &name("feat_syn"), feat_syn);
            trial.expect(&g, &name("match_loss"), matching);
            trial.expect(&g, &name("grad_match"), g.grad(matching, &[syn])[0]);
            trial.expect(&g, &name("calib_loss"), calibration);
            trial.expect(&g, &name("grad_calib"), g.grad(calibration, &[syn])[0]);
            trial.check(g);
        }
    });
}

#[test]
fn decoding() {
    each_engine("decode", |topic, engine| {
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
    });
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

#[test]
fn augmentation() {
    let strategy: Strategy = "color_crop_cutout_flip_scale_rotate".parse().expect("known operations");
    each_engine("augment", |topic, engine| {
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
    });
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

#[test]
fn optimisers_and_schedules() {
    let rule = |case: &str| match case {
        "adamw_wd." => Some(Optimiser::AdamW { weight_decay: 5e-4 }),
        "adamw_nowd." => Some(Optimiser::AdamW { weight_decay: 0.0 }),
        "adam." => Some(Optimiser::Adam { weight_decay: 0.0 }),
        "sgd_m05." => Some(Optimiser::Sgd { momentum: 0.5, weight_decay: 0.0 }),
        "sgd_m05_wd." => Some(Optimiser::Sgd { momentum: 0.5, weight_decay: 5e-4 }),
        "sgd_m09_wd." => Some(Optimiser::Sgd { momentum: 0.9, weight_decay: 5e-4 }),
        "sgd_plain." => Some(Optimiser::Sgd { momentum: 0.0, weight_decay: 0.0 }),
        _ => None,
    };
    each_engine("optim", |topic, engine| {
        for case in topic.cases("params").into_iter().filter(|case| !case.is_empty()) {
            let optimiser = rule(&case).unwrap_or_else(|| panic!("no optimiser `{case}` is known"));
            let g = Graph::new();
            let [param, gradient] = ["param", "gradient"].map(|name| g.input(name, topic.shape("param")));
            optimiser.update(&g, "param", param, gradient);
            let mut exec = Executor::new(engine.clone());
            exec.load(Program::new("step", g).expect("it fits")).expect("it loads");
            exec.set_f32("param", &topic.f32s("param")).expect("it fits");
            let mut trace = Vec::new();
            for (step, row) in topic.f32s("grads").chunks(param_len(topic)).enumerate() {
                exec.set_f32("gradient", row).expect("it fits");
                let lr = topic.decimal(&format!("{case}lr"));
                exec.run("step", &optimiser.scalars(step as u64 + 1, lr)).expect("it runs");
                trace.extend(pollster::block_on(exec.get_f32("param")).expect("it reads"));
            }
            topic.compare(engine.name(), &format!("{case}params"), &trace);
        }
        let rates = |lr: &mut dyn FnMut(usize) -> f64, n: usize| (0..n).map(|k| lr(k) as f32).collect::<Vec<_>>();
        for case in topic.cases("milestones") {
            let (lr0, gamma) = (topic.decimal(&format!("{case}lr0")), topic.decimal(&format!("{case}gamma")));
            let milestones = topic.ints(&format!("{case}milestones"));
            let epochs = topic.int(&format!("{case}epochs"));
            let trace = rates(&mut |epoch| multi_step(lr0, gamma, &milestones, epoch), epochs);
            topic.compare("host", &format!("{case}lr"), &trace);
        }
        for case in topic.cases("metric") {
            let part = |name: &str| format!("{case}{name}");
            let patience = topic.int(&part("patience")) as u32;
            let mut plateau = Plateau::new(topic.decimal(&part("lr0")), topic.decimal(&part("factor")), patience);
            let metric = topic.f32s(&part("metric"));
            let trace = rates(&mut |k| plateau.step(f64::from(metric[k])), metric.len());
            topic.compare("host", &part("lr"), &trace);
        }
    });
}

fn param_len(topic: &Topic) -> usize {
    topic.shape("param").elements()
}

#[test]
fn metrics() {
    each_engine("metrics", |topic, engine| {
        let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
        let [logits, soft, teacher] = ["logits", "soft_target", "teacher_logits"].map(|name| trial.input(&g, name));
        let [temperature, ratio] = ["temperature", "ratio"].map(|name| trial.scalar(&g, name));
        let classes = logits.dim(1);
        let [label, label_b] = ["label", "label_b"].map(|name| one_hot(&g, &mut trial, name, classes));
        let losses = [
            ("hard", loss::cross_entropy(logits, label)),
            ("soft", loss::cross_entropy(logits, soft)),
            ("teacher", loss::teacher_cross_entropy(logits, teacher, temperature)),
            ("cutmix", loss::cross_entropy(logits, mix::mixup(label, label_b, ratio))),
        ];
        for (name, loss) in losses {
            trial.expect(&g, &format!("{name}.loss"), loss);
            trial.expect(&g, &format!("{name}.grad_logits"), g.grad(loss, &[logits])[0]);
        }
        let within = |most: f64| g.fill(most, []).gt(loss::rank(logits, label)).mean_all() * 100.0;
        trial.expect(&g, "top1", loss::hits(logits, label).mean_all() * 100.0);
        trial.expect(&g, "top5", within(5.0));
        trial.check(g);
    });
}

#[test]
fn distribution_matching() {
    each_engine("distribution_matching", |topic, engine| {
        for case in topic.cases("arch") {
            let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
            let network = topic.network(&format!("{case}arch"));
            let theta = trial.theta(&g, &network, &case);
            let [real, syn] = ["real", "syn"].map(|part| trial.input(&g, &format!("{case}{part}")));
            let [mean_real, mean_syn] = [real, syn].map(|x| network.forward(theta, x).features.mean(&[0]));
            let loss = (mean_real - mean_syn).square().sum_all();
            trial.expect(&g, &format!("{case}mean_real"), mean_real);
            trial.expect(&g, &format!("{case}mean_syn"), mean_syn);
            trial.expect(&g, &format!("{case}loss"), loss);
            trial.expect(&g, &format!("{case}grad_syn"), g.grad(loss, &[syn])[0]);
            trial.check(g);
        }
    });
}

/// The three published distances of gradients: by filter, squared, and by the angle of all.
fn gradient_distances<'g>(network: &Network, real: Tensor<'g>, syn: Tensor<'g>) -> [(&'static str, Tensor<'g>); 3] {
    let cosine = |a: Tensor<'g>, b: Tensor<'g>| {
        let dot = (a * b).sum(&[1]);
        let norms = a.safe_norm(&[1]) * b.safe_norm(&[1]);
        (1.0 - dot / (norms.reshape(dot.shape()) + 1e-6)).sum_all()
    };
    let filters = network.table().params().iter().filter(|param| param.shape.rank() >= 2).map(|param| {
        let rows = [param.shape.dim(0), param.shape.elements() / param.shape.dim(0)];
        let [a, b] = [real, syn].map(|flat| network.table().get(flat, &param.name).reshape(rows));
        cosine(a, b)
    });
    let whole = [1, network.table().len()];
    [
        ("ours", filters.reduce(|sum, term| sum + term).expect("a network has weights")),
        ("mse", (real - syn).square().sum_all()),
        ("cos", cosine(real.reshape(whole), syn.reshape(whole))),
    ]
}

#[test]
fn gradient_matching() {
    each_engine("gradient_matching", |topic, engine| {
        for case in topic.cases("arch") {
            let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
            let network = topic.network(&format!("{case}arch"));
            let theta = trial.theta(&g, &network, &case);
            let [real, syn] = ["real", "syn"].map(|part| trial.input(&g, &format!("{case}{part}")));
            let real_targets = one_hot(&g, &mut trial, &format!("{case}real_label"), network.classes());
            let syn_targets = one_hot(&g, &mut trial, &format!("{case}syn_label"), network.classes());
            let of = |x, targets| g.grad(loss::cross_entropy(network.forward(theta, x).logits, targets), &[theta])[0];
            let (g_real, g_syn) = (of(real, real_targets).stop_gradient(), of(syn, syn_targets));
            for (name, distance) in gradient_distances(&network, g_real, g_syn) {
                trial.expect(&g, &format!("{case}{name}.distance"), distance);
                trial.expect(&g, &format!("{case}{name}.grad_syn"), g.grad(distance, &[syn])[0]);
            }
            trial.check(g);
        }
    });
}

#[test]
fn trajectory_matching() {
    each_engine("trajectory_matching", |topic, engine| {
        let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
        let network = topic.network("theta0.arch");
        let start = trial.theta(&g, &network, "theta0.");
        let target = trial.theta(&g, &network, "target.");
        let (syn, lr) = (trial.input(&g, "syn"), trial.scalar(&g, "lr"));
        let targets = one_hot(&g, &mut trial, "label", network.classes());
        let steps = topic.shape("batches").dim(0);
        let size = topic.shape("batches").dim(1);
        let batches = topic.ints("batches");
        let mut theta = start;
        for step in 0..steps {
            let batch: Vec<f32> = (0..size * syn.dim(0))
                .map(|at| f32::from(u8::from(batches[step * size + at / syn.dim(0)] == at % syn.dim(0))))
                .collect();
            let pick = trial.given(&g, &format!("pick{step}"), [size, syn.dim(0)], batch);
            let pixels = syn.shape().elements() / syn.dim(0);
            let x = pick.matmul(syn.reshape([syn.dim(0), pixels])).reshape(syn.shape().with(0, size));
            let loss = loss::cross_entropy(network.forward(theta, x).logits, pick.matmul(targets));
            trial.expect(&g, &format!("inner_loss{step}"), loss);
            theta = theta - g.grad(loss, &[theta])[0] * lr;
        }
        trial.expect_flat(&g, &network, "thetaN.", theta);
        let start_distance = (start - target).square().sum_all();
        let loss = (theta - target).square().sum_all() / start_distance;
        let gradients = g.grad(loss, &[syn, lr]);
        trial.expect(&g, "start_distance", start_distance);
        trial.expect(&g, "loss", loss);
        trial.expect(&g, "grad_syn", gradients[0]);
        trial.expect(&g, "grad_lr", gradients[1]);
        trial.check(g);
    });
}

#[test]
fn performance_matching() {
    each_engine("performance_matching", |topic, engine| {
        for case in topic.cases("arch") {
            let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
            let name = |part: &str| format!("{case}{part}");
            let network = topic.network(&name("arch"));
            let mut theta = trial.theta(&g, &network, &case);
            let [syn, real, target] = ["syn", "real", "syn_target"].map(|part| trial.input(&g, &name(part)));
            let lr = trial.scalar(&g, &name("lr"));
            let labels = one_hot(&g, &mut trial, &name("real_label"), network.classes());
            for step in 0..topic.int(&name("steps")) {
                let loss = loss::cross_entropy(network.forward(theta, syn).logits, target);
                if topic.has(&name(&format!("inner_loss{step}"))) {
                    trial.expect(&g, &name(&format!("inner_loss{step}")), loss);
                }
                theta = theta - g.grad(loss, &[theta])[0] * lr;
            }
            let loss = loss::cross_entropy(network.forward(theta, real).logits, labels);
            let gradients = g.grad(loss, &[syn, lr, target]);
            trial.expect(&g, &name("loss"), loss);
            for (part, gradient) in ["grad_syn", "grad_lr", "grad_target"].into_iter().zip(gradients) {
                trial.expect(&g, &name(part), gradient);
            }
            trial.check(g);
        }
    });
}

#[test]
fn krr() {
    each_engine("krr", |topic, engine| {
        for case in topic.cases("reg") {
            let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
            let mut input = |part: &str| trial.input(&g, &format!("{case}{part}"));
            let [real, syn, y_syn, y_real] = ["phi_real", "phi_syn", "y_syn", "y_real"].map(&mut input);
            let reg = input("reg").reshape([]);
            let n = syn.dim(0);
            let kernel = syn.matmul_t(false, syn, true);
            let eye: Vec<f32> = (0..n * n).map(|at| f32::from(u8::from(at % (n + 1) == 0))).collect();
            let eye = g.constant(&eye, [n, n]);
            let ridge = reg * kernel.dot(eye) * (1.0 / n as f64);
            let weights = (kernel + eye * ridge).solve_spd(y_syn);
            let prediction = real.matmul_t(false, syn, true).matmul(weights);
            let loss = ((prediction - y_real).square().sum(&[1]) * 0.5).mean_all();
            let gradients = g.grad(loss, &[syn, real, y_syn]);
            trial.expect(&g, &format!("{case}pred"), prediction);
            trial.expect(&g, &format!("{case}loss"), loss);
            for (part, gradient) in ["grad_phi_syn", "grad_phi_real", "grad_y_syn"].into_iter().zip(gradients) {
                trial.expect(&g, &format!("{case}{part}"), gradient);
            }
            trial.check(g);
        }
    });
}
