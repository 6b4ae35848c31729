// Philox 4x32-10, see src/rng.rs. `call.draws` holds the seed (low, high) and the unit.

// The 64-bit product of two words as (high, low), from halves of 16 bits: WGSL has no wider integers.
fn wide(a: u32, b: u32) -> vec2<u32> {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 16u);
    let carry = a0 * b1 + (middle & 0xffffu);
    return vec2<u32>(a1 * b1 + (middle >> 16u) + (carry >> 16u), a * b);
}

// The four words of draws `4 block .. 4 block + 4`.
fn philox(block: u32, stream: u32) -> vec4<u32> {
    var counter = vec4<u32>(block, stream, call.draws.z, 0u);
    var key = call.draws.xy;
    for (var turn = 0u; turn < 10u; turn += 1u) {
        let p0 = wide(0xD2511F53u, counter.x);
        let p1 = wide(0xCD9E8D57u, counter.z);
        counter = vec4<u32>(p1.x ^ counter.y ^ key.x, p1.y, p0.x ^ counter.w ^ key.y, p0.y);
        key += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

// A word as a number in (0, 1).
fn uniform_of(word: u32) -> f32 {
    return f32(word >> 8u) * 5.9604645e-8 + 2.9802322e-8;
}
