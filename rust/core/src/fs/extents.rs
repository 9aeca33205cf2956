//! The ranges of a file without written blocks, from FIEMAP.

use std::fs::File;
use std::ops::Range;

/// Returns the unwritten ranges of the first `size` bytes: holes and preallocated space.
///
/// Empty where FIEMAP is not supported (tmpfs, FUSE, NFS, other platforms). `SEEK_HOLE` is no alternative:
/// it counts preallocated space as data once zeros were read from it.
pub(crate) fn unwritten(file: &File, size: u64) -> Vec<Range<u64>> {
    #[cfg(target_os = "linux")]
    return fiemap::unwritten(file, size).unwrap_or_default();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, size);
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
mod fiemap {
    use std::fs::File;
    use std::ops::Range;

    use rustix::ioctl::{Updater, ioctl, opcode};

    /// `struct fiemap_extent` of <linux/fiemap.h>.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Extent {
        logical: u64,
        physical: u64,
        length: u64,
        reserved: [u64; 2],
        flags: u32,
        more_reserved: [u32; 3],
    }

    /// `struct fiemap` without the extents that follow it.
    #[repr(C)]
    #[derive(Default)]
    struct Header {
        start: u64,
        length: u64,
        flags: u32,
        mapped: u32,
        capacity: u32,
        reserved: u32,
    }

    /// Extents per request. Few files have more.
    const CAPACITY: u32 = 32;

    #[repr(C)]
    #[derive(Default)]
    struct Request {
        header: Header,
        extents: [Extent; CAPACITY as usize],
    }

    const FIEMAP: rustix::ioctl::Opcode = opcode::read_write::<Header>(b'f', 11);
    const LAST: u32 = 0x1;
    /// Preallocated. Dirty pages without blocks (`DELALLOC`) do not have this flag.
    const UNWRITTEN: u32 = 0x800;

    pub(super) fn unwritten(file: &File, size: u64) -> rustix::io::Result<Vec<Range<u64>>> {
        let mut found = Vec::new();
        let mut position = 0;
        while position < size {
            let (extents, start) = (extents(file, position..size)?, position);
            for extent in &extents {
                let end = size.min(extent.logical + extent.length);
                let written = if extent.flags & UNWRITTEN == 0 { extent.logical } else { end };
                found.extend(Some(position..written.min(size)).filter(|range| !range.is_empty()));
                position = position.max(end);
            }
            // No progress: stop instead of repeating the request forever.
            if extents.last().is_none_or(|extent| extent.flags & LAST != 0) || position == start {
                found.extend(Some(position..size).filter(|range| !range.is_empty()));
                break;
            }
        }
        Ok(found)
    }

    fn extents(file: &File, range: Range<u64>) -> rustix::io::Result<Vec<Extent>> {
        let (start, length) = (range.start, range.end - range.start);
        let header = Header { start, length, capacity: CAPACITY, ..Header::default() };
        let mut request = Request { header, ..Request::default() };
        // SAFETY: the kernel writes the header and at most `capacity` extents, and `Request` has their layout.
        unsafe { ioctl(file, Updater::<FIEMAP, Request>::new(&mut request)) }?;
        Ok(request.extents[..request.header.mapped.min(CAPACITY) as usize].to_vec())
    }
}
