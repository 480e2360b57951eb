/**
 * Schemas of other writers, fetched once each. An answer takes at most {@link GIVE_UP_MS}; what is not known by then is a problem of the record that
 * needs it, not of those behind it.
 */
import { type Translate, translatorOf } from '../../schemas/codec/foreign-schema.ts'
import type { Environment } from '../environment.ts'
import type { SchemaRegistry } from './port.ts'

/** Schemas kept; the one kept longest goes first. */
const MAX_KEPT = 1_000
/** Lookups at once; others wait their turn. */
const MAX_LOOKUPS = 8
export const GIVE_UP_MS = 10_000
/** For so long an id that the registry does not have is not asked for again. */
export const MISSING_MS = 1_000
/** For so long after a registry did not answer, it is not asked: an outage holds intake up once, not for every id. */
export const UNREACHABLE_MS = 5_000

/** A way to read the schema's records, or why there is none. */
export type KnownSchema = { readonly translate: Translate } | { readonly problem: string }

export class SchemaCache {
  readonly #registry: SchemaRegistry
  readonly #environment: Environment
  readonly #kept = new Map<number, { readonly known: KnownSchema; readonly untilMs: number }>()
  readonly #asked = new Map<number, Promise<KnownSchema>>()
  readonly #turns: (() => void)[] = []
  #lookups = 0
  #unreachable: { readonly untilMs: number; readonly reason: string } | null = null

  constructor(registry: SchemaRegistry, environment: Environment) {
    this.#registry = registry
    this.#environment = environment
  }

  /** What is known now; `undefined`: it has to be asked for. */
  get(id: number): KnownSchema | undefined {
    const entry = this.#kept.get(id)
    return entry !== undefined && this.#environment.monotonic() < entry.untilMs ? entry.known : undefined
  }

  /** Never rejects; `get` gives the same answer for a while. */
  ask(id: number): Promise<KnownSchema> {
    const known = this.get(id)
    if (known !== undefined) return Promise.resolve(known)
    const asked = this.#asked.get(id) ?? this.#ask(id).finally(() => this.#asked.delete(id))
    this.#asked.set(id, asked)
    return asked
  }

  async #ask(id: number): Promise<KnownSchema> {
    if (this.#lookups >= MAX_LOOKUPS) await new Promise<void>((resolve) => this.#turns.push(resolve))
    this.#lookups++
    try {
      return this.#keep(id, await this.#lookUp(id))
    } finally {
      this.#lookups--
      this.#turns.shift()?.()
    }
  }

  async #lookUp(id: number): Promise<{ readonly known: KnownSchema; readonly keptMs: number }> {
    const now = this.#environment.monotonic()
    if (this.#unreachable !== null && now < this.#unreachable.untilMs) {
      return { known: notAsked(id, this.#unreachable.reason), keptMs: this.#unreachable.untilMs - now }
    }
    try {
      const schema = await this.#inTime(this.#registry.schema(id))
      this.#unreachable = null
      if (schema === null) return { known: missing(id), keptMs: MISSING_MS }
      return { known: understood(schema, id), keptMs: Number.POSITIVE_INFINITY }
    } catch (error) {
      const reason = (error as Error).message
      this.#unreachable = { untilMs: this.#environment.monotonic() + UNREACHABLE_MS, reason }
      return { known: notAsked(id, reason), keptMs: UNREACHABLE_MS }
    }
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`the schema registry has not answered within ${GIVE_UP_MS} ms`))
      const cancel = this.#environment.after(GIVE_UP_MS, late)
      answer.then(resolve, reject).finally(cancel)
    })
  }

  #keep(id: number, { known, keptMs }: { readonly known: KnownSchema; readonly keptMs: number }): KnownSchema {
    this.#kept.delete(id)
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    this.#kept.set(id, { known, untilMs: this.#environment.monotonic() + keptMs })
    return known
  }
}

function understood(schema: string, id: number): KnownSchema {
  try {
    return { translate: translatorOf(schema, id) }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}

function missing(id: number): KnownSchema {
  return { problem: `schema id ${id} is unknown to the schema registry; expected an id that it has given` }
}

function notAsked(id: number, reason: string): KnownSchema {
  return { problem: `schema id ${id} is unknown and cannot be looked up: ${reason}` }
}
