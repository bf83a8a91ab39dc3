/* nsm: the Nitro Secure Module is there, answers, and is PID 1's alone. */
#include "attest/nsm.h"

#include "init/enclave.h"

int step_nsm(struct enclave *enclave, struct reason *said)
{
    struct nsm_description description;
    int error = nsm_open(NSM_DEVICE, &enclave->nsm, said);

    if (error == 0) {
        error = nsm_describe(enclave->nsm, &description, said);
    }
    return error < 0 ? error
                     : reason_set(said, 0, "version %u.%u.%u, module %s, %u PCRs, %u locked", description.major,
                           description.minor, description.patch, description.module, description.pcrs,
                           description.pcrs_locked);
}
