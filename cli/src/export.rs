//! `attar export`: a distilled set in forms that others read.

use attar::{
    Distilled, Error,
    data::{FORMS, Labels, Shows},
};
use pollster::block_on;
use serde::Serialize;

use crate::{args::ExportArgs, console::Console, failure::Result};

#[derive(Serialize)]
struct Exported {
    file: String,
    images: usize,
}

pub fn run(args: &ExportArgs, console: &Console) -> Result<()> {
    let stored = Distilled::load(&args.file)?;
    let file = args.out.display().to_string();
    if !args.to.is_folder() && args.out.exists() && !args.force {
        return Err(
            Error::Data(format!("{file} is there already: give another --out, or --force to replace it")).into()
        );
    }
    let set = match args.to.shows {
        Shows::Pictures if !args.canvases => block_on(stored.unpacked())?,
        _ => stored,
    };
    args.to.write(&set, &args.out)?;
    let what = if set.factor == 1 { "images" } else { "canvases of several pictures" };
    console.note(format!("{} {what} of {} classes written", set.len(), set.classes.len()));
    if set.soft.is_some() && args.to.shows == Shows::Pictures && args.to.labels == Labels::Classes {
        let able: Vec<&str> = FORMS.iter().filter(|form| form.labels == Labels::Any).map(|form| form.name).collect();
        console.note(format!(
            "soft labels are left out, and the set is worth less without: {} have them",
            able.join(", ")
        ));
    }
    console.result(&Exported { file: file.clone(), images: set.len() }, &format!("{file}\n"))
}
