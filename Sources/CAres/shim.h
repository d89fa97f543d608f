#pragma once
// Swift's own module of the C library comes first, so that its types are the same here and there.
#pragma clang module import SwiftGlibc
#include <ares.h>
