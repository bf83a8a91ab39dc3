/* timeline: a picture (SVG) of one boot, step by step, and of each connection, on one axis of time. */
#include "tools/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Pixels. Names at the left, bars in the middle, what they came to at the right. */
#define WIDTH 1080
#define LEFT 264
#define PLOT 400
#define RIGHT (LEFT + PLOT + 16)
#define TOP 92
#define ROW 22
#define GAP 34 /* above the connections */
#define NAME_CHARACTERS 34
#define TEXT_CHARACTERS 58
#define TICKS 6

/* ---- events ---- */

static void add_mark(struct timeline *timeline, int64_t at, const char *name, const char *text, bool boot)
{
    if (timeline->mark_count == TIMELINE_MARKS) {
        timeline->more_marks++;
        return;
    }
    struct timeline_mark *mark = &timeline->marks[timeline->mark_count++];
    *mark = (struct timeline_mark){.at = at, .boot = boot};
    (void)snprintf(mark->name, sizeof mark->name, "%s", name);
    (void)snprintf(mark->text, sizeof mark->text, "%s", text);
}

/* "ingot:    44 ms  image       watermark 1.0.0", as init/log.c writes it. */
static bool read_line(const char *line, char name[static TIMELINE_NAME], const char **text)
{
    static const char begins[] = "ingot: ", unit[] = " ms  ";

    if (strncmp(line, begins, sizeof begins - 1) != 0) {
        return false;
    }
    line += sizeof begins - 1;
    line += strspn(line, " ");
    size_t digits = strspn(line, "0123456789");
    if (digits == 0 || strncmp(line + digits, unit, sizeof unit - 1) != 0) {
        return false;
    }
    line += digits + sizeof unit - 1;
    size_t size = strcspn(line, " ");
    (void)snprintf(name, TIMELINE_NAME, "%.*s", size < TIMELINE_NAME ? (int)size : TIMELINE_NAME - 1, line);
    *text = line + size + strspn(line + size, " ");
    return size > 0;
}

void timeline_line(struct timeline *timeline, int64_t at, const char *line)
{
    char name[TIMELINE_NAME];
    const char *text;

    if (!timeline->kernel) {
        timeline->kernel = true;
        add_mark(timeline, at, "QEMU", "until the kernel's first line", true);
    }
    if (!read_line(line, name, &text)) {
        return;
    }
    if (timeline->mark_count == 1) {
        add_mark(timeline, at, "kernel", "until PID 1's first line", true);
    }
    add_mark(timeline, at, name, text, !timeline->up);
    timeline->up |= strcmp(name, "heartbeat") == 0;
}

void timeline_moment(struct timeline *timeline, int64_t at, const char *name, const char *text)
{
    add_mark(timeline, at, name, text, false);
}

void timeline_connection(struct timeline *timeline, const struct timeline_connection *connection, const char *name)
{
    if (timeline->connection_count == TIMELINE_CONNECTIONS) {
        timeline->more_connections++;
        return;
    }
    struct timeline_connection *mine = &timeline->connections[timeline->connection_count++];
    *mine = *connection;
    (void)snprintf(mine->name, sizeof mine->name, "%s", name);
}

/* ---- the picture ---- */

/* At most `most` characters, the last of them an ellipsis where there are more. */
static void put_text(FILE *svg, const char *text, size_t most)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t size = strlen(text);

    for (size_t count = 1; size > 0; count++) {
        size_t length = text_character(p, size);
        size_t step = length == 0 ? 1 : length;
        if (count == most && size > step) {
            fputs("…", svg);
            return;
        }
        if (p[0] == '&' || p[0] == '<' || p[0] == '>') {
            fputs(p[0] == '&' ? "&amp;" : p[0] == '<' ? "&lt;" : "&gt;", svg);
        } else if (length == 0 || p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0) ||
                   (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)) { /* U+FFFE, U+FFFF: not XML's */
            fputc('?', svg);
        } else {
            fwrite(p, 1, length, svg);
        }
        p += step;
        size -= step;
    }
}

static void put_label(FILE *svg, const char *class, int x, int y, const char *text, size_t most)
{
    fprintf(svg, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, x, y);
    put_text(svg, text, most);
    fputs("</text>\n", svg);
}

static double place(int64_t at, int64_t end)
{
    return LEFT + (double)PLOT * (double)(at < 0 ? 0 : at > end ? end : at) / (double)end;
}

static void put_bar(FILE *svg, const char *class, int y, int64_t from, int64_t to, int64_t end)
{
    double x = place(from, end), width = place(to, end) - x;

    fprintf(svg, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"12\" rx=\"2\"/>\n", class, x, y - 10,
        width < 2 ? 2 : width);
}

