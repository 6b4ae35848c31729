//! What can be typed: the flags of each command, and how they become a recipe.

use std::{ffi::OsStr, path::PathBuf, time::Duration};

use attar::{
    Error, Recipe, Settings,
    data::{FORMS, Fit, Form, SOURCE_KINDS},
    method::KINDS,
    nn::{Architecture, NetworkChoice},
    settings::Value,
};
use clap::{
    Arg, ArgAction, Command as ClapCommand, Parser, Subcommand, ValueEnum,
    builder::{PathBufValueParser, PossibleValue, PossibleValuesParser, TypedValueParser},
};

use crate::{
    failure::{Failure, Result},
    format, run_dir,
    source::{ReadAs, SourceName},
};

/// Distil a labelled image data set into a few synthetic images per class.
///
/// A network trained on the few images does nearly as well as one trained on all.
#[derive(Debug, Parser)]
#[command(name = "attar", version, arg_required_else_help = true, disable_help_subcommand = true)]
// Of a flag that is given twice the last counts, so that a script's can be overridden.
#[command(args_override_self = true)]
pub struct Args {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// How much is said, and in which form.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct OutputArgs {
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice for everything (ATTAR_LOG takes a finer filter, such as `attar::pool=debug`)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Distil a data set, and measure what the result is worth
    Distill(Box<DistillArgs>),
    /// Train networks on a distilled set and test them on real images
    Evaluate(EvaluateArgs),
    /// Judge several distilled sets in the same way, beside random real images
    Compare(CompareArgs),
    /// Show what is in a distilled set
    Inspect(InspectArgs),
    /// Write a distilled set in a form that others read: pictures, arrays, tables, code that loads them
    Export(ExportArgs),
    /// Train the pool of networks alone, for several runs to use
    Pool(PoolArgs),
    /// List the engines of this machine; `auto` takes the marked one
    Engines,
    /// Measure how fast an engine is, beside the best that this machine's processor can do
    Bench(BenchArgs),
}

#[derive(Debug, clap::Args)]
pub struct DistillArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Distilled images of each class
    #[arg(long, visible_alias = "ipc", value_name = "N", help_heading = "Recipe")]
    pub images_per_class: Option<usize>,
    /// The network that distillation looks through, as published unless --set says otherwise [default: the recipe's]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Architecture::NAMES), help_heading = "Recipe")]
    pub network: Option<String>,
    /// Passes over all classes [default: the recipe's; with a time budget as many as it allows]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    pub iterations: Option<usize>,
    /// How the result is judged: quick, ncfm or vico
    #[arg(long, value_name = "NAME", help_heading = "Recipe")]
    pub protocol: Option<String>,
    /// Networks trained on each set that is judged
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    pub repeats: Option<usize>,
    /// Whether augmentation may mirror images: auto finds on the training images whether they keep their class
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "yes", "no"], help_heading = "Recipe")]
    pub mirror: Option<String>,
    /// Take the networks that `attar pool` trained, instead of training some
    #[arg(long, value_name = "FILE", help_heading = "Recipe")]
    pub pool: Option<PathBuf>,
    /// Where to run, one of `attar engines` [default: auto]
    #[arg(long, value_name = "NAME")]
    pub engine: Option<String>,
    /// End after the iteration that passes this time, evaluation not counted: 90s, 15m, 1h30m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub time_budget: Option<Duration>,
    #[command(flatten)]
    pub durability: DurabilityArgs,
    /// Print the programs that the run would execute, with what they cost, and distil nothing
    #[arg(long)]
    pub explain: bool,
    /// Leave out the accuracies
    #[arg(long)]
    pub no_evaluate: bool,
    /// The folder of the results [default: out/SOURCE-METHOD-ipcN, numbered when taken]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the results that are in the folder
    #[arg(long)]
    pub force: bool,
    /// Go on with an interrupted run, or continue one that has ended by more --iterations or another --time-budget.
    ///
    /// The budget counts from now. SOURCE and --test say where the images are if they have moved; --set canvas.lr=N gives
    /// another rate. The rest of the recipe is as it was.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "size", "ReadArgs", "method", "preset", "recipe", "seed", "images_per_class", "network", "protocol", "repeats",
        "mirror", "pool", "out", "force", "explain",
    ])]
    pub resume: Option<PathBuf>,
}

