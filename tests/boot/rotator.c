/* rotator: an application that says what it holds and what it is told: its identity's file, its variable, its signals.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t hung_up;
static volatile sig_atomic_t terminated;

static void note(int number)
{
    *(number == SIGHUP ? &hung_up : &terminated) = 1;
}

/* A number that two certificates hardly share. */
static unsigned long sum(const char *data, size_t size)
{
    unsigned long value = 5381;

    for (size_t i = 0; i < size; i++) {
        value = value * 33 + (unsigned char)data[i];
    }
    return value;
}

int main(void)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(3000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sigaction action = {.sa_handler = note};
    static char pem[65536];
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (strcmp(getenv("OTHER"), "stubborn") == 0) {
        signal(SIGTERM, SIG_IGN);
    }
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0) {
        perror("rotator");
        return 1;
    }
    printf("rotator: started as process %d, OTHER is %s\n", (int)getpid(), getenv("OTHER"));
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (hung_up) {
            hung_up = 0;
            printf("rotator: SIGHUP\n");
        }
        if (terminated) {
            printf("rotator: SIGTERM\n");
            return 0;
        }
        if (fd >= 0) {
            FILE *file = fopen("/opt/enclave/certs/client.crt", "r");
            size_t size = file != NULL ? fread(pem, 1, sizeof pem, file) : 0;
            const char *variable = getenv("MTLS_CLIENT_CERT_JSON");
            dprintf(fd, "%lu %lu %s\n", sum(pem, size), sum(variable, strlen(variable)), getenv("OTHER"));
            if (file != NULL) {
                fclose(file);
            }
            close(fd);
        }
    }
}
