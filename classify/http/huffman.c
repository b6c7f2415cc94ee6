/* huffman.c - the strings of HPACK and QPACK: RFC 7541 5.2 and Appendix B, decoded; see hpack.h. */
#include "classify/http/hpack.h"

/* Appendix B: the code is canonical, so lengths, first codes and the symbols in order are all of it. */
static const struct {
	uint8_t bits;
	uint32_t first;
	uint8_t at, count;
} lengths[] = {{5, 0x0, 0, 10}, {6, 0x14, 10, 26}, {7, 0x5c, 36, 32}, {8, 0xf8, 68, 6}, {10, 0x3f8, 74, 5},
        {11, 0x7fa, 79, 3}, {12, 0xffa, 82, 2}, {13, 0x1ff8, 84, 6}, {14, 0x3ffc, 90, 2}, {15, 0x7ffc, 92, 3},
        {19, 0x7fff0, 95, 3}, {20, 0xfffe6, 98, 8}, {21, 0x1fffdc, 106, 13}, {22, 0x3fffd2, 119, 26},
        {23, 0x7fffd8, 145, 29}, {24, 0xffffea, 174, 12}, {25, 0x1ffffec, 186, 4}, {26, 0x3ffffe0, 190, 15},
        {27, 0x7ffffde, 205, 19}, {28, 0xfffffe2, 224, 29}, {30, 0x3ffffffc, 253, 3}};

static const uint8_t symbols[256] = {48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52,
        53, 54, 55, 56, 57, 61, 65, 95, 98, 100, 102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68,
        69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118,
        119, 120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91,
        93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161, 167,
        172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160, 163,
        164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135, 137, 138, 139,
        140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188,
        191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192,
        193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221,
        222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15,
        16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249, 10, 13, 22};

/* The symbol that the uppermost bits begin with and its length; 0: none of up to `have` bits. */
static unsigned symbol_of(uint64_t bits, unsigned have, uint8_t *symbol)
{
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths) && lengths[i].bits <= have; i++) {
		uint32_t code = (uint32_t)(bits >> 1 >> (63 - lengths[i].bits)) - lengths[i].first;

		if (code < lengths[i].count) {
			*symbol = symbols[lengths[i].at + code];
			return lengths[i].bits;
		}
	}
	return 0;
}

long hpack_huffman(const uint8_t *p, size_t n, char *out, size_t cap)
{
	uint64_t bits = 0; /* not yet decoded, from the uppermost bit on */
	unsigned have = 0, used;
	size_t len = 0;
	uint8_t symbol;

	for (;;) {
		while (have <= 56 && n) {
			bits |= (uint64_t)*p++ << (56 - have);
			have += 8;
			n--;
		}
		used = symbol_of(bits, have, &symbol);
		if (!used)
			break;
		if (len < cap)
			out[len] = (char)symbol;
		len++;
		bits <<= used;
		have -= used;
	}
	/* 5.2: what is left are the first bits of EOS, fewer than 8 of them, all ones */
	if (n || have > 7 || (have && bits >> (64 - have) != (1u << have) - 1))
		return -1;
	return (long)len;
}
