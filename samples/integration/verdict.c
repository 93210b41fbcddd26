/* Reads a PGM picture with imicore.h and asks the lane's daemon for the verdict on what it shows:
 *
 *     cc -std=c99 verdict.c $(pkg-config --cflags --libs imicore) -o verdict
 *     ./verdict /run/lane.sock A-1 envelope.pgm length_thou=9500 height_thou=4125 ...
 *
 * Prints the daemon's line. Exit code: 0 VALID, 1 any other verdict, 2 no answer. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "imicore.h"

static imi_reading readings[4];

/* Reads the symbols in a picture; sets their number, which may be 0. */
static imi_status read_picture(const char* path, size_t* count) {
    int width = 0, height = 0;
    imi_status status = IMI_BAD_ARGUMENT;
    FILE* file = fopen(path, "rb");
    imi_reader* reader = imi_reader_create();
    uint8_t* pixels = malloc(IMI_MAX_PIXELS);
    if (file && reader && pixels && fscanf(file, "P5 %8d %8d 255", &width, &height) == 2 &&
        getc(file) != EOF && width > 0 && height > 0 && width <= IMI_MAX_PIXELS / height &&
        fread(pixels, (size_t)width, (size_t)height, file) == (size_t)height)
        status =
            imi_reader_read(reader, pixels, width, height, (size_t)width, NULL, readings, 4, count);
    imi_reader_destroy(reader);
    free(pixels);
    if (file) fclose(file);
    return status;
}

int main(int argc, char** argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[1024];
    size_t count = 0, i, k;
    int lane = socket(AF_UNIX, SOCK_STREAM, 0), fact;
    FILE *to = fdopen(lane, "w"), *from = fdopen(dup(lane), "r");
    if (argc < 4 || !to || !from || strlen(argv[1]) >= sizeof address.sun_path) return 2;
    strcpy(address.sun_path, argv[1]);
    if (read_picture(argv[3], &count) != IMI_OK) return fprintf(stderr, "no PGM\n"), 2;
    if (connect(lane, (struct sockaddr*)&address, sizeof address) != 0) return perror(argv[1]), 2;
    fprintf(to, "T,%s,payload=", argv[2]); /* all that was read: hex, joined by + */
    for (i = 0; i < count; i++)
        for (fprintf(to, i ? "+" : ""), k = 0; k < readings[i].payload_length; k++)
            fprintf(to, "%02x", readings[i].payload[k]);
    for (fact = 4; fact < argc; fact++) fprintf(to, ",%s", argv[fact]);
    fputs("\r\n", to);
    if (fflush(to) != 0 || fgets(answer, sizeof answer, from) == NULL) return 2;
    fputs(answer, stdout);
    return answer[0] != 'R' ? 2 : strstr(answer, ",VALID,") == NULL;
}
