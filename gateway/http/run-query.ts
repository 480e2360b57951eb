/** A query for runs or dead letters as bodies have it: the filters of the lists. */
import { isStepId, type StepId, type TenantId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import type { LetterFilter } from '../../schemas/records/dlq.ts'
import { type RunFilter, type TimeRange, WAIT_KINDS } from '../../topology/read-model/lists.ts'
import { integer, listOf, oneOf, orNull, type Read, readFields, text, wrong } from './body.ts'

const MAX_METADATA = 8
const MAX_LETTER_IDS = 10_000
const LAST_MS = 8_640_000_000_000_000
const name = orNull(text(256))
const instant = orNull(integer(0, LAST_MS))

const stepId: Read<StepId> = (value, path) =>
  typeof value === 'string' && isStepId(value) ? value : wrong(path, value, 'the id of a step')

/** Values are compared as text. */
const metadataFields: Read<RunFilter['metadata']> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(path, value, 'an object')
  const fields = Object.entries(value as { readonly [key: string]: Json })
  if (fields.length > MAX_METADATA) return wrong(path, value, `an object of at most ${MAX_METADATA} fields`)
  return fields.map(([key, member]) => {
    if (typeof member === 'string') return { key, value: member }
    if (typeof member === 'number' || typeof member === 'boolean') return { key, value: String(member) }
    return wrong(`${path}.${key}`, member, 'a text, a number, true or false')
  })
}

/** `statuses`: those that can be asked for. @throws {RequestError} */
export function runFilterOf(
  value: Json,
  path: string,
  tenant: TenantId,
  statuses: readonly [string, ...string[]],
): RunFilter {
  const given = readFields(value, path, {
    flow: name,
    version: orNull(integer(1, 1_000_000_000)),
    status: orNull(oneOf(statuses)),
    waiting_for: orNull(oneOf(WAIT_KINDS)),
    waiting_step: orNull(stepId),
    error_code: name,
    accepted_from_ms: instant,
    accepted_to_ms: instant,
    finished_from_ms: instant,
    finished_to_ms: instant,
    metadata: metadataFields,
  })
  return {
    tenant,
    flow: given.flow ?? null,
    version: given.version ?? null,
    status: (given.status ?? null) as RunFilter['status'],
    waitingFor: given.waiting_for ?? null,
    waitingStep: given.waiting_step ?? null,
    errorCode: given.error_code ?? null,
    accepted: range(given.accepted_from_ms, given.accepted_to_ms),
    finished: range(given.finished_from_ms, given.finished_to_ms),
    metadata: given.metadata ?? [],
  }
}

function range(fromMs: number | null | undefined, toMs: number | null | undefined): TimeRange | null {
  return (fromMs ?? null) === null && (toMs ?? null) === null ? null : { fromMs: fromMs ?? null, toMs: toMs ?? null }
}

/** @throws {RequestError} */
export function letterFilterOf(value: Json, path: string, tenant: TenantId): LetterFilter {
  const given = readFields(value, path, {
    fingerprint: name,
    flow: name,
    code: name,
    letter_ids: listOf(text(256), MAX_LETTER_IDS),
  })
  return {
    tenant,
    fingerprint: given.fingerprint ?? null,
    flow: given.flow ?? null,
    code: given.code ?? null,
    letterIds: given.letter_ids ?? [],
  }
}
