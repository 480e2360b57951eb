/** A submission: sent to its home, recognised if it was seen before, refused, or accepted and begun. */
import { parsedInputOf } from '../../schemas/codec/ingest-json.ts'
import { homeOf, type RunId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import { findFlow, type KnownFlow, latestVersion } from '../control/flows.ts'
import { startRun } from '../result/start-run.ts'
import { PayloadLost, type SourceRecord, type Turn } from '../turn.ts'
import { idOfNew, keyLiesElsewhere } from './home.ts'
import { identify, remember } from './identity.ts'
import { checkInput } from './input-schema.ts'
import { type Refusal, refuse } from './refusal.ts'
import { checkFields, checkIdentity, readInput } from './submission-check.ts'

export function onSubmitRun(turn: Turn, record: SubmitRun, source: SourceRecord | null): void {
  const verdict = judge(turn, record)
  switch (verdict.kind) {
    case 'forward':
      turn.count('records_forwarded')
      turn.emit('ingest', verdict.home, { ...record, runId: verdict.id }, verdict.id ?? undefined)
      return
    case 'refuse':
      refuse(turn, record, source, verdict.refusal)
      return
    case 'duplicate':
      turn.count('duplicate_submissions')
      answer(turn, record, 'duplicate', verdict.id)
      return
    case 'accept':
      remember(turn, verdict.id, record, verdict.bodyHash)
      startRun(turn, verdict.id, verdict.known, record, verdict.input)
      answer(turn, record, 'accepted', verdict.id)
  }
}

type Verdict =
  | { readonly kind: 'forward'; readonly home: number; readonly id: RunId | null }
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  | { readonly kind: 'duplicate'; readonly id: RunId }
  | {
      readonly kind: 'accept'
      readonly id: RunId
      readonly known: KnownFlow
      readonly bodyHash: string
      readonly input: Json
    }

function judge(turn: Turn, record: SubmitRun): Verdict {
  const wrong = checkIdentity(record)
  if (wrong !== null) return { kind: 'refuse', refusal: wrong }
  const id = record.runId ?? idOfNew(turn, record)
  const home = homeOf(id, turn.partitions)
  if (home === turn.partition) return judgeAtHome(turn, id, record)
  // whoever is asked about a key says where it lies, even if this task knows less of the tenant
  return { kind: 'forward', home, id: record.idempotencyKey === null ? id : record.runId }
}

function judgeAtHome(turn: Turn, id: RunId, record: SubmitRun): Verdict {
  const wrong = checkFields(record)
  if (wrong !== null) return { kind: 'refuse', refusal: wrong }
  const input = inputOf(turn, record)
  if ('code' in input) return { kind: 'refuse', refusal: input }
  const identity = identify(turn, id, record)
  if (identity.kind === 'conflict') return { kind: 'refuse', refusal: identity.refusal }
  if (identity.kind === 'duplicate') return { kind: 'duplicate', id: identity.runId }
  const apart = keyLiesElsewhere(turn, id, record)
  if (apart !== null) return { kind: 'refuse', refusal: apart }
  const known = findFlow(turn, record.tenant, record.flow, record.version)
  if (known === null) return { kind: 'refuse', refusal: unknownFlow(turn, record) }
  const mismatch = checkInput(known.flow, input.value)
  if (mismatch !== null) return { kind: 'refuse', refusal: mismatch }
  return { kind: 'accept', id, known, bodyHash: identity.bodyHash, input: input.value }
}

/** The input as a value, or why it cannot be one. @throws {PayloadAway} */
function inputOf(turn: Turn, record: SubmitRun): { readonly value: Json } | Refusal {
  const { tenant, input } = record
  try {
    const payload = turn.payload(tenant, input)
    return (payload === input ? parsedInputOf(record) : null) ?? readInput(input, payload)
  } catch (thrown) {
    if (!(thrown instanceof PayloadLost)) throw thrown
    return {
      code: 'invalid_input',
      message: `the input: ${thrown.message}`,
      details: { path: 'input', code: thrown.code },
    }
  }
}

function answer(turn: Turn, { replyTo }: SubmitRun, code: 'accepted' | 'duplicate', runId: RunId): void {
  if (replyTo !== null) turn.reply(replyTo, { ok: true, code, body: { run_id: runId, status: 'accepted' } })
}

function unknownFlow(turn: Turn, { tenant, flow, version }: SubmitRun): Refusal {
  if (version === null && latestVersion(turn, tenant, flow) > 0) {
    const message = `every version of flow '${flow}' is deprecated; expected a version by its number, or a new one`
    return { code: 'flow_deprecated', message, details: { flow } }
  }
  const what = version === null ? `flow '${flow}'` : `version ${version} of flow '${flow}'`
  const message = `${what} is unknown for tenant '${tenant}'; expected one that was published`
  return { code: 'unknown_flow', message, details: { flow, version } }
}
