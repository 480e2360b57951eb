/** The runs of a bulk operation: those that a query finds in the read model, and what the tasks are told of them. */
import { homeOf, type RunId, type TenantId } from '../schemas/ids.ts'
import type { JsonText } from '../schemas/json.ts'
import type { OperationItem } from '../schemas/records/operations.ts'
import type { RunFilter } from '../topology/read-model/lists.ts'
import type { ReadModel, RunStatus, RunSummary, RunView } from '../topology/read-model/port.ts'
import { RequestError } from './errors.ts'

/** What each action can be done to; in the order in which a run gets there, so that one that moves on meanwhile is not missed. */
export const ACTION_STATUSES = {
  cancel: ['accepted', 'running'],
  retry: ['failed', 'timed_out'],
  rerun: ['completed', 'failed', 'cancelled', 'timed_out'],
} as const satisfies { readonly [action: string]: readonly RunStatus[] }
export type RunAction = keyof typeof ACTION_STATUSES

/** Of one operation. What is run again is submitted anew, with its input. */
export const MAX_ITEMS: { readonly [A in RunAction]: number } = { cancel: 100_000, retry: 100_000, rerun: 10_000 }

const PAGE = 1_000
const SAMPLE = 20
/** Runs that are asked for at once. */
const ASKED_AT_ONCE = 16
const ITEMS_IN_RECORD = 500
const BYTES_IN_RECORD = 256 << 10
/** What the tasks keep of one operation until it is done. */
export const MAX_BYTES = 64 << 20

export interface FoundRuns {
  readonly ids: readonly RunId[]
  /** The first ones. */
  readonly sample: readonly RunSummary[]
  /** False if there are more than one operation takes. */
  readonly complete: boolean
}

/** Every run that the filter finds and the action can be done to, accepted up to `nowMs`; each once. */
export async function findRuns(
  readModel: ReadModel,
  action: RunAction,
  filter: RunFilter,
  nowMs: number,
): Promise<FoundRuns> {
  const most = MAX_ITEMS[action]
  const ids = new Set<RunId>()
  const sample: RunSummary[] = []
  const accepted = {
    fromMs: filter.accepted?.fromMs ?? null,
    toMs: Math.min(filter.accepted?.toMs ?? Number.MAX_SAFE_INTEGER, nowMs + 1),
  }
  const statuses = filter.status === null ? ACTION_STATUSES[action] : [filter.status]
  for (const status of statuses) {
    let cursor: string | null = null
    do {
      const page = await readModel.listRuns({
        filter: { ...filter, status, accepted },
        order: 'newest',
        limit: PAGE,
        cursor,
      })
      for (const run of page.runs) {
        if (ids.has(run.runId)) continue
        if (ids.size >= most) return { ids: [...ids], sample, complete: false }
        ids.add(run.runId)
        if (sample.length < SAMPLE) sample.push(run)
      }
      cursor = page.next
    } while (cursor !== null)
  }
  return { ids: [...ids], sample, complete: true }
}

export interface ItemsPart {
  readonly partition: number
  readonly items: readonly OperationItem[]
}

/** The runs as items for their homes, in parts that fit in a record. @throws {RequestError} when what is to be submitted again is too much */
export async function* itemsOf(
  readModel: ReadModel,
  tenant: TenantId,
  action: RunAction,
  ids: readonly RunId[],
  partitions: number,
): AsyncIterable<ItemsPart> {
  let total = 0
  const open = Array.from({ length: partitions }, () => ({ items: [] as OperationItem[], bytes: 0 }))
  for (let at = 0; at < ids.length; at += ASKED_AT_ONCE) {
    const some = ids.slice(at, at + ASKED_AT_ONCE)
    const items =
      action === 'rerun' ? await Promise.all(some.map((id) => again(readModel, tenant, id))) : some.map(only)
    for (const [index, item] of items.entries()) {
      const partition = homeOf(some[index]!, partitions)
      const part = open[partition]!
      const bytes = sizeOf(item)
      total += item.submission === null ? 0 : bytes
      if (total > MAX_BYTES) throw tooLarge()
      if (part.items.length >= ITEMS_IN_RECORD || (part.items.length > 0 && part.bytes + bytes > BYTES_IN_RECORD)) {
        yield { partition, items: part.items }
        open[partition] = { items: [item], bytes }
      } else {
        part.items.push(item)
        part.bytes += bytes
      }
    }
  }
  for (const [partition, { items }] of open.entries()) if (items.length > 0) yield { partition, items }
}

function tooLarge(): RequestError {
  const message = `the inputs of the runs that the query finds take more than ${MAX_BYTES} bytes together; narrow it, e.g. by \`accepted_to_ms\``
  return new RequestError('invalid_request', message, {
    details: { code: 'TOO_LARGE', path: 'query', most: MAX_BYTES },
  })
}

function only(id: RunId): OperationItem {
  return { id, submission: null }
}

/** Nothing to submit where the input was not kept: the task says so of the item. */
async function again(readModel: ReadModel, tenant: TenantId, id: RunId): Promise<OperationItem> {
  const run: RunView | null = await readModel.getRun(tenant, id)
  if (run === null || run.input === null || run.input.kind === 'omitted') return only(id)
  const { flow, version, stickyKey, priority, metadata, input } = run
  return {
    id,
    submission: { flow, version: version === 0 ? null : version, input: input.text, stickyKey, priority, metadata },
  }
}

function sizeOf({ id, submission }: OperationItem): number {
  const length = (text: JsonText | string | null | undefined): number => Buffer.byteLength(text ?? '')
  return 64 + length(id) + length(submission?.input) + length(submission?.metadata) + length(submission?.stickyKey)
}
