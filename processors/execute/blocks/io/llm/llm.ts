import { inputChecker } from '../../../../../schemas/flow/input-schema.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../../block.ts'
import { createRedactor } from '../../secrets/redact.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../../tools.ts'
import { type ConnectionOf, type ConnectionTable, UNKNOWN_CONNECTION } from '../connections.ts'
import { ownError, REQUEST_ERRORS } from '../http.ts'
import type { HttpAnswer, HttpClient } from '../http-client.ts'
import { decoded, readBytes } from '../http-read.ts'
import { buildRequest } from '../http-request.ts'
import { statusError } from '../http-response.ts'
import { type Answer, AnswerBuilder, type Usage, usageOf } from './answer.ts'
import { LLM_INPUT_SCHEMA, type LlmInput, type LlmRequest, llmRequest } from './request.ts'
import { EventTooLarge, eventData } from './sse.ts'

export interface LlmSettings {
  /** How long a provider may be silent in mid-answer, in milliseconds; default 30,000. */
  readonly stallMs?: number
}

export interface LlmParts {
  readonly tools: BlockTools
  readonly client: HttpClient
  readonly connections: ConnectionTable
  readonly settings: LlmSettings
}

const DEFAULT_STALL_MS = 30_000
const CHARS_PER_TOKEN = 4

const errors: readonly BlockErrorDef[] = [
  UNKNOWN_CONNECTION,
  ...REQUEST_ERRORS.filter(({ code }) => code !== 'MISSING_URL'),
  { code: 'MISSING_MODEL', class: 'permanent', meaning: 'Neither the input nor the connection names a model.' },
  { code: 'MISSING_PROMPT', class: 'permanent', meaning: 'The input has nothing to answer or embed.' },
  { code: 'LLM_REQUEST_FAILED', class: 'transient', meaning: 'No answer from the provider, or the connection broke.' },
  { code: 'LLM_FAILED', class: 'transient', meaning: 'The provider says in its answer that it failed.' },
  { code: 'LLM_STALLED', class: 'transient', meaning: 'The provider was silent for too long in mid-answer.' },
  { code: 'LLM_STREAM_BROKEN', class: 'transient', meaning: 'The answer is not of its form, or ends too early.' },
  {
    code: 'LLM_UNKNOWN_TOOL',
    class: 'recoverable',
    meaning: 'The model asks to call a function that it was not given.',
  },
  { code: 'LLM_OUTPUT_INVALID', class: 'recoverable', meaning: 'The answer is not JSON of the `schema`.' },
  {
    code: 'HTTP_ERROR',
    class: 'permanent',
    meaning:
      'A status other than 2xx. Class `transient` for 408, 425, 429 and 5xx. `Retry-After` of 429 and 503 is honoured.',
  },
]

const usageSchema = {
  type: ['object', 'null'],
  description: '`{inputTokens, outputTokens, totalTokens, usd}` where they are known.',
}

export function llmBlock(parts: LlmParts): Block {
  return {
    type: 'llm',
    version: 1,
    pool: 'io',
    summary:
      "Asks a language model over an API of OpenAI's form and returns `{text, json, toolCalls, finishReason, model, usage}`, or for `embeddings` `{embeddings, model, usage}`. Text is told as progress while it comes.",
    inputSchema: { ...LLM_INPUT_SCHEMA, properties: { ...LLM_INPUT_SCHEMA.properties, timeout_ms: TIMEOUT_MS_SCHEMA } },
    outputSchema: {
      type: 'object',
      required: ['model', 'usage'],
      properties: {
        text: { type: 'string', description: 'The answer.' },
        json: { description: 'The answer parsed, where `schema` was given; else `null`.' },
        toolCalls: { type: 'array', description: 'Functions to call: `{id, name, arguments}`.' },
        finishReason: { type: ['string', 'null'], description: 'Why the answer ended.' },
        embeddings: { type: 'array', description: 'A list of numbers for each text.' },
        model: { type: ['string', 'null'], description: 'The model that answered.' },
        usage: usageSchema,
      },
    },
    errors,
    takesSecrets: true,
    example: { connection: 'llm', model: 'small', prompt: 'Say hello in French.' },
    examples: [
      {
        title: 'An answer of a given form',
        input: {
          prompt: 'Which fruit is red and which yellow?',
          schema: {
            type: 'object',
            properties: { red: { type: 'string' }, yellow: { type: 'string' } },
            required: ['red', 'yellow'],
            additionalProperties: false,
          },
        },
      },
      { title: 'Embeddings', input: { op: 'embeddings', model: 'embed-small', input: ['one text', 'another'] } },
    ],
    estimate: (input) => ({
      tokens: Math.ceil(JSON.stringify(input).length / CHARS_PER_TOKEN) + ((input as LlmInput).maxTokens ?? 0),
    }),
    run: (context, input) => run(parts, context, input as LlmInput),
  }
}