/// What a failure may cost.
#[derive(Debug, clap::Args)]
pub struct DurabilityArgs {
    /// How often the state of the work is written: the most that a power cut can cost
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    pub checkpoint_every: Duration,
}

/// The images to work on.
#[derive(Debug, clap::Args)]
pub struct SourceArgs {
    /// A folder with one sub-folder of images a class, or another source (see --help) [default: fashion-mini, in the program]
    #[arg(long_help = source_help())]
    pub source: Option<SourceName>,
    /// Another source for the test images; else those that SOURCE brings, or 10 % of each class held out
    #[arg(long, value_name = "SOURCE")]
    pub test: Option<SourceName>,
    /// Resize images to N x N pixels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub size: Option<u32>,
    #[command(flatten)]
    pub reading: ReadArgs,
}

/// How images are read.
#[derive(Debug, Clone, clap::Args)]
pub struct ReadArgs {
    /// What becomes of images that are not square: cropped about the centre, padded by their own edges, or stretched
    #[arg(long, value_name = "HOW", value_parser = fits(), default_value = "crop")]
    pub fit: Fit,
    /// Go on without the files that cannot be read, and name them in the result
    #[arg(long)]
    pub skip_unreadable: bool,
    /// The most memory that decoding may need, such as 512M or 4G
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "2G")]
    pub memory: u64,
    /// Read only this half of a source, as if it were all of it: train, test, val, or the name of its folder
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// Read only these classes, with commas between
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Read only the first N images of each class
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit_per_class: Option<u32>,
}

/// What a run does, each line stronger than the one before: the preset, the file, named flags, `--set`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recipe")]
pub struct RecipeArgs {
    /// The method of distillation [default: that of the recipe file, else ncfm]
    #[arg(long, value_name = "NAME", value_parser = methods())]
    pub method: Option<String>,
    /// The settings to start from
    #[arg(long, value_name = "NAME", value_parser = presets(), default_value = DEFAULT_PRESET)]
    pub preset: String,
    /// A TOML file with settings to change, such as the recipe.toml of another run
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Decides every random choice; drawn if not given, and kept with the result
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub seed: Option<u64>,
    /// Change one setting, such as network.width=64 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub assignments: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct EvaluateArgs {
    /// A distilled set, as `attar distill` writes; or the folder of the run
    #[arg(value_parser = set_file())]
    pub file: PathBuf,
    /// The source of the test images: its test half, or what was held out when FILE was distilled from it
    #[arg(long, value_name = "SOURCE")]
    pub test: SourceName,
    /// The real training images, to compare with: random ones, the initialisation, and all
    #[arg(long, value_name = "SOURCE")]
    pub train: Option<SourceName>,
    #[command(flatten)]
    pub reading: ReadArgs,
    /// How the set is judged: quick, ncfm or vico [default: as in FILE's recipe]
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// The network that is trained, as published; with -bn, -gn, -ln or -nn for another norm or none, :16 for another width
    /// [default: the protocol's]
    #[arg(long, value_name = "NAME", value_parser = NetworkParser)]
    pub network: Option<NetworkChoice>,
    /// Whether `quick` mirrors images: auto finds on the training images whether they keep their class [default: as in FILE's recipe]
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "yes", "no"])]
    pub mirror: Option<String>,
    /// Networks trained on each set [default: as in FILE's recipe]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: Option<u32>,
    /// Decides every random choice [default: FILE's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub seed: Option<u64>,
    /// Where to run, one of `attar engines`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub engine: String,
}

