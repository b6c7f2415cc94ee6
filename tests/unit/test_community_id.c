/* test_community_id.c - the published vectors of Community ID v1.
 * Baseline: github.com/corelight/community-id-spec, baseline/baseline_deflt.json (seed 0) and
 * baseline_seed1.json (seed 1), complete; the rows marked "py" are from tests/communityid_test.py of
 * github.com/corelight/pycommunityid, where ICMP has type and code as they stand in the packet. */
#include "capture/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

struct vector {
	uint8_t proto;
	const char *src, *dst;
	uint16_t sport, dport;
	const char *seed0, *seed1;
};

static const struct vector vectors[] = {
        {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 136,
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
        {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 135,
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
        {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 136,
                "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM="},
        {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 135,
                "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM="},
        {58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
                "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=", "1:lVEtCZpYu84Xqaa++3lXFyuu2n4="},
        {58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
                "1:hLZd0XGWojozrvxqE0dWB1iM6R0=", "1:W8MHwXpWzpoSTD+cGcaJr4u0ys8="},
        {58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 129,
                "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ="},
        {58, "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 128,
                "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ="},
        {58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 134,
                "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=", "1:L7Ka0ZMYu+J3bL4ulW2PrqyXNo8="},
        {58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 133,
                "1:pkvHqCL88/tg1k4cPigmZXUtL00=", "1:K/ee5UCqAMAQXDorP5nSa2CGLjc="},
        {1, "192.168.0.89", "192.168.0.1", 8, 0,
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
        {1, "192.168.0.1", "192.168.0.89", 0, 8,
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
        {1, "10.0.0.1", "10.0.0.2", 11, 0,
                "1:YHxtAirCG//0OzkcVAukqKQN9xM=", "1:XjUibYHaafLQ3pxQeiMI8g25q20="},
        {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw="},
        {6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943,
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw="},
        {132, "192.168.170.8", "192.168.170.56", 7, 7,
                "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="},
        {132, "192.168.170.56", "192.168.170.8", 7, 7,
                "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="},
        {6, "128.232.110.120", "66.35.250.204", 34855, 80,
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
        {6, "66.35.250.204", "128.232.110.120", 80, 34855,
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
        {17, "192.168.1.52", "8.8.8.8", 54585, 53,
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
        {17, "8.8.8.8", "192.168.1.52", 53, 54585,
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
        {46, "10.1.12.1", "10.1.12.2", 0, 0,
                "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI="},
        {46, "10.1.12.2", "10.1.12.1", 0, 0,
                "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI="},
        /* py */
        {1, "192.168.0.89", "192.168.0.1", 8, 0,
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
        {1, "192.168.0.1", "192.168.0.89", 0, 8,
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
        {1, "192.168.0.89", "192.168.0.1", 20, 0,
                "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=", "1:lCXHHxavE1Vq3oX9NH5ladQg02o="},
        {1, "192.168.0.89", "192.168.0.1", 20, 1,
                "1:tz/fHIDUHs19NkixVVoOZywde+I=", "1:Ie3wmFyxiEyikbsbcO03d2nh+PM="},
        {1, "192.168.0.1", "192.168.0.89", 0, 20,
                "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
        {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
        {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
        {58, "3ffe:507:0:1:260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
                "1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=", "1:OlOWx9psIbBFi7lOCw/4MhlKR9M="},
        {58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:507:0:1:260:97ff:fe07:69ea", 3, 0,
                "1:/OGBt9BN1ofenrmSPWYicpij2Vc=", "1:Ij4ZxnC87/MXzhOjvH2vHu7LRmE="},
        {132, "192.168.170.8", "192.168.170.56", 7, 80,
                "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=", "1:Y1/0jQg6e+I3ZwZZ9LP65DNbTXU="},
        {132, "192.168.170.56", "192.168.170.8", 80, 7,
                "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=", "1:Y1/0jQg6e+I3ZwZZ9LP65DNbTXU="},
        {6, "128.232.110.120", "66.35.250.204", 34855, 80,
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
        {6, "66.35.250.204", "128.232.110.120", 80, 34855,
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
        {6, "10.0.0.1", "10.0.0.2", 10, 11569,
                "1:SXBGMX1lBOwhhoDrZynfROxnhnM=", "1:HmBRGR+fUyXF4t8WEtal7Y0gEAo="},
        {17, "192.168.1.52", "8.8.8.8", 54585, 53,
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
        {17, "8.8.8.8", "192.168.1.52", 53, 54585,
                "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
        {46, "10.1.24.4", "10.1.12.1", 0, 0,
                "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=", "1:BK3BVW3U2eemuwVQVN3zd/GULno="},
        {46, "10.1.12.1", "10.1.24.4", 0, 0,
                "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=", "1:BK3BVW3U2eemuwVQVN3zd/GULno="},
};

static void published(void **state)
{
	char buf[COMMUNITY_ID_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct ip_addr a, b;

		assert_int_equal(ip_parse(v->src, &a), 0);
		assert_int_equal(ip_parse(v->dst, &b), 0);
		assert_string_equal(community_id(&a, &b, v->sport, v->dport, v->proto, 0, buf), v->seed0);
		assert_string_equal(community_id(&a, &b, v->sport, v->dport, v->proto, 1, buf), v->seed1);
	}
}

/* Equal addresses: the ports decide (specification, "Technical details"). */
static void ports_decide(void **state)
{
	char x[COMMUNITY_ID_MAX], y[COMMUNITY_ID_MAX];
	struct ip_addr a;

	(void)state;
	assert_int_equal(ip_parse("127.0.0.1", &a), 0);
	community_id(&a, &a, 40000, 80, PROTO_TCP, 0, x);
	assert_string_equal(x, community_id(&a, &a, 80, 40000, PROTO_TCP, 0, y));
	assert_string_not_equal(x, community_id(&a, &a, 80, 40000, PROTO_UDP, 0, y));
	assert_int_equal(strlen(x), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(published),
	        cmocka_unit_test(ports_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
