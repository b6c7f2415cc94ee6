/* coders.h - the libraries' own encoders, as oracles for what undoes codings. */
#ifndef TESTS_UNIT_CODERS_H
#define TESTS_UNIT_CODERS_H

#include "classify/content/codings.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <brotli/encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* window_bits: 31 gzip, 15 zlib, -15 bare */
static inline size_t coder_deflate(
        int level, int window_bits, const void *p, size_t n, uint8_t *out, size_t cap)
{
	z_stream z = {0};
	size_t len;

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	len = cap - z.avail_out;
	deflateEnd(&z);
	return len;
}

static inline size_t coder_brotli(int quality, int window, const void *p, size_t n, uint8_t *out, size_t cap)
{
	size_t len = cap;

	assert_true(BrotliEncoderCompress(quality, window, BROTLI_MODE_GENERIC, n, p, &len, out));
	return len;
}

/* window: its logarithm, 0: the level's own; `sized`: the frame says how much it holds */
static inline size_t coder_zstd(
        int level, int window, bool sized, const void *p, size_t n, uint8_t *out, size_t cap)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ZSTD_inBuffer in = {p, n, 0};
	ZSTD_outBuffer text = {out, cap, 0};

	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window);
	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, sized);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	if (sized)
		ZSTD_CCtx_setPledgedSrcSize(z, n);
	/* two calls, or the library would know the size anyway */
	if (!sized)
		assert_false(ZSTD_isError(ZSTD_compressStream2(z, &text, &in, ZSTD_e_continue)));
	assert_int_equal(ZSTD_compressStream2(z, &text, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(z);
	return text.pos;
}

/* SIZE;chunk-signature=... as the AWS SDKs write it */
static inline size_t coder_aws(size_t chunk, const void *p, size_t n, uint8_t *out)
{
	static const char signature[] =
	        ";chunk-signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	size_t len = 0;

	for (size_t at = 0;; at += chunk) {
		size_t some = at >= n ? 0 : n - at < chunk ? n - at : chunk;

		len += (size_t)sprintf((char *)out + len, "%zX%s\r\n", some, signature);
		memcpy(out + len, (const uint8_t *)p + at, some);
		len += some;
		if (!some)
			break;
		len += (size_t)sprintf((char *)out + len, "\r\n");
	}
	return len + (size_t)sprintf((char *)out + len, "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n");
}

struct coder {
	const char *name; /* as a label */
	size_t (*encode)(const void *p, size_t n, uint8_t *out, size_t cap);
};

#define CODER(id, call)                                                                                      \
	static inline size_t coder_##id(const void *p, size_t n, uint8_t *out, size_t cap)                   \
	{                                                                                                    \
		return call;                                                                                 \
	}
CODER(gzip1, coder_deflate(1, 31, p, n, out, cap))
CODER(gzip9, coder_deflate(9, 31, p, n, out, cap))
CODER(gzip0, coder_deflate(0, 31, p, n, out, cap))
CODER(zlib6, coder_deflate(6, 15, p, n, out, cap))
CODER(raw6, coder_deflate(6, -15, p, n, out, cap))
CODER(br0, coder_brotli(0, 18, p, n, out, cap))
CODER(br5, coder_brotli(5, 22, p, n, out, cap))
CODER(br11, coder_brotli(11, 24, p, n, out, cap))
CODER(br11s, coder_brotli(11, 10, p, n, out, cap))
CODER(zstd1, coder_zstd(1, 0, true, p, n, out, cap))
CODER(zstd3, coder_zstd(3, 0, false, p, n, out, cap))
CODER(zstd19, coder_zstd(19, 23, true, p, n, out, cap))
CODER(zstd10, coder_zstd(9, 10, false, p, n, out, cap))
#undef CODER

static inline size_t coder_aws7(const void *p, size_t n, uint8_t *out, size_t cap)
{
	(void)cap;
	return coder_aws(n < 100 ? 7 : 8192, p, n, out);
}

static const struct coder coders[] = {
        {"gzip", coder_gzip1},
        {"x-gzip", coder_gzip9},
        {"gzip", coder_gzip0},
        {"deflate", coder_zlib6},
        {"deflate", coder_raw6},
        {"br", coder_br0},
        {"br", coder_br5},
        {"br", coder_br11},
        {"br", coder_br11s},
        {"zstd", coder_zstd1},
        {"zstd", coder_zstd3},
        {"zstd", coder_zstd19},
        {"zstd", coder_zstd10},
        {"aws-chunked", coder_aws7},
};
#define N_CODERS (sizeof(coders) / sizeof(coders[0]))

static const char coder_alphabet[2][65] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

/* Lines of `width` (0: one), each ended by `eol`, the last one not. */
static inline size_t coder_base64(
        const void *data, size_t n, bool url, bool pad, size_t width, const char *eol, char *out)
{
	const uint8_t *p = data;
	size_t len = 0, line = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t k = n - i < 3 ? n - i : 3;
		uint32_t v =
		        (uint32_t)p[i] << 16 | (k > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (k > 2 ? p[i + 2] : 0);

		if (width && line == width) {
			len += (size_t)sprintf(out + len, "%s", eol);
			line = 0;
		}
		for (size_t c = 0; c < 4; c++)
			if (c <= k)
				out[len++] = coder_alphabet[url][v >> (18 - 6 * c) & 63];
			else if (pad)
				out[len++] = '=';
		line += 4;
	}
	out[len] = '\0';
	return len;
}

#endif
