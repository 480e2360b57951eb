/**
 * Records that others wrote with a schema of their own: another version of one of our schemas, or a part of it. They are read with the writer's
 * schema and resolved to ours as Avro prescribes: fields that are missing get their defaults, fields that we do not know are dropped.
 */
import type avsc from 'avsc'
import { type BeamlineRecord, RECORDS } from '../records/index.ts'
import { parseAvroSchema } from '../registry/compatibility.ts'
import { DecodeError, encodeRecord, HEADER_BYTES } from './wire.ts'

/** A record's value, header included, in the wire form of our own schema. @throws {DecodeError} when the bytes do not match the writer's schema */
export type Translate = (value: Buffer) => Buffer

const readers = new Map<string, avsc.Type>(
  Object.values(RECORDS).map(({ kind, type }) => [`beamline.${kind}`, type] as const),
)

/** @throws {DecodeError} `SCHEMA_UNKNOWN` when the schema is no Avro schema, none of ours, or does not fit ours */
export function translatorOf(schema: string, id: number): Translate {
  const writer = writerOf(schema, id)
  const reader = writer.name === undefined ? undefined : readers.get(writer.name)
  if (reader === undefined) {
    const found = writer.name === undefined ? `no record but ${writer.typeName}` : `'${writer.name}'`
    throw new DecodeError(
      'SCHEMA_UNKNOWN',
      `schema id ${id} is ${found}; expected a record of ours, e.g. 'beamline.SubmitRun'`,
    )
  }
  let resolver: unknown
  try {
    resolver = reader.createResolver(writer)
  } catch (cause) {
    const message = `schema id ${id} is a version of '${writer.name}' that cannot be read as ours: ${(cause as Error).message}`
    throw new DecodeError('SCHEMA_UNKNOWN', message, { cause })
  }
  return (value) => encodeRecord(read(reader, resolver, value, id))
}

function writerOf(schema: string, id: number): avsc.Type {
  try {
    return parseAvroSchema(schema).type
  } catch (cause) {
    throw new DecodeError('SCHEMA_UNKNOWN', `schema id ${id}: ${(cause as Error).message}`, { cause })
  }
}

function read(reader: avsc.Type, resolver: unknown, value: Buffer, id: number): BeamlineRecord {
  try {
    return reader.fromBuffer(value.subarray(HEADER_BYTES), resolver as never) as BeamlineRecord
  } catch (cause) {
    throw new DecodeError('RECORD_CORRUPT', `the bytes do not match schema id ${id}: ${(cause as Error).message}`, {
      cause,
    })
  }
}
