//! The one driver of all direct contractions: a batch of matrix products whose operands and result are any memory that
//! [`Axis`] can describe.
//!
//! The right operand is packed block by block, each block small enough for the second-level cache, and multiplied while it
//! is there. The left one (weights) is packed once for the whole call if several blocks of columns need it, and otherwise
//! panel by panel just before its only use.

use std::ops::Range;

use super::{
    axis::Axis,
    pack::Panels,
    simd::{Kernel, Lanes, Simd, dispatch},
    tile::{Left, MAX_COLUMNS, MAX_ROWS, Target, tile},
};
use crate::{
    Isa,
    parallel::{self, Shared},
};

/// Steps of the summed axis in one block: a panel of the left operand (14 lanes) then fills half of a 32 KiB cache.
const DEPTH: usize = 256;
/// Columns in one block: with `DEPTH` steps, 256 KiB.
const COLUMNS: usize = 256;
/// Multiplications worth a part of their own: some tens of microseconds.
const PART: usize = 1 << 20;
/// Parts that keep any sensible number of threads busy. A constant, since results must not depend on the machine.
const PARTS: usize = 32;

/// A matrix in memory: element (lane, step) of product number `i` at `start + i * batch + lanes[lane] + steps[step]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix {
    pub(super) start: usize,
    pub(super) batch: usize,
    pub(super) lanes: Axis,
    pub(super) steps: Axis,
}

/// Some lanes and steps of one product's operand.
struct Piece {
    batch: usize,
    lanes: Range<usize>,
    steps: Range<usize>,
}

impl Matrix {
    /// Packs a piece of it.
    fn pack<S: Simd>(
        &self,
        simd: S,
        from: &[f32],
        Piece { batch, lanes, steps }: Piece,
        panels: Panels,
        to: &mut [f32],
        workspace: &mut Workspace,
    ) {
        let lane_offsets = &mut workspace.lanes[..lanes.len()];
        let step_offsets = &mut workspace.steps[..steps.len()];
        self.lanes.offsets(batch * self.batch, lanes.start, lane_offsets);
        self.steps.offsets(self.start, steps.start, step_offsets);
        simd.compiled(
            #[inline(always)]
            || panels.pack(simd, from, lane_offsets, step_offsets, to),
        );
    }
}

/// `batch` products of the `left` rows and the `right` columns, summed over the steps of both; `out` has the rows as
/// lanes and the columns as steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    isa: Isa,
    batch: usize,
    left: Matrix,
    right: Matrix,
    out: Matrix,
    grid: Grid,
}

/// How the work is cut into parts: by shapes and instruction set only.
#[derive(Debug, Clone, Copy)]
struct Grid {
    rows: usize,
    columns: usize,
    steps: usize,
    /// Rows and columns of the largest tile.
    tile: [usize; 2],
    /// Products in a part.
    batches: usize,
    /// Panels of rows in a part.
    row_panels: usize,
    /// Columns in a part, whole panels.
    part_columns: usize,
    /// Pieces of the summed axis, whose sums are added in order at the end.
    splits: usize,
    /// Sums go to contiguous memory first and are put into place at the end: there are several pieces, or the result's
    /// columns are not neighbours.
    staged: bool,
}

impl Grid {
    fn new(isa: Isa, batch: usize, [rows, columns, steps]: [usize; 3], out: &Matrix) -> Grid {
        let tile = isa_tile(isa);
        let panels = rows.div_ceil(tile[0]).max(1);
        let wanted = (batch * rows * columns * steps).div_ceil(PART).clamp(1, PARTS);
        let column_panels = columns.div_ceil(tile[1]).max(1);
        let most = (COLUMNS / tile[1]).max(1);
        // Columns first: their blocks share nothing but the left operand, which is packed anyway.
        let blocks = (wanted.div_ceil(batch.max(1))).max(column_panels.div_ceil(most)).min(column_panels);
        let part_columns = column_panels.div_ceil(blocks) * tile[1];
        let blocks = columns.div_ceil(part_columns).max(1);
        let missing = wanted.div_ceil(batch.max(1) * blocks);
        // Then the summed axis, as long as every piece has two blocks or more; then the rows.
        let splits = missing.min(steps / (2 * DEPTH)).max(1);
        let row_blocks = missing.div_ceil(splits).min(panels.div_ceil(2));
        let row_panels = panels.div_ceil(row_blocks);
        let batches = (batch * blocks * splits * row_blocks).div_ceil(4 * PARTS).min(batch).max(1);
        let staged = splits > 1 || (out.steps.step() != 1 && columns > 1);
        Grid { rows, columns, steps, tile, batches, row_panels, part_columns, splits, staged }
    }

