/* Reads a PGM picture (P5, 8 bits) from a file, or "-" for standard input, and prints a line for
 * each symbol: its size, its corners, its payload. Exit code: 0 read, 1 nothing read, 2 bad usage
 * or picture.
 *
 *     cc -std=c99 read_indicium.c $(pkg-config --cflags --libs imicore) -o read_indicium
 *     ./read_indicium envelope.pgm */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imicore.h"

enum { MOST_SYMBOLS = 8 };

/* The next number of a PGM header, past white space and comments; -1 where there is none. */
static int32_t header_number(FILE* file) {
    int32_t value = 0;
    int c, digits = 0;
    while ((c = getc(file)) == '#' || isspace(c)) {
        if (c == '#')
            while ((c = getc(file)) != '\n' && c != EOF) continue;
    }
    for (; isdigit(c) && digits < 8; digits++, c = getc(file)) value = 10 * value + (c - '0');
    return digits > 0 && isspace(c) ? value : -1;
}

/* The pixels of a PGM picture, to be freed; NULL where it is none that the reader takes. */
static uint8_t* load(FILE* file, int32_t* width, int32_t* height) {
    uint8_t* pixels = NULL;
    size_t count = 0;
    if (getc(file) != 'P' || getc(file) != '5') return NULL;
    *width = header_number(file), *height = header_number(file);
    if (header_number(file) != 255 || *width < 1 || *height < 1) return NULL;
    if (*width > IMI_MAX_PIXELS / *height) return NULL;
    count = (size_t)*width * (size_t)*height;
    pixels = malloc(count);
    if (pixels != NULL && fread(pixels, 1, count, file) == count) return pixels;
    free(pixels);
    return NULL;
}

int main(int argc, char** argv) {
    static imi_reading readings[MOST_SYMBOLS];
    FILE* file = argc != 2 ? NULL : strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "rb");
    int32_t width = 0, height = 0;
    uint8_t* pixels = file == NULL ? NULL : load(file, &width, &height);
    imi_reader* reader = imi_reader_create();
    imi_status status;
    size_t count, i, k;
    if (pixels == NULL || reader == NULL) {
        fprintf(stderr, "usage: read_indicium PICTURE.pgm, 8-bit P5 of at most %d pixels, or -\n",
                IMI_MAX_PIXELS);
        return 2;
    }
    status = imi_reader_read(reader, pixels, width, height, (size_t)width, NULL, readings,
                             MOST_SYMBOLS, &count);
    if (status != IMI_OK)
        fprintf(stderr, "%s: %s\n", imi_status_text(status), imi_reader_error(reader));
    for (i = 0; i < count; i++) {
        const imi_reading* reading = &readings[i];
        printf("%dx%d", (int)reading->rows, (int)reading->columns);
        for (k = 0; k < 8; k += 2)
            printf(" %.2f,%.2f", reading->corners[k], reading->corners[k + 1]);
        printf(" ");
        for (k = 0; k < reading->payload_length; k++) printf("%02x", reading->payload[k]);
        printf("\n");
    }
    imi_reader_destroy(reader);
    free(pixels);
    return status != IMI_OK ? 2 : count == 0 ? 1 : 0;
}
