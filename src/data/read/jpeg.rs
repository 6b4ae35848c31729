//! Whether a JPEG file is whole. Decoders fill what is missing with grey and say nothing, and neither the last marker of a
//! file nor its length tells: motion photos have more after their end, and a cut one may end like any other. So the scans
//! are walked, without making pixels of them, until each has given all of its blocks (ITU-T T.81, annexes B, F.2, G.2).

/// Whether all that the headers promise is there. Kinds of JPEG that are not read anyway count as whole.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut file = File { rest: Bytes { bytes, at: 0 }, frame: None, tables: Tables::default() };
    file.walk().is_some()
}

/// Bytes and how far they are read; `None` past the end.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The file, marker by marker.
struct File<'a> {
    rest: Bytes<'a>,
    frame: Option<Frame>,
    tables: Tables,
}

/// What scans are read by.
#[derive(Default)]
struct Tables {
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// Units between restart markers; 0 without any.
    restart: usize,
}

/// What a frame header says.
struct Frame {
    progressive: bool,
    /// In pixels.
    size: (usize, usize),
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// Blocks of a unit, down and across.
    sampling: (usize, usize),
    /// Blocks of a row, filled up to whole units.
    stride: usize,
    /// Of a progressive frame, which coefficients of each block are known not to be 0: bit k for the k-th in zigzag order.
    nonzero: Vec<u64>,
    scanned: bool,
}

/// What a scan header says.
struct Scan {
    /// Component, table of the first coefficient, table of the others.
    parts: Vec<(usize, usize, usize)>,
    /// The first and the last coefficient.
    band: (usize, usize),
    refines: bool,
}

impl Bytes<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn word(&mut self) -> Option<usize> {
        Some(usize::from(self.byte()?) << 8 | usize::from(self.byte()?))
    }

    /// The next marker, past whatever lies before it.
    fn marker(&mut self) -> Option<u8> {
        loop {
            while self.byte()? != 0xff {}
            let mut code = self.byte()?;
            while code == 0xff {
                code = self.byte()?;
            }
            if code != 0 {
                return Some(code);
            }
        }
    }
}

impl<'a> File<'a> {
    /// Walks to the end, which may be missing if a sequential frame has all its scans.
    fn walk(&mut self) -> Option<()> {
        loop {
            let Some(marker) = self.rest.marker() else {
                return self.frame.as_ref().is_some_and(|frame| !frame.progressive && frame.is_scanned()).then_some(());
            };
            match marker {
                0xd9 => return self.frame.as_ref().is_some_and(Frame::is_scanned).then_some(()),
                // The start, and what has no content.
                0x01 | 0xd0..=0xd8 => {}
                // One header only: another may promise any size.
                0xc0..=0xc2 if self.frame.is_some() => return None,
                0xc0..=0xc2 => self.frame = Some(Frame::read(&mut self.segment()?, marker == 0xc2)?),
                0xc4 => {
                    let segment = self.segment()?;
                    self.tables.define(segment)?;
                }
                // Lossless, differential and arithmetic coding.
                0xc3 | 0xc5..=0xcf => return Some(()),
                0xda => self.scan()?,
                0xdd => self.tables.restart = self.segment()?.word()?,
                _ => {
                    self.segment()?;
                }
            }
        }
    }

    /// The content of the segment that begins here, and goes past it.
    fn segment(&mut self) -> Option<Bytes<'a>> {
        let start = self.rest.at;
        let length = self.rest.word()?;
        let end = start + length.max(2);
        self.rest.at = end;
        Some(Bytes { bytes: self.rest.bytes.get(..end)?, at: start + 2 })
    }

    fn scan(&mut self) -> Option<()> {
        let mut header = self.segment()?;
        let frame = self.frame.as_mut()?;
        let scan = Scan::read(&mut header, frame)?;
        let mut bits = Bits { bytes: self.rest, held: 0, count: 0 };
        frame.walk(&scan, &self.tables, &mut bits)?;
        self.rest = bits.bytes;
        Some(())
    }
}

impl Tables {
    fn define(&mut self, mut segment: Bytes<'_>) -> Option<()> {
        while segment.at < segment.bytes.len() {
            let which = segment.byte()?;
            let tables = if which >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(which & 15))? = Some(Huffman::read(&mut segment)?);
        }
        Some(())
    }
}

