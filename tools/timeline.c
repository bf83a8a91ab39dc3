/* timeline: a picture (SVG) of one boot, step by step, and of each connection, on one axis of time. */
#include "tools/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Pixels. Names at the left, bars in the middle, what they came to at the right. */
#define WIDTH 1180
#define LEFT 256
#define PLOT 390
#define RIGHT (LEFT + PLOT + 20)
#define TOP 112
#define ROW 22
#define BAR 12
#define GAP 36 /* from one part's last row to the next one's first */
#define LEGEND 64
#define NAME_CHARACTERS 32
#define TEXT_CHARACTERS 78
#define TICKS 6

/* PID 1's last steps (init/boot.c). */
#define BEFORE_ROLES "listeners"
#define ROLES "roles"
#define HEARTBEAT "heartbeat"
#define AFTER_A_PUSH " after the first accepted push" /* how `roles` says that the application is not started yet */

/* ---- events ---- */

static struct timeline_mark mark_of(int64_t at, const char *name, const char *text, enum timeline_kind kind)
{
    struct timeline_mark mark = {.at = at, .kind = kind};

    (void)snprintf(mark.name, sizeof mark.name, "%s", name);
    (void)snprintf(mark.text, sizeof mark.text, "%s", text);
    return mark;
}

static void add_mark(struct timeline *timeline, int64_t at, const char *name, const char *text, enum timeline_kind kind)
{
    if (timeline->mark_count == TIMELINE_MARKS || (kind == TIMELINE_SAID && timeline->sayings == TIMELINE_SAYINGS)) {
        timeline->more_marks++;
        return;
    }
    timeline->sayings += kind == TIMELINE_SAID;
    timeline->marks[timeline->mark_count++] = mark_of(at, name, text, kind);
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

/* Whether a line of PID 1's form is the next step of the boot, whoever has printed it. */
static bool is_step(const struct timeline *timeline, const char *name)
{
    switch (timeline->stage) {
    case TIMELINE_ALONE:
        return true;
    case TIMELINE_ROLES:
        return strcmp(name, ROLES) == 0;
    case TIMELINE_SHARED:
        return timeline->answered && strcmp(name, HEARTBEAT) == 0;
    default:
        return false;
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);

    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static void add_step(struct timeline *timeline, int64_t at, const char *name, const char *text)
{
    add_mark(timeline, at, name, text, TIMELINE_STEP);
    if (timeline->stage == TIMELINE_ALONE) {
        timeline->stage = strcmp(name, BEFORE_ROLES) == 0 ? TIMELINE_ROLES : TIMELINE_ALONE;
    } else if (timeline->stage == TIMELINE_ROLES) {
        timeline->stage = TIMELINE_SHARED;
        timeline->awaits_secrets = ends_with(text, AFTER_A_PUSH);
        if (!timeline->awaits_secrets) {
            timeline_moment(timeline, at, "application", "started");
        }
    } else {
        timeline->stage = TIMELINE_UP;
    }
}

/* What comes after the steps that are PID 1's alone; before the application is started these words are its own too. */
static void add_saying(struct timeline *timeline, int64_t at, const char *name, const char *text)
{
    add_mark(timeline, at, name, text, TIMELINE_SAID);
    if (timeline->awaits_secrets && strcmp(name, "secrets") == 0 && strcmp(text, "accepted") == 0) {
        timeline->awaits_secrets = false;
        timeline_moment(timeline, at, "application", "started, with its secrets");
    }
}

void timeline_line(struct timeline *timeline, int64_t at, const char *line)
{
    char name[TIMELINE_NAME];
    const char *text;

    if (timeline->stage == TIMELINE_START) {
        add_mark(timeline, at, "start", "until the kernel's first line", TIMELINE_STEP);
        timeline->stage = TIMELINE_KERNEL;
    }
    if (!read_line(line, name, &text)) {
        return;
    }
    if (timeline->stage == TIMELINE_KERNEL) {
        add_mark(timeline, at, "kernel", "until PID 1's first line", TIMELINE_STEP);
        timeline->stage = TIMELINE_ALONE;
    }
    if (is_step(timeline, name)) {
        add_step(timeline, at, name, text);
    } else {
        add_saying(timeline, at, name, text);
    }
}

void timeline_moment(struct timeline *timeline, int64_t at, const char *name, const char *text)
{
    add_mark(timeline, at, name, text, TIMELINE_SEEN);
}

void timeline_heartbeat(struct timeline *timeline, int64_t at)
{
    timeline->answered = true;
    timeline_moment(timeline, at, "parent", "the heartbeat is answered");
}

static void note_answer(struct timeline *timeline, const struct timeline_connection *connection, const char *name)
{
    int64_t at = connection->opened + connection->answer_ms;

    if (connection->inbound && connection->answer_ms >= 0 &&
        (timeline->answer.name[0] == '\0' || at < timeline->answer.at)) {
        timeline->answer = mark_of(at, "first answer", name, TIMELINE_SEEN);
    }
}

void timeline_connection(struct timeline *timeline, const struct timeline_connection *connection, const char *name)
{
    struct timeline_connection *place = timeline->connections;

    note_answer(timeline, connection, name);
    timeline->open += connection->end == TIMELINE_OPEN;
    timeline->cut += connection->end == TIMELINE_CUT;
    if (timeline->connection_count == TIMELINE_CONNECTIONS) {
        timeline->more_connections++;
        return;
    }
    struct timeline_connection *behind = place + timeline->connection_count++;
    while (place < behind && place->opened <= connection->opened) {
        place++;
    }
    memmove(place + 1, place, (size_t)(behind - place) * sizeof *place);
    *place = *connection;
    (void)snprintf(place->name, sizeof place->name, "%s", name);
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

static void put_rectangle(FILE *svg, const char *class, double x, int y, double width)
{
    fprintf(svg, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, x, y, width,
        BAR);
}

/* On the row whose text stands at y; at least two pixels wide. */
static void put_bar(FILE *svg, const char *class, int y, int64_t from, int64_t to, int64_t end)
{
    double x = place(from, end), width = place(to, end) - x;

    put_rectangle(svg, class, x, y - 10, width < 2 ? 2 : width);
}

static void put_circle(FILE *svg, const char *class, double x, int y)
{
    fprintf(svg, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%d\" r=\"4.5\"/>\n", class, x, y);
}

/* An arrow's head: what goes on. */
static void put_arrow(FILE *svg, double x, int y)
{
    fprintf(svg, "<path class=\"open\" d=\"M%.1f %dv%dl8 -%dz\"/>\n", x, y - 2, BAR + 4, BAR / 2 + 2);
}

/* Behind every other row, to lead the eye from the name to the words. */
static void put_bands(FILE *svg, int y, size_t rows)
{
    for (size_t i = 0; i < rows; i += 2) {
        fprintf(svg, "<rect class=\"band\" x=\"12\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\"/>\n",
            y - 15 + (int)i * ROW, WIDTH - 24, ROW);
    }
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

static void put_mark(FILE *svg, const struct timeline_mark *mark, int64_t before, int64_t end, int y)
{
    char text[TIMELINE_TEXT + 32];

    put_label(svg, "name", LEFT - 14, y, mark->name, NAME_CHARACTERS);
    if (mark->kind == TIMELINE_STEP) {
        put_bar(svg, "boot", y, before, mark->at, end);
        (void)snprintf(text, sizeof text, "%" PRId64 " ms · %s", mark->at - before, mark->text);
    } else {
        put_circle(svg, mark->kind == TIMELINE_SEEN ? "seen" : "said", place(mark->at, end), y - 4);
        (void)snprintf(text, sizeof text, "at %.3f s · %s", (double)mark->at / 1000, mark->text);
    }
    put_label(svg, "text", RIGHT, y, text, TEXT_CHARACTERS);
}

/* The first answer is known later than the moments after it: it goes to its place among them here. */
static void put_marks(FILE *svg, const struct timeline *timeline, int64_t end, int *y)
{
    const struct timeline_mark *answer = timeline->answer.name[0] != '\0' ? &timeline->answer : NULL;
    int64_t before = 0;

    for (size_t i = 0; i < timeline->mark_count; i++, *y += ROW) {
        const struct timeline_mark *mark = &timeline->marks[i];
        if (answer != NULL && answer->at < mark->at) {
            put_mark(svg, answer, before, end, *y);
            answer = NULL;
            *y += ROW;
        }
        put_mark(svg, mark, before, end, *y);
        before = mark->kind == TIMELINE_STEP ? mark->at : before;
    }
    if (answer != NULL) {
        put_mark(svg, answer, before, end, *y);
        *y += ROW;
    }
}

struct amount {
    char text[24];
};

static struct amount amount_of(uint64_t bytes)
{
    struct amount amount;

    if (bytes < 10000) {
        (void)snprintf(amount.text, sizeof amount.text, "%" PRIu64 " B", bytes);
    } else if (bytes < 10000 * 1024) {
        (void)snprintf(amount.text, sizeof amount.text, "%.1f KiB", (double)bytes / 1024);
    } else {
        (void)snprintf(amount.text, sizeof amount.text, "%.1f MiB", (double)bytes / 1024 / 1024);
    }
    return amount;
}

/* NULL: in order. The usual errors are shorter here than in strerror(). */
static const char *say_end(const struct timeline_connection *one)
{
    switch (-one->error) {
    case 0:
        return one->end == TIMELINE_CUT ? "cut" : one->end == TIMELINE_OPEN ? "still open" : NULL;
    case ECONNRESET:
        return "reset";
    case ECONNREFUSED:
        return "refused";
    case ETIMEDOUT:
        return "timed out";
    default:
        return strerror(-one->error);
    }
}

/* "cut after 217 ms · target 4, answer 90 ms · → 32.2 KiB ← 168 B" */
static void say_connection(const struct timeline_connection *one, char *text, size_t size)
{
    char times[64] = "not reached";
    const char *ended = say_end(one);

    if (one->connected && one->answer_ms >= 0) {
        (void)snprintf(
            times, sizeof times, "target %" PRId64 ", answer %" PRId64 " ms", one->connect_ms, one->answer_ms);
    } else if (one->connected) {
        (void)snprintf(times, sizeof times, "target %" PRId64 " ms", one->connect_ms);
    }
    (void)snprintf(text, size, "%s%s%" PRId64 " ms · %s · → %s ← %s", ended != NULL ? ended : "",
        ended != NULL ? " after " : "", one->ended - one->opened, times, amount_of(one->sent).text,
        amount_of(one->received).text);
}

static void put_veil(FILE *svg, const char *class, double from, double to, int y)
{
    if (to - from >= 1) {
        fprintf(svg, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", class, from, y - 10,
            to - from, BAR);
    }
}

/* Paler than its bar: the time until the target was reached, and then until its first byte was back. */
static void put_waits(FILE *svg, const struct timeline_connection *one, int64_t end, int y)
{
    int64_t reached = one->opened + one->connect_ms;
    int64_t answered = one->answer_ms >= 0 ? one->opened + one->answer_ms : one->ended;
    double x = place(one->opened, end), x_reached = place(reached, end), x_answered = place(answered, end);

    if (one->connected) { /* else it is all one failure */
        put_veil(svg, "connecting", x, x_reached, y);
        put_veil(svg, "waiting", x_reached, x_answered, y);
    }
}

static void put_connection(FILE *svg, const struct timeline_connection *one, int64_t end, int y)
{
    const char *class = one->error != 0             ? "bad"
                        : one->end == TIMELINE_CUT  ? "cut"
                        : one->end == TIMELINE_OPEN ? "open"
                                                    : "good";
    char text[256];

    put_label(svg, "name", LEFT - 14, y, one->name, NAME_CHARACTERS);
    put_bar(svg, class, y, one->opened, one->ended, end);
    put_waits(svg, one, end, y);
    if (one->end == TIMELINE_OPEN) {
        put_arrow(svg, place(one->ended, end), y - 10);
    }
    say_connection(one, text, sizeof text);
    put_label(svg, "text", RIGHT, y, text, TEXT_CHARACTERS);
}

static void put_connections(FILE *svg, const struct timeline *timeline, int64_t end, int *y)
{
    for (size_t i = 0; i < timeline->connection_count; i++, *y += ROW) {
        put_connection(svg, &timeline->connections[i], end, *y);
    }
}

static void put_more(FILE *svg, uint64_t more, const char *of, int *y)
{
    if (more > 0) {
        fprintf(svg, "<text class=\"text\" x=\"%d\" y=\"%d\">and %" PRIu64 " more %s</text>\n", LEFT, *y, more, of);
        *y += ROW;
    }
}

/* What the colours say: one row for the boot, one for the connections. */
static void put_legend(FILE *svg, int y)
{
    static const struct {
        const char *class, *text;
        int x, row;
    } items[] = {
        {"boot", "a step of the boot", 24, 0},
        {"seen", "a moment", 176, 0},
        {"said", "said on the console, by PID 1 or by the application", 268, 0},
        {"good", "ended in order", 24, 1},
        {"bad", "with an error", 176, 1},
        {"cut", "cut by the parent", 288, 1},
        {"open", "still open", 428, 1},
    };

    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        int middle = y + items[i].row * ROW;
        if (strcmp(items[i].class, "seen") == 0 || strcmp(items[i].class, "said") == 0) {
            put_circle(svg, items[i].class, items[i].x + 6, middle - 4);
        } else {
            put_rectangle(svg, items[i].class, items[i].x, middle - 10, BAR);
        }
        put_label(svg, "text", items[i].x + 18, middle, items[i].text, TEXT_CHARACTERS);
    }
    put_label(svg, "text", 528, y + ROW,
        "pale: until the target was reached, then until its answer's first byte was back · → to it, ← from it",
        2 * TEXT_CHARACTERS);
}

static const char style[] =
    "<style>\n"
    "svg{background:#fff;font:13px system-ui,-apple-system,\"Segoe UI\",sans-serif}text{fill:#1f2328}\n"
    ".title{font-size:20px;font-weight:600}\n"
    ".name{text-anchor:end}.tick{text-anchor:middle}.text,.tick,.how{fill:#57606a}\n"
    ".text,.tick{font-size:12px}.grid{stroke:#dfe4e9}.band{fill:#f6f8fa}\n"
    ".boot{fill:#2f6fd0}.seen{fill:#b7791f}.said{fill:#fff;stroke:#b7791f;stroke-width:1.5}.good{fill:#2c8a4b}\n"
    ".bad{fill:#c93c37}.cut{fill:#8250b5}.open{fill:#1b8a9c}.connecting,.waiting{fill:#fff}\n"
    ".connecting{opacity:.72}.waiting{opacity:.45}\n"
    "@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.text,.tick,.how{fill:#9aa4af}\n"
    ".grid{stroke:#2a313a}.band{fill:#151b23}.boot{fill:#5b9cf5}.seen{fill:#e0a94a}.said{fill:#0d1117;stroke:#e0a94a}."
    "good{fill:#4cb36d}\n"
    ".bad{fill:#f0706a}.cut{fill:#b58cf0}.open{fill:#3fbfd2}.connecting,.waiting{fill:#0d1117}}\n"
    "</style>\n";

/* "the enclave came up · 2.807 s · 17 steps and moments · 3 connections, 1 of them cut, 1 still open" */
static void put_summary(FILE *svg, const struct timeline *timeline, int64_t end, const char *how)
{
    uint64_t connections = timeline->connection_count + timeline->more_connections;

    put_text(svg, how, TEXT_CHARACTERS);
    fprintf(svg, " · %.3f s · %" PRIu64 " connection%s", (double)end / 1000, connections, connections == 1 ? "" : "s");
    if (timeline->cut > 0) {
        fprintf(svg, ", %" PRIu64 " of them cut", timeline->cut);
    }
    if (timeline->open > 0) {
        fprintf(svg, ", %" PRIu64 " still open at the end", timeline->open);
    }
}

char *timeline_draw(const struct timeline *timeline, const char *image, int64_t end, const char *how, size_t *size)
{
    char *data = NULL;
    FILE *svg = open_memstream(&data, size);
    size_t marks = timeline->mark_count + (timeline->answer.name[0] != '\0') + (timeline->more_marks > 0);
    size_t connections = timeline->connection_count + (timeline->more_connections > 0);
    int height = TOP + (int)(marks + connections) * ROW + GAP + LEGEND, y = TOP + 8;

    if (svg == NULL) {
        return NULL;
    }
    end = end < 1 ? 1 : end;
    fprintf(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"t d\" viewBox=\"0 0 %d %d\" "
        "width=\"%d\" height=\"%d\">\n<title id=\"t\">The boot of ",
        WIDTH, height, WIDTH, height);
    put_text(svg, image, NAME_CHARACTERS);
    fputs("</title>\n<desc id=\"d\">", svg);
    put_summary(svg, timeline, end, how);
    fprintf(svg, "</desc>\n%s", style);
    put_label(svg, "title", 24, 36, image, NAME_CHARACTERS);
    fputs("<text class=\"how\" x=\"24\" y=\"58\">", svg);
    put_summary(svg, timeline, end, how);
    fputs("</text>\n", svg);
    put_bands(svg, y, marks);
    put_bands(svg, y + (int)marks * ROW + GAP - ROW, connections);
    put_axis(svg, end, height - LEGEND - 8);
    put_marks(svg, timeline, end, &y);
    put_more(svg, timeline->more_marks, "moments", &y);
    y += GAP - ROW;
    put_connections(svg, timeline, end, &y);
    put_more(svg, timeline->more_connections, "connections", &y);
    put_legend(svg, height - LEGEND + 26);
    fputs("</svg>\n", svg);
    bool failed = ferror(svg) != 0;
    if (fclose(svg) != 0 || failed) {
        free(data);
        return NULL;
    }
    return data;
}
