//! Every method at several numbers of images per class, judged alike, as one Markdown table: accuracy on the test
//! images (mean over seeds, largest distance from it), seconds to distil with the pool, bytes of the file.
//!
//! ```sh
//! cargo bench -p attar-cli --bench methods                                # the table of docs/methods.md, for hours
//! cargo bench -p attar-cli --bench methods -- ipc=10 seeds=1 methods=dm,random:labels=soft source=path/to/folder
//! ```
//!
//! A method may bring settings, after colons. Every run has a folder under `out/methods`, or `out=DIR`; those that are
//! there already are not made again, so that an interrupted table goes on.

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
    source: String,
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

/// All sets of one number of images per class and one seed, and the accuracy of the whole set.
struct Block {
    cells: Vec<Cell>,
    whole: f64,
}

fn main() -> ExitCode {
    match Plan::from_arguments().and_then(|plan| plan.table()) {
        Ok(table) => {
            println!("{table}");
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
            source: "fashion-mini".into(),
            methods: split(DEFAULT_METHODS),
            images_per_class: split("1,10,50"),
            seeds: split("1,2,3"),
            out: Path::new(env!("CARGO_MANIFEST_DIR")).join("../out/methods"),
        };
        // Cargo adds `--bench`.
        for argument in env::args().skip(1).filter(|argument| !argument.starts_with('-')) {
            let (key, value) = argument.split_once('=').ok_or(format!("`{argument}` is no key=value"))?;
            match key {
                "source" => plan.source = value.into(),
                "methods" => plan.methods = split(value),
                "ipc" => plan.images_per_class = split(value),
                "seeds" => plan.seeds = split(value),
                "out" => plan.out = value.into(),
                _ => return Err(format!("there is no `{key}`: source, methods, ipc, seeds or out")),
            }
        }
        Ok(plan)
    }

    fn table(&self) -> Result<String> {
        let mut columns = Vec::new();
        for ipc in &self.images_per_class {
            let blocks: Result<Vec<Block>> = self.seeds.iter().map(|seed| self.block(ipc, seed)).collect();
            columns.push(blocks?);
        }
        let heading: String = self.images_per_class.iter().map(|ipc| format!(" {ipc} a class | s | bytes |")).collect();
        let rule = "---|".repeat(1 + 3 * columns.len());
        let mut lines = vec![format!("| |{heading}"), format!("|{rule}")];
        for (at, method) in self.methods.iter().enumerate() {
            let cell = |blocks: &Vec<Block>| {
                let of = |field: fn(&Cell) -> f64| blocks.iter().map(|b| field(&b.cells[at])).collect::<Vec<f64>>();
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
        lines.push(beside("as many random real images", &|block| block.cells[0].random));
        lines.push(beside("the whole set", &|block| block.whole));
        Ok(lines.join("\n"))
    }

    /// Makes what is missing of the sets, and judges them together.
    fn block(&self, ipc: &str, seed: &str) -> Result<Block> {
        let folders: Result<Vec<PathBuf>> = self.methods.iter().map(|method| self.distil(method, ipc, seed)).collect();
        let folders: Vec<String> = folders?.iter().map(|folder| folder.display().to_string()).collect();
        let mut line = vec!["compare", "--json", "-q", "--seed", seed, "--test", &self.source, "--train", &self.source];
        line.extend(folders.iter().map(String::as_str));
        let report: Value = serde_json::from_str(&attar(&line)?).map_err(|error| error.to_string())?;
        let number = |value: &Value| value.as_f64().ok_or("a figure is missing");
        let cell = |set: &Value| -> Result<Cell> {
            let judged = &set["results"][0];
            Ok(Cell {
                accuracy: number(&judged["accuracy"]["mean"])?,
                random: number(&judged["random"]["mean"])?,
                seconds: number(&set["seconds"]["distill"])?,
                bytes: number(&set["bytes"])?,
            })
        };
        let sets = report["sets"].as_array().ok_or("no sets")?;
        Ok(Block {
            cells: sets.iter().map(cell).collect::<Result<_>>()?,
            whole: number(&report["whole"]["accuracy"][0]["mean"])?,
        })
    }

    /// Makes a set unless it is there, and names its folder.
    fn distil(&self, method: &str, ipc: &str, seed: &str) -> Result<PathBuf> {
        let folder = self.out.join(format!("{}-{ipc}-{seed}", method.replace(|c: char| !c.is_alphanumeric(), "-")));
        if folder.join("distilled.attar").exists() {
            return Ok(folder);
        }
        eprintln!("{method}, {ipc} images per class, seed {seed}");
        // What an interrupted table left is not worth going on with.
        fs::remove_dir_all(&folder).ok();
        let (out, mut parts) = (folder.display().to_string(), method.split(':'));
        let name = parts.next().unwrap_or_default();
        let mut line = vec!["distill", "-q", "--no-evaluate", "--method", name, "--ipc", ipc, "--seed", seed];
        line.extend(["--out", &out, &self.source]);
        line.extend(parts.flat_map(|setting| ["--set", setting]));
        attar(&line).map(|_| folder)
    }
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
