//! The same network out of candle-nn's layers, with candle's automatic differentiation.

use attar::{
    Error,
    bench::{ConvNet, Pass, Stopwatch},
};
use candle_core::{DType, Device, Result, Tensor, Var, backprop::GradStore};
use candle_nn::{
    Conv2d, Conv2dConfig, GroupNorm, Linear, Module, VarBuilder, VarMap, conv2d, group_norm, linear,
    loss::cross_entropy,
};
use pollster::block_on;

const CLASSES: usize = 10;

/// The shortest time for a batch: whole, or in micro-batches, whichever candle does faster.
pub fn seconds(net: ConvNet, pass: Pass, watch: &Stopwatch<'_>) -> attar::Result<f64> {
    let shortest = |chunk| {
        let work = Work::new(net, pass, chunk).map_err(failure)?;
        let round = async || {
            let start = (watch.clock)();
            work.batch().map_err(failure)?;
            Ok((watch.clock)() - start)
        };
        block_on(watch.shortest(round))
    };
    Ok(f64::min(shortest(net.batch)?, shortest(net.micro_batch)?))
}

fn failure(error: candle_core::Error) -> Error {
    Error::Engine { engine: "candle's autograd".into(), message: error.to_string() }
}

/// A batch to compute.
struct Work {
    network: Network,
    /// Of the network, if it is trained; else they are constants, so that candle computes no gradient to them.
    parameters: Vec<Var>,
    chunks: Vec<Tensor>,
    labels: Tensor,
    pass: Pass,
}

impl Work {
    fn new(net: ConvNet, pass: Pass, chunk: usize) -> Result<Work> {
        let (device, made) = (Device::Cpu, VarMap::new());
        let trained = Network::new(&VarBuilder::from_varmap(&made, DType::F32, &device), net.width)?;
        let (network, parameters) = match pass {
            Pass::TrainingStep => (trained, made.all_vars()),
            Pass::Forward | Pass::InputGradient => (Network::new(&constants(&made, &device), net.width)?, Vec::new()),
        };
        let images = |_| Tensor::randn(0f32, 1.0, (chunk, 3, 32, 32), &device);
        let chunks = (0..net.batch / chunk).map(images).collect::<Result<_>>()?;
        Ok(Work { network, parameters, chunks, labels: Tensor::zeros(chunk, DType::U32, &device)?, pass })
    }

    fn batch(&self) -> Result<()> {
        let mut total = Vec::new();
        for images in &self.chunks {
            match self.pass {
                Pass::Forward => drop(self.network.forward(images)?),
                Pass::InputGradient => {
                    let images = Var::from_tensor(images)?;
                    gradient(&self.backward(&images)?, &images);
                }
                Pass::TrainingStep => {
                    let gradients = self.backward(images)?;
                    let fresh = self.parameters.iter().map(|var| gradient(&gradients, var));
                    total = if total.is_empty() {
                        fresh.collect()
                    } else {
                        fresh.zip(&total).map(|(fresh, total)| fresh + total).collect::<Result<_>>()?
                    };
                }
            }
        }
        Ok(())
    }

    fn backward(&self, images: &Tensor) -> Result<GradStore> {
        cross_entropy(&self.network.forward(images)?, &self.labels)?.backward()
    }
}

fn gradient(gradients: &GradStore, var: &Var) -> Tensor {
    gradients.get(var).cloned().expect("candle gives the gradient of a variable that it met")
}

fn constants(made: &VarMap, device: &Device) -> VarBuilder<'static> {
    let vars = made.data().lock().expect("nobody panicked with it");
    let detached = vars.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect();
    VarBuilder::from_tensors(detached, DType::F32, device)
}

/// ConvNet-D3 for 3x32x32 images.
struct Network {
    blocks: Vec<(Conv2d, GroupNorm)>,
    classifier: Linear,
}

impl Network {
    fn new(vars: &VarBuilder<'_>, width: usize) -> Result<Network> {
        let config = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
        let block = |index: usize| {
            let (vars, channels) = (vars.pp(format!("block{index}")), if index == 0 { 3 } else { width });
            let conv = conv2d(channels, width, 3, config, vars.pp("conv"))?;
            Ok((conv, group_norm(width, width, 1e-5, vars.pp("norm"))?))
        };
        let blocks = (0..3).map(block).collect::<Result<_>>()?;
        Ok(Network { blocks, classifier: linear(width * 16, CLASSES, vars.pp("classifier"))? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let features = self
            .blocks
            .iter()
            .try_fold(x.clone(), |x, (conv, norm)| norm.forward(&conv.forward(&x)?)?.relu()?.avg_pool2d(2))?;
        self.classifier.forward(&features.flatten_from(1)?)
    }
}
