// Two standard normal numbers from two words, by Box and Muller: sqrt(-2 ln u0) times (cos, sin)(2 pi u1).
fn normal_pair(word0: u32, word1: u32) -> vec2<f32> {
    // Near 1 the logarithm is taken of 1 - v with v exact, since u0 itself rounds there.
    let k = word0 >> 8u;
    let v = (f32(0xffffffu - k) + 0.5) * 5.9604645e-8;
    let radius = sqrt(-2.0 * select(log_f32(uniform_of(word0)), log_parts(-v, 0.0), v < 0.25));
    // The angle less its nearest whole quarter turns, exact.
    let turns = ((word1 >> 8u) + 0x200000u) >> 22u;
    let rest = i32(word1 >> 8u) - i32(turns << 22u);
    let angle = (f32(rest) + 0.5) * 3.7450703e-7;
    return radius * vec2<f32>(sin_turned(angle, i32(turns) + 1), sin_turned(angle, i32(turns)));
}
