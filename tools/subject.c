/* subject: the configuration that a verb is about, out of an image or of an enclave.ini: which one, the bytes tell. */
#include "tools/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "tools/verbs.h"

static int subject_read_ini(struct subject *subject, const char *path, struct reason *why)
{
    char *text = NULL;
    size_t size;
    int error = file_read(path, CONFIG_FILE_MAX, &text, &size, why);
    bool binary = error == 0 && memchr(text, '\0', size) != NULL;

    if (error == -EFBIG || binary) {
        error = reason_set(why, -EINVAL, "%s is neither an EIF nor an enclave.ini", text_quote_string(path).text);
    } else if (error == 0) {
        error = verb_parse_config(path, text, size, &subject->config, why);
    }
    free(text);
    return error;
}

int subject_open(struct subject *subject, const char *path, struct reason *why)
{
    char magic[4] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return reason_system(why, -errno, "%s", text_quote_string(path).text);
    }
    subject->is_image = read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && memcmp(magic, ".eif", 4) == 0;
    close(fd);
    return subject->is_image ? image_open(path, &subject->image, why) : subject_read_ini(subject, path, why);
}

void subject_close(struct subject *subject)
{
    if (subject->is_image) {
        image_close(&subject->image);
    } else {
        config_free(&subject->config);
    }
}

const struct config *subject_config(const struct subject *subject)
{
    return subject->is_image ? &subject->image.config : &subject->config;
}
