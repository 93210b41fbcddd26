/* What bench/count_instructions.py runs under callgrind: `counted` is all that is counted.
 * Usage: frame_instructions read|pass PICTURE.raw WIDTH HEIGHT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imicore.h"

static imi_reading reading;
static imi_reader* reader;
static int reads;

/* The floor: every byte once, eight at a time, and the compiler may take more. */
static uint64_t pass(const uint8_t* pixels, size_t count) {
    uint64_t sum = 0, word;
    size_t i;
    for (i = 0; i + sizeof word <= count; i += sizeof word) {
        memcpy(&word, pixels + i, sizeof word);
        sum ^= word;
    }
    return sum;
}

/* Not inlined, so that callgrind finds it. */
__attribute__((noinline)) int counted(const uint8_t* pixels, int width, int height);
int counted(const uint8_t* pixels, int width, int height) {
    size_t count = 0;
    if (!reads) return (int)(pass(pixels, (size_t)width * (size_t)height) & 1) + 1;
    imi_reader_read(reader, pixels, width, height, (size_t)width, NULL, &reading, 1, &count);
    return (int)count;
}

int main(int argc, char** argv) {
    const int width = argc == 5 ? atoi(argv[3]) : 0, height = argc == 5 ? atoi(argv[4]) : 0;
    const size_t size = (size_t)width * (size_t)height;
    uint8_t* pixels = malloc(size + 1);
    FILE* file = argc == 5 ? fopen(argv[2], "rb") : NULL;
    size_t count = 0, i;
    reader = imi_reader_create();
    if (file == NULL || pixels == NULL || fread(pixels, 1, size, file) != size) return 2;
    reads = strcmp(argv[1], "read") == 0;
    /* Tables and scratch memory are made by the first read, which is not counted. */
    if (reads)
        imi_reader_read(reader, pixels, width, height, (size_t)width, NULL, &reading, 1, &count);
    if (counted(pixels, width, height) != 1 && reads) return 1;
    for (i = 0; i < reading.payload_length; i++) printf("%02x", reading.payload[i]);
    printf("\n");
    imi_reader_destroy(reader);
    free(pixels);
    return 0;
}
