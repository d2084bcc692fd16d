/*
 * banned.h - calls without a bound, or with a result shared between threads, do not compile here. Included by the
 * Makefile before every source.
 */
#ifndef VTCLONE_BANNED_H
#define VTCLONE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison sprintf vsprintf strcpy strcat strncpy strncat gets atoi atol atoll strtok strerror localtime gmtime ctime asctime

#endif
