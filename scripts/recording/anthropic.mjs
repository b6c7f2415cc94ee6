// The official client of Anthropic, in clear to see into it and over TLS for the name.  argv: values file
import { readFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
const v = Object.fromEntries(JSON.parse(readFileSync(process.argv[2])).map((x) => [x.kind, x.value]));
const clear = new Anthropic({ apiKey: 'sk-not-a-key', baseURL: 'http://api.anthropic.com', maxRetries: 0 });
const safe = new Anthropic({ apiKey: 'sk-not-a-key', maxRetries: 0 });
const ask = (c, content, more = {}) => c.messages.create({ model: 'claude-sonnet-4-5', max_tokens: 64, messages: [
  { role: 'user', content }], ...more });
await ask(clear, 'Explain photosynthesis to a child.');
await ask(clear, `Please draft the SEPA mandate for ${v.iban}, holder Jana Novak.`);
const s = clear.messages.stream({ model: 'claude-sonnet-4-5', max_tokens: 64, system: 'Answer briefly.', messages: [
  { role: 'user', content: [{ type: 'text', text: `Migrate this: DATABASE_URL="${v.connection_string}"` }] }] });
await s.finalMessage();
await ask(safe, 'Hello there');