impl Frame {
    fn read(segment: &mut Bytes<'_>, progressive: bool) -> Option<Frame> {
        segment.byte()?;
        let size = (segment.word()?, segment.word()?);
        let count = segment.byte()?;
        let mut components = Vec::new();
        for _ in 0..count {
            let (id, sampling, _) = (segment.byte()?, segment.byte()?, segment.byte()?);
            let sampling = (usize::from(sampling & 15), usize::from(sampling >> 4));
            if sampling.0 == 0 || sampling.1 == 0 {
                return None;
            }
            components.push(Component { id, sampling, stride: 0, nonzero: Vec::new(), scanned: false });
        }
        let mut frame = Frame { progressive, size, components };
        let (down, across) = frame.units();
        for component in &mut frame.components {
            component.stride = across * component.sampling.1;
            if progressive {
                component.nonzero = vec![0; down * component.sampling.0 * component.stride];
            }
        }
        Some(frame)
    }

    /// Blocks of the largest component in a unit, down and across.
    fn largest(&self) -> (usize, usize) {
        let largest = |of: fn(&Component) -> usize| self.components.iter().map(of).max().unwrap_or(1);
        (largest(|component| component.sampling.0), largest(|component| component.sampling.1))
    }

    /// Units of a scan of several components, down and across.
    fn units(&self) -> (usize, usize) {
        let (down, across) = self.largest();
        (self.size.0.div_ceil(8 * down), self.size.1.div_ceil(8 * across))
    }

    /// Blocks of a scan of this component alone, down and across.
    fn blocks(&self, component: &Component) -> (usize, usize) {
        let (down, across) = self.largest();
        let blocks = |size: usize, of: usize, largest: usize| (size * of).div_ceil(largest).div_ceil(8);
        (blocks(self.size.0, component.sampling.0, down), blocks(self.size.1, component.sampling.1, across))
    }

    fn is_scanned(&self) -> bool {
        self.components.iter().all(|component| component.scanned)
    }

    /// Reads all blocks of a scan.
    fn walk(&mut self, scan: &Scan, tables: &Tables, bits: &mut Bits<'_>) -> Option<()> {
        let alone = scan.parts.len() == 1;
        let (down, across) = if alone { self.blocks(&self.components[scan.parts[0].0]) } else { self.units() };
        // Blocks of a band that are still empty.
        let mut run = 0;
        for unit in 0..down * across {
            if tables.restart > 0 && unit > 0 && unit % tables.restart == 0 {
                bits.restart()?;
                run = 0;
            }
            let (row, column) = (unit / across, unit % across);
            for &(component, dc, ac) in &scan.parts {
                let coder = Coder { dc: tables.dc[dc].as_ref(), ac: tables.ac[ac].as_ref(), scan };
                let part = &mut self.components[component];
                part.scanned = true;
                let (high, wide) = if alone { (1, 1) } else { part.sampling };
                for block in 0..high * wide {
                    let at = (row * high + block / wide) * part.stride + column * wide + block % wide;
                    match part.nonzero.get_mut(at) {
                        _ if !self.progressive => coder.sequential(bits)?,
                        Some(nonzero) => coder.progressive(bits, nonzero, &mut run)?,
                        None => return None,
                    }
                }
            }
        }
        Some(())
    }
}

impl Scan {
    fn read(header: &mut Bytes<'_>, frame: &Frame) -> Option<Scan> {
        let count = header.byte()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            let (id, tables) = (header.byte()?, header.byte()?);
            let component = frame.components.iter().position(|component| component.id == id)?;
            parts.push((component, usize::from(tables >> 4) & 3, usize::from(tables) & 3));
        }
        let band = (usize::from(header.byte()?), usize::from(header.byte()?).min(63));
        let refines = header.byte()? >> 4 > 0;
        (!parts.is_empty()).then_some(Scan { parts, band, refines })
    }
}

/// How the blocks of a component are written in a scan.
struct Coder<'a> {
    dc: Option<&'a Huffman>,
    ac: Option<&'a Huffman>,
    scan: &'a Scan,
}