    fn panels(&self) -> usize {
        self.rows.div_ceil(self.tile[0])
    }

    /// The rows of panel number `index`: as equal as can be, so that no tile is small.
    fn panel(&self, index: usize) -> Range<usize> {
        let panels = self.panels();
        index * self.rows / panels..(index + 1) * self.rows / panels
    }

    /// The steps of piece number `index`, whole blocks.
    fn piece(&self, index: usize) -> Range<usize> {
        let blocks = self.steps.div_ceil(DEPTH);
        let start = |index: usize| (index * blocks / self.splits * DEPTH).min(self.steps);
        start(index)..start(index + 1)
    }

    /// Whether the left operand is packed once for the whole call.
    fn packs_left(&self) -> bool {
        self.column_blocks() > 1
    }

    fn row_blocks(&self) -> usize {
        self.panels().div_ceil(self.row_panels)
    }

    fn column_blocks(&self) -> usize {
        self.columns.div_ceil(self.part_columns)
    }
}

/// Rows and columns of the largest tile.
fn isa_tile(isa: Isa) -> [usize; 2] {
    struct Size;
    impl Kernel for Size {
        type Out = [usize; 2];

        fn run<S: Lanes>(self, _: S) -> [usize; 2] {
            [S::ROWS, S::VECTORS * S::COUNT]
        }
    }
    dispatch(isa, Size)
}

impl Product {
    pub(super) fn new(isa: Isa, batch: usize, left: Matrix, right: Matrix, out: Matrix) -> Product {
        let grid = Grid::new(isa, batch, [left.lanes.len(), right.lanes.len(), left.steps.len()], &out);
        Product { isa, batch, left, right, out, grid }
    }

    /// The left operand if it is packed once for the whole call.
    fn packed_left(&self) -> usize {
        if self.grid.packs_left() { self.batch * self.grid.rows * self.grid.steps } else { 0 }
    }

    fn stage(&self) -> usize {
        if self.grid.staged { self.batch * self.grid.splits * self.grid.rows * self.grid.columns } else { 0 }
    }

    /// A worker's block of the right operand, and a panel of the left one.
    fn block(&self) -> [usize; 2] {
        let depth = self.grid.steps.min(DEPTH);
        [depth * self.grid.part_columns, depth * self.grid.tile[0]].map(align)
    }

    /// f32s of scratch memory for one call.
    pub(super) fn scratch(&self) -> usize {
        align(self.packed_left()) + align(self.stage()) + parallel::workers() * self.block().iter().sum::<usize>()
    }

    pub(super) fn run(&self, a: &[f32], b: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        if self.batch * self.grid.rows * self.grid.columns == 0 {
            return;
        }
        if self.grid.steps == 0 {
            out.fill(0.0);
            return;
        }
        dispatch(self.isa, Run { product: self, a, b, out, scratch });
    }
}

/// Rounded up to whole cache lines.
pub(super) fn align(len: usize) -> usize {
    len.next_multiple_of(16)
}

/// What a part keeps on its stack; made once, since clearing it takes as long as a small product.
struct Workspace {
    lanes: [usize; COLUMNS],
    steps: [usize; DEPTH],
    columns: [usize; COLUMNS],
    sums: [f32; MAX_ROWS * MAX_COLUMNS],
}

impl Workspace {
    fn new() -> Workspace {
        Workspace { lanes: [0; COLUMNS], steps: [0; DEPTH], columns: [0; COLUMNS], sums: [0.0; MAX_ROWS * MAX_COLUMNS] }
    }
}

