// sin and cos of r in [-pi/4, pi/4], to 1 unit in the last place.
fn sin_quarter(r: f32) -> f32 {
    let z = r * r;
    return ((-1.9515296e-4 * z + 8.3321609e-3) * z - 1.6666655e-1) * z * r + r;
}

fn cos_quarter(r: f32) -> f32 {
    let z = r * r;
    return ((2.4433157e-5 * z - 1.3887316e-3) * z + 4.1666646e-2) * z * z - 0.5 * z + 1.0;
}

// sin(r + turns pi/2).
fn sin_turned(r: f32, turns: i32) -> f32 {
    let y = select(sin_quarter(r), cos_quarter(r), (turns & 1) == 1);
    return select(y, -y, (turns & 2) == 2);
}

// sin(x + turns pi/2) for x >= 0, with an absolute error below 2e-7 up to 2^20; for larger x a number in [-1, 1].
//
// x = q / 64 + b and x = n pi/2 + r. The difference q / 64 - n pi/2 is taken in integers, in units of 2^-30 and modulo
// 2^32: compilers that reorder floating-point sums (Metal's does) would destroy the usual pi/2 in parts.
fn sin_shifted(x: f32, turns: i32) -> f32 {
    let c = min(x, 1048576.0);
    let n = i32(floor(c * 0.63661977 + 0.5));
    let q = i32(floor(c * 64.0));
    let b = c - f32(q) * 0.015625;
    let r = f32((q << 24u) - n * 1686629713) * 9.313226e-10 + (b - f32(n) * 6.0771005e-11);
    // Not a number for what is not finite.
    var special = 0x7fc00000u;
    return select(sin_turned(r, n + turns), bitcast<f32>(special), (bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u);
}

// Exactly odd, as cos_f32 is exactly even: differences of equal values must be zero.
fn sin_f32(x: f32) -> f32 {
    let y = sin_shifted(abs(x), 0);
    return select(y, -y, x < 0.0);
}

fn cos_f32(x: f32) -> f32 {
    return sin_shifted(abs(x), 1);
}
