/* config_names: names of variables that steer what runs before or beneath a program, and so must not be set from
 * outside.
 */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "image/config_table.h"

/*
 * A pushed value reaches the application's environment. A name below would let the parent instance load code, trust
 * its own CA, or lead connections elsewhere, with every PCR as it was. The C library's part is glibc's own list for
 * set-user-id programs (sysdeps/generic/unsecvars.h); the others are what the manuals of each program document.
 * A name that ends in '*' stands for all that begin so, one that begins with '*' for all that end so, in any case.
 */
static const struct {
    const char *name;
    const char *steers;
} steering[] = {
    {"LD_*", "the dynamic loader"},
    {"GLIBC_*", "the C library"},
    {"MALLOC_*", "the C library"},
    {"GCONV_PATH", "the C library"},
    {"GETCONF_DIR", "the C library"},
    {"LOCPATH", "the C library"},
    {"NLSPATH", "the C library"},
    {"MUSL_LOCPATH", "the C library"},
    {"TZDIR", "the C library"},
    {"TMPDIR", "where temporary files lie"},
    {"RES_OPTIONS", "the resolver"},
    {"RESOLV_*", "the resolver"},
    {"HOSTALIASES", "the resolver"},
    {"LOCALDOMAIN", "the resolver"},
    {"NIS_PATH", "the resolver"},
    {"*_PROXY", "which proxy is used"},
    {"SSL_CERT_*", "which CAs are trusted"},
    {"SSLKEYLOGFILE", "where TLS keys are written"},
    {"OPENSSL_*", "the TLS library"},
    {"GNUTLS_*", "the TLS library"},
    {"*_CA_BUNDLE", "which CAs are trusted"},
    {"*_SSL_CERT_FILE", "which CAs are trusted"},
    {"*_SSL_CAINFO", "which CAs are trusted"},
    {"*_HTTP_CAINFO", "which CAs are trusted"},
    {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "which CAs are trusted"},
    {"PATH", "which programs are found"},
    {"IFS", "the shell"},
    {"ENV", "the shell"},
    {"BASH_*", "the shell"},
    {"BASHOPTS", "the shell"},
    {"SHELLOPTS", "the shell"},
    {"SHELL", "the shell"},
    {"CDPATH", "the shell"},
    {"PS4", "the shell"},
    {"PYTHON*", "the Python interpreter"},
    {"PERL*", "the Perl interpreter"},
    {"RUBY*", "the Ruby interpreter"},
    {"GEM_*", "the Ruby interpreter"},
    {"BUNDLE_*", "the Ruby interpreter"},
    {"NODE_OPTIONS", "the Node.js runtime"},
    {"NODE_PATH", "the Node.js runtime"},
    {"NODE_EXTRA_CA_CERTS", "which CAs are trusted"},
    {"NODE_TLS_*", "which CAs are trusted"},
    {"NODE_USE_*", "which CAs and proxies are used"},
    {"NODE_ICU_DATA", "the Node.js runtime"},
    {"NODE_V8_COVERAGE", "the Node.js runtime"},
    {"NODE_REDIRECT_WARNINGS", "the Node.js runtime"},
    {"NPM_CONFIG_*", "the Node.js runtime"},
    {"DENO_*", "the Deno runtime"},
    {"BUN_*", "the Bun runtime"},
    {"GODEBUG", "the Go runtime"},
    {"GOTRACEBACK", "the Go runtime"},
    {"GOCOVERDIR", "the Go runtime"},
    {"JAVA_TOOL_OPTIONS", "the Java machine"},
    {"JDK_*", "the Java machine"},
    {"_JAVA_OPTIONS", "the Java machine"},
    {"CLASSPATH", "the Java machine"},
    {"DOTNET_*", "the .NET runtime"},
    {"COMPLUS_*", "the .NET runtime"},
    {"CORECLR_*", "the .NET runtime"},
    {"LUA_*", "the Lua interpreter"},
    {"PHPRC", "the PHP interpreter"},
    {"PHP_INI_SCAN_DIR", "the PHP interpreter"},
    {"ERL_*", "the Erlang machine"},
    {"*SAN_OPTIONS", "a sanitizer's runtime"},
    {"GCOV_*", "where coverage is written"},
    {"LLVM_PROFILE_FILE", "where coverage is written"},
};

static bool matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    size_t name_length = strlen(name);

    if (pattern[length - 1] == '*') {
        return strncasecmp(pattern, name, length - 1) == 0;
    }
    if (pattern[0] == '*') {
        return name_length >= length - 1 && strcasecmp(pattern + 1, name + name_length - (length - 1)) == 0;
    }
    return strcasecmp(pattern, name) == 0;
}

const char *config_variable_steers(const char *name)
{
    for (size_t i = 0; i < sizeof steering / sizeof steering[0]; i++) {
        if (matches(steering[i].name, name)) {
            return steering[i].steers;
        }
    }
    return NULL;
}
