/* found.c - the words of the enums in found.h, as they stand in records. */
#include "classify/found.h"

const char *flow_direction_name(enum flow_direction d)
{
	static const char *const names[] = {"out", "in", "internal", "unknown"};

	return names[d];
}

const char *visibility_name(enum visibility v)
{
	static const char *const names[] = {"none", "metadata", "clear", "decrypted"};

	return names[v];
}

const char *why_not_name(unsigned bit)
{
	static const char *const names[WHY_NOTS] = {
	        "no-key", "late-key", "gap", "truncated", "limit", "unsupported"};

	return bit < WHY_NOTS ? names[bit] : "";
}

const char *via_kind_name(enum via_kind k)
{
	static const char *const names[VIA_KINDS] = {
	        "", "http", "connect", "socks4", "socks5", "proxy", "forwarded"};

	return (unsigned)k < VIA_KINDS ? names[k] : "";
}

const char *unnamed_name(enum unnamed u)
{
	static const char *const names[UNNAMED_KINDS] = {"", "no-handshake", "no-sni", "ech",
	        "encrypted-proxy", "shared", "protocol", "limit", "no-data"};

	return (unsigned)u < UNNAMED_KINDS ? names[u] : "";
}

uint8_t facts_sure(const struct facts *x)
{
	static const uint8_t sure[NAME_SOURCES] = {[NAME_HTTP] = 98,
	        [NAME_CONNECT] = 97,
	        [NAME_SOCKS] = 97,
	        [NAME_SNI] = 95,
	        [NAME_QUIC_SNI] = 95,
	        [NAME_CERT] = 90,
	        [NAME_DNS] = 75,
	        [NAME_HTTPS_RR] = 70,
	        [NAME_IP] = 80,
	        [NAME_SHAPE] = 60};

	return x->sure ? x->sure : sure[x->by];
}
