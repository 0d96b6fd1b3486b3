// Runs a Swift closure on several threads without allocating anything for it, and without waking threads that have just
// been at work.
//
// What DispatchQueue.concurrentPerform is given, Swift copies to the heap as a block, and a closure that
// is to leave its function at all is copied once more. A closure that outlives no call need not be: it is
// a function and the address of what it captures, which is what this takes.
#pragma once

#include <stdint.h>

// A Swift closure of type (Int) -> Void.
typedef __attribute__((swiftcall)) void tj_body(intptr_t index,
                                                __attribute__((swift_context)) void *captures);

// Calls body(i) once for every i in 0 ..< count, on as many threads as there are at hand, and returns when all
// have returned. Swift declares it as (Int, (Int) -> Void) -> Void: the closure is its last two arguments.
__attribute__((swiftcall)) void tj_concurrent_perform(intptr_t count, tj_body *body, void *captures);
