/*
 * web.h - the services of answers.h behind a real port on loopback, for what real libcurl does.
 */
#ifndef TESTS_ALLOC_WEB_H
#define TESTS_ALLOC_WEB_H

/* Serves until the program ends; the port. The Host header says which service is meant. */
int web_start(void);

#endif