static void put_axis(FILE *svg, int64_t end, int bottom)
{
    int64_t step = 1;

    for (int i = 0; end / step > TICKS; i++) {
        step = i % 3 == 1 ? step / 2 * 5 : step * 2; /* 1, 2, 5, 10 … */
    }
    for (int64_t at = 0; at <= end; at += step) {
        fprintf(svg, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", place(at, end), TOP - 18, bottom);
        fprintf(
            svg, "<text class=\"tick\" x=\"%.1f\" y=\"%d\">%g s</text>\n", place(at, end), TOP - 24, (double)at / 1000);
    }
}

static void put_marks(FILE *svg, const struct timeline *timeline, int64_t end, int *y)
{
    char text[TIMELINE_TEXT + 32];
    int64_t before = 0;

    for (size_t i = 0; i < timeline->mark_count; i++, *y += ROW) {
        const struct timeline_mark *mark = &timeline->marks[i];
        put_label(svg, "name", LEFT - 12, *y, mark->name, NAME_CHARACTERS);
        if (mark->boot) {
            put_bar(svg, "boot", *y, before, mark->at, end);
            (void)snprintf(text, sizeof text, "%" PRId64 " ms · %s", mark->at - before, mark->text);
            before = mark->at;
        } else {
            fprintf(svg, "<circle class=\"moment\" cx=\"%.1f\" cy=\"%d\" r=\"5\"/>\n", place(mark->at, end), *y - 4);
            (void)snprintf(text, sizeof text, "at %.3f s · %s", (double)mark->at / 1000, mark->text);
        }
        put_label(svg, "text", RIGHT, *y, text, TEXT_CHARACTERS);
    }
}

static void put_connections(FILE *svg, const struct timeline *timeline, int64_t end, int *y)
{
    char text[256];

    for (size_t i = 0; i < timeline->connection_count; i++, *y += ROW) {
        const struct timeline_connection *one = &timeline->connections[i];
        put_label(svg, "name", LEFT - 12, *y, one->name, NAME_CHARACTERS);
        put_bar(svg, one->error == 0 ? "good" : "bad", *y, one->opened, one->ended, end);
        (void)snprintf(text, sizeof text,
            "%" PRId64 " ms · reached in %" PRId64 " ms · %" PRIu64 " B →, %" PRIu64 " B ←%s%s",
            one->ended - one->opened, one->connect_ms, one->sent, one->received, one->error == 0 ? "" : " · ",
            one->error == 0 ? "" : strerror(-one->error));
        put_label(svg, "text", RIGHT, *y, text, TEXT_CHARACTERS + 20);
    }
}

static void put_more(FILE *svg, uint64_t more, const char *of, int *y)
{
    if (more > 0) {
        fprintf(svg, "<text class=\"text\" x=\"%d\" y=\"%d\">and %" PRIu64 " more %s</text>\n", LEFT, *y, more, of);
        *y += ROW;
    }
}

static const char style[] =
    "<style>\n"
    "svg{background:#fff;font:13px system-ui,sans-serif}text{fill:#1f2328}.title{font-size:18px;font-weight:600}\n"
    ".name,.tick{text-anchor:end}.tick{text-anchor:middle}.text,.tick,.how{fill:#57606a;font-size:12px}\n"
    ".grid{stroke:#d8dee4}.boot{fill:#2f6fd0}.good{fill:#2c8a4b}.bad{fill:#c93c37}.moment{fill:#b7791f}\n"
    "@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.text,.tick,.how{fill:#9aa4af}\n"
    ".grid{stroke:#30363d}.boot{fill:#5b9cf5}.good{fill:#4cb36d}.bad{fill:#f0706a}.moment{fill:#e0a94a}}\n"
    "</style>\n";

char *timeline_draw(const struct timeline *timeline, const char *image, int64_t end, const char *how, size_t *size)
{
    char *data = NULL;
    FILE *svg = open_memstream(&data, size);
    size_t rows = timeline->mark_count + timeline->connection_count + (timeline->more_marks > 0) +
                  (timeline->more_connections > 0);
    int height = TOP + (int)rows * ROW + GAP - 16, y = TOP + 8;

    if (svg == NULL) {
        return NULL;
    }
    end = end < 1 ? 1 : end;
    fprintf(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"t d\" viewBox=\"0 0 %d %d\" "
        "width=\"%d\" height=\"%d\">\n<title id=\"t\">The boot of ",
        WIDTH, height, WIDTH, height);
    put_text(svg, image, NAME_CHARACTERS);
    fprintf(svg, "</title>\n<desc id=\"d\">%zu steps and moments and %zu connections in %.3f s: ", timeline->mark_count,
        timeline->connection_count, (double)end / 1000);
    put_text(svg, how, TEXT_CHARACTERS);
    fprintf(svg, "</desc>\n%s", style);
    put_label(svg, "title", 24, 32, image, NAME_CHARACTERS);
    put_label(svg, "how", 24, 52, how, 2 * TEXT_CHARACTERS);
    put_axis(svg, end, height - 8);
    put_marks(svg, timeline, end, &y);
    put_more(svg, timeline->more_marks, "moments", &y);
    y += GAP - ROW;
    put_connections(svg, timeline, end, &y);
    put_more(svg, timeline->more_connections, "connections", &y);
    fputs("</svg>\n", svg);
    bool failed = ferror(svg) != 0;
    if (fclose(svg) != 0 || failed) {
        free(data);
        return NULL;
    }
    return data;
}
