// The client packages of the most used APIs, in clear to see into them: one request for each thing they can ask for.
// Every request carries one value of its own, in the user's words where the API has some, so the server's log tells
// where those stood; what was asked for is written beside.  argv: values file, file for what was asked
import { readFileSync, appendFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import OpenAI, { AzureOpenAI, toFile } from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { GoogleGenerativeAI } from '@google/generative-ai';
import { Mistral } from '@mistralai/mistralai';
import { CohereClientV2, CohereClient } from 'cohere-ai';
import Groq from 'groq-sdk';
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Ollama } from 'ollama';
import { InferenceClient } from '@huggingface/inference';
import Replicate from 'replicate';

const values = JSON.parse(readFileSync(process.argv[2]));
const asked = process.argv[3];
const only = process.argv[4];
writeFileSync(asked, '');
let next = 0;

// One request; `what` is {operation, model, messages, files, conversation, account}, `words: false` where the API has
// no place for what a user says.
async function ask(what, run) {
  if (only && !JSON.stringify(what).includes(only)) return;
  const value = values[next++];
  if (!value) throw new Error('too few values');
  appendFileSync(asked, JSON.stringify({ id: value.id, ...what }) + '\n');
  try {
    await run(`Please check ${value.value} and tell me`, value.value);
  } catch (e) {
    if (!/^(Unexpected|No |Expected|Invalid|Cannot read|Response validation|stream|Premature|Deserialization)/.test(e.message))
      console.error(what, e.message);
  }
}
const drain = async (stream) => { for await (const part of stream) void part; };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const system = { role: 'system', content: 'You are brief.' };

// ---- OpenAI ----
const openai = new OpenAI({ apiKey: 'sk-not-a-key', baseURL: 'http://api.openai.com/v1', maxRetries: 0,
  organization: 'org-acme', project: 'proj-acme' });
const org = { account: 'org-acme' };
await ask({ operation: 'chat', model: 'gpt-5', messages: 2, ...org }, (text) =>
  openai.chat.completions.create({ model: 'gpt-5', messages: [system, { role: 'user', content: text }] }));
await ask({ operation: 'chat', model: 'gpt-4o', messages: 4, ...org }, (text) =>
  openai.chat.completions.create({ model: 'gpt-4o', messages: [system, { role: 'user', content: 'Hello' },
    { role: 'assistant', content: 'Hello to you' }, { content: text, role: 'user' }] }));
await ask({ operation: 'chat', model: 'gpt-4o', messages: 1, files: 1, ...org }, async (text) =>
  drain(await openai.chat.completions.create({ model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: [
    { type: 'text', text }, { type: 'image_url', image_url: { url: 'https://www.example.com/cat.png' } }] }] })));
await ask({ operation: 'chat', model: 'gpt-4o', messages: 3, role: 'tool', words: false, ...org }, (text) =>
  openai.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Read the file' },
    { role: 'assistant', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'read', arguments: '{"path":"/etc/app"}' } }] },
    { role: 'tool', tool_call_id: 'c1', content: text }] }));
await ask({ operation: 'chat', model: 'gpt-4o', messages: 3, role: 'assistant', words: false, ...org }, (text) =>
  openai.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Make one up' },
    { role: 'assistant', content: text }, { role: 'user', content: 'Thanks' }] }));
await ask({ operation: 'responses', model: 'gpt-5', messages: 1, ...org }, (text) =>
  openai.responses.create({ model: 'gpt-5', instructions: 'Be brief.', input: text }));
await ask({ operation: 'responses', model: 'gpt-5', messages: 2, files: 1, conversation: 'conv_42', ...org }, (text) =>
  openai.responses.create({ model: 'gpt-5', conversation: 'conv_42', input: [{ role: 'developer', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'input_text', text }, { type: 'input_file', file_id: 'file-7' }] }] }));
