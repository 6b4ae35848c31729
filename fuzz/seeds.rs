//! Writes what fuzzing begins with, a corpus a target: small files that are sound.
//!
//! ```sh
//! cargo run --manifest-path fuzz/Cargo.toml --bin seeds
//! ```

use std::{fs, path::Path};

use attar::{
    Distillation, Distilled,
    data::{FORMS, container},
    pool::PoolRun,
};
use attar_fuzz::{ENDINGS, body, engine, images, recipe};
use pollster::block_on;

fn keep(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("the corpus can be made");
    fs::write(folder.join(name), bytes).expect("a seed can be written");
}

fn main() {
    let data = images();
    let mut run = Distillation::new(recipe(), &data, engine()).expect("it fits");
    let mut number = 0;
    loop {
        keep("checkpoint", &number.to_string(), body(&block_on(run.checkpoint()).expect("it can be saved")));
        number += 1;
        if block_on(run.advance()).expect("it goes on").is_none() {
            break;
        }
    }
    let set = block_on(run.finish()).expect("it ends");
    keep("container", "3", body(&container::write(&set).expect("it can be written")));
    keep("recipe", "all", set.recipe.to_toml().as_bytes());

    let mut pool = PoolRun::new(&recipe(), &data, engine()).expect("it fits");
    keep("pool", "begun", body(&block_on(pool.checkpoint()).expect("it can be saved")));
    while block_on(pool.advance()).expect("it goes on").is_some() {}
    keep("pool", "done", body(&block_on(pool.finish()).expect("it ends").to_bytes()));

    exported(&set);
}

/// What is written in other forms is what is read.
fn exported(set: &Distilled) {
    let place = tempfile::tempdir().expect("a folder");
    for form in FORMS {
        let path = place.path().join(form.name);
        if form.write(set, &path).is_err() {
            continue;
        }
        if let Some(kind) = ENDINGS.iter().position(|ending| *ending == form.name) {
            let bytes = fs::read(&path).expect("it is there");
            keep("source", form.name, &[&[kind as u8], &bytes[..]].concat());
        }
    }
    for (kind, ending) in ENDINGS.iter().enumerate() {
        keep("source", &format!("empty.{ending}"), &[kind as u8]);
    }
    let png = fs::read_dir(place.path().join("folder/a")).ok().and_then(|mut files| files.next()?.ok());
    if let Some(png) = png {
        keep("picture", "png", &fs::read(png.path()).expect("it is there"));
    }
}
