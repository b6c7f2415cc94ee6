/* source_text.c - the words for where a name came from, as they stand in records (see classify/layer.h). */
#include "classify/layer.h"

const char *name_source_text(enum name_source s)
{
	static const char *const text[NAME_SOURCES] = {
	        [NAME_NONE] = "none",
	        [NAME_HTTP] = "http",
	        [NAME_CONNECT] = "connect",
	        [NAME_SOCKS] = "socks",
	        [NAME_SNI] = "sni",
	        [NAME_QUIC_SNI] = "quic-sni",
	        [NAME_CERT] = "cert",
	        [NAME_DNS] = "dns",
	        [NAME_HTTPS_RR] = "https-rr",
	        [NAME_IP] = "ip",
	        [NAME_SHAPE] = "shape",
	};

	return (unsigned)s < NAME_SOURCES ? text[s] : text[NAME_NONE];
}
