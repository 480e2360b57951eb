/**
 * Exchanges schema ids at the edge of the log, so that everything inside sees our own schemas under their fixed ids, and records of other
 * writers in the form of ours.
 */
import { SCHEMA_PROBLEM_HEADER } from '../../schemas/codec/ingest-json.ts'
import { FIRST_REGISTERED_ID, REGISTRY_MARK, schemaIdIn, withSchemaId } from '../../schemas/codec/wire.ts'
import type { Environment } from '../environment.ts'
import type { LogRecord, OutRecord } from '../log/port.ts'
import type { SchemaRegistry } from './port.ts'
import { type KnownSchema, SchemaCache } from './schema-cache.ts'

/** Exchanges ids by a table; `null`: ours are the ones on the wire. */
interface IdTable {
  readonly toWire: ReadonlyMap<number, number>
  readonly fromWire: ReadonlyMap<number, number>
}

export class WireTranslator {
  readonly #registry: SchemaRegistry
  readonly #cache: SchemaCache
  #table: IdTable | null | undefined

  constructor(registry: SchemaRegistry, environment: Environment) {
    this.#registry = registry
    this.#cache = new SchemaCache(registry, environment)
  }

  outgoing(records: readonly OutRecord[]): readonly OutRecord[] {
    const table = this.#ids()
    if (table === null) return records
    return records.map((record) => {
      const id = schemaIdIn(record.value)
      if (id === null) return record
      const wireId = id >= REGISTRY_MARK ? id - REGISTRY_MARK : table.toWire.get(id)
      return wireId === undefined ? record : { ...record, value: withSchemaId(record.value, wireId) }
    })
  }

  /** True for a record that is read as it is. */
  isOurs(record: LogRecord): boolean {
    if (this.#ids() !== null) return schemaIdIn(record.value) === null
    return record.message !== null || (schemaIdIn(record.value) ?? 0) < FIRST_REGISTERED_ID
  }

  /** The record as the inside sees it; `null`: its schema has to be asked for first. */
  incoming(record: LogRecord): LogRecord | null {
    const id = this.#foreignId(record)
    if (id === null) return this.#renumbered(record)
    const known = this.#cache.get(id)
    return known === undefined ? null : this.#translated(record, id, known)
  }

  /** As `incoming`, after asking for all schemas that it takes. */
  async incomingAll(records: readonly LogRecord[]): Promise<readonly LogRecord[]> {
    if (records.every((record) => this.isOurs(record))) return records
    return Promise.all(
      records.map(async (record) => {
        const id = this.#foreignId(record)
        return id === null ? this.#renumbered(record) : this.#translated(record, id, await this.#cache.ask(id))
      }),
    )
  }

  /** Asks for the schemas that the records take, in their order; `incoming` knows each once it has resolved. */
  askFor(records: readonly LogRecord[]): readonly Promise<unknown>[] {
    const ids = new Set<number>()
    for (const record of records) {
      const id = this.#foreignId(record)
      if (id !== null) ids.add(id)
    }
    return [...ids].map((id) => this.#cache.ask(id))
  }

  /** The registry's id of a schema that is none of ours in this version. */
  #foreignId(record: LogRecord): number | null {
    if (record.message !== null) return null
    const id = schemaIdIn(record.value)
    if (id === null) return null
    const table = this.#ids()
    if (table === null) return id < FIRST_REGISTERED_ID ? null : id
    return table.fromWire.has(id) ? null : id
  }

  #renumbered(record: LogRecord): LogRecord {
    const id = schemaIdIn(record.value)
    const ours = id === null ? undefined : this.#ids()?.fromWire.get(id)
    return ours === undefined ? record : { ...record, value: withSchemaId(record.value, ours) }
  }

  #translated(record: LogRecord, id: number, known: KnownSchema): LogRecord {
    if ('problem' in known) return this.#marked(record, id, known.problem)
    try {
      const value = known.translate(bufferOf(record.value))
      return { ...record, value, headers: withoutProblem(record.headers) }
    } catch (error) {
      return this.#marked(record, id, (error as Error).message)
    }
  }

  /** A record that cannot be read goes on, to be buried with the reason; written again it has its own id again. */
  #marked(record: LogRecord, id: number, problem: string): LogRecord {
    const headers = { ...record.headers, [SCHEMA_PROBLEM_HEADER]: problem }
    const marked = this.#ids() === null || id >= REGISTRY_MARK ? id : id + REGISTRY_MARK
    return { ...record, headers, value: marked === id ? record.value : withSchemaId(record.value, marked) }
  }

  #ids(): IdTable | null {
    if (this.#table !== undefined) return this.#table
    const { wireIds } = this.#registry
    if (wireIds === null) throw new Error('the schema registry was asked for ids before it was ready')
    const fromWire = wireIds === 'fixed' ? null : new Map([...wireIds].map(([ours, wire]) => [wire, ours]))
    this.#table = wireIds === 'fixed' || fromWire === null ? null : { toWire: wireIds, fromWire }
    return this.#table
  }
}

function withoutProblem(headers: LogRecord['headers']): LogRecord['headers'] {
  if (headers?.[SCHEMA_PROBLEM_HEADER] === undefined) return headers
  const { [SCHEMA_PROBLEM_HEADER]: _, ...others } = headers
  return others
}

function bufferOf(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
