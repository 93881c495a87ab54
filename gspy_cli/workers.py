"""What processes that work side by side, one on each core, are started with."""

ENVIRONMENT = {
    # One thread per process: the processes are what runs side by side.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # The GNU C library would give the memory of each large array back to the system,
    # and getting it again costs half as much as decoding a picture.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
