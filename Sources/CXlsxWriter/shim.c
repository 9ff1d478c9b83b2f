#include "CXlsxWriter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int64_t trueup_xlsx_finish_rows(lxw_worksheet *worksheet) {
    FILE *rows = worksheet->optimize_tmpfile;
    if (rows == NULL) {
        errno = EINVAL;
        return -1;
    }
    lxw_worksheet_write_single_row(worksheet);
    if (fflush(rows) != 0 || ferror(rows)) {
        if (errno == 0) {
            errno = EIO;
        }
        return -1;
    }
    return (int64_t)ftell(rows);
}

enum { CHUNK = 65536, END_RECORD = 22, CENTRAL_RECORD = 46, LOCAL_RECORD = 30, NAME_MAX_BYTES = 255 };

static uint32_t little(const unsigned char *bytes, int count) {
    uint32_t value = 0;
    for (int index = count - 1; index >= 0; index--) {
        value = value << 8 | bytes[index];
    }
    return value;
}

// Follows the tags of a part as it unpacks. libxlsxwriter escapes `<` and `>` everywhere else, so they balance.
typedef struct part_scan {
    int64_t depth;
    int64_t bytes;
    int in_tag;
    int fault;
    unsigned char first; // the byte after `<`
    unsigned char last;  // the byte before the one at hand
    char name[16];       // the first letters of the tag
    size_t name_length;
    int64_t rows_begin;
    int64_t rows_end;
} part_scan;

static void end_of_tag(part_scan *scan) {
    int is_other = scan->first == '?' || scan->first == '!';
    if (!is_other && scan->first == '/') {
        scan->depth--;
    } else if (!is_other && scan->last != '/') {
        scan->depth++;
    }
    if (scan->depth < 0) {
        scan->fault = 1;
    }
    scan->name[scan->name_length] = 0;
    if (strcmp(scan->name, "sheetData") == 0) {
        scan->rows_begin = scan->bytes;
    } else if (strcmp(scan->name, "/sheetData") == 0) {
        scan->rows_end = scan->bytes - (int64_t)sizeof "</sheetData>" + 1;
    }
    scan->in_tag = 0;
}

static void scan_bytes(part_scan *scan, const unsigned char *bytes, size_t count) {
    for (size_t index = 0; index < count; index++) {
        unsigned char byte = bytes[index];
        scan->bytes++;
        if (byte == '<') {
            scan->fault |= scan->in_tag;
            scan->in_tag = 1;
            scan->first = 0;
            scan->name_length = 0;
        } else if (byte == '>') {
            if (!scan->in_tag) {
                scan->fault = 1;
                continue;
            }
            end_of_tag(scan);
        } else if (scan->in_tag) {
            if (scan->first == 0) {
                scan->first = byte;
            }
            if (scan->name_length + 1 < sizeof scan->name) {
                scan->name[scan->name_length++] = (char)byte;
            }
        }
        scan->last = byte;
    }
}

// Unpacks one part from where the file stands.
static trueup_xlsx_fault scan_part(FILE *file, uint32_t packed, uint32_t checksum, int method, part_scan *scan) {
    static const size_t chunk = CHUNK;
    unsigned char *in = malloc(2 * chunk);
    if (in == NULL) {
        return TRUEUP_XLSX_UNREADABLE;
    }
    unsigned char *out = in + chunk;
    z_stream stream = {0};
    if (method != Z_DEFLATED || inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        free(in);
        return TRUEUP_XLSX_DAMAGED_PART;
    }
    uLong crc = crc32(0, NULL, 0);
    int result = Z_OK;
    while (result == Z_OK && packed > 0) {
        size_t wanted = packed < chunk ? packed : chunk;
        size_t got = fread(in, 1, wanted, file);
        if (got != wanted) {
            break;
        }
        packed -= (uint32_t)got;
        stream.next_in = in;
        stream.avail_in = (uInt)got;
        do {
            stream.next_out = out;
            stream.avail_out = (uInt)chunk;
            result = inflate(&stream, Z_NO_FLUSH);
            if (result == Z_BUF_ERROR) { // nothing left to unpack: the next bytes are needed
                result = Z_OK;
                break;
            }
            if (result != Z_OK && result != Z_STREAM_END) {
                break;
            }
            size_t made = chunk - stream.avail_out;
            crc = crc32(crc, out, (uInt)made);
            scan_bytes(scan, out, made);
        } while (result == Z_OK && stream.avail_out == 0);
    }
    inflateEnd(&stream);
    free(in);
    return result == Z_STREAM_END && packed == 0 && crc == checksum ? TRUEUP_XLSX_SOUND : TRUEUP_XLSX_DAMAGED_PART;
}

