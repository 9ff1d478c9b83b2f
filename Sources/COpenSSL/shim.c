#include "COpenSSL.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

int trueup_hmac_sha256(
    const void *key, size_t key_length,
    const void *head, size_t head_length,
    const void *body, size_t body_length,
    uint8_t digest[TRUEUP_SHA256_BYTES]) {
    uint8_t result[TRUEUP_SHA256_BYTES];
    size_t written = 0;
    char name[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = algorithm == NULL ? NULL : EVP_MAC_CTX_new(algorithm);
    // A NULL key would mean "keep the last key", so an empty key still needs an address.
    int done = context != NULL
        && EVP_MAC_init(context, key_length == 0 ? (const unsigned char *)"" : key, key_length, parameters) == 1
        && (head_length == 0 || EVP_MAC_update(context, head, head_length) == 1)
        && (body_length == 0 || EVP_MAC_update(context, body, body_length) == 1)
        && EVP_MAC_final(context, result, &written, sizeof result) == 1
        && written == sizeof result;
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(algorithm);
    if (done) {
        memcpy(digest, result, sizeof result);
    }
    OPENSSL_cleanse(result, sizeof result);
    return done;
}

int trueup_sha256(const void *bytes, size_t length, uint8_t digest[TRUEUP_SHA256_BYTES]) {
    return EVP_Digest(length == 0 ? "" : bytes, length, digest, NULL, EVP_sha256(), NULL) == 1;
}

int trueup_equal_constant_time(const void *left, const void *right, size_t length) {
    return length == 0 || CRYPTO_memcmp(left, right, length) == 0;
}
