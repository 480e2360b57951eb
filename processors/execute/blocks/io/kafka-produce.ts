import type { Json } from '../../../../schemas/json.ts'
import { type Block, BlockError, type BlockErrorDef } from '../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { abortable } from './abortable.ts'

/** What a step sends to Kafka. */
export interface KafkaMessage {
  readonly topic: string
  readonly key: string | null
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null
  readonly headers: { readonly [name: string]: string }
  readonly partition: number | null
}

/** Whoever has a Kafka client. */
export interface KafkaPort {
  /**
   * Resolves once the message is stored. Rejects with an error of code `TOPIC_REFUSED` for topics that are not for steps (those of the engine among
   * them) or not there, and with any other when the message may not have been stored.
   */
  produce(tenant: string, message: KafkaMessage, signal: AbortSignal): Promise<KafkaPosition>
  close?(): Promise<void>
}

export interface KafkaPosition {
  readonly topic: string
  readonly partition: number
  /** Decimal, since it may be beyond 2^53; `null` where the broker tells none. */
  readonly offset: string | null
}

interface Input {
  readonly topic: string
  readonly key?: string | null
  readonly value?: Json
  readonly bytes?: string
  readonly headers?: { readonly [name: string]: string }
  readonly partition?: number
  readonly timeout_ms?: number
}

const TOPIC = '^[A-Za-z0-9._-]{1,249}$'
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const inputSchema = {
  type: 'object',
  required: ['topic'],
  properties: {
    topic: { type: 'string', pattern: TOPIC, description: 'Any topic but those of the engine.' },
    key: { type: ['string', 'null'], default: null, description: 'Key of the message.' },
    value: { description: 'A string is sent as it is, `null` as a tombstone, anything else as JSON.' },
    bytes: { type: 'string', description: 'A value of bytes, in base64, instead of `value`.' },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: '`idempotency-key` and `traceparent` are added unless given.',
    },
    partition: { type: 'integer', minimum: 0, description: 'Chosen by the key unless given.' },
    timeout_ms: TIMEOUT_MS_SCHEMA,
  },
  additionalProperties: false,
}

const errors: readonly BlockErrorDef[] = [
  { code: 'KAFKA_UNAVAILABLE', class: 'permanent', meaning: 'This executor has no Kafka.' },
  { code: 'KAFKA_FAILED', class: 'transient', meaning: 'The message may not have been stored.' },
  { code: 'TOPIC_REFUSED', class: 'permanent', meaning: 'Steps may not write to this topic.' },
  { code: 'BASE64_DECODE_ERROR', class: 'permanent', meaning: '`bytes` is no base64.' },
]

/** `port` is `null` where there is no Kafka. */
export function kafkaProduceBlock(tools: BlockTools, port: KafkaPort | null): Block {
  return {
    type: 'kafka.produce',
    version: 1,
    pool: 'io',
    summary: 'Writes a message to a Kafka topic and returns `{topic, partition, offset}`.',
    inputSchema,
    outputSchema: {
      type: 'object',
      required: ['topic', 'partition', 'offset'],
      properties: {
        topic: { type: 'string', description: 'As it was given.' },
        partition: { type: 'integer', description: 'Where the message is.' },
        offset: { type: ['string', 'null'], description: 'Decimal.' },
      },
    },
    errors,
    example: { topic: 'orders', key: 'a-1', value: { total: 12 }, headers: { source: 'beamline' } },
    run: async (context, input) => {
      const { topic, key = null, partition = null, headers = {}, timeout_ms, ...rest } = input as unknown as Input
      const { traceparent } = context
      if (port === null) throw new BlockError('KAFKA_UNAVAILABLE', 'this executor has no Kafka')
      const message = {
        topic,
        key,
        partition,
        value: messageValue(rest),
        headers: { 'idempotency-key': context.key, ...(traceparent === null ? {} : { traceparent }), ...headers },
      }
      return within(tools, context.signal, timeout_ms, async (signal) => {
        const stored = await abortable(port.produce(context.tenant, message, signal), signal).catch(
          (error: unknown) => {
            throw signal.aborted || error instanceof BlockError ? error : failed(error)
          },
        )
        return { topic: stored.topic, partition: stored.partition, offset: stored.offset }
      })
    },
  }
}

function failed(cause: unknown): BlockError {
  if ((cause as { code?: unknown }).code === 'TOPIC_REFUSED')
    return new BlockError('TOPIC_REFUSED', (cause as Error).message, { cause })
  return new BlockError('KAFKA_FAILED', `the message was not stored: ${String((cause as Error).message)}`, { cause })
}

function messageValue({ value, bytes }: Pick<Input, 'value' | 'bytes'>): Uint8Array | null {
  if (bytes !== undefined) {
    if (!BASE64.test(bytes)) throw new BlockError('BASE64_DECODE_ERROR', "'bytes' is no base64")
    return Buffer.from(bytes, 'base64')
  }
  if (value == null) return null
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}