impl Coder<'_> {
    fn sequential(&self, bits: &mut Bits<'_>) -> Option<()> {
        let first = bits.symbol(self.dc?)?;
        bits.take(first)?;
        let ac = self.ac?;
        let mut at = 1;
        while at < 64 {
            let symbol = bits.symbol(ac)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => at += 16,
                (_, 0) => break,
                (zeros, length) => {
                    at += usize::from(zeros) + 1;
                    bits.take(length)?;
                }
            }
        }
        Some(())
    }

    fn progressive(&self, bits: &mut Bits<'_>, nonzero: &mut u64, run: &mut u32) -> Option<()> {
        match (self.scan.band.0, self.scan.refines) {
            (0, false) => {
                let first = bits.symbol(self.dc?)?;
                bits.take(first)?;
            }
            (0, true) => {
                bits.take(1)?;
            }
            (_, false) => self.band(bits, nonzero, run)?,
            (_, true) => self.refined_band(bits, nonzero, run)?,
        }
        Some(())
    }

    fn band(&self, bits: &mut Bits<'_>, nonzero: &mut u64, run: &mut u32) -> Option<()> {
        if *run > 0 {
            *run -= 1;
            return Some(());
        }
        let (mut at, last) = self.scan.band;
        while at <= last {
            let symbol = bits.symbol(self.ac?)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => at += 16,
                (length, 0) => {
                    *run = (1 << length) - 1 + bits.take(length)?;
                    break;
                }
                (zeros, length) => {
                    at += usize::from(zeros);
                    bits.take(length)?;
                    *nonzero |= 1u64.checked_shl(at as u32).unwrap_or(0);
                    at += 1;
                }
            }
        }
        Some(())
    }

    /// A coefficient that is known has a bit here; the others come as in a first scan.
    fn refined_band(&self, bits: &mut Bits<'_>, nonzero: &mut u64, run: &mut u32) -> Option<()> {
        let (mut at, last) = self.scan.band;
        let known = |nonzero: u64, at: usize| nonzero >> at & 1 == 1;
        while *run == 0 && at <= last {
            let symbol = bits.symbol(self.ac?)?;
            let (mut zeros, length) = (symbol >> 4, symbol & 15);
            if length == 0 && zeros < 15 {
                *run = (1 << zeros) + bits.take(zeros)?;
                break;
            }
            bits.take(u8::from(length > 0))?;
            while at <= last {
                if known(*nonzero, at) {
                    bits.take(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            if length > 0 && at <= last {
                *nonzero |= 1 << at;
            }
            at += 1;
        }
        if *run > 0 {
            *run -= 1;
            for at in at..=last {
                bits.take(u8::from(known(*nonzero, at)))?;
            }
        }
        Some(())
    }
}

/// Codes of at most this many bits are looked up.
const SHORT: u32 = 9;

/// A Huffman table.
struct Huffman {
    /// Length and symbol of the code that these bits begin with; length 0 for longer codes and none.
    short: Vec<(u8, u8)>,
    /// By length from 1 on: the first code past those of this length, and what to add to a code for its symbol's place.
    limits: [(u32, i32); 16],
    symbols: Vec<u8>,
}

impl Huffman {
    fn read(segment: &mut Bytes<'_>) -> Option<Huffman> {
        let mut counts = [0; 16];
        for count in &mut counts {
            *count = segment.byte()?;
        }
        let total = counts.iter().map(|&count| usize::from(count)).sum();
        let mut symbols = Vec::with_capacity(total);
        for _ in 0..total {
            symbols.push(segment.byte()?);
        }
        let mut table = Huffman { short: vec![(0, 0); 1 << SHORT], limits: [(0, 0); 16], symbols };
        let (mut code, mut place) = (0u32, 0);
        for (length, &count) in (1u32..).zip(&counts) {
            for _ in 0..count {
                if length <= SHORT {
                    let from = (code << (SHORT - length)) as usize;
                    let entries = table.short.get_mut(from..from + (1 << (SHORT - length)))?;
                    entries.fill((length as u8, table.symbols[place]));
                }
                (code, place) = (code + 1, place + 1);
            }
            table.limits[length as usize - 1] = (code, place as i32 - code as i32);
            if code > 1 << length {
                return None;
            }
            code <<= 1;
        }
        Some(table)
    }
}

/// The bits of a scan, up to a marker.
struct Bits<'a> {
    bytes: Bytes<'a>,
    /// The next bits from the top.
    held: u64,
    count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 56 {
            let ahead = (self.bytes.bytes.get(self.bytes.at), self.bytes.bytes.get(self.bytes.at + 1));
            let byte = match ahead {
                (Some(0xff), Some(0)) => {
                    self.bytes.at += 2;
                    0xff
                }
                (Some(0xff) | None, _) => return,
                (Some(&byte), _) => {
                    self.bytes.at += 1;
                    byte
                }
            };
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// At most 16 bits, as a number.
    fn take(&mut self, length: u8) -> Option<u32> {
        let length = u32::from(length);
        if !(1..=16).contains(&length) {
            return (length == 0).then_some(0);
        }
        if self.count < length {
            self.fill();
        }
        self.count = self.count.checked_sub(length)?;
        let taken = self.held >> (64 - length);
        self.held <<= length;
        Some(taken as u32)
    }

    fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        if self.count < 16 {
            self.fill();
        }
        let (length, symbol) = table.short[(self.held >> (64 - SHORT)) as usize];
        if length > 0 {
            self.take(length)?;
            return Some(symbol);
        }
        for length in SHORT as u8 + 1..=16 {
            let code = (self.held >> (64 - length)) as u32;
            let (limit, offset) = table.limits[usize::from(length) - 1];
            if code < limit {
                self.take(length)?;
                return table.symbols.get(usize::try_from(code as i32 + offset).ok()?).copied();
            }
        }
        None
    }

    /// Goes past the restart marker that must be next, but for the rest of a byte.
    fn restart(&mut self) -> Option<()> {
        if self.count >= 8 {
            return None;
        }
        self.fill();
        if self.count >= 8 {
            return None;
        }
        (self.held, self.count) = (0, 0);
        matches!(self.bytes.marker()?, 0xd0..=0xd7).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty by twelve pixels in ten progressive scans with chroma at half the size, as Pillow 13 writes them (quality 60).
    const PROGRESSIVE: &str = "
        ffd8ffe000104a46494600010100000100010000ffdb0043000d090a0b0a080d0b0a0b0e0e0d0f13201513121213271c1e17
        202e2931302e292d2c333a4a3e333646372c2d405741464c4e525352323e5a615a50604a51524fffdb0043010e0e0e131113
        261515264f352d354f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f
        4f4f4f4f4f4f4f4fffc2001108000c001403012200021101031101ffc4001600010101000000000000000000000000000500
        04ffc4001501010100000000000000000000000000000305ffda000c03010002100310000001275a1a4c4e98869fffc40019
        1000030101010000000000000000000000000102031113ffda00080101000105029c49c4f1444a2653388fffc40017110003
        010000000000000000000000000000010403ffda0008010301013f01c2962a19ffc400191100020301000000000000000000
        000000000102036111ffda0008010201013f018cd7168efc3fffc400161000030000000000000000000000000000102031ff
        da0008010100063f02113fffc400191001010003010000000000000000000000010011315161ffda0008010100013f21f2ba
        91836b9263290c5fffda000c03010002000300000010f4ff00ffc400161101010100000000000000000000000000001101ff
        da0008010301013f10a51e3fffc40017110101010100000000000000000000000001110091ffda0008010201013f10a24ae0
        0a4737ffc400191001010101010100000000000000000000010011612141ffda0008010100013f10d32086805f60e84bc873
        d1197138397fffd9
    ";

    fn progressive() -> Vec<u8> {
        let digits: Vec<u8> = PROGRESSIVE.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    /// Where the coded data of each scan begin and end.
    fn scans(bytes: &[u8]) -> Vec<(usize, usize)> {
        let starts: Vec<usize> =
            bytes.windows(2).enumerate().filter(|(_, two)| *two == [0xff, 0xda]).map(|(at, _)| at).collect();
        let end = |from: usize| {
            let marker = |two: &[u8]| two[0] == 0xff && two[1] != 0;
            from + bytes[from..].windows(2).position(marker).unwrap()
        };
        starts.iter().map(|&at| at + 2 + usize::from(bytes[at + 3])).map(|from| (from, end(from))).collect()
    }

    #[test]
    fn every_scan_must_be_whole() {
        let whole = progressive();
        assert!(is_whole(&whole));
        let scans = scans(&whole);
        assert_eq!(scans.len(), 10);
        for (from, to) in scans {
            // The last byte may be filling alone, or hold a few blocks of nothing.
            for cut in from..to.saturating_sub(2) {
                assert!(!is_whole(&[&whole[..cut], &whole[to..]].concat()), "{from} {cut} {to}");
            }
        }
    }

    #[test]
    fn no_bytes_are_too_wild() {
        let whole = progressive();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xda, 0xff] {
                let mut wild = whole.clone();
                wild[at] = value;
                is_whole(&wild);
                is_whole(&wild[..at]);
            }
        }
    }
}
