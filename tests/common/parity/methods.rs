//! The losses of other methods of distillation, whose gradients pass through gradients.

use std::sync::Arc;

use attar::{
    engine::Engine,
    graph::Graph,
    method::gradient::{Distance, Layers},
    nn::{discrepancy, loss},
};

use super::one_hot;
use crate::common::fixtures::{Topic, Trial};

pub fn distribution_matching(topic: &Topic, engine: &Arc<dyn Engine>) {
    for case in topic.cases("arch") {
        let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
        let network = topic.network(&format!("{case}arch"));
        let theta = trial.theta(&g, &network, &case);
        let [real, syn] = ["real", "syn"].map(|part| trial.input(&g, &format!("{case}{part}")));
        let [real_features, features] = [real, syn].map(|x| network.forward(theta, x).features);
        let count = real.dim(0);
        let sum = discrepancy::weighted_sum(real_features, g.fill(1.0, [count]));
        let [mean_real, mean_syn] = [sum / g.fill(count as f64, []), features.mean(&[0])];
        let loss = discrepancy::of_means(mean_real, mean_syn);
        trial.expect(&g, &format!("{case}mean_real"), mean_real);
        trial.expect(&g, &format!("{case}mean_syn"), mean_syn);
        trial.expect(&g, &format!("{case}loss"), loss);
        trial.expect(&g, &format!("{case}grad_syn"), g.grad(loss, &[syn])[0]);
        trial.check(g);
    }
}

/// The three published distances of gradients: by filter, squared, and by the angle of all.
pub fn gradient_matching(topic: &Topic, engine: &Arc<dyn Engine>) {
    for case in topic.cases("arch") {
        let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
        let network = topic.network(&format!("{case}arch"));
        let theta = trial.theta(&g, &network, &case);
        let [real, syn] = ["real", "syn"].map(|part| trial.input(&g, &format!("{case}{part}")));
        let real_targets = one_hot(&g, &mut trial, &format!("{case}real_label"), network.classes());
        let syn_targets = one_hot(&g, &mut trial, &format!("{case}syn_label"), network.classes());
        let of = |x, targets| g.grad(loss::cross_entropy(network.forward(theta, x).logits, targets), &[theta])[0];
        let (g_real, g_syn) = (of(real, real_targets).stop_gradient(), of(syn, syn_targets));
        let distances = [
            ("ours", Distance::Filters, Layers::Weights),
            ("mse", Distance::Squared, Layers::All),
            ("cos", Distance::Angle, Layers::All),
        ];
        for (name, distance, layers) in distances {
            let distance = distance.between(network.table(), layers, g_real, g_syn).expect("a network has weights");
            trial.expect(&g, &format!("{case}{name}.distance"), distance);
            trial.expect(&g, &format!("{case}{name}.grad_syn"), g.grad(distance, &[syn])[0]);
        }
        trial.check(g);
    }
}

pub fn trajectory_matching(topic: &Topic, engine: &Arc<dyn Engine>) {
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
    trial.expect_flat(&g, network.table(), "thetaN.", theta);
    let start_distance = (start - target).square().sum_all();
    let loss = (theta - target).square().sum_all() / start_distance;
    let gradients = g.grad(loss, &[syn, lr]);
    trial.expect(&g, "start_distance", start_distance);
    trial.expect(&g, "loss", loss);
    trial.expect(&g, "grad_syn", gradients[0]);
    trial.expect(&g, "grad_lr", gradients[1]);
    trial.check(g);
}

pub fn performance_matching(topic: &Topic, engine: &Arc<dyn Engine>) {
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
}

pub fn krr(topic: &Topic, engine: &Arc<dyn Engine>) {
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
}
