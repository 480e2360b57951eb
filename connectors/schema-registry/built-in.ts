/**
 * The registry of our own: its schemas are `SchemaChanged` records in partition 0 of `control`, which every process reads. A change says what its author
 * knew of the subject; of two gateways that change one at a time the later in the log has lost, reads on and tries again.
 */
import { encodeRecord } from '../../schemas/codec/wire.ts'
import type { SchemaChanged } from '../../schemas/records/control.ts'
import {
  type AvroSchema,
  COMPATIBILITY_LEVELS,
  incompatibilities,
  isCompatibilityLevel,
  parseAvroSchema,
} from '../../schemas/registry/compatibility.ts'
import { ownSchemas } from '../../schemas/registry/own-schemas.ts'
import { ALL_SUBJECTS, type RegistryView } from '../../schemas/registry/registry-state.ts'
import { LogError, type OutRecord } from '../../topology/log/port.ts'
import { SchemaRegistryError, type SubjectStore } from '../../topology/schema-registry/port.ts'
import { ControlFollower } from './control-follower.ts'
import type { SchemaRegistryHandle } from './create.ts'
import type { BuiltInRegistryOptions } from './options.ts'
import { Retrying } from './retrying.ts'

const MAX_TRIES = 10
const MAX_SUBJECTS = 10_000
const MAX_VERSIONS = 1_000
const MAX_SUBJECT_LENGTH = 255

type Change = Pick<SchemaChanged, 'subject' | 'schema' | 'id' | 'compatibility'>

export class BuiltInRegistry implements SchemaRegistryHandle, SubjectStore {
  readonly wireIds = 'fixed'
  readonly subjects = this
  readonly #options: BuiltInRegistryOptions
  readonly #follower: ControlFollower
  readonly #retrying: Retrying
  #started: Promise<void> | null = null

  constructor(options: BuiltInRegistryOptions) {
    this.#options = options
    this.#retrying = new Retrying(options.environment, options.onProblem)
    this.#follower = new ControlFollower(options.log, options.environment, options.onProblem)
  }

  start(): Promise<void> {
    this.#started ??=
      this.#options.registerOwn === false ? Promise.resolve() : this.#retrying.run(() => this.#registerOwn())
    return this.#started
  }

  async schema(id: number): Promise<string | null> {
    const known = this.#follower.state.schema(id)
    return known ?? (await this.current()).schema(id) ?? null
  }

  /** Ids are fixed, so that nothing has to wait for it. */
  health(): { readonly ready: boolean; readonly reason: string | null } {
    return { ready: true, reason: null }
  }

  async close(): Promise<void> {
    this.#retrying.close()
    this.#follower.close()
  }

  current(): Promise<RegistryView> {
    return this.#follower.current()
  }

