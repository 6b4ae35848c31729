//! The network, its losses, and how it is trained.

use std::sync::Arc;

use attar::{
    engine::{Engine, Executor},
    graph::Graph,
    nn::{
        loss, mix,
        optim::Optimiser,
        schedule::{Plateau, multi_step},
    },
    program::Program,
};

use super::one_hot;
use crate::common::fixtures::{Topic, Trial};

pub fn convnet(topic: &Topic, engine: &Arc<dyn Engine>) {
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
        trial.expect_flat(&g, network.table(), &format!("{case}grad."), gradients[1]);
        trial.check(g);
    }
}

pub fn optim(topic: &Topic, engine: &Arc<dyn Engine>) {
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
}

fn param_len(topic: &Topic) -> usize {
    topic.shape("param").elements()
}

pub fn metrics(topic: &Topic, engine: &Arc<dyn Engine>) {
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
}
