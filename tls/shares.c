/* shares: the multiplication by the peer's half of a key exchange, which also says that it was no point (RFC 8422
 * §5.11). */
#include "tls/machine.h"

/*
 * BearSSL gives its curves no argument of ours, so what they found waits here until the session asks: the two calls
 * are always one behind the other, in one thread. A server of BearSSL's goes on with a random secret otherwise, and a
 * secret of zeros on X25519 is a secret to it.
 */
static _Thread_local bool bad;

static uint32_t multiply(
    unsigned char *point, size_t point_size, const unsigned char *scalar, size_t scalar_size, int curve)
{
    uint32_t good = br_ec_get_default()->mul(point, point_size, scalar, scalar_size, curve);
    unsigned any = curve == BR_EC_curve25519 ? 0 : 1;

    for (size_t i = 0; i < point_size; i++) { /* to the end, whatever it finds: it is a secret */
        any |= point[i];
    }
    good = any != 0 ? good : 0;
    bad = good == 0;
    return good;
}

void shares_init(struct tls_session *session)
{
    session->curves = *br_ec_get_default();
    session->curves.mul = multiply;
    br_ssl_engine_set_ec(&session->as.engine, &session->curves);
}

void shares_begin(void)
{
    bad = false;
}

bool shares_bad(const struct tls_session *session)
{
    const br_ssl_engine_context *engine = &session->as.engine;
    size_t size = 0;

    /* A client looks at the length first, and multiplies nothing where it is wrong. */
    if (session->is_client && br_ssl_engine_last_error(engine) == BR_ERR_INVALID_ALGORITHM &&
        engine->ecdhe_curve < 32 && (session->curves.supported_curves >> engine->ecdhe_curve & 1) != 0) {
        (void)session->curves.generator(engine->ecdhe_curve, &size);
        return bad || engine->ecdhe_point_len != size;
    }
    return bad;
}
