// Coordinates that read the pixel at `pixel` lie between these two: a little over 1 to each side, and any number
// beyond the edge if border pixels stand for what is outside.
fn readers(pixel: u32, size: u32) -> vec2<f32> {
    let low = select(f32(pixel) - 1.01, -1e30, EDGE && pixel == 0u);
    let high = select(f32(pixel) + 1.01, 1e30, EDGE && pixel == size - 1u);
    return vec2<f32>(low, high);
}

// The first and last q in 0 .. OUT_W for which first + q slope may lie between `limits`; none if last < first.
// Along a row of the output, the coordinates it reads are straight lines.
fn columns_between(limits: vec2<f32>, first: f32, slope: f32) -> vec2<f32> {
    // Too flat to divide by: any q may do.
    if (abs(slope) < 1e-4) {
        return vec2<f32>(0.0, f32(OUT_W - 1u));
    }
    let ends = (limits - first) / slope;
    let last = f32(OUT_W - 1u);
    return vec2<f32>(
        clamp(floor(min(ends.x, ends.y)) - 1.0, 0.0, last + 1.0),
        clamp(ceil(max(ends.x, ends.y)) + 1.0, -1.0, last),
    );
}
