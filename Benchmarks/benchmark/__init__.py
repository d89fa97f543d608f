"""Side-by-side benchmark of weir and its peers. `Benchmarks/run` starts it."""
