//! Drives the real binary in a fresh folder.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(dead_code, reason = "every test binary compiles this module and uses its own part of it")]

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use image::{GrayImage, Luma};
use serde_json::Value;
use tempfile::TempDir;

/// A run of about a second: two networks of width 8, 32 frequencies, evaluation by one network for four epochs.
pub const TINY: &[&str] = &[
    "--engine=reference:f32",
    "--ipc=1",
    "--iterations=2",
    "--repeats=1",
    "--set=network.width=8",
    "--set=pool.networks=2",
    "--set=pool.epochs=1",
    "--set=method.frequencies=32",
    "--set=real.batch=4",
    "--set=real.refresh=2",
    "--set=evaluation.width=8",
    "--set=evaluation.epochs=4",
];

/// An empty folder that the program is run in.
pub struct Place(TempDir);

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    /// With the folder `toy`: two classes of six images, 16 x 16.
    pub fn with_toy() -> Place {
        let place = Place::new();
        place.images("toy", &["across", "down"], 6);
        place
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    /// What a folder holds, in order; nothing if it is not there.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A folder of striped pictures, the stripes of every second class across.
    pub fn images(&self, folder: &str, classes: &[&str], each: u32) {
        for (class, name) in (0..).zip(classes) {
            for index in 0..each {
                let shade = |x: u32, y: u32| {
                    let stripe = (if class % 2 == 0 { y } else { x }) / 2 % 2;
                    (stripe * 150 + (x * 7 + y * 13 + index * 31 + class * 17) % 100) as u8
                };
                let path = self.path(format!("{folder}/{name}/{index}.png"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                GrayImage::from_fn(16, 16, |x, y| Luma([shade(x, y)])).save(path).unwrap();
            }
        }
    }

    fn command(&self, line: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_attar"), line)
    }

    fn command_of(&self, program: &str, line: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).args(line.iter().map(OsStr::new)).env_remove("ATTAR_LOG");
        // Or else a Vulkan layer of Mesa complains where there is no desktop.
        command.env("NODEVICE_SELECT", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `attar` with these arguments.
    pub fn attar(&self, line: &[&str]) -> Ran {
        self.command(line).output().unwrap().into()
    }

    /// Runs `attar distill toy` as [`TINY`] as it gets, with more arguments.
    pub fn distill(&self, more: &[&str]) -> Ran {
        self.attar(&[&["distill", "toy"], TINY, more].concat())
    }

    /// Runs `attar` and sends it a signal as soon as it says a line that begins with `cue`.
    #[cfg(unix)]
    pub fn interrupt(&self, line: &[&str], signal: &str, cue: &str) -> Ran {
        self.interrupt_program(env!("CARGO_BIN_EXE_attar"), line, signal, cue)
    }

    /// As [`Place::interrupt`], of a program that runs `attar`.
    #[cfg(unix)]
    pub fn interrupt_program(&self, program: &str, line: &[&str], signal: &str, cue: &str) -> Ran {
        self.program_at_cue(program, line, cue, |id| {
            let status = Command::new("kill").args([format!("-{signal}"), id.to_string()]).status();
            assert!(status.unwrap().success());
        })
    }

    /// Runs `attar` and does something when a line of its stderr begins with the cue.
    pub fn at_cue(&self, line: &[&str], cue: &str, act: impl FnMut(u32)) -> Ran {
        self.program_at_cue(env!("CARGO_BIN_EXE_attar"), line, cue, act)
    }

    fn program_at_cue(&self, program: &str, line: &[&str], cue: &str, mut act: impl FnMut(u32)) -> Ran {
        let mut child = self.command_of(program, line).spawn().unwrap();
        let mut reader = BufReader::new(child.stderr.take().unwrap());
        let (mut said, mut acted) = (String::new(), false);
        while reader.read_line(&mut said).unwrap() > 0 {
            if !acted && said.lines().last().is_some_and(|line| line.starts_with(cue)) {
                act(child.id());
                acted = true;
            }
        }
        assert!(acted, "`{cue}` was never said:\n{said}");
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Ran { code: child.wait().unwrap().code(), stdout, stderr: said }
    }

    /// Runs `attar` and kills it after this time, unless it has ended.
    pub fn killed_after(&self, line: &[&str], time: Duration) -> Ran {
        let child = self.command(line).spawn().unwrap();
        let id = child.id().to_string();
        let ended = std::thread::spawn(move || child.wait_with_output().unwrap());
        std::thread::sleep(time);
        // It may have ended just now.
        let _ = Command::new("kill").args(["-KILL", &id]).stderr(Stdio::null()).status();
        ended.join().unwrap().into()
    }

    /// Runs `attar` with nobody reading what it prints.
    pub fn unread(&self, line: &[&str]) -> Ran {
        let mut child = self.command(line).spawn().unwrap();
        drop(child.stdout.take());
        child.wait_with_output().unwrap().into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// That it ended well.
    #[track_caller]
    pub fn well(self) -> Ran {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// That it failed with this code and one sentence that holds these words.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:#?}");
        let sentence = self.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("{self:#?}")).trim_end();
        assert!(!sentence.contains('\n'), "more than a line: {sentence}");
        for word in words {
            assert!(sentence.contains(word), "no `{word}` in: {sentence}");
        }
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let ran = self.well();
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error} in {}", ran.stdout))
    }
}
