/* late_reader: a user's program that leaves what it is sent unread until a second connection comes; then it answers how
 * much there was. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(3000)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    uint8_t block[4096];

    signal(SIGPIPE, SIG_IGN);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0) {
        perror("late_reader");
        return 111;
    }
    puts("late_reader: listening");
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        int starter = accept(listener, NULL, NULL);
        unsigned long count = 0;
        uint32_t sum = 0;
        ssize_t n;

        close(starter);
        while ((n = read(fd, block, sizeof block)) > 0) {
            for (ssize_t i = 0; i < n; i++) {
                sum = sum * 31 + block[i];
            }
            count += (unsigned long)n;
        }
        dprintf(fd, "%lu %lu\n", count, (unsigned long)sum);
        close(fd);
    }
}
