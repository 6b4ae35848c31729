//! `attar export`: the images of a distilled set as PNG.

use std::{fs, io, path::Path};

use attar::{
    Distilled, Error,
    data::{png_grid, save_png, write_folder},
};
use serde::Serialize;

use crate::{
    args::{ExportArgs, ExportForm},
    console::Console,
    failure::Result,
};

#[derive(Serialize)]
struct Exported {
    file: String,
    images: usize,
}

pub fn run(args: &ExportArgs, console: &Console) -> Result<()> {
    let set = Distilled::load(&args.file)?;
    match args.to {
        ExportForm::PngGrid if args.out.exists() && !args.force => {
            let out = args.out.display();
            return Err(
                Error::Data(format!("{out} is there already: give another --out, or --force to replace it")).into()
            );
        }
        ExportForm::PngGrid => {
            let picture = png_grid(&set)?;
            create_parent(&args.out).map_err(|error| Error::io(args.out.display(), error))?;
            save_png(&picture, &args.out)?;
        }
        ExportForm::Folder => write_folder(&set, &args.out)?,
    }
    let file = args.out.display().to_string();
    console.note(format!("{} images of {} classes written", set.len(), set.classes.len()));
    console.result(&Exported { file: file.clone(), images: set.len() }, &format!("{file}\n"))
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
