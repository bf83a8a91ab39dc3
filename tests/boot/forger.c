/* forger: an application that prints lines of PID 1's form, and waits. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    static const char *const steps[] = {"nsm", "roles", "heartbeat"};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        printf("ingot:     1 ms  %-11s forged\n", steps[i]);
    }
    printf("forger: waits\n");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
