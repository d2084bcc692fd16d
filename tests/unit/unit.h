/*
 * unit.h - what every unit test includes: cmocka and what it needs before it.
 */
#ifndef VTCLONE_UNIT_H
#define VTCLONE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vtclone.h"

/* The error has this code and its text contains this. */
#define assert_error(err, wanted, text)                       \
    do {                                                      \
        assert_string_equal(vtclone_code_name((err).code), #wanted); \
        if (strstr((err).message, (text)) == NULL)            \
            fail_msg("\"%s\" is not in \"%s\"", (text), (err).message); \
    } while (0)

#endif
