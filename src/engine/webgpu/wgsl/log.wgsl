// ln(m 2^e) with m = 1 + f, for f in [-0.293, 0.415]: to 2 units in the last place.
fn log_parts(f: f32, e: f32) -> f32 {
    let z = f * f;
    var p = 7.0376836e-2 * f - 1.1514610e-1;
    p = p * f + 1.1676998e-1;
    p = p * f - 1.2420140e-1;
    p = p * f + 1.4249323e-1;
    p = p * f - 1.6668058e-1;
    p = p * f + 2.0000714e-1;
    p = p * f - 2.4999999e-1;
    p = p * f + 3.3333331e-1;
    return (f + ((p * f * z - e * 2.1219444e-4) - 0.5 * z)) + e * 0.693359375;
}

// ln x to 2 units in the last place; minus infinity at zero, not a number below.
fn log_f32(x: f32) -> f32 {
    // Subnormal numbers are scaled into range (where the device has them; elsewhere they are zeros).
    let tiny = x < 1.1754944e-38;
    let bits = bitcast<i32>(select(x, x * 8388608.0, tiny));
    // m in [sqrt(1/2), sqrt(2)).
    let shifted = bits - 0x3f3504f3;
    let e = shifted >> 23u;
    let m = bitcast<f32>((shifted & 0x007fffff) + 0x3f3504f3);
    let finite = log_parts(m - 1.0, f32(e - select(0, 23, tiny)));
    // Not finite: the bits come from a variable, since WGSL has no such constants.
    var special = bitcast<u32>(x);
    if (x == 0.0) {
        special = 0xff800000u;
    } else if ((special & 0x80000000u) != 0u) {
        special = 0x7fc00000u;
    }
    return select(finite, bitcast<f32>(special), special >= 0x7f800000u);
}
