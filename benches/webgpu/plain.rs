//! A plain matrix product: square tiles of both operands in workgroup memory, a block of the result in each lane's
//! registers, no edges. The way that every introduction to GPU programming ends with.

use std::{fmt::Write, time::Instant};

/// Rows, columns and terms.
const SIZE: usize = 1024;

/// A rate, and the sizes that gave it.
pub struct Best {
    pub gflops: f64,
    pub variant: String,
}

/// Lanes down and across, rows of a lane, fours of columns of a lane, and terms at a time.
#[derive(Debug, Clone, Copy)]
struct Variant {
    lanes: [usize; 2],
    rows: usize,
    fours: usize,
    depth: usize,
}

const VARIANTS: [Variant; 10] = [
    Variant { lanes: [8, 8], rows: 4, fours: 1, depth: 16 },
    Variant { lanes: [8, 8], rows: 8, fours: 1, depth: 16 },
    Variant { lanes: [8, 8], rows: 8, fours: 2, depth: 8 },
    Variant { lanes: [8, 8], rows: 8, fours: 2, depth: 16 },
    Variant { lanes: [8, 8], rows: 8, fours: 2, depth: 32 },
    Variant { lanes: [4, 8], rows: 8, fours: 2, depth: 16 },
    Variant { lanes: [4, 8], rows: 16, fours: 2, depth: 16 },
    Variant { lanes: [8, 8], rows: 16, fours: 2, depth: 16 },
    Variant { lanes: [4, 8], rows: 16, fours: 4, depth: 8 },
    Variant { lanes: [16, 16], rows: 4, fours: 1, depth: 16 },
];

/// The fastest variant, each measured for a part of so many seconds.
pub async fn best(seconds: f64) -> Result<Best, String> {
    let gpu = Gpu::open().await?;
    let mut best = Best { gflops: 0.0, variant: String::new() };
    for variant in VARIANTS {
        let gflops = gpu.measure(&shader(variant), variant, seconds / 2.0);
        let name =
            format!("{:?} lanes of {}x{}, {} terms", variant.lanes, variant.rows, 4 * variant.fours, variant.depth);
        println!("  {gflops:>8.2} GFLOP/s {name}");
        if gflops > best.gflops {
            best = Best { gflops, variant: name };
        }
    }
    Ok(best)
}

struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Gpu {
    async fn open() -> Result<Gpu, String> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions::default();
        let adapter = instance.request_adapter(&options).await.map_err(|error| error.to_string())?;
        let limits = adapter.limits();
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| error.to_string())?;
        Ok(Gpu { device, queue })
    }

    fn measure(&self, source: &str, variant: Variant, seconds: f64) -> f64 {
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let buffers = [0, 1, 2].map(|_| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: 4 * (SIZE * SIZE) as u64,
                usage: wgpu::BufferUsages::STORAGE,
                mapped_at_creation: false,
            })
        });
        let entries = [0, 1, 2].map(|binding| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: buffers[binding].as_entire_binding(),
        });
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let (down, across) = (SIZE / (variant.lanes[0] * variant.rows), SIZE / (4 * variant.lanes[1] * variant.fours));
        let run = || {
            let start = Instant::now();
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(across as u32, down as u32, 1);
            drop(pass);
            self.queue.submit([encoder.finish()]);
            let waited = self.device.poll(wgpu::PollType::wait_indefinitely());
            waited.map_or(f64::INFINITY, |_| start.elapsed().as_secs_f64())
        };
        run();
        let (start, mut shortest) = (Instant::now(), f64::INFINITY);
        while start.elapsed().as_secs_f64() < seconds {
            shortest = shortest.min(run());
        }
        2.0 * (SIZE as f64).powi(3) / shortest / 1e9
    }
}

fn shader(variant: Variant) -> String {
    let Variant { lanes: [down, across], rows, fours, depth } = variant;
    let lanes = down * across;
    // In fours: a's tile by terms, b's tile by columns.
    let (tall, wide) = (down * rows, across * fours);
    let (a_count, b_count) = (tall * depth / 4, depth * wide);
    let mut text = format!(
        "@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
var<workgroup> a_tile: array<vec4<f32>, {a_count}>;
var<workgroup> b_tile: array<vec4<f32>, {b_count}>;
@compute @workgroup_size({lanes})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {{
    let y = lane / {across}u;
    let x = lane % {across}u;
    let row = group.y * {tall}u;
    let column = group.x * {wide}u;
"
    );
    for row in 0..rows {
        for four in 0..fours {
            writeln!(text, "    var c_{row}_{four} = vec4<f32>();").ok();
        }
    }
    let quarter = depth / 4;
    writeln!(
        text,
        "    for (var k = 0u; k < {SIZE}u; k += {depth}u) {{
        for (var i = lane; i < {a_count}u; i += {lanes}u) {{
            a_tile[i] = a[(row + i / {quarter}u) * {}u + k / 4u + i % {quarter}u];
        }}
        for (var i = lane; i < {b_count}u; i += {lanes}u) {{
            b_tile[i] = b[(k + i / {wide}u) * {}u + column + i % {wide}u];
        }}
        workgroupBarrier();
        for (var t = 0u; t < {quarter}u; t += 1u) {{",
        SIZE / 4,
        SIZE / 4
    )
    .ok();
    for row in 0..rows {
        writeln!(text, "            let a_{row} = a_tile[(y * {rows}u + {row}u) * {quarter}u + t];").ok();
    }
    for (term, part) in ["x", "y", "z", "w"].iter().enumerate() {
        for four in 0..fours {
            writeln!(
                text,
                "            let b_{term}_{four} = b_tile[(4u * t + {term}u) * {wide}u + {}u + x];",
                four * across
            )
            .ok();
        }
        for row in 0..rows {
            for four in 0..fours {
                writeln!(text, "            c_{row}_{four} += a_{row}.{part} * b_{term}_{four};").ok();
            }
        }
    }
    text += "        }\n        workgroupBarrier();\n    }\n";
    for row in 0..rows {
        for four in 0..fours {
            let place = format!("(row + y * {rows}u + {row}u) * {}u + column + {}u + x", SIZE / 4, four * across);
            writeln!(text, "    c[{place}] = c_{row}_{four};").ok();
        }
    }
    text + "}\n"
}
