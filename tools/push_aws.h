/* push_aws: reads one secret from AWS Secrets Manager through the `aws` command. */
#ifndef INGOT_TOOLS_PUSH_AWS_H
#define INGOT_TOOLS_PUSH_AWS_H

#include <jansson.h>

#include "base/reason.h"

/*
 * Runs `aws secretsmanager get-secret-value --secret-id=NAME --query SecretString --output json` from PATH, without a
 * shell, with this process's environment (AWS_PROFILE, AWS_ENDPOINT_URL, …), standard input closed. Only names stand
 * on its command line; the value comes back through a pipe, and every copy is wiped.
 *
 * *value is a JSON string, the secret's own text, exactly. 0; -EINVAL where aws refused (its own words stand in the
 * sentence), where the secret is binary or too large; -ENOENT where there is no aws; -ETIMEDOUT; -errno.
 */
#define PUSH_AWS_OUTPUT_MAX (512 * 1024) /* 64 KiB, the service's bound, with each byte as \uXXXX and some to spare */
#define PUSH_AWS_ERROR_MAX 4096          /* of standard error is kept; the rest is read and dropped */
#define PUSH_AWS_MS 60000

/* region NULL: aws's own default. */
int push_aws_secret(const char *name, const char *region, json_t **value, struct reason *why);

#endif