#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// Distilled sets of the same classes and image size, as `attar distill` writes; or the folders of the runs
    #[arg(required = true, value_name = "FILE", value_parser = set_file())]
    pub files: Vec<PathBuf>,
    /// The source of the test images: its test half, or what was held out when the sets were distilled from it
    #[arg(long, value_name = "SOURCE")]
    pub test: SourceName,
    /// The real training images: random ones and all of them are judged, too
    #[arg(long, value_name = "SOURCE")]
    pub train: Option<SourceName>,
    #[command(flatten)]
    pub reading: ReadArgs,
    /// The networks that are trained, with commas between; with -bn, -gn, -ln or -nn for another norm or none, :16 for
    /// another width [default: the protocol's]
    #[arg(long, value_name = "NAMES", value_parser = NetworkParser, value_delimiter = ',')]
    pub networks: Vec<NetworkChoice>,
    /// How the sets are judged: quick, ncfm or vico [default: as in the files' recipes]
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// Whether `quick` mirrors images: auto finds on the training images whether they keep their class [default: as in the files' recipes]
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "yes", "no"])]
    pub mirror: Option<String>,
    /// Networks of each name trained on each set [default: as in the files' recipes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: Option<u32>,
    /// Decides every random choice [default: the first FILE's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub seed: Option<u64>,
    /// Where to run, one of `attar engines`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub engine: String,
    /// A folder for compare.md, compare.json and compare.svg
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What the accuracies are plotted over
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, requires = "out")]
    pub over: Over,
    /// Replace the results that are in the folder
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// The horizontal axis of a comparison's plot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Over {
    /// The size of the files
    #[default]
    Bytes,
    /// The number of images
    Images,
}

#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// A distilled set, as `attar distill` writes; or the folder of the run
    #[arg(value_parser = set_file())]
    pub file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// A distilled set, as `attar distill` writes; or the folder of the run
    #[arg(value_parser = set_file())]
    pub file: PathBuf,
    /// What to write
    #[arg(long, value_parser = forms(), value_name = "FORM")]
    pub to: &'static Form,
    /// Where to write it
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// Write canvases as they are, several pictures on each, instead of pictures that are ready to train on
    #[arg(long)]
    pub canvases: bool,
    /// Replace a file that is there; a folder must be new or empty
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, clap::Args)]
pub struct PoolArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Where to run, one of `attar engines`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub engine: String,
    #[command(flatten)]
    pub durability: DurabilityArgs,
    /// The file of the pool [default: out/SOURCE-METHOD.pool, numbered when taken]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Which to measure, one of `attar engines`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub engine: String,
    /// Channels of the networks; speeds are quoted at 128
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = width)]
    pub width: usize,
}

impl SourceArgs {
    /// The source, or else the sample.
    pub fn name(&self) -> SourceName {
        self.source.clone().unwrap_or(SourceName::Sample)
    }

    pub fn read_as(&self) -> ReadAs {
        self.reading.read_as(self.size.map(|size| size as usize))
    }
}

impl ReadArgs {
    /// To images of this side.
    pub fn read_as(&self, size: Option<usize>) -> ReadAs {
        ReadAs {
            size,
            fit: self.fit,
            skip_unreadable: self.skip_unreadable,
            memory: self.memory,
            split: self.split.clone(),
            classes: self.classes.clone(),
            limit_per_class: self.limit_per_class.map(|limit| limit as usize),
        }
    }
}

/// What can be given as a source: all kinds that the library reads.
fn source_help() -> String {
    let kinds =
        SOURCE_KINDS.iter().map(|kind| format!("- {}: {}, such as {}\n", kind.name, kind.shown_by, kind.example));
    format!(
        "The images to distil; `fashion-mini`, the default, is in the program; or a path to one of these:\n\n{}\nPictures are PNG, \
         JPEG, WebP, GIF, BMP, TIFF and PNM files of any size. Transparent parts become white; the images stay grey only if \
         all are.",
        kinds.collect::<String>()
    )
}

