/*
 * doctor_report.c - the findings of `vtclone doctor` and how they are shown: a table for people, JSON for monitoring.
 */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const severities[] = { "note", "warning", "error" };

/* Names come from files that others write: no control character reaches the terminal. */
static const char *printable(struct arena *arena, const char *text)
{
    char *copy = text == NULL ? NULL : arena_strdup(arena, text);

    for (char *at = copy; at != NULL && *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return copy;
}

void report_add(struct report *report, enum severity severity, const char *code, const char *subject,
                const char *message, const char *change)
{
    struct finding *finding = NULL;

    if (report->count[0] + report->count[1] + report->count[2] < DOCTOR_MAX_FINDINGS)
        finding = arena_alloc(&report->arena, 1, sizeof(*finding));
    if (finding != NULL)
        *finding = (struct finding){ .severity = severity, .code = code,
                                     .subject = printable(&report->arena, subject),
                                     .message = printable(&report->arena, message),
                                     .change = printable(&report->arena, change) };
    if (finding == NULL || finding->subject == NULL || finding->message == NULL || finding->change == NULL) {
        report->full = true;
        return;
    }
    if (report->last == NULL)
        report->first = finding;
    else
        report->last->next = finding;
    report->last = finding;
    report->count[severity]++;
}

static void append_line(struct report *report, struct line **list, const char *text)
{
    struct line *line = arena_alloc(&report->arena, 1, sizeof(*line));

    if (line == NULL || (line->text = printable(&report->arena, text)) == NULL) {
        report->full = true;
        return;
    }
    while (*list != NULL)
        list = &(*list)->next;
    *list = line;
}

void report_checked(struct report *report, const char *text)
{
    append_line(report, &report->checked, text);
}

void report_not_checked(struct report *report, const char *text)
{
    append_line(report, &report->not_checked, text);
}

static void write_lines(struct json_writer *writer, const char *key, const struct line *line)
{
    json_key(writer, key);
    json_begin_array(writer);
    for (; line != NULL; line = line->next)
        json_string(writer, line->text);
    json_end_array(writer);
}

static void write_report(struct json_writer *writer, const struct report *report)
{
    json_begin_object(writer);
    json_pair(writer, "version", vtclone_version());
    json_pair_int(writer, "abi", vtclone_abi());
    json_pair_int(writer, "errors", (int64_t)report->count[DOCTOR_ERROR]);
    json_pair_int(writer, "warnings", (int64_t)report->count[DOCTOR_WARNING]);
    json_pair_int(writer, "notes", (int64_t)report->count[DOCTOR_NOTE]);
    if (report->full) {
        json_key(writer, "truncated");
        json_boolean(writer, true);
    }
    write_lines(writer, "checked", report->checked);
    write_lines(writer, "not_checked", report->not_checked);
    json_key(writer, "findings");
    json_begin_array(writer);
    for (int severity = DOCTOR_ERROR; severity >= DOCTOR_NOTE; severity--)
        for (const struct finding *finding = report->first; finding != NULL; finding = finding->next) {
            if ((int)finding->severity != severity)
                continue;
            json_begin_object(writer);
            json_pair(writer, "severity", severities[finding->severity]);
            json_pair(writer, "code", finding->code);
            json_pair(writer, "subject", finding->subject);
            json_pair(writer, "message", finding->message);
            json_pair(writer, "change", finding->change);
            json_end_object(writer);
        }
    json_end_array(writer);
    json_end_object(writer);
}

int32_t report_print_json(const struct report *report, vtclone_error *err)
{
    struct json_writer *writer = json_writer_new(DOCTOR_MEMORY);
    char *text = NULL;

    if (writer == NULL)
        return cli_fail(err, "report: out of memory");
    write_report(writer, report);
    int32_t code = json_writer_finish(writer, &text, NULL, err);
    if (code == VTCLONE_OK)
        puts(text);
    free(text);
    json_writer_free(writer);
    return code;
}

static void print_lines(const char *title, const struct line *line)
{
    for (; line != NULL; line = line->next)
        printf("%-12s %s\n", title, line->text);
}

void report_print_table(const struct report *report)
{
    static const char *const on[] = { "", "\033[33m", "\033[31m" };
    bool colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;

    printf("vtclone %s, ABI %u\n", vtclone_version(), vtclone_abi());
    print_lines("checked", report->checked);
    print_lines("not checked", report->not_checked);
    for (int severity = DOCTOR_ERROR; severity >= DOCTOR_NOTE; severity--)
        for (const struct finding *finding = report->first; finding != NULL; finding = finding->next)
            if ((int)finding->severity == severity)
                printf("\n%s%-7s%s  %s  %s\n         %s\n         change: %s\n", colour ? on[severity] : "",
                       severities[severity], colour ? "\033[0m" : "", finding->code, finding->subject,
                       finding->message, finding->change);
    printf("\n%zu errors, %zu warnings, %zu notes%s\n", report->count[DOCTOR_ERROR], report->count[DOCTOR_WARNING],
           report->count[DOCTOR_NOTE], report->full ? "; not all findings could be kept" : "");
}
