/** The llm block against a provider that streams, fails, stalls and lies. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlockContext } from '../../../../../processors/execute/block.ts'
import { eventData } from '../../../../../processors/execute/blocks/io/llm/sse.ts'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { fc } from '../../../../support/fast-check.ts'
import { contextOf, openBlocks } from '../support.ts'

const KEY = 'sk-provider-key-0123456789'
const seen: {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: { readonly [name: string]: Json }
}[] = []

const chunk = (delta: object, rest: object = {}): string =>
  `data: ${JSON.stringify({ model: 'm-1', choices: [{ delta, finish_reason: null, ...rest }] })}\n\n`
const end = (reason = 'stop'): string => chunk({}, { finish_reason: reason })
const usage = 'data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}\n\n'
const DONE = 'data: [DONE]\n\n'
const call = (index: number, part: object): string => chunk({ tool_calls: [{ index, ...part }] })

/** What the provider answers, by what the user says. */
const ANSWERS: { readonly [prompt: string]: (response: ServerResponse) => void } = {
  hello: (r) =>
    stream(r, [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Bon' }),
      chunk({ content: 'jour' }),
      end(),
      usage,
      DONE,
    ]),
  split: (r) =>
    stream(
      r,
      [...Buffer.from(`: comment\r\n\r\n${chunk({ content: 'é' })}${end()}${DONE}`)].map((byte) => Buffer.from([byte])),
    ),
  whole: (r) =>
    r.setHeader('content-type', 'application/json').end(
      JSON.stringify({
        model: 'm-1',
        choices: [{ message: { content: 'at once' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 1, completion_tokens: 2 },
      }),
    ),
  json: (r) => stream(r, [chunk({ content: '{"red":' }), chunk({ content: '"apple"}' }), end(), DONE]),
  'not json': (r) => stream(r, [chunk({ content: 'An apple.' }), end(), DONE]),
  'wrong json': (r) => stream(r, [chunk({ content: '{"red":5}' }), end(), DONE]),
  tool: (r) =>
    stream(r, [
      call(0, { id: 'c1', function: { name: 'weather', arguments: '' } }),
      call(0, { function: { arguments: '{"city":' } }),
      call(1, { id: 'c2', function: { name: 'weather', arguments: '{}' } }),
      call(0, { function: { arguments: '"Paris"}' } }),
      end('tool_calls'),
      DONE,
    ]),
  'unknown tool': (r) =>
    stream(r, [call(0, { id: 'c', function: { name: 'rm_rf', arguments: '{}' } }), end('tool_calls'), DONE]),
  'bad arguments': (r) =>
    stream(r, [call(0, { id: 'c', function: { name: 'weather', arguments: '{' } }), end('tool_calls'), DONE]),
  'bad index': (r) => stream(r, [call(7, { id: 'c', function: { name: 'weather', arguments: '{}' } }), end(), DONE]),
  malformed: (r) => stream(r, ['data: {"choices": [\n\n']),
  'no object': (r) => stream(r, ['data: 5\n\n']),
  early: (r) => stream(r, [chunk({ content: 'Bon' })]),
  broken: (r) => {
    r.write(chunk({ content: 'Bon' }))
    setTimeout(() => r.destroy(), 10)
  },
  'in-band': (r) => stream(r, ['data: {"error":{"message":"overloaded"}}\n\n']),
  stall: (r) => r.write(chunk({ content: 'Bon' })),
  silent: () => {},
  endless: (r) => {
    const more = (): boolean => r.write(chunk({ content: 'x'.repeat(1_000) }))
    r.on('drain', () => {
      while (!r.destroyed && more());
    })
    while (!r.destroyed && more());
  },
  'endless line': (r) => {
    const more = (): boolean => r.write('x'.repeat(10_000))
    r.on('drain', () => {
      while (!r.destroyed && more());
    })
    while (!r.destroyed && more());
  },
  storm: (r) => r.writeHead(429, { 'retry-after': '9' }).end('{"error":"slow down"}'),
  down: (r) => r.writeHead(503).end('down'),
  'wrong key': (r) => r.writeHead(401).end(`{"error":"Incorrect API key provided: ${KEY}"}`),
  moved: (r) => r.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
}

function stream(response: ServerResponse, parts: readonly (string | Uint8Array)[]): void {
  response.setHeader('content-type', 'text/event-stream')
  for (const part of parts) response.write(part)
  response.end()
}

const server = createServer((request, response) => {
  let text = ''
  request.on('data', (data) => {
    text += data
  })
  request.on('end', () => {
    const body = JSON.parse(text) as {
      readonly messages?: readonly { readonly content: string }[]
      readonly input?: Json
    }
    seen.push({ url: request.url!, headers: request.headers, body: body as { readonly [name: string]: Json } })
    response.on('error', () => undefined)
    if (body.input !== undefined) return embed(body.input, response)
    ANSWERS[body.messages!.at(-1)!.content]!(response)
  })
})

function embed(input: Json, response: ServerResponse): void {
  if (input === 'few') return void response.end('{"data":[]}')
  if (input === 'text') return void response.end('Hello')
  const data = [input].flat().map((text, index) => ({ index, embedding: [String(text).length, 0.5] }))
  response.end(JSON.stringify({ data: data.reverse(), model: 'e-1', usage: { prompt_tokens: 4, total_tokens: 4 } }))
}

let set: BuiltInBlocks
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`
  set = openBlocks({
    http: { responseLimitBytes: 100_000 },
    llm: { stallMs: 150 },
    secrets: { values: { 'llm-key': KEY } },
    connections: {
      llm: { kind: 'llm', url, key: 'secret://llm-key', model: 'm-1', usdPerMillion: { input: 1, output: 2 } },
      second: { kind: 'llm', url },
    },
  })
})
afterAll(async () => {
  await set.close()
  server.closeAllConnections()
  server.close()
})

async function ask(input: { readonly [name: string]: Json }, changes: Partial<BlockContext> = {}): Promise<Json> {
  return await set.blocks.find(({ type }) => type === 'llm')!.run(contextOf(changes), input)
}

const WEATHER = [{ name: 'weather', description: 'of a city', parameters: { type: 'object' } }]
const SCHEMA = { type: 'object', properties: { red: { type: 'string' } }, required: ['red'] }

describe('answers', () => {
  test('come as progress and whole, with what they took', async () => {
    const heard: Json[] = []
    const output = await ask(
      { prompt: 'hello', temperature: 0, maxTokens: 20, stop: ['.'], seed: 1 },
      { progress: (value) => heard.push(value) },
    )
    expect(output).toEqual({
      text: 'Bonjour',
      json: null,
      toolCalls: [],
      finishReason: 'stop',
      model: 'm-1',
      usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15, usd: 0.00002 },
    })
    expect(heard).toEqual([{ text: 'Bon' }, { text: 'jour' }])
    expect(seen.at(-1)).toMatchObject({
      url: '/v1/chat/completions',
      headers: { authorization: `Bearer ${KEY}`, 'idempotency-key': 'acme/run/one/1' },
      body: { model: 'm-1', stream: true, temperature: 0, max_completion_tokens: 20, stop: ['.'], seed: 1 },
    })
  })

  test.each([
    ['split', 'é'],
    ['whole', 'at once'],
  ])('%s', async (prompt, text) => {
    expect(await ask({ prompt })).toMatchObject({ text })
  })

  test('of a form', async () => {
    expect(await ask({ prompt: 'json', schema: SCHEMA })).toMatchObject({ json: { red: 'apple' } })
    expect(seen.at(-1)!.body.response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'output', schema: SCHEMA, strict: true },
    })
  })

  test('with calls of functions', async () => {
    expect(await ask({ messages: [{ role: 'user', content: 'tool' }], tools: WEATHER })).toMatchObject({
      toolCalls: [
        { id: 'c1', name: 'weather', arguments: { city: 'Paris' } },
        { id: 'c2', name: 'weather', arguments: {} },
      ],
      finishReason: 'tool_calls',
    })
    expect(seen.at(-1)!.body.tools).toEqual([{ type: 'function', function: WEATHER[0] }])
  })

  test('of another provider', async () => {
    await ask({ connection: 'second', model: 'other', prompt: 'hello' })
    expect(seen.at(-1)).toMatchObject({ body: { model: 'other' } })
    expect(seen.at(-1)!.headers.authorization).toBeUndefined()
    await expect(ask({ connection: 'second', prompt: 'hello' })).rejects.toMatchObject({ code: 'MISSING_MODEL' })
  })
})

test.each<[string, object]>([
  ['not json', { code: 'LLM_OUTPUT_INVALID' }],
  ['wrong json', { code: 'LLM_OUTPUT_INVALID' }],
  ['unknown tool', { code: 'LLM_UNKNOWN_TOOL' }],
  ['bad arguments', { code: 'LLM_STREAM_BROKEN' }],
  ['bad index', { code: 'LLM_STREAM_BROKEN' }],
  ['malformed', { code: 'LLM_STREAM_BROKEN' }],
  ['no object', { code: 'LLM_STREAM_BROKEN' }],
  ['early', { code: 'LLM_STREAM_BROKEN' }],
  ['broken', { code: 'LLM_STREAM_BROKEN' }],
  ['in-band', { code: 'LLM_FAILED' }],
  ['stall', { code: 'LLM_STALLED' }],
  ['endless', { code: 'RESPONSE_TOO_LARGE' }],
  ['endless line', { code: 'LLM_STREAM_BROKEN' }],
  ['storm', { code: 'HTTP_ERROR', class: 'transient', retryAfterMs: 9_000 }],
  ['down', { code: 'HTTP_ERROR', class: 'transient' }],
  ['wrong key', { code: 'HTTP_ERROR', class: 'permanent' }],
  ['moved', { code: 'HTTP_ERROR' }],
])('%s', async (prompt, expected) => {
  const schema = prompt.endsWith('json') ? { schema: SCHEMA } : {}
  const error = await ask({ prompt, tools: WEATHER, ...schema }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject(expected)
  expect(JSON.stringify([String(error), error])).not.toContain(KEY)
})

test('a provider that does not answer is waited for until the step ends', async () => {
  await expect(ask({ prompt: 'silent', timeout_ms: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' })
})

describe('embeddings', () => {
  test('come in the order of the texts', async () => {
    expect(await ask({ op: 'embeddings', input: ['a', 'bb', 'ccc'] })).toEqual({
      embeddings: [
        [1, 0.5],
        [2, 0.5],
        [3, 0.5],
      ],
      model: 'e-1',
      usage: { inputTokens: 4, outputTokens: 0, totalTokens: 4, usd: 0.000004 },
    })
  })

  test.each(['few', 'text'])('%s', async (input) => {
    await expect(ask({ op: 'embeddings', input })).rejects.toMatchObject({ code: 'LLM_STREAM_BROKEN' })
  })
})

test('events are the same however their bytes are cut', async () => {
  const events = fc.array(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, '_')),
    { maxLength: 5 },
  )
  await fc.assert(
    fc.asyncProperty(
      events,
      fc.constantFrom('\n', '\r\n'),
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      async (texts, newline, sizes) => {
        const bytes = Buffer.from(texts.map((text) => `data: ${text}${newline}${newline}`).join(''))
        async function* cut(): AsyncIterable<Uint8Array> {
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value as number
            yield bytes.subarray(at, at + size)
            at += size
          }
        }
        const found: string[] = []
        for await (const data of eventData(cut())) found.push(data)
        expect(found).toEqual(texts)
      },
    ),
  )
})