struct Run<'a> {
    product: &'a Product,
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Out = ();

    fn run<S: Lanes>(self, simd: S) {
        let Run { product, a, b, out, scratch } = self;
        let (left, scratch) = scratch.split_at_mut(align(product.packed_left()));
        let (stage, blocks) = scratch.split_at_mut(align(product.stage()));
        let left = if product.grid.packs_left() {
            product.pack_left(simd, a, left);
            LeftOperand::Packed(left)
        } else {
            LeftOperand::Plain(a)
        };
        if product.grid.staged {
            product.multiply(simd, left, b, stage, blocks);
            product.unstage(stage, out);
        } else {
            product.multiply(simd, left, b, out, blocks);
        }
    }
}

/// The left operand during the multiplication.
#[derive(Clone, Copy)]
enum LeftOperand<'a> {
    /// All panels, one after another.
    Packed(&'a [f32]),
    /// As it was given.
    Plain(&'a [f32]),
}

impl Product {
    fn pack_left<S: Simd>(&self, simd: S, a: &[f32], to: &mut [f32]) {
        let grid = &self.grid;
        let to = Shared::new(to);
        // Some tens of thousands of elements a part.
        let panels = self.batch * grid.panels();
        let chunk = (1usize << 14).div_ceil(grid.steps * grid.tile[0]);
        parallel::for_each(panels.div_ceil(chunk), |_, part| {
            let mut workspace = Workspace::new();
            for index in part * chunk..panels.min((part + 1) * chunk) {
                let (batch, panel) = (index / grid.panels(), grid.panel(index % grid.panels()));
                #[expect(unsafe_code, reason = "parts write their own panels")]
                // SAFETY: every panel is in one part.
                let to = unsafe { to.part((batch * grid.rows + panel.start) * grid.steps, panel.len() * grid.steps) };
                let panels = Panels { panel: panel.len(), multiple: 1 };
                for (block, to) in to.chunks_mut(DEPTH * panel.len()).enumerate() {
                    let steps = block * DEPTH..grid.steps.min((block + 1) * DEPTH);
                    let piece = Piece { batch, lanes: panel.clone(), steps };
                    self.left.pack(simd, a, piece, panels, to, &mut workspace);
                }
            }
        });
    }

    fn multiply<S: Simd>(&self, simd: S, left: LeftOperand<'_>, b: &[f32], out: &mut [f32], blocks: &mut [f32]) {
        let grid = &self.grid;
        let (out, blocks) = (Shared::new(out), Shared::new(blocks));
        let [right, panel] = self.block();
        let per_batch = grid.row_blocks() * grid.column_blocks() * grid.splits;
        parallel::for_each(self.batch.div_ceil(grid.batches) * per_batch, |worker, part| {
            #[expect(unsafe_code, reason = "workers have their own blocks")]
            // SAFETY: calls with equal `worker` never overlap.
            let block = unsafe { blocks.part(worker * (right + panel), right + panel) };
            let (batches, part) = (part / per_batch * grid.batches, part % per_batch);
            let (split, part) = (part % grid.splits, part / grid.splits);
            let (row_block, column_block) = (part % grid.row_blocks(), part / grid.row_blocks());
            let mut workspace = Workspace::new();
            for batch in batches..self.batch.min(batches + grid.batches) {
                let part = [batch, row_block, column_block, split];
                self.part(simd, (left, b), out, block, part, &mut workspace);
            }
        });
    }

    /// One block of rows and columns, one piece of the summed axis.
    fn part<S: Simd>(
        &self,
        simd: S,
        (left, b): (LeftOperand<'_>, &[f32]),
        out: Shared<'_>,
        block: &mut [f32],
        [batch, row_block, column_block, split]: [usize; 4],
        workspace: &mut Workspace,
    ) {
        let grid = &self.grid;
        let (block, own_panel) = block.split_at_mut(self.block()[0]);
        let first_column = column_block * grid.part_columns;
        let columns = grid.part_columns.min(grid.columns - first_column);
        let panels = row_block * grid.row_panels..grid.panels().min((row_block + 1) * grid.row_panels);
        let place = self.place(batch, split);
        place.steps.offsets(place.start, first_column, &mut workspace.columns[..columns]);
        let right = Panels { panel: grid.tile[1], multiple: S::COUNT };
        let piece = grid.piece(split);
        for from in piece.clone().step_by(DEPTH) {
            let depth = DEPTH.min(piece.end - from);
            let steps = from..from + depth;
            let lanes = first_column..first_column + columns;
            self.right.pack(simd, b, Piece { batch, lanes, steps: steps.clone() }, right, block, workspace);
            for panel in panels.clone().map(|index| grid.panel(index)) {
                let mut rows = [0; MAX_ROWS];
                let rows = &mut rows[..panel.len()];
                place.lanes.offsets(0, panel.start, rows);
                let len = depth * panel.len();
                let data = match left {
                    LeftOperand::Packed(left) => {
                        &left[(batch * grid.rows + panel.start) * grid.steps + from * panel.len()..][..len]
                    }
                    LeftOperand::Plain(a) => {
                        let panels = Panels { panel: panel.len(), multiple: 1 };
                        let piece = Piece { batch, lanes: panel.clone(), steps: steps.clone() };
                        self.left.pack(simd, a, piece, panels, own_panel, workspace);
                        &own_panel[..len]
                    }
                };
                let a = Left { data, stride: panel.len() };
                for (columns, b) in
                    workspace.columns[..columns].chunks(grid.tile[1]).zip(block.chunks(grid.tile[1] * depth))
                {
                    let vectors = columns.len().div_ceil(S::COUNT);
                    let width = vectors * S::COUNT;
                    tile(simd, a, &b[..width * depth], [panel.len(), vectors], &mut workspace.sums);
                    let target = Target { out, rows, columns, accumulate: from > piece.start };
                    simd.compiled(
                        #[inline(always)]
                        || target.write(simd, &workspace.sums, width),
                    );
                }
            }
        }
    }

    /// Where the sums of one piece go: to the result or the stage.
    fn place(&self, batch: usize, split: usize) -> Matrix {
        if !self.grid.staged {
            return Matrix { start: self.out.start + batch * self.out.batch, ..self.out };
        }
        let (rows, columns) = (self.grid.rows, self.grid.columns);
        Matrix {
            start: (batch * self.grid.splits + split) * rows * columns,
            batch: 0,
            lanes: Axis::line(rows, columns),
            steps: Axis::line(columns, 1),
        }
    }

    /// Adds up the pieces in order and puts the sums into place.
    fn unstage(&self, stage: &[f32], out: &mut [f32]) {
        const ROWS: usize = 16;
        let (grid, out) = (&self.grid, Shared::new(out));
        let size = grid.rows * grid.columns;
        let blocks = grid.rows.div_ceil(ROWS);
        parallel::for_each(self.batch * blocks, |_, part| {
            let (batch, block) = (part / blocks, part % blocks);
            let mut rows = [0; ROWS];
            let first = block * ROWS;
            let rows = &mut rows[..ROWS.min(grid.rows - first)];
            self.out.lanes.offsets(self.out.start + batch * self.out.batch, first, rows);
            let stage = &stage[batch * grid.splits * size..][..grid.splits * size];
            for from in (0..grid.columns).step_by(COLUMNS) {
                let mut columns = [0; COLUMNS];
                let columns = &mut columns[..COLUMNS.min(grid.columns - from)];
                self.out.steps.offsets(0, from, columns);
                for (j, column) in columns.iter().enumerate() {
                    for (i, row) in rows.iter().enumerate() {
                        let at = (first + i) * grid.columns + from + j;
                        let sum = stage.chunks_exact(size).map(|piece| piece[at]).sum();
                        #[expect(unsafe_code, reason = "parts write their own rows")]
                        // SAFETY: every row is in one part.
                        let to = unsafe { out.part(row.wrapping_add(*column), 1) };
                        to[0] = sum;
                    }
                }
            }
        });
    }
}
