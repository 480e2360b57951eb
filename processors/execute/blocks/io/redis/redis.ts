import type { Redis } from 'ioredis'
import type { Json } from '../../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../../tools.ts'
import { abortable } from '../abortable.ts'
import { hostAndPort } from '../address.ts'
import { type ConnectionTable, UNKNOWN_CONNECTION } from '../connections.ts'
import { EGRESS_REFUSED } from '../egress/egress.ts'
import type { RedisClients } from './clients.ts'

interface Input {
  readonly connection?: string
  readonly op: 'get' | 'set' | 'delete' | 'incr' | 'expire' | 'publish'
  readonly key?: string
  readonly value?: Json
  readonly by?: number
  readonly ttl_ms?: number
  readonly only?: 'absent' | 'present'
  readonly channel?: string
  readonly timeout_ms?: number
}

export interface RedisParts {
  readonly tools: BlockTools
  readonly clients: RedisClients
  readonly connections: ConnectionTable
}

const VALUE_MAX_BYTES = 1 << 20
/** How long a count that was made is remembered, so that it is not made again for the same attempt. */
const REMEMBERED_S = 86_400

/** Counts once for each attempt: a second execution gets what the first one got. */
const INCR = `
local made = redis.call('GET', KEYS[2])
if made then return made end
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
redis.call('SET', KEYS[2], value, 'EX', ARGV[3])
return tostring(value)`

const inputSchema = {
  type: 'object',
  required: ['op'],
  properties: {
    connection: { type: 'string', default: 'redis', description: 'Name of the connection.' },
    op: { enum: ['get', 'set', 'delete', 'incr', 'expire', 'publish'], description: 'What to do.' },
    key: { type: 'string', minLength: 1, maxLength: 1_024, description: 'For all but `publish`.' },
    value: { description: 'For `set` and `publish`; what is no text is sent as JSON.' },
    by: { type: 'integer', default: 1, description: 'For `incr`.' },
    ttl_ms: { type: 'integer', minimum: 1, description: 'For `set`, `incr`, `expire`: how long the key lives.' },
    only: { enum: ['absent', 'present'], description: 'For `set`: only if the key is absent, or present.' },
    channel: { type: 'string', minLength: 1, maxLength: 1_024, description: 'For `publish`.' },
    timeout_ms: TIMEOUT_MS_SCHEMA,
  },
  additionalProperties: false,
}

const errors: readonly BlockErrorDef[] = [
  UNKNOWN_CONNECTION,
  EGRESS_REFUSED,
  {
    code: 'MISSING_KEY',
    class: 'permanent',
    meaning: 'The input has no `key`, or no `channel`, which the operation needs.',
  },
  { code: 'REDIS_CONNECTION_ERROR', class: 'transient', meaning: 'No connection, or it broke.' },
  { code: 'REDIS_COMMAND_ERROR', class: 'permanent', meaning: 'The server refused the command.' },
  { code: 'RESULT_TOO_LARGE', class: 'permanent', meaning: 'The value is larger than the limit.' },
]

export function redisBlock(parts: RedisParts): Block {
  return {
    type: 'redis',
    version: 1,
    pool: 'io',
    summary:
      'Reads, sets, counts, deletes a key in Redis, sets its time to live, or publishes a message. Returns `{value}`.',
    inputSchema,
    outputSchema: {
      type: 'object',
      required: ['value'],
      properties: {
        value: {
          description:
            'Of `get`: text or `null`; `set`: whether it was set; `incr`: the count; `publish`: how many got it; else whether the key was there.',
        },
      },
    },
    errors,
    takesSecrets: true,
    example: { op: 'set', key: 'order:a-1', value: { total: 12 }, ttl_ms: 60_000 },
    examples: [{ title: 'A count', input: { connection: 'redis', op: 'incr', key: 'orders' } }],
    run: async (context, input) => {
      const asked = input as unknown as Input
      const { url, prefix = '' } = await parts.connections.require('redis', asked.connection, context.tenant)
      const client = await parts.clients.get(url)
      return within(parts.tools, context.signal, asked.timeout_ms, async (signal) => {
        try {
          return { value: await abortable(perform(client, prefix, context, asked), signal) }
        } catch (error) {
          throw signal.aborted ? signal.reason : ownError(error, client)
        }
      })
    },
  }
}

async function perform(client: Redis, prefix: string, context: BlockContext, asked: Input): Promise<Json> {
  const key =
    prefix + need(asked.op === 'publish' ? asked.channel : asked.key, asked.op === 'publish' ? 'channel' : 'key')
  const ttl = asked.ttl_ms ?? 0
  switch (asked.op) {
    case 'get':
      return read(client, key)
    case 'set':
      return (await client.call('SET', key, textOf(asked.value), ...setOptions(asked))) === 'OK'
    case 'delete':
      return (await client.del(key)) === 1
    case 'expire':
      return (await client.pexpire(key, Number(need(asked.ttl_ms, 'ttl_ms')))) === 1
    case 'publish':
      return client.publish(key, textOf(asked.value))
    case 'incr': {
      // in one slot of a cluster with the key
      const marker = `beamline:{${key}}:${context.key}`
      return Number(await client.eval(INCR, 2, key, marker, asked.by ?? 1, ttl, REMEMBERED_S))
    }
    default:
      return asked.op satisfies never
  }
}

/** Reads no more than the limit, whatever is there. */
async function read(client: Redis, key: string): Promise<string | null> {
  const [present, value] = (await client.multi().exists(key).getrange(key, 0, VALUE_MAX_BYTES).exec()) ?? []
  if (value?.[0]) throw value[0]
  if (present?.[1] !== 1) return null
  const text = String(value?.[1])
  if (Buffer.byteLength(text) <= VALUE_MAX_BYTES) return text
  throw new BlockError('RESULT_TOO_LARGE', `the value has more than ${VALUE_MAX_BYTES} bytes, the limit`)
}

function setOptions({ ttl_ms, only }: Input): string[] {
  return [
    ...(ttl_ms === undefined ? [] : ['PX', String(ttl_ms)]),
    ...(only === undefined ? [] : [only === 'absent' ? 'NX' : 'XX']),
  ]
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

function need<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value
  throw new BlockError('MISSING_KEY', `the step's input has no '${name}'`)
}

function ownError(error: unknown, { options }: Redis): BlockError {
  if (error instanceof BlockError) return error
  const { name, message, previousErrors } = error as {
    readonly name?: string
    readonly message?: string
    readonly previousErrors?: unknown
  }
  const inner =
    (error as { readonly cause?: unknown }).cause ?? (Array.isArray(previousErrors) ? previousErrors[0] : undefined)
  if (inner instanceof BlockError) return inner
  if (name === 'ReplyError')
    return new BlockError('REDIS_COMMAND_ERROR', `the command was refused: ${message}`, { cause: error })
  const at = hostAndPort(options.host ?? '', options.port ?? 0)
  return new BlockError('REDIS_CONNECTION_ERROR', `no connection to Redis at ${at}: ${message}`, { cause: error })
}
