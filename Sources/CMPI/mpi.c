#include "CMPI.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(TJ_MPI)

  #include <mpi.h>

/// Bytes of a message: MPI counts with an int.
enum { LARGEST = 1 << 30 };

int tj_mpi_is_built(void) { return 1; }

int tj_mpi_begin(void) {
  int provided;
  const int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  if (code != MPI_SUCCESS) return code;
  return MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

int tj_mpi_rank(void) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int tj_mpi_count(void) {
  int count = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  return count;
}

static size_t part(size_t done, size_t bytes) { return bytes - done < LARGEST ? bytes - done : LARGEST; }

int tj_mpi_exchange(const void *sent, size_t sent_bytes, int to, void *received, size_t received_bytes,
                    int from) {
  size_t out = 0, in = 0;
  while (out < sent_bytes || in < received_bytes) {
    MPI_Request requests[2];
    int count = 0, code = MPI_SUCCESS;
    const size_t in_part = part(in, received_bytes), out_part = part(out, sent_bytes);
    if (in_part > 0)
      code = MPI_Irecv((char *)received + in, (int)in_part, MPI_BYTE, from, 0, MPI_COMM_WORLD,
                       &requests[count++]);
    if (code == MPI_SUCCESS && out_part > 0)
      code = MPI_Isend((const char *)sent + out, (int)out_part, MPI_BYTE, to, 0, MPI_COMM_WORLD,
                       &requests[count++]);
    if (code == MPI_SUCCESS) code = MPI_Waitall(count, requests, MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS) return code;
    in += in_part;
    out += out_part;
  }
  return MPI_SUCCESS;
}

int tj_mpi_broadcast(void *bytes, size_t count, int root) {
  for (size_t done = 0; done < count;) {
    const size_t length = part(done, count);
    const int code = MPI_Bcast((char *)bytes + done, (int)length, MPI_BYTE, root, MPI_COMM_WORLD);
    if (code != MPI_SUCCESS) return code;
    done += length;
  }
  return MPI_SUCCESS;
}

void tj_mpi_describe(int code, char *text, size_t capacity) {
  char found[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, found, &length) != MPI_SUCCESS) length = 0;
  snprintf(text, capacity, "%.*s", length, found);
}

void tj_mpi_abort(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

int tj_mpi_end(void) { return MPI_Finalize(); }

#else

int tj_mpi_is_built(void) { return 0; }
int tj_mpi_begin(void) { abort(); }
int tj_mpi_rank(void) { abort(); }
int tj_mpi_count(void) { abort(); }

int tj_mpi_exchange(const void *sent, size_t sent_bytes, int to, void *received, size_t received_bytes,
                    int from) {
  (void)sent, (void)sent_bytes, (void)to, (void)received, (void)received_bytes, (void)from;
  abort();
}

int tj_mpi_broadcast(void *bytes, size_t count, int root) {
  (void)bytes, (void)count, (void)root;
  abort();
}

void tj_mpi_describe(int code, char *text, size_t capacity) { snprintf(text, capacity, "code %d", code); }

void tj_mpi_abort(int status) { exit(status); }
int tj_mpi_end(void) { abort(); }

#endif