await ask({ operation: 'responses', model: 'gpt-5', messages: 2, role: 'tool', words: false, conversation: 'resp_9', ...org }, (text) =>
  openai.responses.create({ model: 'gpt-5', previous_response_id: 'resp_9', input: [
    { type: 'function_call', call_id: 'c1', name: 'read', arguments: '{}' }, { type: 'function_call_output', call_id: 'c1', output: text }] }));
await ask({ operation: 'embeddings', model: 'text-embedding-3-small', messages: 1, ...org }, (text) =>
  openai.embeddings.create({ model: 'text-embedding-3-small', input: text }));
await ask({ operation: 'completion', model: 'gpt-3.5-turbo-instruct', messages: 1, ...org }, (text) =>
  openai.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: text }));
await ask({ operation: 'moderation', model: 'omni-moderation-latest', messages: 1, ...org }, (text) =>
  openai.moderations.create({ model: 'omni-moderation-latest', input: text }));
await ask({ operation: 'image', model: 'gpt-image-1', messages: 1, ...org }, (text) =>
  openai.images.generate({ model: 'gpt-image-1', prompt: text }));
await ask({ operation: 'image', model: 'gpt-image-1', messages: 1, files: 1, ...org }, async (text) =>
  openai.images.edit({ model: 'gpt-image-1', prompt: text, image: await toFile(Buffer.from(png, 'base64'), 'a.png', { type: 'image/png' }) }));
await ask({ operation: 'transcription', model: 'whisper-1', messages: 1, files: 1, ...org }, async (text) =>
  openai.audio.transcriptions.create({ model: 'whisper-1', prompt: text, file: await toFile(Buffer.alloc(400), 'a.wav') }));
await ask({ operation: 'speech', model: 'tts-1', messages: 1, ...org }, (text) =>
  openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: text }));
await ask({ operation: 'upload', files: 1, words: false, ...org }, async (text) =>
  openai.files.create({ purpose: 'user_data', file: await toFile(Buffer.from(text), 'notes.txt') }));
await ask({ operation: 'batch', words: false, ...org }, (text) =>
  openai.batches.create({ input_file_id: 'file-1', endpoint: '/v1/responses', completion_window: '24h', metadata: { note: text } }));
await ask({ operation: 'fine-tune', model: 'gpt-4o-mini', words: false, ...org }, (text) =>
  openai.fineTuning.jobs.create({ model: 'gpt-4o-mini', training_file: 'file-2', metadata: { note: text } }));
await ask({ operation: 'search', messages: 1, ...org }, (text) =>
  openai.vectorStores.search('vs_1', { query: text }));
await ask({ operation: 'agent', messages: 1, conversation: 'thread_5', ...org }, (text) =>
  openai.beta.threads.messages.create('thread_5', { role: 'user', content: text }));
await ask({ operation: 'conversation.item.create', messages: 1, websocket: true }, async (text) => {
  const rt = new OpenAIRealtimeWS({ model: 'gpt-realtime', options: { perMessageDeflate: false,
    createConnection: (o) => net.connect({ host: o.host, port: 80 }) } }, openai);
  await new Promise((open, failed) => { rt.socket.on('open', open); rt.socket.on('error', failed); });
  rt.send({ type: 'session.update', session: { type: 'realtime', instructions: 'Be kind.' } });
  rt.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } });
  await pause(300);
  rt.close();
});
await openai.models.list().catch(() => {});

// ---- Azure ----
const azure = new AzureOpenAI({ apiKey: 'not-a-key', apiVersion: '2025-03-01-preview', endpoint: 'http://acme.openai.azure.com', maxRetries: 0 });
await ask({ operation: 'chat', model: 'our-gpt', messages: 2, account: 'acme' }, (text) =>
  azure.chat.completions.create({ model: 'our-gpt', messages: [system, { role: 'user', content: text }] }));
await ask({ operation: 'embeddings', model: 'our-embedding', messages: 2, account: 'acme' }, (text) =>
  azure.embeddings.create({ model: 'our-embedding', input: ['First', text] }));

