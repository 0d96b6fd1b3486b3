// PNG through libpng's own interface: its simplified one applies gamma and lays what is transparent on black.

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "image_decoding.h"

struct reading {
  const uint8_t *next;
  size_t left;
  char *message;
};

static void on_error(png_structp png, png_const_charp text) {
  struct reading *reading = png_get_error_ptr(png);
  snprintf(reading->message, tj_message_length, "%s", text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep output, size_t count) {
  struct reading *reading = png_get_io_ptr(png);
  if (count > reading->left) png_error(png, "the file ends before the image does");
  memcpy(output, reading->next, count);
  reading->next += count;
  reading->left -= count;
}

static int is_grey(png_structp png, png_infop info) {
  return (png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR) == 0;
}

// Reads the header, and where there is room for them the pixels, whose rows `*rows` is to point at: it is the caller's
// to free, whatever happens.
static void read_image(png_structp png, png_infop info, struct tj_image_header *header, uint8_t *pixels,
                       size_t capacity, png_bytepp volatile *rows) {
  png_read_info(png, info);
  size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  int channels = is_grey(png, info) ? 1 : 3;
  if (header)
    *header =
        (struct tj_image_header){.width = (int64_t)width, .height = (int64_t)height, .channels = channels};
  if (!pixels) return;
  if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (png_get_bit_depth(png, info) < 8 && is_grey(png, info)) png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t line = png_get_rowbytes(png, info);
  if (line != width * (size_t)channels || line * height != capacity)
    png_error(png, "pixels of another size than the header's");
  *rows = malloc(height * sizeof(png_bytep));
  if (!*rows) png_error(png, "no memory");
  for (size_t row = 0; row < height; row++) (*rows)[row] = pixels + row * line;
  png_read_image(png, *rows);
}

static int read_file(const uint8_t *bytes, size_t count, struct tj_image_header *header, uint8_t *pixels,
                     size_t capacity, char *message) {
  struct reading reading = {bytes, count, message};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    snprintf(message, tj_message_length, "libpng cannot be used");
    return 1;
  }
  png_bytepp volatile rows = NULL;
  int failed = setjmp(png_jmpbuf(png));
  if (!failed) {
    png_set_read_fn(png, &reading, read_bytes);
    read_image(png, info, header, pixels, capacity, &rows);
  }
  free(rows);
  png_destroy_read_struct(&png, &info, NULL);
  return failed;
}

int tj_png_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message) {
  return read_file(bytes, count, header, NULL, 0, message);
}

int tj_png_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, char *message) {
  return read_file(bytes, count, NULL, pixels, capacity, message);
}
