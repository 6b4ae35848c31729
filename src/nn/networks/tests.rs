//! Sizes, refusals, and what any network promises.

use crate::{
    error::Error,
    graph::Graph,
    nn::{Architecture, ImageSize, Mode, Network, NetworkChoice, Norm, Pooling},
    program::Program,
    rng::Draws,
    sorted::SortedSet,
};

fn square(channels: usize, pixels: usize) -> ImageSize {
    ImageSize { channels, height: pixels, width: pixels }
}

fn network(name: &str, image: ImageSize, width: Option<usize>) -> Network {
    let choice = NetworkChoice { width, ..name.parse().expect("a known name") };
    Network::new(choice.architecture(image).expect("it has widths"), image, 10).expect("it fits")
}

/// The numbers of parameters of PyTorch's networks, as `tests/fixtures/networks.py` prints them.
#[test]
fn published_sizes_have_as_many_parameters_as_in_pytorch() {
    for (name, cifar, grey) in [
        ("convnet", 320_010, 317_706),
        ("mlp", 411_146, 118_282),
        ("lenet", 62_006, 61_706),
        ("alexnet", 1_872_202, 1_865_802),
        ("vgg11", 9_231_114, 9_229_962),
        ("vgg11-bn", 9_231_114, 9_229_962),
        ("resnet18", 11_173_962, 11_172_810),
        ("resnet18-bn", 11_173_962, 11_172_810),
        ("resnet-ap10", 1_228_970, 1_228_394),
    ] {
        for (image, count) in [(square(3, 32), cifar), (square(1, 28), grey)] {
            assert_eq!(network(name, image, None).table().len(), count, "{name} for {image:?}");
        }
    }
    let imagenet = network("resnet-ap10", square(3, 224), None);
    assert_eq!((imagenet.features(), imagenet.table().len()), (512, 4_910_922));
}

#[test]
fn convnets_end_in_2048_features() {
    for (channels, pixels) in [(1, 28), (3, 32), (3, 64), (3, 128)] {
        assert_eq!(network("convnet", square(channels, pixels), None).features(), 2048);
    }
}

#[test]
fn every_network_takes_the_field_s_images() {
    for name in Architecture::NAMES {
        let width = (name != "lenet").then_some(4);
        for image in [square(1, 28), square(3, 32), square(3, 64), square(3, 128)] {
            let network = network(name, image, width);
            let names: SortedSet<&str> = network.table().params().iter().map(|param| param.name.as_str()).collect();
            assert_eq!(names.len(), network.table().params().len(), "{name}: a name stands for one parameter");
            let g = Graph::new();
            let forward = network.forward(network.parameters(&g, "theta"), g.input("x", image.batch(2)));
            assert_eq!(forward.logits.shape(), [2, 10].into());
            assert_eq!(forward.features.shape(), [2, network.features()].into());
            assert!(forward.inner.len() >= 2 && forward.inner.iter().all(|inner| inner.dim(0) == 2));
            assert_eq!(g.error(), None, "{name} for {image:?}");
        }
    }
}

#[test]
fn images_that_are_too_small_are_refused() {
    let sentence = |architecture, image| match Network::new(architecture, image, 10) {
        Err(Error::Recipe(message)) => message,
        other => panic!("{other:?}"),
    };
    let deep = sentence(Architecture::convnet(5, 8), square(3, 16));
    assert_eq!(deep, "images of 16x16 are too small for depth 5: choose a smaller depth");
    let vgg = sentence(Architecture::Vgg11 { width: 4, norm: Norm::Instance }, square(3, 28));
    assert!(vgg.starts_with("images of 28x28 are too small for vgg11"), "{vgg}");
    let lenet = sentence(Architecture::LeNet, square(3, 12));
    assert!(lenet.starts_with("images of 12x12 are too small for lenet"), "{lenet}");
    let ap10 = sentence(Architecture::ResNetAp10 { width: 4, norm: Norm::None }, square(3, 7));
    assert!(ap10.starts_with("images of 7x7 are too small for resnet-ap10"), "{ap10}");
    // A norm over a single pixel would leave nothing of it.
    let resnet18 = |norm| Architecture::ResNet18 { width: 4, norm };
    let blind = sentence(resnet18(Norm::Instance), square(3, 8));
    assert!(blind.starts_with("images of 8x8 are too small for resnet18"), "{blind}");
    assert!(Network::new(resnet18(Norm::Batch), square(3, 8), 10).is_ok());
    // Strides never halve a pixel away.
    assert!(Network::new(resnet18(Norm::None), square(3, 2), 10).is_ok());
}

