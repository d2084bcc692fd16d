/*
 * reason.h - names of the reasons, and which of several is the most telling.
 */
#ifndef VTCLONE_REASON_H
#define VTCLONE_REASON_H

#include "vtclone.h"

#include <stdbool.h>

/* Of two reasons the one that tells an operator more: the candidate that came closest to being cloned, and anything
 * that smells of an attack before what is merely somewhere else. */
enum vtclone_reason reason_more_telling(enum vtclone_reason one, enum vtclone_reason other);

#endif
