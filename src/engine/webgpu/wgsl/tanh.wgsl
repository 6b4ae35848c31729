// The hyperbolic tangent to 3 units in the last place.
fn tanh_f32(x: f32) -> f32 {
    let z = x * x;
    if (z < 0.390625) {
        var p = -5.7049887e-3 * z + 2.0639089e-2;
        p = p * z - 5.3739716e-2;
        p = p * z + 1.3331442e-1;
        p = p * z - 3.3333282e-1;
        return p * z * x + x;
    }
    let y = 1.0 - 2.0 / (exp_f32(2.0 * abs(x)) + 1.0);
    return select(y, -y, x < 0.0);
}