#[test]
fn widths_that_do_not_divide_are_refused() {
    let image = square(3, 32);
    for architecture in [
        Architecture::ConvNet { depth: 1, width: 6, norm: Norm::Group, pooling: Pooling::Max },
        Architecture::AlexNet { width: 5 },
        Architecture::Mlp { width: 0 },
    ] {
        assert!(matches!(Network::new(architecture, image, 10), Err(Error::Recipe(_))));
    }
    assert!(matches!(Network::new(Architecture::LeNet, image, 0), Err(Error::Recipe(_))));
}

#[test]
fn every_norm_and_pooling_builds() {
    let image = ImageSize { channels: 3, height: 9, width: 12 };
    for norm in [Norm::None, Norm::Instance, Norm::Group, Norm::Layer, Norm::Batch] {
        for pooling in [Pooling::None, Pooling::Average, Pooling::Max] {
            let network = Network::new(Architecture::ConvNet { depth: 2, width: 8, norm, pooling }, image, 3).unwrap();
            let g = Graph::new();
            let y = network.forward(network.parameters(&g, "theta"), g.input("x", image.batch(2)));
            assert_eq!(y.logits.shape(), [2, 3].into());
            assert_eq!(g.error(), None);
        }
    }
}

/// Inner features that nobody asks for leave no trace in a program.
#[test]
fn inner_features_cost_nothing_unused() {
    let network = network("convnet", square(1, 8), Some(4));
    let program = |logits_only: bool| {
        let g = Graph::new();
        let forward = network.forward(network.parameters(&g, "theta"), g.input("x", square(1, 8).batch(2)));
        if logits_only {
            g.output("y", forward.logits);
        } else {
            g.output("y", forward.inner[0].mean(&[2, 3]));
        }
        Program::new("p", g).expect("a valid graph").cost().contraction_flops
    };
    assert!(program(false) < program(true), "the first block is less than the network");
}

#[test]
fn running_statistics_have_a_table_of_their_own() {
    let image = square(3, 32);
    let plain = network("resnet18", image, Some(4));
    assert!(plain.statistics().is_empty());
    let batch = network("resnet18-bn", image, Some(4));
    assert_eq!(batch.table(), plain.table(), "scales and offsets are those of instance norm");
    // A mean and a variance for each of them.
    let scales = |name: &str| name.contains("bn") || name.contains("shortcut.1");
    let learned = batch.table().params().iter().filter(|param| scales(&param.name));
    assert_eq!(batch.statistics().len(), learned.map(|param| param.shape.elements()).sum::<usize>());
    assert_eq!(batch.statistics().params()[0].name, "bn1.running_mean");
    let initial = batch.initial_statistics();
    assert_eq!((initial[0], initial[4]), (0.0, 1.0));

    let g = Graph::new();
    let (theta, x) = (batch.parameters(&g, "theta"), g.input("x", image.batch(2)));
    let running = batch.running(&g, "statistics");
    let Mode::Running(statistics) = running else { panic!("{running:?}") };
    let tested = batch.forward_in(theta, x, running);
    assert_eq!(tested.moved(statistics).shape(), statistics.shape());
    assert_eq!(batch.forward(theta, x).moved(statistics).shape(), statistics.shape());
    assert_eq!(g.error(), None);
}

#[test]
fn kernels_start_as_published() {
    let image = square(3, 32);
    let network = network("resnet-ap10", image, None);
    let theta = network.init(&mut Draws::new(1, 0, 0));
    let param = network.table().params().iter().find(|param| param.name == "layer4.0.conv2.weight").expect("a kernel");
    let values = &theta[param.offset..param.offset + param.shape.elements()];
    let square = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / values.len() as f64;
    let published = 2.0 / (9.0 * 256.0);
    assert!((square / published - 1.0).abs() < 0.01, "{square} instead of {published}");
}

#[test]
fn what_no_buffer_holds_is_refused() {
    let refusal = |name: &str, image, width| {
        let choice = NetworkChoice { width: Some(width), ..name.parse().expect("a known name") };
        match Network::new(choice.architecture(image).expect("it has widths"), image, 10) {
            Err(Error::Recipe(message)) => message,
            other => panic!("{name} {width}: {other:?}"),
        }
    };
    for name in Architecture::NAMES.into_iter().filter(|name| *name != "lenet").chain(["convnet-ln", "resnet18-bn"]) {
        for width in [99_999_999_999, usize::MAX] {
            assert!(refusal(name, square(3, 32), width).contains("too wide: give at most"), "{name}");
        }
        assert!(refusal(name, square(3, 32), 1 << 16).contains("has too many parameters"), "{name}");
    }
    assert!(refusal("mlp", square(3, 4096), 128).contains("choose a smaller width, or smaller images"));
}
