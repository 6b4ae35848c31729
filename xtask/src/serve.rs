//! A server of static files for this machine alone.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    process::ExitCode,
    thread,
};

/// Where the demo is served.
const ADDRESS: &str = "127.0.0.1:8080";

/// Types by ending. A module is not run, and WebAssembly not compiled as it arrives, under another.
const TYPES: [(&str, &str); 10] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("json", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
];

/// Serves `folder` until it is interrupted.
pub fn run(folder: &Path) -> ExitCode {
    if !folder.join("index.html").is_file() {
        eprintln!("error: {} has no index.html: run `cargo xtask web` first", folder.display());
        return ExitCode::FAILURE;
    }
    let listener = match TcpListener::bind(ADDRESS) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("error: {ADDRESS} cannot be listened at: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("serving {} at http://{ADDRESS}/", folder.display());
    for stream in listener.incoming().flatten() {
        let folder = folder.to_owned();
        // A browser that goes away in the middle of an answer is its own business.
        thread::spawn(move || answer(&stream, &folder));
    }
    ExitCode::SUCCESS
}

fn answer(mut stream: &TcpStream, folder: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The rest of the head says nothing that matters here, but has to be read.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, kind, body) = match (method, file(folder, target)) {
        ("GET" | "HEAD", Some(path)) => ("200 OK", kind(&path), fs::read(path)?),
        ("GET" | "HEAD", None) => ("404 Not Found", "text/plain", b"There is no such file.\n".to_vec()),
        _ => ("405 Method Not Allowed", "text/plain", b"Only GET and HEAD are answered.\n".to_vec()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n"
    )?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    Ok(())
}

/// The file that is meant by the target of a request, if it lies in the folder.
fn file(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let path = Path::new(path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = folder.join(path);
    let path = if path.is_dir() { path.join("index.html") } else { path };
    path.is_file().then_some(path)
}

fn kind(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    TYPES.iter().find(|(known, _)| *known == ending).map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_found() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(file(folder, "/src/serve.rs?x=1"), Some(folder.join("src/serve.rs")));
        for target in
            ["/../Cargo.toml", "/src/../../Cargo.toml", "//etc/passwd", "src/serve.rs", "/missing", "", "/src"]
        {
            assert_eq!(file(folder, target), None, "{target}");
        }
    }

    #[test]
    fn types_follow_endings() {
        assert_eq!(kind(Path::new("a/b.wasm")), "application/wasm");
        assert_eq!(kind(Path::new("a/b")), "application/octet-stream");
    }
}
