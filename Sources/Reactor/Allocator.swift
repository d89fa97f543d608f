internal import CLinux

/// How this process gets its memory from the kernel.
public enum Allocator {
    /// For one thread that works and helpers that hardly allocate, with tables that double as connections come: one
    /// arena for all (each further one takes a page or more for itself), and a table from 128 KiB on in a mapping of its
    /// own, which is given back whole when the table has moved. By itself glibc moves that bound up to 32 MiB as soon as
    /// the first table moves, and the former tables stay as holes in the heap. To be called before threads start.
    public static func setUp() {
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
    }
}
