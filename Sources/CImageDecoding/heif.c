// HEIC and AVIF through libheif, where the system has it. What is declared here of its interface has been so since
// version 1.3.

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "image_decoding.h"
#include "library.h"

struct heif_error {
  int code, subcode;
  const char *text;
};
typedef struct heif_context heif_context;
typedef struct heif_image_handle heif_image_handle;
typedef struct heif_image heif_image;

// Of libheif's enumerations.
enum { rgb_space = 1, interleaved_rgb = 10, interleaved_channel = 10, hevc = 1, av1 = 4 };

// In the order of `symbols`.
static struct {
  heif_context *(*new_context)(void);
  void (*free_context)(heif_context *);
  struct heif_error (*read)(heif_context *, const void *bytes, size_t count, const void *options);
  struct heif_error (*primary)(heif_context *, heif_image_handle **);
  void (*release_handle)(const heif_image_handle *);
  int (*width)(const heif_image_handle *);
  int (*height)(const heif_image_handle *);
  struct heif_error (*decode)(const heif_image_handle *, heif_image **, int colour_space, int chroma,
                              const void *options);
  void (*release_image)(const heif_image *);
  const uint8_t *(*plane)(const heif_image *, int channel, int *stride);
  int (*image_width)(const heif_image *, int channel);
  int (*image_height)(const heif_image *, int channel);
  int (*has_decoder)(int format);
} libheif;

static const char *const symbols[] = {
    "heif_context_alloc",
    "heif_context_free",
    "heif_context_read_from_memory_without_copy",
    "heif_context_get_primary_image_handle",
    "heif_image_handle_release",
    "heif_image_handle_get_width",
    "heif_image_handle_get_height",
    "heif_decode_image",
    "heif_image_release",
    "heif_image_get_plane_readonly",
    "heif_image_get_width",
    "heif_image_get_height",
    "heif_have_decoder_for_format",
};

static int is_open;

static void open_library(void) {
  static const char *const names[] = {
      "libheif.so.1",
      "libheif.so",
      "libheif.1.dylib",
      "/opt/homebrew/lib/libheif.dylib",
      "/usr/local/lib/libheif.dylib",
      NULL,
  };
  is_open = tj_open_library(names, symbols, (void **)&libheif, sizeof symbols / sizeof *symbols);
  // The first context loads the decoders that are libraries of their own.
  if (is_open) libheif.free_context(libheif.new_context());
}

int tj_heif_is_available(int is_avif) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return is_open && libheif.has_decoder(is_avif ? av1 : hevc);
}

static int failure(char *message, const char *text) {
  snprintf(message, tj_message_length, "%s", text ? text : "no message");
  return 1;
}

static int copy_pixels(const heif_image *image, uint8_t *pixels, size_t capacity, char *message) {
  int stride = 0;
  const uint8_t *plane = libheif.plane(image, interleaved_channel, &stride);
  int width = libheif.image_width(image, interleaved_channel);
  int height = libheif.image_height(image, interleaved_channel);
  if (!plane || width <= 0 || height <= 0 || (size_t)width * (size_t)height * 3 != capacity)
    return failure(message, "pixels of another size than the header's");
  size_t line = 3 * (size_t)width;
  for (int row = 0; row < height; row++) memcpy(pixels + row * line, plane + (ptrdiff_t)row * stride, line);
  return 0;
}

// Reads the header and, where there is room for them, the pixels.
static int read_file(const uint8_t *bytes, size_t count, struct tj_image_header *header, uint8_t *pixels,
                     size_t capacity, char *message) {
  heif_context *context = libheif.new_context();
  if (!context) return failure(message, "libheif cannot be used");
  heif_image_handle *handle = NULL;
  heif_image *image = NULL;
  struct heif_error error = libheif.read(context, bytes, count, NULL);
  if (error.code == 0) error = libheif.primary(context, &handle);
  if (error.code == 0 && header)
    *header = (struct tj_image_header){
        .width = libheif.width(handle), .height = libheif.height(handle), .channels = 3};
  // Turned and mirrored as the file says.
  if (error.code == 0 && pixels) error = libheif.decode(handle, &image, rgb_space, interleaved_rgb, NULL);
  int failed = error.code != 0 ? failure(message, error.text)
               : image         ? copy_pixels(image, pixels, capacity, message)
                               : 0;
  if (image) libheif.release_image(image);
  if (handle) libheif.release_handle(handle);
  libheif.free_context(context);
  return failed;
}

int tj_heif_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message) {
  return read_file(bytes, count, header, NULL, 0, message);
}

int tj_heif_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, char *message) {
  return read_file(bytes, count, NULL, pixels, capacity, message);
}