fn fits() -> impl TypedValueParser<Value = Fit> {
    let named = |name: String| Fit::ALL.iter().find(|(known, _)| *known == name).map_or(Fit::Crop, |&(_, fit)| fit);
    PossibleValuesParser::new(Fit::ALL.map(|(name, _)| name)).map(named)
}

/// A number of bytes, of MiB (`M`) or of GiB (`G`).
fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['M', 'm']) {
        Some(digits) => (digits, 1 << 20),
        None => text.strip_suffix(['G', 'g']).map_or((text, 1), |digits| (digits, 1 << 30)),
    };
    let bytes = digits.trim().parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    bytes.filter(|&bytes| bytes > 0).ok_or_else(|| format!("`{text}` is no number of bytes: write 512M or 4G"))
}

impl DistillArgs {
    /// The recipe that the arguments describe.
    pub fn recipe(&self) -> Result<Recipe> {
        let named = [
            ("images_per_class", self.images_per_class.map(|n| n.to_string())),
            ("network.name", self.network.clone()),
            ("iterations", self.iterations.map(|n| n.to_string())),
            ("evaluation.protocol", self.protocol.clone()),
            ("evaluation.repeats", self.repeats.map(|n| n.to_string())),
            ("invariance.mirror", self.mirror.clone()),
        ];
        let given = named.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        self.recipe.resolve(&given.collect::<Vec<_>>(), self.time_budget.is_some())
    }
}

/// The default of `--preset`: what each method lists first.
const DEFAULT_PRESET: &str = "quick";

/// The forms of an export, by name.
fn forms() -> impl TypedValueParser<Value = &'static Form> {
    let values = FORMS.iter().map(|form| PossibleValue::new(form.name).help(form.about));
    PossibleValuesParser::new(values).try_map(|name| Form::named(&name))
}

/// The methods of the registry, each with its sentence.
fn methods() -> PossibleValuesParser {
    KINDS.iter().map(|kind| PossibleValue::new(kind.name()).help(kind.about())).collect::<Vec<_>>().into()
}

/// The presets of all methods, each once.
fn presets() -> PossibleValuesParser {
    let mut found: Vec<PossibleValue> = Vec::new();
    for preset in KINDS.iter().flat_map(|kind| kind.presets()) {
        if !found.iter().any(|value| value.get_name() == preset.name) {
            found.push(PossibleValue::new(preset.name).help(preset.about));
        }
    }
    found.into()
}

/// Reads where a distilled set lies: a run's folder stands for the set in it.
fn set_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(run_dir::set_at)
}

/// Reads networks that are trained to judge a set: those of the registry, and each that has norms with batch norm.
#[derive(Debug, Clone)]
struct NetworkParser;

impl TypedValueParser for NetworkParser {
    type Value = NetworkChoice;

    fn parse_ref(&self, command: &ClapCommand, arg: Option<&Arg>, value: &OsStr) -> Result<NetworkChoice, clap::Error> {
        let parse = |text: &str| text.parse::<NetworkChoice>();
        parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Architecture::NAMES.iter().map(PossibleValue::new)))
    }
}

impl RecipeArgs {
    /// The preset changed by the file, by `named` flags and by `--set`, in this order; without an end if it is to fill a
    /// time budget and nobody names one.
    pub fn resolve(&self, named: &[String], until_stopped: bool) -> Result<Recipe> {
        self.resolve_by(named, until_stopped, draw_seed()?)
    }

