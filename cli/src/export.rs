//! `attar export`: a distilled set in forms that others read.

use std::{fs, path::Path};

use attar::{
    Distilled, Error,
    data::{npz, png_grid, save_png, write_atomic, write_folder},
};
use pollster::block_on;
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
    let packed = Distilled::load(&args.file)?;
    let set = match args.to {
        ExportForm::Folder | ExportForm::Npz if !args.canvases => block_on(packed.unpacked())?,
        _ => packed,
    };
    match args.to {
        ExportForm::Folder => write_folder(&set, &args.out)?,
        _ if args.out.exists() && !args.force => {
            let out = args.out.display();
            return Err(
                Error::Data(format!("{out} is there already: give another --out, or --force to replace it")).into()
            );
        }
        ExportForm::PngGrid => {
            let picture = png_grid(&set)?;
            create_parent(&args.out)?;
            save_png(&picture, &args.out)?;
        }
        ExportForm::Npz => {
            let bytes = npz(&set)?;
            create_parent(&args.out)?;
            write_atomic(&args.out, &bytes)?;
        }
    }
    let file = args.out.display().to_string();
    let what = if set.factor == 1 { "images" } else { "canvases of several pictures" };
    console.note(format!("{} {what} of {} classes written", set.len(), set.classes.len()));
    console.result(&Exported { file: file.clone(), images: set.len() }, &format!("{file}\n"))
}

fn create_parent(path: &Path) -> attar::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| Error::io(path.display(), error))
}
