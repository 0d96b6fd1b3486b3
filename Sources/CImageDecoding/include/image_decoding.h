// Image files in memory, through libraries whose interfaces Swift cannot speak: they leave a function by longjmp
// (libjpeg, libpng), take variable arguments (libtiff) or return structures (libheif).
//
// Functions return 0, or another number after writing why into `message`. Sizes are the file's own claims: who calls
// decides what may be set aside for them.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { tj_message_length = 256 };

// What a header claims.
struct tj_image_header {
  // Columns and rows: as stored, for HEIC and AVIF upright.
  int64_t width, height;
  // Values a pixel: 1 for grey, 3 for colours, 4 for CMYK (JPEG only).
  int channels;
  // JPEG: blocks of the component that has most, and bytes of the coefficients that must be kept until the last scan,
  // 0 where they need not be.
  int64_t blocks, coefficients;
  // TIFF: bytes of the largest piece, strip or tile, that is unpacked at once.
  int64_t piece;
};

int tj_jpeg_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message);

// The pixels of a JPEG file at a `reduction`-th (1, 2, 4, 8) of its width and height, rounded up: as many values as
// the header says a pixel, `capacity` in all.
int tj_jpeg_decode(const uint8_t *bytes, size_t count, int reduction, uint8_t *pixels, size_t capacity,
                   char *message);

int tj_png_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message);

// The pixels of a PNG file, `capacity` values in all: palettes become colours, of 16 bits the upper 8 are kept,
// transparency is left out, and no gamma is applied.
int tj_png_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, char *message);

// Whether libtiff is there; it is looked for at the first call, as libheif is.
int tj_tiff_is_available(void);

int tj_tiff_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message);

// The pixels of the first image of a TIFF file as stored, `capacity` values in all.
int tj_tiff_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, char *message);

// Whether libheif is there and has a decoder for AV1 (AVIF) or HEVC (HEIC).
int tj_heif_is_available(int is_avif);

int tj_heif_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message);

// The pixels of the primary image of an HEIF file, upright, 3 values each, `capacity` in all.
int tj_heif_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t capacity, char *message);
