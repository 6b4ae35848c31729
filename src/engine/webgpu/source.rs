//! WGSL in files of its own.

/// The text of a WGSL file, its path relative to the caller. What a page downloads has blanks in the place of comments.
macro_rules! wgsl {
    ($path:literal) => {{
        const SOURCE: &[u8] = &$crate::engine::webgpu::source::packed(include_bytes!($path));
        match std::str::from_utf8(SOURCE) {
            Ok(source) => source,
            Err(_) => panic!("WGSL is text"),
        }
    }};
}
pub(super) use wgsl;

/// The source, in WebAssembly without its comments: they are for readers of the file.
pub(super) const fn packed<const N: usize>(source: &[u8; N]) -> [u8; N] {
    if cfg!(target_arch = "wasm32") { uncommented(source) } else { *source }
}

/// Blanks from each `//` to the end of its line.
const fn uncommented<const N: usize>(source: &[u8; N]) -> [u8; N] {
    let (mut kept, mut at, mut comment) = (*source, 0, false);
    while at < N {
        comment = source[at] != b'\n' && (comment || source[at] == b'/' && at + 1 < N && source[at + 1] == b'/');
        if comment {
            kept[at] = b' ';
        }
        at += 1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::uncommented;

    #[test]
    fn comments_become_blanks() {
        assert_eq!(&uncommented(b"// a\nb / c; // d\n//"), b"    \nb / c;     \n  ");
    }
}