    /// As [`RecipeArgs::resolve`], with this seed unless one is named.
    pub fn resolve_by(&self, named: &[String], until_stopped: bool, seed: u64) -> Result<Recipe> {
        let file = self.file()?;
        let method = self.method_name(file.as_ref())?;
        let from = |images_per_class| -> Result<Recipe> {
            let preset = Recipe::preset(&method, &self.preset, images_per_class);
            let mut recipe = preset.map_err(|error| Failure::Usage(error.to_string()))?;
            if until_stopped {
                recipe = recipe.iterations(Recipe::UNTIL_STOPPED);
            }
            // The weakest of all sources of a seed: a file, a flag or an assignment replaces it.
            self.changed(recipe.seed(seed), file.as_ref(), named)
        };
        let recipe = from(Recipe::IMAGES_PER_CLASS)?;
        match recipe.images_per_class {
            Recipe::IMAGES_PER_CLASS => Ok(recipe),
            // A preset depends on the number.
            other => from(other),
        }
    }

    fn changed(&self, mut recipe: Recipe, file: Option<&Settings>, named: &[String]) -> Result<Recipe> {
        if let (Some(changes), Some(path)) = (file, &self.recipe) {
            let in_file = |error| Error::Recipe(format!("{}: {error}", path.display()));
            recipe = recipe.merged(changes).map_err(in_file)?;
        }
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        for assignment in named.iter().chain(&seed).chain(&self.assignments) {
            recipe = recipe.with(assignment).map_err(|error| Failure::Usage(error.to_string()))?;
        }
        Ok(recipe)
    }

    /// What stands in the recipe file.
    fn file(&self) -> Result<Option<Settings>> {
        let Some(path) = &self.recipe else { return Ok(None) };
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path.display(), error))?;
        let in_file = |error| Error::Recipe(format!("{}: {error}", path.display()));
        Ok(Some(Settings::from_toml(&text).map_err(in_file)?))
    }

    /// The method of the flag, of the file, or the default one.
    fn method_name(&self, file: Option<&Settings>) -> Result<String> {
        let in_file = file.and_then(|file| file.get("method.name").or_else(|| file.get("method")));
        let in_file = match in_file {
            Some(Value::Text(name)) => Some(name.clone()),
            _ => None,
        };
        match (&self.method, in_file) {
            (Some(flag), Some(file)) if *flag != file => Err(Failure::Usage(format!(
                "--method is {flag}, but the recipe file is one of {file}: leave one of them out"
            ))),
            (Some(flag), _) => Ok(flag.clone()),
            (None, Some(file)) => Ok(file),
            (None, None) => Ok(KINDS[0].name().into()),
        }
    }
}

/// A seed of 32 bits: enough never to meet one again, short enough to be typed, and a number in every JSON reader.
fn draw_seed() -> Result<u64> {
    Ok(getrandom::u32().map(u64::from).map_err(|error| Error::io("the system's random numbers", error))?)
}

