//! A class step of NCFM, by the method itself.

use std::sync::Arc;

use super::{Figure, IMAGE, Meter, Stopwatch};
use crate::{
    data::Normalisation,
    engine::{Data, Engine, Executor, Limits},
    error::Result,
    graph,
    method::{Advance, Kind, Method, Setting, Stage, ncfm::NcfmKind, stage::canvas},
    nn::{Architecture, Network},
    pool::{self, PIXELS},
    program::Program,
    recipe::Recipe,
    rng::Draws,
};

/// Classes that are measured.
const CLASSES: usize = 2;

/// Classes that share the frequencies of an iteration, as in the data sets of the field.
const SHARING: f64 = 10.0;

const IMAGES_PER_CLASS: usize = 10;

/// Measures one class step of NCFM as published (4096 frequencies, ten canvases of four 3x32x32 pictures, micro-batches
/// of the recipe) with a ConvNet-D3 of this width and this many real images: the real side, the matching update and the
/// calibration update.
///
/// It is the mean of two classes in an iteration of [NCFM](crate::method::ncfm). An iteration begins by drawing the frequencies, once for
/// all of its classes: a tenth of that time is counted, as in a run on ten classes.
///
/// # Errors
/// Those of the engine.
pub async fn ncfm_class_step(
    width: usize,
    real: usize,
    engine: &Arc<dyn Engine>,
    watch: &Stopwatch<'_>,
) -> Result<Figure> {
    let meter = Meter::new(engine);
    let (mut stage, mut ncfm) = prepare(Executor::new(meter.engine()), width, real)?;
    watch.measure(&meter, CLASSES as u64, async || iteration(&mut *ncfm, &mut stage, watch.clock).await).await
}

/// The programs of such a step, as the method traces them for an engine with these limits.
///
/// # Errors
/// Those of the network and of tracing.
pub fn ncfm_programs(width: usize, real: usize, limits: Limits) -> Result<Vec<Program>> {
    let setting = setting(width, real, limits)?;
    let mut programs = NcfmKind.programs(&setting)?;
    programs.extend(setting.programs()?);
    Ok(programs)
}

fn prepare(exec: Executor, width: usize, real: usize) -> Result<(Stage, Box<dyn Method>)> {
    let setting = setting(width, real, exec.engine().limits())?;
    let mut stage = Stage { exec, setting, trained: 1 };
    let (exec, network) = (&mut stage.exec, &stage.setting.network);
    let mut draws = Draws::new(1, 0, 0);
    let pixels: Vec<u8> = (0..CLASSES * real * IMAGE.elements()).map(|_| draws.below(256) as u8).collect();
    exec.ensure(PIXELS, graph::Kind::Pixels, IMAGE.batch(CLASSES * real))?;
    exec.set(PIXELS, Data::Pixels(&pixels))?;
    for name in [pool::initial(0), pool::trained(0)] {
        exec.ensure(&name, graph::Kind::F32, [network.table().len()])?;
        exec.set_f32(&name, &network.init(&mut draws))?;
    }
    let values = IMAGES_PER_CLASS * IMAGE.elements();
    let canvases = vec![(0..values).map(|_| draws.uniform() as f32).collect(); CLASSES];
    let method = NcfmKind.build(&mut stage, &canvases)?;
    Ok((stage, method))
}

fn setting(width: usize, real: usize, limits: Limits) -> Result<Setting> {
    let mut recipe = Recipe::preset("ncfm", "published", IMAGES_PER_CLASS)?.seed(1);
    recipe.real.batch = real;
    let rows = |class: usize| (class * real..(class + 1) * real).map(|row| row as u32).collect();
    Ok(Setting {
        recipe,
        network: Network::new(Architecture::convnet(3, width), IMAGE, CLASSES)?,
        normalisation: Normalisation { mean: vec![0.5; IMAGE.channels], std: vec![0.3; IMAGE.channels] },
        spread: vec![0.3; IMAGE.channels],
        rows: (0..CLASSES).map(rows).collect(),
        labels: (0..CLASSES as u32).flat_map(|class| std::iter::repeat_n(class, real)).collect(),
        networks: 1,
        limits,
    })
}

/// Runs an iteration; the seconds of one class.
async fn iteration(ncfm: &mut dyn Method, stage: &mut Stage, clock: &dyn Fn() -> f64) -> Result<f64> {
    let start = clock();
    // The first unit draws the frequencies. The engine only queues it, so something small is waited for.
    ncfm.advance(stage).await?;
    stage.exec.get_f32(&canvas::total("matching")).await?;
    let drawn = clock();
    // The last unit reads the losses.
    while !matches!(ncfm.advance(stage).await?, Advance::Iteration(_)) {}
    Ok((drawn - start) / SHARING + (clock() - drawn) / CLASSES as f64)
}
