//! Every method at several numbers of images per class, judged alike, as a Markdown table for each source and kind of
//! network: accuracy on the test images (mean over seeds, largest distance from it), seconds to distil with the pool, bytes
//! of the file.
//!
//! ```sh
//! cargo bench -p attar-cli --bench methods                                # the table of docs/methods.md, for hours
//! cargo bench -p attar-cli --bench methods -- ipc=10 seeds=1 methods=dm,random:labels=soft
//! cargo bench -p attar-cli --bench methods -- sources=fashion-mini,digits.npz,cifar-10-binary.tar.gz \
//!     methods=ncfm:iterations=0,herding,ncfm networks=convnet,convnet-gn,convnet-ln,convnet-bn,mlp,resnet18-bn:16
//! ```
//!
//! A method may bring settings, after colons; without iterations it is what it starts from. Every run has a folder under
//! `out/methods`, or `out=DIR`; those that are there already are not made again, so that an interrupted table goes on.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use serde_json::Value;

type Result<T> = std::result::Result<T, String>;

const DEFAULT_METHODS: &str = "ncfm,dm,mmd,idm,dc,dsa,idc,rded,random:labels=soft,herding,k-center";

/// What is to be measured.
struct Plan {
    sources: Vec<String>,
    /// The networks that judge.
    networks: Vec<String>,
    methods: Vec<String>,
    images_per_class: Vec<String>,
    seeds: Vec<String>,
    out: PathBuf,
}

/// One set, as judged.
struct Cell {
    accuracy: f64,
    random: f64,
    seconds: f64,
    bytes: f64,
}

/// All sets of one source, number of images per class and seed, and the accuracy of the whole source.
struct Block {
    /// Network by network, method by method.
    cells: Vec<Vec<Cell>>,
    whole: Vec<f64>,
}

