/** A registry with the interface of Confluent's, asked through `@kafkajs/confluent-schema-registry`. */
import { SchemaRegistry as Client, COMPATIBILITY, SchemaType } from '@kafkajs/confluent-schema-registry'
import { type OwnSchema, ownSchemas } from '../../schemas/registry/own-schemas.ts'
import { SchemaRegistryError } from '../../topology/schema-registry/port.ts'
import { clientArguments, closeAgent, type HttpAgent } from './client-arguments.ts'
import type { SchemaRegistryHandle } from './create.ts'
import type { ExternalRegistryOptions } from './options.ts'
import { failureOf, levelFound } from './registry-failures.ts'
import { Retrying } from './retrying.ts'

/** Subjects registered at once. */
const AT_ONCE = 6
/** The client keeps every schema that it has seen; its memory is cleared so often. */
const CLEAR_EVERY = 1_000
const MAX_ID = 2 ** 31 - 1
/** Subjects that an operator has made stricter are left as they are. */
const STRICTER = [COMPATIBILITY.BACKWARD_TRANSITIVE, COMPATIBILITY.FULL, COMPATIBILITY.FULL_TRANSITIVE]

export class ExternalRegistry implements SchemaRegistryHandle {
  readonly subjects = null
  readonly #options: ExternalRegistryOptions
  readonly #client: Client
  readonly #agent: HttpAgent
  readonly #retrying: Retrying
  #wireIds: ReadonlyMap<number, number> | null = null
  #started: Promise<void> | null = null
  #lookups = 0

  /** @throws {SchemaRegistryError} `SCHEMA_INVALID` when the URL is none */
  constructor(options: ExternalRegistryOptions) {
    const { agent, ...args } = clientArguments(options)
    this.#options = options
    this.#agent = agent
    this.#client = new Client({ ...args, agent }, { [SchemaType.AVRO]: { wrapUnions: 'always' } })
    this.#retrying = new Retrying(options.environment, options.onProblem)
  }

  get wireIds(): ReadonlyMap<number, number> | null {
    return this.#wireIds
  }

  start(): Promise<void> {
    this.#started ??= this.#retrying.run(() => this.#registerOwn())
    return this.#started
  }

  async schema(id: number): Promise<string | null> {
    if (id < 1 || id > MAX_ID) return null
    if (++this.#lookups % CLEAR_EVERY === 0) this.#client.cache.clear()
    try {
      const schema = await this.#client.getSchema(id)
      if ('schema' in schema && typeof schema.schema === 'function')
        return JSON.stringify(schema.schema({ exportAttrs: true }))
    } catch (error) {
      const failure = failureOf(error, this.#options.url, `schema id ${id}`)
      if (failure === 'NOT_FOUND') return null
      throw failure
    }
    throw new SchemaRegistryError('SCHEMA_INVALID', `schema id ${id} is no Avro schema`)
  }

  health(): { readonly ready: boolean; readonly reason: string | null } {
    if (this.#wireIds !== null) return { ready: true, reason: null }
    const { url } = this.#options
    return { ready: false, reason: this.#retrying.reason ?? `the schemas are being registered at ${url}` }
  }

  async close(): Promise<void> {
    this.#retrying.close()
    closeAgent(this.#agent)
  }

  async #registerOwn(): Promise<void> {
    const wireIds = new Map<number, number>()
    const waiting = [...ownSchemas(this.#options.topicPrefix)]
    const work = async (): Promise<void> => {
      for (let own = waiting.shift(); own !== undefined; own = waiting.shift()) {
        const wireId = await this.#register(own, COMPATIBILITY.BACKWARD)
        if (!wireIds.has(own.id)) wireIds.set(own.id, wireId)
      }
    }
    const results = await Promise.allSettled(Array.from({ length: AT_ONCE }, work))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    this.#wireIds = wireIds
  }

  /** `expected`: the subject's compatibility level, which is set where it has none. */
  async #register({ subject, schema }: OwnSchema, expected: COMPATIBILITY): Promise<number> {
    try {
      const { id } = await this.#client.register(
        { type: SchemaType.AVRO, schema },
        { subject, compatibility: expected },
      )
      if (Number.isInteger(id) && id > 0 && id <= MAX_ID) return id
      throw new SchemaRegistryError(
        'INCOMPATIBLE',
        `the registry gave '${subject}' the schema id ${id}; expected 1 to ${MAX_ID}`,
      )
    } catch (error) {
      const found = levelFound(error)
      const stricter = STRICTER.find((level) => level === found)
      if (stricter !== undefined && expected === COMPATIBILITY.BACKWARD)
        return this.#register({ subject, schema } as OwnSchema, stricter)
      const failure = failureOf(error, this.#options.url, `subject '${subject}'`)
      if (failure !== 'NOT_FOUND') throw failure
      const message = `${this.#options.url} has no route to register schemas (404); expected the address of a schema registry`
      throw new SchemaRegistryError('INCOMPATIBLE', message, { cause: error })
    }
  }
}
