// TIFF through libtiff, where the system has it. What is declared here of its interface has been so since version 4.0
// (libtiff.so.5 and .6).

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_decoding.h"
#include "library.h"

typedef struct tiff TIFF;
typedef ptrdiff_t (*transfer)(void *file, void *bytes, ptrdiff_t count);
typedef uint64_t (*seek)(void *file, uint64_t offset, int whence);

// In the order of `symbols`.
static struct {
  TIFF *(*open)(const char *name, const char *mode, void *file, transfer read, transfer write, seek seek,
                int (*close)(void *), uint64_t (*size)(void *), int (*map)(void *, void **, uint64_t *),
                void (*unmap)(void *, void *, uint64_t));
  void (*close)(TIFF *);
  int (*get)(TIFF *, uint32_t tag, ...);
  int (*set)(TIFF *, uint32_t tag, ...);
  int (*is_readable)(TIFF *, char message[1024]);
  int (*read)(TIFF *, uint32_t width, uint32_t height, uint32_t *pixels, int orientation, int stop);
  int (*is_tiled)(TIFF *);
  ptrdiff_t (*tile_size)(TIFF *);
  ptrdiff_t (*strip_size)(TIFF *);
  void *(*set_error_handler)(void *);
  void *(*set_warning_handler)(void *);
} libtiff;

static const char *const symbols[] = {
    "TIFFClientOpen",        "TIFFClose",
    "TIFFGetFieldDefaulted", "TIFFSetField",
    "TIFFRGBAImageOK",       "TIFFReadRGBAImageOriented",
    "TIFFIsTiled",           "TIFFTileSize",
    "TIFFStripSize",         "TIFFSetErrorHandler",
    "TIFFSetWarningHandler",
};

static int is_open;

static void open_library(void) {
  static const char *const names[] = {
      "libtiff.so.6",
      "libtiff.so.5",
      "libtiff.so",
      "libtiff.6.dylib",
      "/opt/homebrew/lib/libtiff.dylib",
      "/usr/local/lib/libtiff.dylib",
      NULL,
  };
  is_open = tj_open_library(names, symbols, (void **)&libtiff, sizeof symbols / sizeof *symbols);
  if (!is_open) return;
  // It would write to standard error.
  libtiff.set_error_handler(NULL);
  libtiff.set_warning_handler(NULL);
}

int tj_tiff_is_available(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return is_open;
}

// Tags and values of TIFF 6.0.
enum {
  image_width = 256,
  image_length = 257,
  bits_per_sample = 258,
  photometric = 262,
  orientation = 274,
  samples_per_pixel = 277,
  extra_samples = 338,
  min_is_black = 1,
  unspecified = 0,
  associated_alpha = 1,
};

struct file {
  const uint8_t *bytes;
  uint64_t count, position;
};

static ptrdiff_t read_bytes(void *handle, void *output, ptrdiff_t count) {
  struct file *file = handle;
  if (count < 0 || file->position > file->count) return 0;
  uint64_t left = file->count - file->position;
  uint64_t length = (uint64_t)count < left ? (uint64_t)count : left;
  memcpy(output, file->bytes + file->position, length);
  file->position += length;
  return (ptrdiff_t)length;
}

static ptrdiff_t write_bytes(void *handle, void *bytes, ptrdiff_t count) {
  (void)handle;
  (void)bytes;
  (void)count;
  return 0;
}

static uint64_t seek_to(void *handle, uint64_t offset, int whence) {
  struct file *file = handle;
  uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file->position : file->count;
  return file->position = base + offset;
}

static int close_file(void *handle) {
  (void)handle;
  return 0;
}

static uint64_t size_of(void *handle) { return ((struct file *)handle)->count; }

// Where the whole file lies in memory, libtiff holds what a directory claims against its length.
static int map(void *handle, void **bytes, uint64_t *count) {
  struct file *file = handle;
  *bytes = (void *)file->bytes;
  *count = file->count;
  return 1;
}

