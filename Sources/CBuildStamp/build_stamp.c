#include "build_stamp.h"

// In C, as Swift takes no values on the compiler's command line; and a new commit compiles this file alone.
const char *const weir_build_commit = BUILD_COMMIT;
const char *const weir_build_swift = BUILD_SWIFT;
