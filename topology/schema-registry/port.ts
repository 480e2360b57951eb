/**
 * The schema registry port: which ids our records carry on the wire, and the schemas of those that others wrote. Adapters are in
 * `connectors/schema-registry/`; `translating-log.ts` beside this file puts one in front of a log.
 */
import type { RegistryView } from '../../schemas/registry/registry-state.ts'

export interface SchemaRegistry {
  /**
   * Registers our own schemas, and checks that they fit what is there. While the registry cannot be reached it is asked again, with
   * `health` saying so. @throws {SchemaRegistryError} `INCOMPATIBLE`, `SCHEMA_INVALID`, `NOT_AUTHORIZED`, `CLOSED`: starting again will not help
   */
  start(): Promise<void>
  /** Fixed id of each of our schemas (`schemas/codec/wire.ts`) to its id on the wire; `fixed`: the same; `null` before `start` has resolved. */
  readonly wireIds: ReadonlyMap<number, number> | 'fixed' | null
  /** The Avro schema with an id, as JSON text; `null`: there is none. Takes a bounded time. @throws {SchemaRegistryError} `UNREACHABLE`, `NOT_AUTHORIZED`, `SCHEMA_INVALID` */
  schema(id: number): Promise<string | null>
  /** `reason`: why it is not ready, in words. */
  health(): { readonly ready: boolean; readonly reason: string | null }
  close(): Promise<void>
}

/** What a registry server does, for the routes of the gateway. */
export interface SubjectStore {
  /** All that was registered, through any gateway, before the call. @throws {SchemaRegistryError} `UNREACHABLE` */
  current(): Promise<RegistryView>
  /**
   * Makes the schema the subject's next version, or finds the version it is already.
   * @throws {SchemaRegistryError} `INCOMPATIBLE`, `SCHEMA_INVALID`, `LIMIT`, `CONTENDED`, `UNREACHABLE`
   */
  register(subject: string, schema: string): Promise<{ readonly id: number; readonly version: number }>
  /** `subject` `null`: for all subjects without a level of their own. */
  setCompatibility(subject: string | null, level: string): Promise<void>
}

export type SchemaRegistryErrorCode =
  /** The registry holds a schema, or a setting, that ours do not fit. */
  | 'INCOMPATIBLE'
  | 'SCHEMA_INVALID'
  | 'NOT_AUTHORIZED'
  /** No answer, or a failure of the registry itself; the same call may succeed later. */
  | 'UNREACHABLE'
  /** Others changed the subject at the same time, again and again. */
  | 'CONTENDED'
  | 'LIMIT'
  | 'CLOSED'

/** The message names the registry, the subject or id, what was found and what was expected. */
export class SchemaRegistryError extends Error {
  readonly code: SchemaRegistryErrorCode
  constructor(code: SchemaRegistryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SchemaRegistryError'
    this.code = code
  }
}
