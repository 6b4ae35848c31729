// e^x to 2 units in the last place; infinity from 88.73, zero (or a subnormal) below -87.34.
//
// x = q / 64 + b and x = n ln 2 + r. The difference q / 64 - n ln 2 is taken in integers, in units of 2^-23: compilers
// that reorder floating-point sums (Metal's does) would destroy the usual two-part ln 2.
fn exp_f32(x: f32) -> f32 {
    let c = clamp(x, -104.0, 89.0);
    let n = i32(floor(c * 1.442695 + 0.5));
    let q = i32(floor(c * 64.0));
    let b = c - f32(q) * 0.015625;
    let r = f32((q << 17u) - n * 5814540) * 1.1920929e-7 + (b - f32(n) * -1.9046542e-9);
    var p = 1.9875691e-4 * r + 1.3981999e-3;
    p = p * r + 8.3334519e-3;
    p = p * r + 4.1665796e-2;
    p = p * r + 1.6666667e-1;
    p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    // 2^n as two factors, since n alone may be out of the exponent's range.
    let half = n / 2;
    let scaled = y * bitcast<f32>((half + 127) << 23u) * bitcast<f32>((n - half + 127) << 23u);
    return select(scaled, x, (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u);
}
