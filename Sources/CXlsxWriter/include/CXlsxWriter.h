// libxlsxwriter as Debian has it (1.1.4), and the two checks that it leaves out: it does not look at the results of
// its writes to temporary files, so that a full disk can give a workbook that lacks rows and reports no error.
#ifndef TRUEUP_CXLSXWRITER_H
#define TRUEUP_CXLSXWRITER_H

#include <stddef.h>
#include <stdint.h>
#include <xlsxwriter.h>

// Ends the last row of a worksheet in constant-memory mode and flushes its rows to their temporary file.
// Gives the bytes of all rows, or -1 when a write failed (errno says why). No row can be written afterwards.
int64_t trueup_xlsx_finish_rows(lxw_worksheet *worksheet);

// What is wrong with a finished workbook.
typedef enum trueup_xlsx_fault {
    TRUEUP_XLSX_SOUND = 0,
    TRUEUP_XLSX_UNREADABLE,   // the file cannot be opened or read
    TRUEUP_XLSX_NOT_A_ZIP,    // no central directory, or one that contradicts the file
    TRUEUP_XLSX_DAMAGED_PART, // a part does not unpack, or its checksum differs
    TRUEUP_XLSX_BROKEN_XML,   // a part is empty, or its tags do not balance
    TRUEUP_XLSX_LOST_ROWS,    // a sheet holds other bytes of rows than were written
} trueup_xlsx_fault;

// Unpacks every part of the workbook at `path`. `row_bytes[i]` is what trueup_xlsx_finish_rows gave for sheet i + 1.
// Uses a fixed amount of memory.
trueup_xlsx_fault trueup_xlsx_check(const char *path, const int64_t *row_bytes, size_t sheets);

#endif
