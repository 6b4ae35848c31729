// Affine bilinear sampling, see Op::Sample2d. `map` holds the maps, [n, 2, 3]; sizes are constants above.

// The column and row that output pixel (p, q) of image n would read if the image had no edge.
fn aim(n: u32, p: u32, q: u32) -> vec2<f32> {
    let x = f32(q) - 0.5 * f32(OUT_W - 1u);
    let y = f32(p) - 0.5 * f32(OUT_H - 1u);
    let m = 6u * n;
    return vec2<f32>(
        map(m) * x + map(m + 1u) * y + map(m + 2u) + 0.5 * f32(IN_W - 1u),
        map(m + 3u) * x + map(m + 4u) * y + map(m + 5u) + 0.5 * f32(IN_H - 1u),
    );
}

// The column and row that it reads.
fn read_at(n: u32, p: u32, q: u32) -> vec2<f32> {
    let at = aim(n, p, q);
    return select(at, clamp(at, vec2<f32>(), vec2<f32>(f32(IN_W - 1u), f32(IN_H - 1u))), EDGE);
}

// The weight with which coordinate `at` reads the pixel at `pixel`: the hat of width 2.
fn tap(at: f32, pixel: f32) -> f32 {
    let lower = floor(at);
    let fraction = at - lower;
    return select(select(0.0, fraction, pixel == lower + 1.0), 1.0 - fraction, pixel == lower);
}