// ---- Anthropic ----
const anthropic = new Anthropic({ apiKey: 'sk-not-a-key', baseURL: 'http://api.anthropic.com', maxRetries: 0 });
const claude = { model: 'claude-sonnet-4-5', max_tokens: 64 };
await ask({ operation: 'chat', model: 'claude-sonnet-4-5', messages: 1 }, (text) =>
  anthropic.messages.create({ ...claude, system: 'Be brief.', messages: [{ role: 'user', content: text }] }));
await ask({ operation: 'chat', model: 'claude-sonnet-4-5', messages: 3, files: 1 }, async (text) =>
  anthropic.messages.stream({ ...claude, messages: [{ role: 'user', content: 'Hello' }, { role: 'assistant', content: 'Hello' },
    { role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }, { type: 'text', text }] }] }).finalMessage());
await ask({ operation: 'chat', model: 'claude-sonnet-4-5', messages: 3, role: 'tool', words: false }, (text) =>
  anthropic.messages.create({ ...claude, messages: [{ role: 'user', content: 'Read it' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'read', input: { path: '/etc/app' } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text }] }] }] }));
await ask({ operation: 'tokens', model: 'claude-sonnet-4-5', messages: 1 }, (text) =>
  anthropic.messages.countTokens({ model: 'claude-sonnet-4-5', messages: [{ role: 'user', content: text }] }));
await ask({ operation: 'batch', model: 'claude-sonnet-4-5', messages: 2 }, (text) =>
  anthropic.messages.batches.create({ requests: [{ custom_id: 'a', params: { ...claude, messages: [{ role: 'user', content: 'First' }] } },
    { custom_id: 'b', params: { ...claude, messages: [{ role: 'user', content: text }] } }] }));
await ask({ operation: 'upload', files: 1, words: false }, async (text) =>
  anthropic.beta.files.upload({ file: await toFile(Buffer.from(text), 'notes.txt', { type: 'text/plain' }) }));

// ---- Google ----
const plain = { baseUrl: 'http://generativelanguage.googleapis.com' };
const genai = new GoogleGenAI({ apiKey: 'not-a-key', httpOptions: plain });
await ask({ operation: 'chat', model: 'gemini-2.5-pro', messages: 1 }, (text) =>
  genai.models.generateContent({ model: 'gemini-2.5-pro', contents: text, config: { systemInstruction: 'Be brief.' } }));
await ask({ operation: 'chat', model: 'gemini-2.5-flash', messages: 1, files: 1 }, async (text) =>
  drain(await genai.models.generateContentStream({ model: 'gemini-2.5-flash', contents: [{ role: 'user', parts: [
    { inlineData: { mimeType: 'image/png', data: png } }, { text }] }] })));
await ask({ operation: 'chat', model: 'gemini-2.5-flash', messages: 3 }, (text) =>
  genai.chats.create({ model: 'gemini-2.5-flash', history: [{ role: 'user', parts: [{ text: 'Hello' }] },
    { role: 'model', parts: [{ text: 'Hello' }] }] }).sendMessage({ message: text }));
await ask({ operation: 'embeddings', model: 'gemini-embedding-001', messages: 1 }, (text) =>
  genai.models.embedContent({ model: 'gemini-embedding-001', contents: text }));
await ask({ operation: 'tokens', model: 'gemini-2.5-flash', messages: 1 }, (text) =>
  genai.models.countTokens({ model: 'gemini-2.5-flash', contents: text }));
await ask({ operation: 'upload', words: false }, (text) =>
  genai.files.upload({ file: new Blob([text], { type: 'text/plain' }), config: { mimeType: 'text/plain' } }));
