/* relay_counters: what came of a listener's connections, or of many listeners'. */
#include "net/relay_counters.h"

#include <stddef.h>

const unsigned relay_connect_bounds[RELAY_CONNECT_CLASSES] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

void relay_traffic_add(struct relay_traffic *sum, const struct relay_traffic *traffic)
{
    sum->a_to_b += traffic->a_to_b;
    sum->b_to_a += traffic->b_to_a;
}

void relay_counters_add(struct relay_counters *sum, const struct relay_counters *counters)
{
    sum->accepted += counters->accepted;
    sum->refused += counters->refused;
    sum->failed += counters->failed;
    sum->unresolved += counters->unresolved;
    sum->ended += counters->ended;
    sum->broken += counters->broken;
    relay_traffic_add(&sum->traffic, &counters->traffic);
    for (size_t i = 0; i <= RELAY_CONNECT_CLASSES; i++) {
        sum->connect_count[i] += counters->connect_count[i];
    }
    sum->connect_ms += counters->connect_ms;
    sum->open += counters->open;
}

void relay_counters_connected(struct relay_counters *counters, int64_t milliseconds)
{
    size_t class = 0;

    while (class < RELAY_CONNECT_CLASSES && milliseconds > (int64_t)relay_connect_bounds[class]) {
        class ++;
    }
    counters->connect_count[class]++;
    counters->connect_ms += (uint64_t)milliseconds;
}
