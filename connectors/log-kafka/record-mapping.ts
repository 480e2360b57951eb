/**
 * Records of the port as records of Kafka and back. What `OutRecord` knows beyond key, value and headers is a header of our own: records may come from
 * anybody, with any key, any headers, and no value.
 */
import type { Topic } from '../../schemas/topics.ts'
import type { LogRecord, OutRecord } from '../../topology/log/port.ts'
import type { KafkaRecord, StoredRecord } from '../kafka-client/contract.ts'
import type { Names } from './names.ts'

/** On records that were handled in the transaction that appended them. */
export const HANDLED_HEADER = 'beamline-handled'

type Headers = NonNullable<OutRecord['headers']>

const HANDLED: readonly [string, Uint8Array] = [HANDLED_HEADER, Uint8Array.of(1)]
const NO_HEADERS: KafkaRecord['headers'] = []
const ONLY_HANDLED: KafkaRecord['headers'] = [HANDLED]
const NO_VALUE = new Uint8Array(0)

/** More of the key, or of the headers together, is cut off: others may send any, and what is passed on must fit. */
const MAX_KEY_BYTES = 8 << 10
const MAX_HEADERS_BYTES = 16 << 10

export function toKafka(names: Names, record: OutRecord): KafkaRecord {
  return {
    topic: names.topic(record.topic),
    partition: record.partition,
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value,
    headers: headersToKafka(record.headers, record.handled),
  }
}

function headersToKafka(headers: Headers | null, handled: boolean): KafkaRecord['headers'] {
  if (headers === null) return handled ? ONLY_HANDLED : NO_HEADERS
  const mapped = Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)] as const)
  if (handled) mapped.push([HANDLED_HEADER, Buffer.of(1)])
  return mapped
}

/** Bytes that are no UTF-8 are shown with replacement characters; of headers with one name the last counts. */
export function fromKafka(topic: Topic, record: StoredRecord): LogRecord {
  return {
    topic,
    partition: record.partition,
    offset: record.offset,
    timestampMs: record.timestampMs,
    key: record.key === null ? null : textOf(record.key.subarray(0, MAX_KEY_BYTES)),
    value: record.value ?? NO_VALUE,
    headers: headersFromKafka(record.headers),
    handled: isHandled(record),
    message: null,
  }
}

export function isHandled(record: StoredRecord): boolean {
  return record.headers.some(([name, value]) => name === HANDLED_HEADER && value.length === 1 && value[0] === 1)
}

function headersFromKafka(headers: KafkaRecord['headers']): Headers | null {
  if (headers.length === 0) return null
  let room = MAX_HEADERS_BYTES
  const found: [string, string][] = []
  for (const [name, value] of headers) {
    if (name === HANDLED_HEADER) continue
    room -= name.length + value.length
    if (room < 0) break
    found.push([name, textOf(value)])
  }
  return found.length === 0 ? null : Object.fromEntries(found)
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}