static trueup_xlsx_fault check_part(
    FILE *file, const unsigned char *record, const char *name, const int64_t *row_bytes, size_t sheets) {
    unsigned char local[LOCAL_RECORD];
    if (fseek(file, (long)little(record + 42, 4), SEEK_SET) != 0 || fread(local, 1, sizeof local, file) != sizeof local
        || little(local, 4) != 0x04034b50
        || fseek(file, (long)(little(local + 26, 2) + little(local + 28, 2)), SEEK_CUR) != 0) {
        return TRUEUP_XLSX_NOT_A_ZIP;
    }
    part_scan scan = {.rows_begin = -1, .rows_end = -1};
    trueup_xlsx_fault fault =
        scan_part(file, little(record + 20, 4), little(record + 16, 4), (int)little(record + 10, 2), &scan);
    if (fault != TRUEUP_XLSX_SOUND) {
        return fault;
    }
    if (scan.bytes == 0 || scan.fault || scan.in_tag || scan.depth != 0) {
        return TRUEUP_XLSX_BROKEN_XML;
    }
    unsigned number = 0;
    if (sscanf(name, "xl/worksheets/sheet%u.xml", &number) == 1 && number >= 1) {
        int64_t found = scan.rows_begin < 0 || scan.rows_end < 0 ? 0 : scan.rows_end - scan.rows_begin;
        if (number > sheets || found != row_bytes[number - 1]) {
            return TRUEUP_XLSX_LOST_ROWS;
        }
    }
    return TRUEUP_XLSX_SOUND;
}

static trueup_xlsx_fault check_file(FILE *file, const int64_t *row_bytes, size_t sheets) {
    unsigned char end[END_RECORD];
    if (fseek(file, -(long)sizeof end, SEEK_END) != 0 || fread(end, 1, sizeof end, file) != sizeof end
        || little(end, 4) != 0x06054b50) {
        return TRUEUP_XLSX_NOT_A_ZIP;
    }
    long at = (long)little(end + 16, 4);
    uint32_t parts = little(end + 10, 2);
    size_t sheets_found = 0;
    for (uint32_t index = 0; index < parts; index++) {
        unsigned char record[CENTRAL_RECORD];
        char name[NAME_MAX_BYTES + 1] = {0};
        if (fseek(file, at, SEEK_SET) != 0 || fread(record, 1, sizeof record, file) != sizeof record
            || little(record, 4) != 0x02014b50 || little(record + 28, 2) > NAME_MAX_BYTES
            || fread(name, 1, little(record + 28, 2), file) != little(record + 28, 2)) {
            return TRUEUP_XLSX_NOT_A_ZIP;
        }
        trueup_xlsx_fault fault = check_part(file, record, name, row_bytes, sheets);
        if (fault != TRUEUP_XLSX_SOUND) {
            return fault;
        }
        sheets_found += strncmp(name, "xl/worksheets/sheet", 19) == 0;
        at += CENTRAL_RECORD + (long)(little(record + 28, 2) + little(record + 30, 2) + little(record + 32, 2));
    }
    return sheets_found == sheets ? TRUEUP_XLSX_SOUND : TRUEUP_XLSX_LOST_ROWS;
}

trueup_xlsx_fault trueup_xlsx_check(const char *path, const int64_t *row_bytes, size_t sheets) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return TRUEUP_XLSX_UNREADABLE;
    }
    trueup_xlsx_fault fault = check_file(file, row_bytes, sheets);
    fclose(file);
    return fault;
}
