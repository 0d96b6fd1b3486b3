// Counts what a program asks of the allocator, by standing in front of malloc and its kin.
//
// There are two counters, both off until they are started: one of the whole process, and one of each
// thread, which nobody else disturbs where tests run beside each other. Sizes are those asked for;
// live bytes are what the allocator gave, whose rounding is part of the memory taken.
//
// Only where glibc is: elsewhere, and under a sanitizer, which brings an allocator of its own,
// nothing is counted and allocation_counter_is_available() says so.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What was allocated since a counter was started.
typedef struct {
  // Calls of malloc, calloc, realloc and the aligned ones.
  int64_t count;
  // Bytes asked for, all calls together.
  int64_t bytes;
  // Bytes asked for by the largest call.
  int64_t largest;
  // Bytes by which the heap has grown; negative where more was freed. Of a thread: what it freed
  // itself.
  int64_t live;
  // The largest growth there was at any time.
  int64_t live_peak;
} allocation_counts;

// Whether anything is counted here.
bool allocation_counter_is_available(void);

// Counting of all threads, from zero on. One user at a time.
void allocation_counter_start(void);
void allocation_counter_stop(void);

// Back to zero, still counting.
void allocation_counter_reset(void);

// What is called, on the thread that allocates, for every allocation that is counted; NULL for
// nothing.
void allocation_counter_on_allocation(void (*hook)(void));

// What all threads allocated.
allocation_counts allocation_counter_read(void);
int64_t allocation_counter_count(void);
int64_t allocation_counter_bytes(void);
int64_t allocation_counter_largest(void);
int64_t allocation_counter_live_peak(void);

// Counting of the calling thread alone, from zero on.
void allocation_counter_thread_start(void);
void allocation_counter_thread_stop(void);

// What the calling thread allocated.
allocation_counts allocation_counter_thread_read(void);
