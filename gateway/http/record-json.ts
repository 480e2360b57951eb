/** Log records as people read them. */
import { decodeUtf8 } from '../../schemas/codec/utf8.ts'
import { DecodeError, decodeRecord } from '../../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { LogRecord } from '../../topology/log/port.ts'

/** The record with its decoded value; one that is no record of ours with its text, or its bytes in base64. */
export function recordShown(record: LogRecord): object {
  return {
    offset: record.offset,
    timestamp_ms: record.timestampMs,
    key: record.key,
    headers: record.headers,
    handled: record.handled,
    ...valueShown(record),
  }
}

function valueShown(record: LogRecord): object {
  try {
    const message = record.message ?? decodeRecord(record.value)
    const { kind, ...fields } = message
    return { kind, value: withoutBytes(fields) }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    const text = decodeUtf8(record.value)
    return text === null ? { base64: Buffer.from(record.value).toString('base64') } : { text }
  }
}

/** Byte fields become base64; everything else is JSON already. */
function withoutBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(withoutBytes)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value as BeamlineRecord).map(([name, member]) => [name, withoutBytes(member)]),
  )
}