await ask({ operation: 'realtime', messages: 1, websocket: true }, async (text) => {
  const live = await genai.live.connect({ model: 'gemini-live-2.5', config: {}, callbacks: { onmessage() {}, onerror() {} } });
  live.sendClientContent({ turns: [{ role: 'user', parts: [{ text }] }] });
  await pause(300);
  live.close();
});
const older = new GoogleGenerativeAI('not-a-key').getGenerativeModel({ model: 'gemini-1.5-pro' }, plain);
await ask({ operation: 'chat', model: 'gemini-1.5-pro', messages: 1 }, (text) => older.generateContent(text));
const vertex = new GoogleGenAI({ vertexai: true, apiKey: 'not-a-key', httpOptions: { baseUrl: 'http://aiplatform.googleapis.com' } });
await ask({ operation: 'chat', model: 'gemini-2.5-flash', messages: 1 }, (text) =>
  vertex.models.generateContent({ model: 'gemini-2.5-flash', contents: text }));

// ---- Amazon ----
const bedrock = new BedrockRuntimeClient({ region: 'us-east-1', endpoint: 'http://bedrock-runtime.us-east-1.amazonaws.com', maxAttempts: 1,
  requestHandler: new NodeHttpHandler(), credentials: { accessKeyId: 'not-an-id', secretAccessKey: 'not-a-key' } });
const nova = 'us.amazon.nova-pro-v1:0';
await ask({ operation: 'chat', model: nova, messages: 1 }, (text) =>
  bedrock.send(new ConverseCommand({ modelId: nova, system: [{ text: 'Be brief.' }], messages: [{ role: 'user', content: [{ text }] }] })));
await ask({ operation: 'chat', model: nova, messages: 3, files: 1 }, async (text) =>
  drain((await bedrock.send(new ConverseStreamCommand({ modelId: nova, messages: [{ role: 'user', content: [{ text: 'Hello' }] },
    { role: 'assistant', content: [{ text: 'Hello' }] }, { role: 'user', content: [{ document: { format: 'txt', name: 'notes',
      source: { bytes: Buffer.from('nothing to see') } } }, { text }] }] }))).stream));
const arn = 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-3';
await ask({ operation: 'invoke', model: arn, messages: 1 }, (text) =>
  bedrock.send(new InvokeModelCommand({ modelId: arn, contentType: 'application/json', body: JSON.stringify({
    anthropic_version: 'bedrock-2023-05-31', max_tokens: 64, messages: [{ role: 'user', content: text }] }) })));

// ---- Mistral ----
const mistral = new Mistral({ apiKey: 'not-a-key', serverURL: 'http://api.mistral.ai' });
await ask({ operation: 'chat', model: 'mistral-large-latest', messages: 2 }, (text) =>
  mistral.chat.complete({ model: 'mistral-large-latest', messages: [system, { role: 'user', content: text }] }));
await ask({ operation: 'chat', model: 'mistral-small-latest', messages: 1, files: 1 }, async (text) =>
  drain(await mistral.chat.stream({ model: 'mistral-small-latest', messages: [{ role: 'user', content: [{ type: 'text', text },
    { type: 'image_url', imageUrl: 'https://www.example.com/cat.png' }] }] })));
await ask({ operation: 'embeddings', model: 'mistral-embed', messages: 2 }, (text) =>
  mistral.embeddings.create({ model: 'mistral-embed', inputs: ['First', text] }));
await ask({ operation: 'completion', model: 'codestral-latest', messages: 1 }, (text) =>
  mistral.fim.complete({ model: 'codestral-latest', prompt: text, suffix: 'return' }));
await ask({ operation: 'agent', model: 'ag-1', messages: 1 }, (text) =>
  mistral.agents.complete({ agentId: 'ag-1', messages: [{ role: 'user', content: text }] }));
await ask({ operation: 'upload', files: 1, words: false }, (text) =>
  mistral.files.upload({ file: { fileName: 'notes.txt', content: Buffer.from(text) } }));

// ---- Cohere ----
const cohere = new CohereClientV2({ token: 'not-a-key', environment: 'http://api.cohere.com' });
await ask({ operation: 'chat', model: 'command-a-03-2025', messages: 2 }, (text) =>
  cohere.chat({ model: 'command-a-03-2025', messages: [system, { role: 'user', content: text }] }, { maxRetries: 0 }));
