// Libraries that are looked for when they are needed.
#pragma once

// The first library of `names`, which NULL ends, that has all functions of `symbols`, `count` of them, whose addresses
// are written to `functions`; whether there is one.
int tj_open_library(const char *const *names, const char *const *symbols, void **functions, int count);
