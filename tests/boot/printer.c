/* printer: an application that prints: odd lines first, and much of it, or its last words, when a caller says so. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(3000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static char x[501];
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0) {
        perror("printer");
        return 1;
    }
    memset(x, 'x', sizeof x - 1);
    printf("plain\ntab\t, bell\a, no UTF-8: \xff.\n\n");
    fflush(stdout);
    fprintf(stderr, "to standard error\n");
    printf("%s\nprinter: waits\n", x);
    for (;;) {
        char words[16] = "";
        int fd = accept(listener, NULL, NULL);
        size_t used = 0;
        for (ssize_t got; (got = recv(fd, words + used, sizeof words - 1 - used, 0)) > 0;) {
            used += (size_t)got;
        }
        if (strcmp(words, "end") == 0) {
            printf("the last words, without a newline");
            return 0;
        }
        for (int i = 0; i < 3000; i++) {
            printf("much %d of it, and none of it matters to anybody\n", i);
        }
        dprintf(fd, "printed\n");
        close(fd);
    }
}
