/** Messages of a tenant, latest first: looks through so many at most, and says when there are more. */
import type { RunId, TenantId } from '../../schemas/ids.ts'
import { anyRun, type RunFilter } from '../../topology/read-model/lists.ts'
import type { ReadModel, RunSummary } from '../../topology/read-model/port.ts'
import { BUILT_IN } from './built-in-flows.ts'
import { deletionOf } from './ids.ts'
import { type MessageStatus, type MessageView, messageStatus, messageView } from './message-view.ts'

export interface MessageQuery {
  readonly tenant: TenantId
  readonly status: MessageStatus | null
  readonly messageType: string | null
  /** Somewhere in its id, type, payload or metadata, in any case. */
  readonly search: string | null
  readonly order: 'newest' | 'oldest'
}

export interface FoundMessages {
  readonly runs: readonly RunSummary[]
  /** False: there are more than were looked through. */
  readonly complete: boolean
}

const PAGE = 1000
const MAX_LISTED = 10_000
/** A search reads each message. */
const MAX_SEARCHED = 1_000
const AT_ONCE = 50

/** Those that are not deleted and pass the filter. */
export async function findMessages(readModel: ReadModel, query: MessageQuery): Promise<FoundMessages> {
  const { tenant, status, messageType, search } = query
  const metadata = messageType === null ? [] : [{ key: 'message_type', value: messageType }]
  const filter = { ...anyRun(tenant), flow: BUILT_IN.message, metadata }
  const [{ runs, complete }, deleted] = await Promise.all([
    walk(readModel, filter, query.order, search === null ? MAX_LISTED : MAX_SEARCHED),
    walk(readModel, { ...anyRun(tenant), flow: BUILT_IN.deletion }, 'newest', MAX_LISTED),
  ])
  const gone = new Set<RunId>(deleted.runs.map(({ runId }) => runId))
  const kept = runs.filter((run) => {
    return (status === null || messageStatus(run.status) === status) && !gone.has(deletionOf(tenant, run.runId))
  })
  if (search === null) return { runs: kept, complete: complete && deleted.complete }
  return { runs: await searched(readModel, tenant, kept, search.toLowerCase()), complete }
}

/** The messages of these runs; those that were deleted long ago are left out. */
export async function viewsOf(readModel: ReadModel, tenant: TenantId, runs: readonly RunSummary[]) {
  const views: MessageView[] = []
  for (let at = 0; at < runs.length; at += AT_ONCE) {
    const some = runs.slice(at, at + AT_ONCE)
    const read = await Promise.all(some.map(({ runId }) => liveMessage(readModel, tenant, runId)))
    views.push(...read.filter((view) => view !== null))
  }
  return views
}

/** `null`: there is none, or it was deleted. */
export async function liveMessage(readModel: ReadModel, tenant: TenantId, runId: RunId): Promise<MessageView | null> {
  const [run, deletion] = await Promise.all([
    readModel.getRun(tenant, runId),
    readModel.getRun(tenant, deletionOf(tenant, runId)),
  ])
  return run === null || run.flow !== BUILT_IN.message || deletion !== null ? null : messageView(run)
}

async function searched(readModel: ReadModel, tenant: TenantId, runs: readonly RunSummary[], words: string) {
  const found = new Set<string>()
  for (const view of await viewsOf(readModel, tenant, runs)) {
    const { message_id: id, message_type: type, payload, metadata } = view
    if (JSON.stringify([id, type, payload, metadata]).toLowerCase().includes(words)) found.add(view.run_id)
  }
  return runs.filter(({ runId }) => found.has(runId))
}

async function walk(
  readModel: ReadModel,
  filter: RunFilter,
  order: MessageQuery['order'],
  most: number,
): Promise<FoundMessages> {
  const runs: RunSummary[] = []
  let cursor: string | null = null
  // a page may be short, where much did not pass: the pages are bounded too
  for (let pages = 0; pages < MAX_LISTED / PAGE; pages++) {
    const limit = Math.min(PAGE, most - runs.length)
    const page = await readModel.listRuns({ filter, order, limit, cursor })
    runs.push(...page.runs)
    cursor = page.next
    if (cursor === null) return { runs, complete: true }
    if (runs.length >= most) break
  }
  return { runs, complete: false }
}