  async register(subject: string, text: string): Promise<{ readonly id: number; readonly version: number }> {
    const schema = parsed(text)
    return this.#untilAccepted(`subject '${subject}'`, async (view) => {
      const known = view.find(subject, schema.canonical)
      if (known !== undefined) return { id: known.id, version: known.version }
      checkRoom(view, subject)
      checkFits(view, subject, schema)
      await this.#append([this.#change(view, { subject, schema: schema.canonical, id: null, compatibility: null })])
      return null
    })
  }

  async setCompatibility(subject: string | null, level: string): Promise<void> {
    if (!isCompatibilityLevel(level)) {
      const expected = COMPATIBILITY_LEVELS.join(', ')
      throw new SchemaRegistryError(
        'SCHEMA_INVALID',
        `the compatibility level is '${level}'; expected one of ${expected}`,
      )
    }
    const name = subject ?? ALL_SUBJECTS
    await this.#untilAccepted(subject === null ? 'the settings' : `subject '${subject}'`, async (view) => {
      if (view.compatibility(name) === level) return true
      if (subject !== null) checkRoom(view, subject)
      await this.#append([this.#change(view, { subject: name, schema: null, id: null, compatibility: level })])
      return null
    })
  }

  /** Those that are missing, all at once. */
  async #registerOwn(): Promise<void> {
    const schemas = ownSchemas(this.#options.topicPrefix)
    await this.#untilAccepted('our own schemas', async (view) => {
      const missing = schemas.filter(({ subject, schema, id }) => view.find(subject, schema)?.id !== id)
      if (missing.length === 0) return true
      for (const { subject, schema, id } of missing) {
        checkId(view, subject, schema, id)
        checkFits(view, subject, parsed(schema))
      }
      await this.#append(
        missing.map(({ subject, schema, id }) => this.#change(view, { subject, schema, id, compatibility: null })),
      )
      return null
    })
  }

  /** `attempt` appends a change and answers `null`, or answers what it finds done. */
  async #untilAccepted<T>(what: string, attempt: (view: RegistryView) => Promise<T | null>): Promise<T> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const done = await attempt(await this.current())
      if (done !== null) return done
    }
    throw new SchemaRegistryError(
      'CONTENDED',
      `${what} could not be changed in ${MAX_TRIES} tries, others were always first`,
    )
  }

  #change(view: RegistryView, change: Change): OutRecord {
    const { environment } = this.#options
    const word = (): string => environment.randomU32().toString(16).padStart(8, '0')
    const changeId = `${word()}${word()}${word()}`
    const message: SchemaChanged = {
      kind: 'SchemaChanged',
      changeId,
      ...change,
      expects: view.revision(change.subject),
      changedAtMs: environment.now(),
    }
    const value = encodeRecord(message)
    return { topic: 'control', partition: 0, key: `schema/${changeId}`, value, headers: null, handled: false, message }
  }

  async #append(changes: readonly OutRecord[]): Promise<void> {
    try {
      await this.#options.log.append(changes)
    } catch (error) {
      // whether it was written is seen by reading on
      if (error instanceof LogError && error.code === 'OUTCOME_UNKNOWN') return
      throw new SchemaRegistryError(
        'UNREACHABLE',
        `the schema cannot be written to the log: ${(error as Error).message}`,
        {
          cause: error,
        },
      )
    }
  }
}

function parsed(text: string): AvroSchema {
  try {
    return parseAvroSchema(text)
  } catch (cause) {
    throw new SchemaRegistryError('SCHEMA_INVALID', (cause as Error).message, { cause })
  }
}

function checkRoom(view: RegistryView, subject: string): void {
  const limit = (message: string): never => {
    throw new SchemaRegistryError('LIMIT', message)
  }
  if (subject.length > MAX_SUBJECT_LENGTH || subject === ALL_SUBJECTS) {
    limit(`the name of the subject has ${subject.length} characters; expected 1 to ${MAX_SUBJECT_LENGTH}`)
  }
  if (view.revision(subject) === 0 && view.subjects().length >= MAX_SUBJECTS)
    limit(`there are ${MAX_SUBJECTS} subjects already`)
  if (view.versions(subject).length >= MAX_VERSIONS) limit(`subject '${subject}' has ${MAX_VERSIONS} versions already`)
}

function checkFits(view: RegistryView, subject: string, schema: AvroSchema): void {
  const level = view.compatibility(subject) ?? view.compatibility(ALL_SUBJECTS)!
  const known = view.versions(subject).map(({ version, schema: text }) => ({ version, type: parsed(text).type }))
  const problems = incompatibilities(schema.type, known, level)
  if (problems.length === 0) return
  throw new SchemaRegistryError(
    'INCOMPATIBLE',
    `the schema does not fit subject '${subject}' (${level}): ${problems.join('; ')}`,
  )
}

function checkId(view: RegistryView, subject: string, schema: string, id: number): void {
  const found = view.schema(id)
  if (found === undefined || found === schema) return
  throw new SchemaRegistryError(
    'INCOMPATIBLE',
    `schema id ${id} of subject '${subject}' has another schema in the registry than in this version of Beamline; expected the same`,
  )
}
