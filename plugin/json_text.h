/*
 * json_text.h - what a JSON text must be before yajl reads it: yajl 2.1 lets UTF-8 pass that is none (surrogates, overlong
 * forms, code points beyond U+10FFFF) and turns half a surrogate pair into a question mark, where Python refuses the one and
 * keeps the other. A string would then be another here than there.
 */
#ifndef VTCLONE_JSON_TEXT_H
#define VTCLONE_JSON_TEXT_H

#include <stddef.h>

/* NULL, or what is wrong with it and, in *at, where. */
const char *json_text_check(const char *json, size_t len, size_t *at);

#endif