static void unmap(void *handle, void *bytes, uint64_t count) {
  (void)handle;
  (void)bytes;
  (void)count;
}

static int failure(char *message, const char *text) {
  snprintf(message, tj_message_length, "%s", text);
  return 1;
}

static uint16_t number(TIFF *tiff, uint32_t tag) {
  uint16_t value = 0;
  libtiff.get(tiff, tag, &value);
  return value;
}

static int describe(TIFF *tiff, struct tj_image_header *header, char *message) {
  uint32_t width = 0, height = 0;
  libtiff.get(tiff, image_width, &width);
  libtiff.get(tiff, image_length, &height);
  char text[1024] = "";
  if (!libtiff.is_readable(tiff, text)) return failure(message, text);
  *header = (struct tj_image_header){
      .width = width,
      .height = height,
      .channels = number(tiff, photometric) <= min_is_black ? 1 : 3,
      .piece = libtiff.is_tiled(tiff) ? libtiff.tile_size(tiff) : libtiff.strip_size(tiff),
  };
  return header->piece > 0 ? 0 : failure(message, "strips or tiles of no size");
}

static TIFF *open_file(struct file *file) {
  return libtiff.open("image", "r", file, read_bytes, write_bytes, seek_to, close_file, size_of, map, unmap);
}

int tj_tiff_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message) {
  struct file file = {bytes, count, 0};
  TIFF *tiff = open_file(&file);
  if (!tiff) return failure(message, "no directory of tags");
  int failed = describe(tiff, header, message);
  libtiff.close(tiff);
  return failed;
}

// What kind of extra sample stands behind the colours. One that is opacity of its own is called of no kind, so that
// libtiff does not multiply the colours by it.
static int take_extra_samples(TIFF *tiff) {
  uint16_t count = 0, *kinds = NULL;
  if (!libtiff.get(tiff, extra_samples, &count, &kinds) || count == 0 || !kinds) return unspecified;
  int kind = kinds[0];
  if (kind != associated_alpha) {
    uint16_t none[16] = {unspecified};
    if (count <= 16) libtiff.set(tiff, extra_samples, count, none);
  }
  return kind;
}

static uint8_t divided(uint32_t value, uint32_t alpha) {
  if (alpha == 0 || alpha == 255) return (uint8_t)value;
  uint32_t result = value * 255 / alpha;
  return (uint8_t)(result > 255 ? 255 : result);
}

static int read_pixels(TIFF *tiff, const struct tj_image_header *header, uint8_t *pixels, size_t capacity,
                       char *message) {
  size_t area = (size_t)header->width * (size_t)header->height;
  if (area * (size_t)header->channels != capacity)
    return failure(message, "pixels of another size than the header's");
  int alpha = take_extra_samples(tiff) == associated_alpha;
  uint32_t *raster = malloc(area * sizeof *raster);
  if (!raster) return failure(message, "no memory");
  // In the orientation that the file has: nothing is turned.
  int stored = number(tiff, orientation);
  int failed = !libtiff.read(tiff, (uint32_t)header->width, (uint32_t)header->height, raster,
                             stored >= 1 && stored <= 8 ? stored : 1, 1);
  for (size_t place = 0; !failed && place < area; place++) {
    uint32_t value = raster[place], opacity = alpha ? value >> 24 : 255;
    for (int channel = 0; channel < header->channels; channel++)
      *pixels++ = divided(value >> (8 * channel) & 255, opacity);
  }
  free(raster);
  return failed ? failure(message, "its pixels cannot be unpacked") : 0;
}

int tj_tiff_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, char *message) {
  struct file file = {bytes, count, 0};
  TIFF *tiff = open_file(&file);
  if (!tiff) return failure(message, "no directory of tags");
  struct tj_image_header header;
  int failed = describe(tiff, &header, message) || read_pixels(tiff, &header, pixels, capacity, message);
  libtiff.close(tiff);
  return failed;
}
