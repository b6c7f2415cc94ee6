// The official client of OpenAI, in clear to see into it and over TLS for the name.  argv: values file
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
const v = Object.fromEntries(JSON.parse(readFileSync(process.argv[2])).map((x) => [x.kind, x.value]));
const clear = new OpenAI({ apiKey: 'sk-not-a-key', baseURL: 'http://api.openai.com/v1', maxRetries: 0 });
const safe = new OpenAI({ apiKey: 'sk-not-a-key', maxRetries: 0 });
const chat = (c, text) => c.chat.completions.create({ model: 'gpt-4o-mini', messages: [
  { role: 'system', content: 'You are a helpful assistant.' }, { role: 'user', content: text }] });
await chat(clear, 'Write a haiku about autumn leaves, please.');
await chat(clear, `Why does git clone fail with "403" for\thttps://x:${v.github_pat}@git.corp.example/app.git ?`);
const stream = await clear.chat.completions.create({ model: 'gpt-4o', stream: true, messages: [
  { role: 'user', content: [{ type: 'text', text: `Our bot config:\nSLACK_TOKEN=${v.slack_bot_token}\nwhat is wrong?` }] }] });
for await (const part of stream) void part;
await clear.embeddings.create({ model: 'text-embedding-3-small', input: [`Customer pays with ${v.credit_card}`, 'and is happy'] });
await chat(safe, 'What is the capital of France?');
