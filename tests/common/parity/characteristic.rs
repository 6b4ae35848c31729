//! The characteristic function, the sampling network, and a step of NCFM.

use std::sync::Arc;

use attar::{
    engine::Engine,
    graph::Graph,
    nn::{
        decode,
        frequency::{Characteristic, SamplingNetwork, repeat_rows},
        loss, normalise,
    },
};

use crate::common::fixtures::{Topic, Trial};

pub fn cf_loss(topic: &Topic, engine: &Arc<dyn Engine>) {
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
}

pub fn sampling_net(topic: &Topic, engine: &Arc<dyn Engine>) {
    let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
    let [real, syn, noise] = ["feat_real", "feat_syn", "noise"].map(|name| trial.input(&g, name));
    let [alpha, beta] = ["alpha", "beta"].map(|name| trial.scalar(&g, name));
    let network = SamplingNetwork::new(noise.dim(1));
    let table = network.table();
    let flat: Vec<f32> = table.params().iter().flat_map(|param| topic.f32s(&format!("param.{}", param.name))).collect();
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
}

pub fn ncfm_step(topic: &Topic, engine: &Arc<dyn Engine>) {
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
}
