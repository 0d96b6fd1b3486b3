// What the ranks of a training need of MPI. Swift cannot import mpi.h, whose constants are casts, and a build without MPI has
// these functions, too. They return 0 or an error code of MPI's, which tj_mpi_describe puts into words.
#ifndef CMPI_H
#define CMPI_H

#include <stddef.h>

/// Whether the build has MPI; without it every other function but tj_mpi_describe ends the process.
int tj_mpi_is_built(void);

/// Begins. Only the thread that called this calls the others.
int tj_mpi_begin(void);

/// The number of this process among the others, and how many there are.
int tj_mpi_rank(void);
int tj_mpi_count(void);

/// Sends bytes to one rank while it receives as many as it expects from another. Both may be the same, or none: of 0 bytes
/// nothing is sent.
int tj_mpi_exchange(const void *sent, size_t sent_bytes, int to, void *received, size_t received_bytes,
                    int from);

/// The bytes of rank `root` reach all ranks.
int tj_mpi_broadcast(void *bytes, size_t count, int root);

/// What an error code means.
void tj_mpi_describe(int code, char *text, size_t capacity);

/// Ends this process and, at once, all others.
void tj_mpi_abort(int status);

/// Ends, once all ranks have come here.
int tj_mpi_end(void);

#endif
