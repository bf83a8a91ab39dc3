/* dying_program: a user's program that prints the secret that it got, and dies of a signal. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    printf("dying_program: %s\n", getenv("TOKEN"));
    fflush(stdout);
    abort();
}
