/**
 * The wire form of records.
 *
 *     byte 0       0x00
 *     bytes 1..4   schema id, big endian: record number (`RECORDS`) * 256 + version, below `FIRST_REGISTERED_ID`
 *     bytes 5..    Avro binary
 *
 * It is the Confluent form. The built-in registry has our schemas under these ids and gives others ids from `FIRST_REGISTERED_ID` on. With another
 * registry the bytes on the wire carry its ids: those of our schemas are exchanged for ours when a record is read, and back when it is written
 * (`topology/schema-registry/`); any other, `n`, is seen in here as `REGISTRY_MARK + n`.
 */
import type avsc from 'avsc'
import { type BeamlineRecord, RECORDS, type RecordKind } from '../records/index.ts'
import { encodeWithHeader } from './slab.ts'

export const MAGIC = 0x00
export const HEADER_BYTES = 5
/** Record numbers stay below 65,536. */
export const FIRST_REGISTERED_ID = 2 ** 24
/** Registries give ids of 31 bits. */
export const REGISTRY_MARK = 2 ** 31

export type DecodeErrorCode = 'RECORD_EMPTY' | 'RECORD_NOT_AVRO' | 'SCHEMA_UNKNOWN' | 'RECORD_CORRUPT'

/** Bytes that are no record of ours. Says what was found and what was expected. */
export class DecodeError extends Error {
  readonly code: DecodeErrorCode
  constructor(code: DecodeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DecodeError'
    this.code = code
  }
}

interface Encoder {
  readonly id: number
  readonly type: avsc.Type
}

const encoders = new Map<RecordKind, Encoder>()
const decoders = new Map<number, avsc.Type>()
for (const [number, def] of Object.entries(RECORDS)) {
  const id = Number(number) * 256 + def.version
  encoders.set(def.kind, { id, type: def.type })
  decoders.set(id, def.type)
}

/** The schema id of a record kind in its current version. */
export function schemaIdOf(kind: RecordKind): number {
  return encoders.get(kind)!.id
}

/** Encodes a record. The result is a view into a shared slab that is never written again. */
export function encodeRecord(record: BeamlineRecord): Buffer {
  const encoder = encoders.get(record.kind)
  if (encoder === undefined) throw new TypeError(`no Avro schema for record kind '${record.kind}'`)
  const bytes = encodeWithHeader(encoder.type, record, HEADER_BYTES)
  bytes[0] = MAGIC
  bytes.writeUInt32BE(encoder.id, 1)
  return bytes
}

/**
 * Decodes a record in any version this code knows.
 * @throws {DecodeError}
 */
export function decodeRecord(value: Uint8Array): BeamlineRecord {
  const buffer = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (buffer.length === 0) throw new DecodeError('RECORD_EMPTY', 'the record is empty; expected an Avro record')
  if (buffer[0] !== MAGIC || buffer.length < HEADER_BYTES) {
    throw new DecodeError(
      'RECORD_NOT_AVRO',
      `the record begins with byte 0x${buffer[0]!.toString(16).padStart(2, '0')} and has ${buffer.length} bytes; expected 0x00, a 4-byte schema id and Avro data`,
    )
  }
  const id = buffer.readUInt32BE(1)
  const type = decoders.get(id)
  if (type === undefined) throw new DecodeError('SCHEMA_UNKNOWN', unknownSchema(id))
  try {
    return type.fromBuffer(buffer.subarray(HEADER_BYTES)) as BeamlineRecord
  } catch (error) {
    throw new DecodeError('RECORD_CORRUPT', `the bytes do not match schema ${id}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** The schema id that a value begins with; `null` if it is not of the wire form. */
export function schemaIdIn(value: Uint8Array): number | null {
  if (value.length < HEADER_BYTES || value[0] !== MAGIC) return null
  return ((value[1]! << 24) | (value[2]! << 16) | (value[3]! << 8) | value[4]!) >>> 0
}

/** A copy of a value of the wire form, with another schema id. */
export function withSchemaId(value: Uint8Array, id: number): Buffer {
  const copy = Buffer.from(value)
  copy.writeUInt32BE(id, 1)
  return copy
}

function unknownSchema(id: number): string {
  if (id < FIRST_REGISTERED_ID) {
    return `schema id ${id} (record ${id >>> 8}, version ${id & 255}) is unknown; this version of Beamline may be older than the writer`
  }
  const given = id < REGISTRY_MARK ? id : id - REGISTRY_MARK
  return `schema id ${given} is none of ours; expected one that the schema registry has for a record of Beamline`
}
