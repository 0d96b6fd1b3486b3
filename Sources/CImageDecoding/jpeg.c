// JPEG through libjpeg's own interface, which decodes what TurboJPEG has no name for.

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include "image_decoding.h"

// One reading. `errors` and `source` come first in their structures, so that libjpeg's pointers lead back here.
struct errors {
  struct jpeg_error_mgr manager;
  jmp_buf escape;
  char *message;
};

// A few kilobytes of progressive JPEG can ask for a pass over the whole image thousands of times.
enum { most_scans = 500 };

__attribute__((noreturn)) static void fail(j_common_ptr info, const char *text) {
  struct errors *errors = (struct errors *)info->err;
  snprintf(errors->message, tj_message_length, "%s", text);
  longjmp(errors->escape, 1);
}

static void on_error(j_common_ptr info) {
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  fail(info, text);
}

// Warnings are passed over, as Pillow does: after most of them every pixel is there.
static void on_message(j_common_ptr info, int level) {
  (void)info;
  (void)level;
}

static void on_progress(j_common_ptr info) {
  if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > most_scans)
    fail(info, "more than 500 scans");
}

static void source_begin(j_decompress_ptr info) { (void)info; }

// libjpeg would go on behind the file's end as if the end marker stood there, and leave the rest grey.
static boolean source_fill(j_decompress_ptr info) {
  fail((j_common_ptr)info, "the file ends before the image does");
  return FALSE;
}

static void source_skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if ((size_t)count > info->src->bytes_in_buffer) source_fill(info);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= (size_t)count;
}

static void set_up(struct jpeg_decompress_struct *info, struct jpeg_source_mgr *source, const uint8_t *bytes,
                   size_t count) {
  jpeg_create_decompress(info);
  *source = (struct jpeg_source_mgr){
      .next_input_byte = bytes,
      .bytes_in_buffer = count,
      .init_source = source_begin,
      .fill_input_buffer = source_fill,
      .skip_input_data = source_skip,
      .resync_to_restart = jpeg_resync_to_restart,
      .term_source = source_begin,
  };
  info->src = source;
  jpeg_read_header(info, TRUE);
  if (info->num_components != 1 && info->num_components != 3 && info->num_components != 4)
    fail((j_common_ptr)info, "neither one, three nor four components");
}

static void describe(struct jpeg_decompress_struct *info, struct tj_image_header *header) {
  *header = (struct tj_image_header){
      .width = info->image_width,
      .height = info->image_height,
      .channels = info->num_components,
  };
  for (int index = 0; index < info->num_components; index++) {
    const jpeg_component_info *component = &info->comp_info[index];
    int64_t blocks = (int64_t)component->width_in_blocks * component->height_in_blocks;
    if (blocks > header->blocks) header->blocks = blocks;
    header->coefficients += blocks * (int64_t)sizeof(JBLOCK);
  }
  if (!jpeg_has_multiple_scans(info)) header->coefficients = 0;
}

int tj_jpeg_header(const uint8_t *bytes, size_t count, struct tj_image_header *header, char *message) {
  struct jpeg_decompress_struct info = {0};
  struct jpeg_source_mgr source;
  struct errors errors = {.message = message};
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = on_error;
  errors.manager.emit_message = on_message;
  int failed = setjmp(errors.escape);
  if (!failed) {
    set_up(&info, &source, bytes, count);
    describe(&info, header);
  }
  jpeg_destroy_decompress(&info);
  return failed;
}

int tj_jpeg_decode(const uint8_t *bytes, size_t count, int reduction, uint8_t *pixels, size_t capacity,
                   char *message) {
  struct jpeg_decompress_struct info = {0};
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
  struct errors errors = {.message = message};
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = on_error;
  errors.manager.emit_message = on_message;
  int failed = setjmp(errors.escape);
  if (!failed) {
    set_up(&info, &source, bytes, count);
    info.progress = &progress;
    info.scale_num = 1;
    info.scale_denom = (unsigned)reduction;
    // The accurate transform: the fast one costs up to several levels.
    info.dct_method = JDCT_ISLOW;
    info.out_color_space = info.num_components == 1   ? JCS_GRAYSCALE
                           : info.num_components == 4 ? JCS_CMYK
                                                      : JCS_RGB;
    jpeg_start_decompress(&info);
    size_t line = (size_t)info.output_width * (size_t)info.output_components;
    if (line * info.output_height != capacity)
      fail((j_common_ptr)&info, "pixels of another size than the header's");
    while (info.output_scanline < info.output_height) {
      JSAMPROW rows[8];
      for (unsigned row = 0; row < 8; row++) {
        unsigned place = info.output_scanline + row;
        // Rows behind the last one are not written.
        rows[row] = pixels + line * (place < info.output_height ? place : info.output_height - 1);
      }
      jpeg_read_scanlines(&info, rows, 8);
    }
    // Demands the end marker, which a file that was cut off lacks.
    jpeg_finish_decompress(&info);
  }
  jpeg_destroy_decompress(&info);
  return failed;
}