async function run(parts: LlmParts, context: BlockContext, input: LlmInput): Promise<Json> {
  const connection = await parts.connections.require('llm', input.connection, context.tenant)
  const asked = llmRequest(input, connection.model)
  return within(parts.tools, context.signal, input.timeout_ms, async (signal) => {
    try {
      if (input.op === 'embeddings') return await embeddings(parts, context, connection, asked, signal)
      const answer = await chat(parts, context, connection, asked, signal)
      return { ...chatOutput(answer, input), usage: priced(answer.usage, connection) }
    } catch (error) {
      throw withoutKey(error, connection.key)
    }
  })
}

async function exchange(
  parts: LlmParts,
  context: BlockContext,
  connection: ConnectionOf<'llm'>,
  asked: LlmRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const headers = connection.key === undefined ? {} : { authorization: `Bearer ${connection.key}` }
  const url = `${connection.url.replace(/\/+$/, '')}/${asked.path}`
  const outgoing = buildRequest(context, { url, method: 'POST', headers, body: asked.body })
  try {
    const answer = await parts.client.send(outgoing, 0, signal)
    if (answer.status >= 200 && answer.status < 300) return answer
    const text = (await readBytes(answer, parts.client.limitBytes)).toString('utf8')
    throw statusError(answer.url, answer.status, answer.headers, text, '2xx', parts.tools.now())
  } catch (error) {
    throw ownError(outgoing.url, error, signal, 'LLM_REQUEST_FAILED')
  }
}

async function chat(
  parts: LlmParts,
  context: BlockContext,
  connection: ConnectionOf<'llm'>,
  asked: LlmRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const stall = new AbortController()
  const stallMs = parts.settings.stallMs ?? DEFAULT_STALL_MS
  const onAbort = (): void => stall.abort(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  const silent = (): void => stall.abort(new BlockError('LLM_STALLED', `the provider was silent for ${stallMs} ms`))
  let cancel = (): void => {}
  try {
    const answer = await exchange(parts, context, connection, asked, stall.signal)
    const heard = (): void => {
      cancel()
      cancel = parts.tools.after(stallMs, silent)
    }
    heard()
    return await readAnswer(answer, parts.client.limitBytes, context, heard)
  } catch (error) {
    if (stall.signal.aborted) throw stall.signal.reason
    throw error instanceof BlockError ? error : broken(error)
  } finally {
    cancel()
    signal.removeEventListener('abort', onAbort)
  }
}

/** A stream of events, or the whole answer at once from a provider that does not stream. */
async function readAnswer(
  answer: HttpAnswer,
  limitBytes: number,
  context: BlockContext,
  heard: () => void,
): Promise<Answer> {
  const builder = new AnswerBuilder(limitBytes)
  const add = (json: string): void => {
    const text = builder.add(json)
    if (text !== '') context.progress?.({ text })
  }
  if (String(answer.headers['content-type']).startsWith('application/json')) {
    add((await readBytes(answer, limitBytes)).toString('utf8'))
    return builder.finish()
  }
  let done = false
  for await (const data of eventData(counted(decoded(answer), heard))) {
    done = data === '[DONE]'
    if (done) break
    add(data)
  }
  if (!done && !builder.isWhole) throw new BlockError('LLM_STREAM_BROKEN', 'the stream ended before the answer did')
  return builder.finish()
}

async function* counted(chunks: AsyncIterable<Uint8Array>, heard: () => void): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    heard()
    yield chunk
  }
}

