// libcurl for Swift: the header itself, and the variadic calls that Swift cannot make.
#ifndef TRUEUP_CLIBCURL_H
#define TRUEUP_CLIBCURL_H

#include <curl/curl.h>

typedef size_t (*trueup_curl_receive)(char *bytes, size_t size, size_t count, void *context);
typedef int (*trueup_curl_progress)(
    void *context, curl_off_t download_total, curl_off_t downloaded, curl_off_t upload_total, curl_off_t uploaded);

CURLcode trueup_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode trueup_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
CURLcode trueup_curl_set_pointer(CURL *easy, CURLoption option, const void *value);
CURLcode trueup_curl_set_receive(CURL *easy, CURLoption option, trueup_curl_receive function);
CURLcode trueup_curl_set_progress(CURL *easy, trueup_curl_progress function);

CURLcode trueup_curl_get_long(CURL *easy, CURLINFO info, long *value);
CURLcode trueup_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value);
CURLcode trueup_curl_get_pointer(CURL *easy, CURLINFO info, void **value);

CURLMcode trueup_curl_multi_set_long(CURLM *multi, CURLMoption option, long value);

// The easy handle and result of a finished transfer; 0 when no transfer has finished.
int trueup_curl_multi_finished(CURLM *multi, CURL **easy, CURLcode *result);

// curl_global_init with CURL_GLOBAL_DEFAULT, whose macro Swift does not import.
CURLcode trueup_curl_global_init(void);

#endif
