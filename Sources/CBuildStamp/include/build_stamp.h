#pragma once
// What the build was told of itself by its environment; empty where nothing was told.

/// The commit that was built.
extern const char *const weir_build_commit;

/// The version of the Swift compiler.
extern const char *const weir_build_swift;
