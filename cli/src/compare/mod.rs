//! `attar compare`: several distilled sets, judged in the same way, beside random real images and the whole set.

mod measure;
mod plot;
mod report;
mod sets;
mod table;

use std::path::Path;

use attar::{
    Distilled, Error, Protocol, Recipe, Result as LibraryResult,
    data::write_atomic,
    engine,
    nn::{ImageSize, Network, NetworkChoice},
    recipe::{EvaluationRecipe, InvarianceRecipe},
};
use pollster::block_on;

use self::{
    measure::{Beside, Comparison},
    report::CompareReport,
    sets::Entry,
};
use crate::{
    args::CompareArgs,
    console::Console,
    evaluate::{found, judged_by, mirrored, protocol},
    failure::{Failure, Result},
    reading::watched,
    real::RealImages,
    run_dir::refuse_taken,
    signals::Signals,
};

pub fn run(args: &CompareArgs, console: &Console) -> Result<()> {
    let signals = Signals::watch()?;
    if let Some(out) = &args.out {
        // Before anything is judged, which takes a while.
        refuse_taken(out, args.force)?;
    }
    let entries = sets::load(&args.files)?;
    let recipe = common_recipe(args, &entries)?;
    // Before images are read, which takes a while: a mistake in a name.
    networks(args, &recipe, &entries[0].set)?;
    let named: Vec<_> = entries.iter().map(|entry| (entry.path.as_path(), &entry.set)).collect();
    let real = watched(console, &signals, |pulse| {
        RealImages::read(&args.test, args.train.as_ref(), &args.reading, pulse, &named)
    })?;
    console.notes(&real.notes);
    if real.train.is_none() {
        console.note("no real training images are known to compare with: give some with --train");
    }
    let recipe = found(recipe, real.train.as_ref());
    let networks = networks(args, &recipe, &entries[0].set)?;
    let seed = args.seed.unwrap_or(entries[0].set.seed);
    let whole = real.train.as_ref().filter(|_| args.train.is_some());
    let beside = real.train.as_ref().map(|train| Beside::new(train, whole, &entries, seed)).transpose()?;
    let comparison = Comparison {
        console,
        signals: &signals,
        engine: block_on(engine::open(&args.engine))?,
        repeats: recipe.evaluation.repeats,
        seed,
        test: &real.test,
        entries: &entries,
        beside,
    };
    let report = comparison.report(protocol(&recipe)?.name, &networks)?;
    if let Some(out) = &args.out {
        write(out, &report, args)?;
    }
    console.result(&report, &table::text(&report))
}

/// The recipe by which all sets are judged: what the flags say, else what the recipes of all files agree on.
fn common_recipe(args: &CompareArgs, entries: &[Entry]) -> Result<Recipe> {
    let own = |entry: &Entry| Recipe::of(&entry.set.recipe).unwrap_or_else(|_| Recipe::default());
    let invariance = InvarianceRecipe::common(entries.iter().map(|entry| own(entry).invariance));
    let of_file = |entry: &Entry| Recipe { invariance, ..own(entry) };
    let mut recipe = of_file(&entries[0]);
    if let Some(name) = &args.protocol {
        recipe.evaluation = EvaluationRecipe::named(name, recipe.evaluation.repeats);
    } else {
        let first = protocol(&recipe)?.name;
        for entry in entries {
            let other = protocol(&of_file(entry))?.name;
            if other != first {
                let (path, first_path) = (entry.path.display(), entries[0].path.display());
                return Err(Failure::Usage(format!(
                    "the recipe of {path} asks for the protocol `{other}`, that of {first_path} for `{first}`: choose one \
                     with --protocol"
                )));
            }
        }
    }
    if let Some(repeats) = args.repeats {
        recipe.evaluation.repeats = repeats as usize;
    }
    mirrored(recipe, args.mirror.as_deref())
}

/// The networks by the names that a person gives them, and the protocol of each. All fit the images.
fn networks(args: &CompareArgs, recipe: &Recipe, set: &Distilled) -> Result<Vec<(String, Protocol)>> {
    let own = [NetworkChoice { width: None, ..protocol(recipe)?.network }];
    let asked = if args.networks.is_empty() { &own[..] } else { &args.networks };
    let image = ImageSize { channels: set.channels, height: set.height, width: set.width };
    let mut networks: Vec<(String, Protocol)> = Vec::new();
    for choice in asked {
        let name = choice.to_string();
        if networks.iter().any(|(known, _)| *known == name) {
            return Err(Failure::Usage(format!("--networks names {name} twice: leave one of them out")));
        }
        let judged = if args.networks.is_empty() { recipe.clone() } else { judged_by(recipe.clone(), choice)? };
        let protocol = protocol(&judged)?;
        Network::new(protocol.network.architecture(image)?, image, set.classes.len())?;
        networks.push((name, protocol));
    }
    Ok(networks)
}

/// Writes the report in all its forms.
fn write(out: &Path, report: &CompareReport, args: &CompareArgs) -> LibraryResult<()> {
    std::fs::create_dir_all(out).map_err(|error| Error::io(out.display(), error))?;
    let json = serde_json::to_string_pretty(report).map_err(|error| Error::io(out.display(), error))?;
    write_atomic(&out.join("compare.json"), format!("{json}\n").as_bytes())?;
    write_atomic(&out.join("compare.svg"), plot::svg(report, args.over).as_bytes())?;
    write_atomic(&out.join("compare.md"), table::markdown(report, "compare.svg").as_bytes())
}