function chatOutput(answer: Answer, input: LlmInput): { readonly [name: string]: Json } {
  const { text, toolCalls, finishReason, model } = answer
  const known = (input.tools ?? []).map(({ name }) => name)
  const unknown = toolCalls.find(({ name }) => !known.includes(name))
  if (unknown !== undefined) {
    const found = `the model asks to call '${unknown.name.slice(0, 64)}'`
    throw new BlockError('LLM_UNKNOWN_TOOL', `${found}; expected one of ${known.join(', ') || 'no function'}`)
  }
  const json = input.schema === undefined || toolCalls.length > 0 ? null : checkedJson(text, input.schema)
  return { text, json, toolCalls: toolCalls.map((call) => ({ ...call })), finishReason, model }
}

function checkedJson(text: string, schema: object): Json {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    throw new BlockError('LLM_OUTPUT_INVALID', `the answer is no JSON: '${text.slice(0, 80)}'`)
  }
  const problems = inputChecker(schema)(value)
  if (problems.length === 0) return value
  const detail = problems.map(({ path, message }) => ({ path, message }))
  throw new BlockError('LLM_OUTPUT_INVALID', `the answer does not match its schema: ${problems[0]!.message}`, {
    detail,
  })
}

async function embeddings(
  parts: LlmParts,
  context: BlockContext,
  connection: ConnectionOf<'llm'>,
  asked: LlmRequest,
  signal: AbortSignal,
): Promise<Json> {
  const answer = await exchange(parts, context, connection, asked, signal)
  let body: {
    readonly data?: readonly { readonly index?: number; readonly embedding?: Json }[]
    readonly model?: string
    readonly usage?: object
  }
  try {
    body = JSON.parse((await readBytes(answer, parts.client.limitBytes)).toString('utf8'))
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw error instanceof BlockError ? error : broken(error)
  }
  const expected = [asked.body.input].flat().length
  const vectors = Array.isArray(body?.data)
    ? body.data.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0)).map((one) => one.embedding)
    : []
  if (vectors.length !== expected || !vectors.every(isVector)) {
    throw new BlockError('LLM_STREAM_BROKEN', `the answer has ${vectors.length} lists of numbers; expected ${expected}`)
  }
  const usage = body.usage === undefined ? null : usageOf(body.usage)
  return { embeddings: vectors as Json[], model: body.model ?? null, usage: priced(usage, connection) }
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number')
}

function priced(usage: Usage | null, { usdPerMillion }: ConnectionOf<'llm'>): Json {
  if (usage === null) return null
  if (usdPerMillion === undefined) return { ...usage }
  const usd = (usage.inputTokens * usdPerMillion.input + usage.outputTokens * usdPerMillion.output) / 1_000_000
  return { ...usage, usd }
}

function broken(cause: unknown): BlockError {
  const why = cause instanceof EventTooLarge || cause instanceof SyntaxError ? cause.message : 'the connection broke'
  return new BlockError('LLM_STREAM_BROKEN', `the answer cannot be read: ${why}`, { cause })
}

/** Some providers repeat the key in what they answer. */
function withoutKey(error: unknown, key: string | undefined): unknown {
  if (key === undefined || !(error instanceof BlockError)) return error
  const redactor = createRedactor(new Map([['of the connection', key]]))
  const { code, message, retryAfterMs, detail } = error
  return new BlockError(code, redactor.text(message), {
    retryAfterMs,
    detail: redactor.value(detail),
    ...(error.class && { class: error.class }),
  })
}
