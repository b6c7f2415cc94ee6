/* fuzz_websocket.c - both directions of a WebSocket.  Options bit 0: it begins within, bit 1: answers are
 * read, bit 2: the handshake was not seen. */
#include "tests/fuzz/http_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct message asked = {.dir = FLOW_C2S, .request = true, .path = {"/chat", 5}};
	static const struct upgrade up = {.to = UPGRADE_WEBSOCKET, .request = &asked};
	struct cur c = cur_of(p, n);
	uint8_t options = cur_u8(&c);

	http_fuzz_run(&websocket_layer, options & 4 ? NULL : &up, options & 1, options & 2, c);
	need(websocket_frames(p, n, options & 1) || true);
	return 0;
}
