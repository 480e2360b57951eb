/**
 * What the built-in registry holds: the fold of the `SchemaChanged` records in partition 0 of `control`, in log order, so that every process
 * that reads them comes to the same ids and versions.
 *
 * S1  A change takes effect only if its subject has had exactly the changes that its author knew; the author finds out by reading on.
 * S2  Whether a schema fits was decided by the author, not here: a fold must come out the same in every version of the code.
 * S3  One schema has one id in all subjects; ids are never given anew.
 */
import { FIRST_REGISTERED_ID } from '../codec/wire.ts'
import type { SchemaChanged } from '../records/control.ts'
import { type CompatibilityLevel, DEFAULT_COMPATIBILITY, isCompatibilityLevel } from './compatibility.ts'

/** Name of the subject whose settings hold for all. */
export const ALL_SUBJECTS = ''

export interface RegisteredVersion {
  readonly subject: string
  /** From 1, without gaps. */
  readonly version: number
  readonly id: number
  readonly schema: string
}

export interface RegistryView {
  /** By name; those with a version. */
  subjects(): readonly string[]
  /** Ascending; empty for an unknown subject. */
  versions(subject: string): readonly RegisteredVersion[]
  /** The version of the subject that has this schema. */
  find(subject: string, canonical: string): RegisteredVersion | undefined
  schema(id: number): string | undefined
  versionsOf(id: number): readonly RegisteredVersion[]
  /** The subject's own level, `null` if it has none; of `ALL_SUBJECTS`: what holds for those. */
  compatibility(subject: string): CompatibilityLevel | null
  /** Number of changes of the subject. */
  revision(subject: string): number
}

interface Subject {
  revision: number
  compatibility: CompatibilityLevel | null
  readonly versions: RegisteredVersion[]
}

export class RegistryState implements RegistryView {
  readonly #subjects = new Map<string, Subject>()
  readonly #schemas = new Map<number, string>()
  readonly #ids = new Map<string, number>()
  #nextId = FIRST_REGISTERED_ID

  /** `schema` of the record is in canonical form. */
  apply({ subject: name, expects, schema, id, compatibility }: SchemaChanged): void {
    const known = this.#subjects.get(name)
    if ((known?.revision ?? 0) !== expects) return
    if (schema !== null && id !== null && (this.#schemas.get(id) ?? schema) !== schema) return
    const subject: Subject = known ?? { revision: 0, compatibility: null, versions: [] }
    this.#subjects.set(name, subject)
    subject.revision++
    if (compatibility !== null && isCompatibilityLevel(compatibility)) subject.compatibility = compatibility
    if (schema === null || subject.versions.some((version) => version.schema === schema)) return
    subject.versions.push({
      subject: name,
      version: subject.versions.length + 1,
      id: this.#identify(schema, id),
      schema,
    })
  }

  subjects(): readonly string[] {
    return [...this.#subjects].flatMap(([name, { versions }]) => (versions.length > 0 ? [name] : [])).sort()
  }

  versions(subject: string): readonly RegisteredVersion[] {
    return this.#subjects.get(subject)?.versions ?? []
  }

  find(subject: string, canonical: string): RegisteredVersion | undefined {
    return this.versions(subject).find((version) => version.schema === canonical)
  }

  schema(id: number): string | undefined {
    return this.#schemas.get(id)
  }

  versionsOf(id: number): readonly RegisteredVersion[] {
    return [...this.#subjects.values()].flatMap(({ versions }) => versions.filter((version) => version.id === id))
  }

  compatibility(subject: string): CompatibilityLevel | null {
    const level = this.#subjects.get(subject)?.compatibility ?? null
    return subject === ALL_SUBJECTS ? (level ?? DEFAULT_COMPATIBILITY) : level
  }

  revision(subject: string): number {
    return this.#subjects.get(subject)?.revision ?? 0
  }

  /** `fixed`: the id that the schema has in the code. */
  #identify(schema: string, fixed: number | null): number {
    const id = fixed ?? this.#ids.get(schema) ?? this.#nextId++
    this.#ids.set(schema, id)
    this.#schemas.set(id, schema)
    return id
  }
}