/// The widths that a machine has memory for.
fn width(text: &str) -> Result<usize, String> {
    let width = text.parse().map_err(|_| "give a whole number".to_owned())?;
    if (1..=1024).contains(&width) { Ok(width) } else { Err("give a width from 1 to 1024".into()) }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    format::parse_duration(text).ok_or_else(|| "give a number and a unit, such as 90s, 15m or 1h30m".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn distill(line: &[&str]) -> Result<DistillArgs, clap::Error> {
        match Args::try_parse_from(["attar", "distill"].iter().chain(line))?.command {
            Command::Distill(args) => Ok(*args),
            other => unreachable!("{other:?}"),
        }
    }

    fn recipe(line: &[&str]) -> Recipe {
        distill(line).unwrap().recipe().unwrap()
    }

    fn usage(line: &[&str]) -> String {
        match distill(line).unwrap().recipe() {
            Err(Failure::Usage(message)) => message,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_time_budget_is_used_up_unless_iterations_are_named() {
        assert_eq!(recipe(&["--time-budget=90s"]).iterations, Recipe::UNTIL_STOPPED);
        assert_eq!(recipe(&["--time-budget=90s", "--iterations=7"]).iterations, 7);
        assert_eq!(recipe(&["--time-budget=90s", "--set=iterations=8"]).iterations, 8);
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_comes_later_is_stronger() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "iterations = 3\nseed = 3\nimages_per_class = 3\n[network]\nwidth = 3\n").unwrap();
        let path = file.path().to_str().unwrap();
        let all = [
            ["--recipe", path],
            ["--iterations", "4"],
            ["--seed", "4"],
            ["--set", "iterations=5"],
            ["--set", "iterations=6"],
            ["--preset", "published"],
        ];
        let recipe = recipe(&all.concat());
        assert_eq!((recipe.network.width, recipe.images_per_class), (3, 3), "the file beats the preset");
        assert_eq!(recipe.seed, 4, "a flag beats the file");
        assert_eq!(recipe.iterations, 6, "the last --set beats all");
        assert_eq!(
            recipe.pool.networks,
            Recipe::preset("ncfm", "published", 3).unwrap().pool.networks,
            "the rest is the preset's"
        );
    }

    #[test]
    fn a_seed_is_drawn_unless_given() {
        assert_ne!(recipe(&[]).seed, recipe(&[]).seed);
        assert_eq!(recipe(&["--seed", "7"]).seed, 7);
        assert_eq!(recipe(&["--set", "seed=8"]).seed, 8);
        assert_eq!(recipe(&["--seed", "7", "--seed", "9"]).seed, 9, "the last counts");
    }

    #[test]
    fn flags_reach_the_recipe() {
        let recipe = recipe(&["--ipc", "2", "--protocol", "vico", "--repeats", "1", "--network", "vgg11"]);
        assert_eq!((recipe.images_per_class, recipe.evaluation.repeats), (2, 1));
        assert_eq!(recipe.evaluation.protocol, "vico");
        assert_eq!((recipe.network.name.as_str(), recipe.network.width), ("vgg11", 0), "as published");
    }

    #[test]
    fn a_network_has_settings_of_its_own() {
        assert_eq!(recipe(&["--network", "vgg11", "--set", "network.width=16"]).network.width, 16);
        assert_eq!(recipe(&["--network", "convnet"]).network.width, recipe(&[]).network.width, "the recipe's already");
        for setting in ["width=8", "norm=group", "depth=2", "pooling=max"] {
            let what = setting.split('=').next().unwrap();
            let message = usage(&["--network", "lenet", "--set", &format!("network.{setting}")]);
            assert!(message.contains(&format!("no {what} to choose")), "{message}");
        }
    }

    #[test]
    fn networks_are_those_of_the_registry() {
        let evaluate = |name| Args::try_parse_from(["attar", "evaluate", "x", "--test", "y", "--network", name]);
        for name in Architecture::NAMES.into_iter().chain(["resnet18-bn"]) {
            assert!(evaluate(name).is_ok(), "{name}");
        }
        for name in ["resnet19", "lenet-bn"] {
            assert!(evaluate(name).unwrap_err().to_string().contains("resnet-ap10"), "{name}");
        }
        assert!(distill(&["--network", "resnet19"]).is_err());
    }

    #[test]
    fn mistakes_are_usage_errors() {
        assert!(usage(&["--ipc", "0"]).contains("at least 1"));
        assert!(usage(&["--set", "network.widht=3"]).contains("widht"));
        assert!(usage(&["--set", "method.factor=1"]).contains("canvas.factor"));
        for line in [
            &["--time-budget", "90"][..],
            &["--size", "0"],
            &["--ipc", "many"],
            &["--seed", "9223372036854775808"],
            &["a", "b"],
            &["-q", "-v"],
        ] {
            assert!(distill(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_resumed_run_is_as_it_was() {
        for given in [&["--seed", "1"][..], &["--ipc", "2"], &["--size", "8"], &["--preset=quick"], &["--force"]] {
            assert!(distill(&[&["--resume", "out/x"], given].concat()).is_err(), "{given:?}");
        }
        let line =
            ["--resume", "x", "--engine", "cpu", "--no-evaluate", "--time-budget", "1m", "photos", "--set=canvas.lr=1"];
        let args = distill(&line).unwrap();
        assert_eq!(args.time_budget, Some(Duration::from_secs(60)));
    }
}
