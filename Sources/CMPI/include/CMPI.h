// What the ranks of a training need of MPI. Swift cannot import mpi.h, whose constants are casts, and a build without MPI has
// these functions, too. They return 0 or an error code of MPI's, which tj_mpi_describe puts into words.
#ifndef CMPI_H
#define CMPI_H

#include <stdbool.h>
#include <stddef.h>

/// Whether the build has MPI; without it every other function but tj_mpi_describe ends the process.
int tj_mpi_is_built(void);

/// Begins. Any thread may call the others, one at a time.
int tj_mpi_begin(void);

/// The number of this process among the others, and how many there are.
int tj_mpi_rank(void);
int tj_mpi_count(void);

/// Whether this process has something else to do while one of its threads waits.
void tj_mpi_wait_patiently(bool patiently);

/// Bytes to or from a rank.
typedef struct {
  int rank;
  void *bytes;
  size_t length;
} tj_mpi_message;

/// Sends and receives messages, all at once; those between two ranks arrive in the order in which they are sent. After
/// `limit` seconds (0: never) it gives up: then it is not complete, and sets `missing` of the ranks that have not sent theirs.
int tj_mpi_exchange(int sent_count, const tj_mpi_message *sent, int received_count,
                    const tj_mpi_message *received, double limit, bool *missing, bool *complete);

/// The bytes of rank `root` reach all ranks; not complete where it gave up.
int tj_mpi_broadcast(void *bytes, size_t length, int root, double limit, bool *complete);

/// What an error code means.
void tj_mpi_describe(int code, char *text, size_t capacity);

/// Ends this process and, at once, all others.
void tj_mpi_abort(int status);

/// Ends, once all ranks have come here.
int tj_mpi_end(void);

#endif
