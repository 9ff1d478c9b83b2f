// The few parts of libcrypto that Trueup uses, with macros and deprecated calls kept out of Swift.
#ifndef TRUEUP_COPENSSL_H
#define TRUEUP_COPENSSL_H

#include <stddef.h>
#include <stdint.h>

#define TRUEUP_SHA256_BYTES 32

// HMAC-SHA256 over head followed by body, without copying them together. Either part may be empty, and NULL when empty.
// Gives 1, or 0 when libcrypto refuses, with `digest` left untouched.
int trueup_hmac_sha256(
    const void *key, size_t key_length,
    const void *head, size_t head_length,
    const void *body, size_t body_length,
    uint8_t digest[TRUEUP_SHA256_BYTES]);

// SHA-256 of the bytes; 1, or 0 when libcrypto refuses.
int trueup_sha256(const void *bytes, size_t length, uint8_t digest[TRUEUP_SHA256_BYTES]);

// 1 when both ranges of `length` bytes are equal, in a time that does not depend on where they differ (CRYPTO_memcmp).
int trueup_equal_constant_time(const void *left, const void *right, size_t length);

#endif
