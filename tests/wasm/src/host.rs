//! What Node provides.

#[expect(unsafe_code, reason = "imported")]
#[link(wasm_import_module = "host")]
// SAFETY: `run.mjs` defines both functions with these parameters.
unsafe extern "C" {
    #[link_name = "say"]
    unsafe fn say_bytes(text: *const u8, len: usize);

    /// Seconds since some moment.
    pub safe fn now() -> f64;
}

/// Hands a text to Node.
pub fn say(text: &str) {
    // SAFETY: Node reads these bytes, all of them valid, before it returns.
    #[expect(unsafe_code, reason = "calls an imported function")]
    unsafe {
        say_bytes(text.as_ptr(), text.len());
    }
}

/// Has panics say why before they trap.
pub fn say_panics() {
    std::panic::set_hook(Box::new(|panic| say(&panic.to_string())));
}