await ask({ operation: 'embeddings', model: 'embed-v4.0', messages: 2 }, (text) =>
  cohere.embed({ model: 'embed-v4.0', inputType: 'search_document', embeddingTypes: ['float'], texts: ['First', text] }, { maxRetries: 0 }));
await ask({ operation: 'rerank', model: 'rerank-v3.5', messages: 1 }, (text) =>
  cohere.rerank({ model: 'rerank-v3.5', query: text, documents: ['One', 'Two'] }, { maxRetries: 0 }));
const cohere1 = new CohereClient({ token: 'not-a-key', environment: 'http://api.cohere.com' });
await ask({ operation: 'chat', model: 'command-r', messages: 3, conversation: 'c-77' }, (text) =>
  cohere1.chat({ model: 'command-r', conversationId: 'c-77', message: text, chatHistory: [{ role: 'USER', message: 'Hello' },
    { role: 'CHATBOT', message: 'Hello' }] }, { maxRetries: 0 }));

// ---- Groq ----
const groq = new Groq({ apiKey: 'not-a-key', baseURL: 'http://api.groq.com', maxRetries: 0 });
await ask({ operation: 'chat', model: 'llama-3.3-70b-versatile', messages: 2 }, (text) =>
  groq.chat.completions.create({ model: 'llama-3.3-70b-versatile', messages: [system, { role: 'user', content: text }] }));
await ask({ operation: 'transcription', model: 'whisper-large-v3', messages: 1, files: 1 }, async (text) =>
  groq.audio.transcriptions.create({ model: 'whisper-large-v3', prompt: text, file: await toFile(Buffer.alloc(400), 'a.wav') }));

// ---- Hugging Face, Replicate, Ollama ----
const hf = new InferenceClient('hf_not-a-key', { fetch: (url, init) => fetch(String(url).replace('https://', 'http://'), init) });
await ask({ operation: 'chat', model: 'meta-llama/Llama-3.1-8B-Instruct', messages: 1 }, (text) =>
  hf.chatCompletion({ model: 'meta-llama/Llama-3.1-8B-Instruct', messages: [{ role: 'user', content: text }] }));
await ask({ operation: 'inference', model: 'facebook/bart-large-cnn', messages: 1 }, (text) =>
  hf.summarization({ provider: 'hf-inference', model: 'facebook/bart-large-cnn', inputs: text }));
const replicate = new Replicate({ auth: 'not-a-key', baseUrl: 'http://api.replicate.com/v1' });
await ask({ operation: 'prediction', model: 'meta/meta-llama-3', messages: 1 }, (text) =>
  replicate.predictions.create({ model: 'meta/meta-llama-3', input: { prompt: text } }));
const ollama = new Ollama({ host: 'http://models.example.net' });
await ask({ operation: 'chat', model: 'llama3.2', messages: 2 }, (text) =>
  ollama.chat({ model: 'llama3.2', messages: [system, { role: 'user', content: text }] }));
await ask({ operation: 'completion', model: 'llama3.2', messages: 1 }, (text) =>
  ollama.generate({ model: 'llama3.2', prompt: text, system: 'Be brief.' }));
await ask({ operation: 'embeddings', model: 'nomic-embed-text', messages: 2 }, (text) =>
  ollama.embed({ model: 'nomic-embed-text', input: ['First', text] }));

// ---- those that speak OpenAI's language ----
for (const [base, model] of [['http://openrouter.ai/api/v1', 'qwen/qwen3-32b'], ['http://api.together.xyz/v1', 'deepseek-ai/DeepSeek-V3'],
  ['http://api.x.ai/v1', 'grok-4'], ['http://api.deepseek.com', 'deepseek-chat'], ['http://api.perplexity.ai', 'sonar']])
  await ask({ operation: 'chat', model, messages: 2 }, (text) => new OpenAI({ apiKey: 'sk-not-a-key', baseURL: base, maxRetries: 0 })
    .chat.completions.create({ model, messages: [system, { role: 'user', content: text }] }));
process.exit(0);