fn main() -> ExitCode {
    match Plan::from_arguments().and_then(|plan| plan.tables()) {
        Ok(tables) => {
            println!("{tables}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Plan {
    fn from_arguments() -> Result<Plan> {
        let mut plan = Plan {
            sources: split("fashion-mini"),
            networks: split("convnet"),
            methods: split(DEFAULT_METHODS),
            images_per_class: split("1,10,50"),
            seeds: split("1,2,3"),
            out: Path::new(env!("CARGO_MANIFEST_DIR")).join("../out/methods"),
        };
        // Cargo adds `--bench`.
        for argument in env::args().skip(1).filter(|argument| !argument.starts_with('-')) {
            let (key, value) = argument.split_once('=').ok_or(format!("`{argument}` is no key=value"))?;
            match key {
                "sources" => plan.sources = split(value),
                "networks" => plan.networks = split(value),
                "methods" => plan.methods = split(value),
                "ipc" => plan.images_per_class = split(value),
                "seeds" => plan.seeds = split(value),
                "out" => plan.out = value.into(),
                _ => return Err(format!("there is no `{key}`: sources, networks, methods, ipc, seeds or out")),
            }
        }
        Ok(plan)
    }

    /// A table for each source and network, under their names where there are several.
    fn tables(&self) -> Result<String> {
        let mut tables = Vec::new();
        for source in &self.sources {
            let mut columns = Vec::new();
            for ipc in &self.images_per_class {
                let block = |seed: &String| self.block(source, ipc, seed);
                columns.push(self.seeds.iter().map(block).collect::<Result<Vec<Block>>>()?);
            }
            for (at, network) in self.networks.iter().enumerate() {
                let name = format!("{}, {network}", short(source));
                let named = self.sources.len() * self.networks.len() > 1;
                tables.push(if named { format!("{name}\n\n") } else { String::new() } + &self.table(&columns, at));
            }
        }
        Ok(tables.join("\n\n"))
    }

    /// The table of what network number `network` says of these sets, column by column and seed by seed.
    fn table(&self, columns: &[Vec<Block>], network: usize) -> String {
        let heading: String = self.images_per_class.iter().map(|ipc| format!(" {ipc} a class | s | bytes |")).collect();
        let rule = "---|".repeat(1 + 3 * columns.len());
        let mut lines = vec![format!("| |{heading}"), format!("|{rule}")];
        for (at, method) in self.methods.iter().enumerate() {
            let cell = |blocks: &Vec<Block>| {
                let of = |field: fn(&Cell) -> f64| -> Vec<f64> {
                    blocks.iter().map(|block| field(&block.cells[network][at])).collect()
                };
                let (seconds, bytes) = (mean(&of(|cell| cell.seconds)), mean(&of(|cell| cell.bytes)));
                format!(" {} | {seconds:.0} | {:.1} kB |", accuracy(&of(|cell| cell.accuracy)), bytes / 1000.0)
            };
            lines.push(format!("| {method} |{}", columns.iter().map(cell).collect::<String>()));
        }
        let beside = |name: &str, of: &dyn Fn(&Block) -> f64| {
            let cell =
                |blocks: &Vec<Block>| format!(" {} | | |", accuracy(&blocks.iter().map(of).collect::<Vec<f64>>()));
            format!("| {name} |{}", columns.iter().map(cell).collect::<String>())
        };
        lines.push(beside("as many random real images", &|block| block.cells[network][0].random));
        lines.push(beside("the whole set", &|block| block.whole[network]));
        lines.join("\n")
    }

    /// Makes what is missing of the sets, and judges them together.
    fn block(&self, source: &str, ipc: &str, seed: &str) -> Result<Block> {
        let folders = self.methods.iter().map(|method| self.distil(source, method, ipc, seed));
        let folders: Vec<String> =
            folders.map(|folder| Ok(folder?.display().to_string())).collect::<Result<Vec<String>>>()?;
        let networks = self.networks.join(",");
        let mut line = vec!["compare", "--json", "-q", "--seed", seed, "--test", source, "--train", source];
        line.extend(["--networks", &networks]);
        line.extend(folders.iter().map(String::as_str));
        let report: Value = serde_json::from_str(&attar(&line)?).map_err(|error| error.to_string())?;
        let number = |value: &Value| value.as_f64().ok_or("a figure is missing");
        let sets = report["sets"].as_array().ok_or("no sets")?;
        let cell = |set: &Value, network: usize| -> Result<Cell> {
            let judged = &set["results"][network];
            Ok(Cell {
                accuracy: number(&judged["accuracy"]["mean"])?,
                random: number(&judged["random"]["mean"])?,
                seconds: number(&set["seconds"]["distill"])?,
                bytes: number(&set["bytes"])?,
            })
        };
        let cells = |network| sets.iter().map(|set| cell(set, network)).collect::<Result<Vec<Cell>>>();
        let whole = |network: usize| Ok(number(&report["whole"]["accuracy"][network]["mean"])?);
        Ok(Block {
            cells: (0..self.networks.len()).map(cells).collect::<Result<_>>()?,
            whole: (0..self.networks.len()).map(whole).collect::<Result<_>>()?,
        })
    }

    /// Makes a set unless it is there, and names its folder.
    fn distil(&self, source: &str, method: &str, ipc: &str, seed: &str) -> Result<PathBuf> {
        let plain = |text: &str| text.replace(|c: char| !c.is_alphanumeric(), "-");
        let folder = self.out.join(format!("{}-{}-{ipc}-{seed}", plain(short(source)), plain(method)));
        if folder.join("distilled.attar").exists() {
            return Ok(folder);
        }
        eprintln!("{method}, {ipc} images per class, seed {seed}");
        // What an interrupted table left is not worth going on with.
        fs::remove_dir_all(&folder).ok();
        let (out, mut parts) = (folder.display().to_string(), method.split(':'));
        let name = parts.next().unwrap_or_default();
        let mut line = vec!["distill", "-q", "--no-evaluate", "--method", name, "--ipc", ipc, "--seed", seed];
        line.extend(["--out", &out, source]);
        line.extend(parts.flat_map(|setting| ["--set", setting]));
        attar(&line).map(|_| folder)
    }
}

/// The last part of a path.
fn short(source: &str) -> &str {
    source.rsplit('/').next().unwrap_or(source)
}

/// What the command prints.
fn attar(line: &[&str]) -> Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_attar"));
    let ran = command.args(line).stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    if !ran.status.success() {
        return Err(format!("attar {}: {}", line.join(" "), ran.status));
    }
    String::from_utf8(ran.stdout).map_err(|error| error.to_string())
}

fn accuracy(values: &[f64]) -> String {
    let mean = mean(values);
    let deviation = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
    format!("{mean:.3} ± {deviation:.3}")
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The parts between commas that are not within braces.
fn split(text: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in text.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, depth) {
            (',', 0) => parts.push(String::new()),
            _ => parts.last_mut().expect("there is one").push(c),
        }
    }
    parts
}
