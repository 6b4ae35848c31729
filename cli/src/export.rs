//! `attar export`: the images of a distilled set as PNG.

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
        ExportForm::PngGrid => save_png(&png_grid(&set)?, &args.out)?,
        ExportForm::Folder => write_folder(&set, &args.out)?,
    }
    let file = args.out.display().to_string();
    console.note(format!("{} images of {} classes written", set.len(), set.classes.len()));
    console.result(&Exported { file: file.clone(), images: set.len() }, &format!("{file}\n"))
}
