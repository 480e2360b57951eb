/**
 * Notices from projectors to whoever listens on the deployment's channel, named after its schema: `ended:` and run ids; `ended:*` for more than
 * fit; `builds` when there is something new about builds. They go out with the transaction that tells them.
 */
import type { ClientBase } from 'pg'
import type { RunId } from '../../../schemas/ids.ts'

/** A notice may have 8,000 bytes. */
const IDS_PER_NOTICE = 200
/** Beyond these it is cheaper to look for the runs that somebody waits for. */
const MAX_NOTICES = 5

const ENDED = 'ended:'
const ALL = '*'
const BUILDS = 'builds'

export type Notice =
  | { readonly kind: 'ended'; readonly runs: readonly RunId[] }
  | { readonly kind: 'manyEnded' }
  | { readonly kind: 'builds' }

export async function announceEnds(client: ClientBase, channel: string, runs: readonly RunId[]): Promise<void> {
  if (runs.length === 0) return
  if (runs.length > IDS_PER_NOTICE * MAX_NOTICES) return announce(client, channel, [ENDED + ALL])
  const notices: string[] = []
  for (let at = 0; at < runs.length; at += IDS_PER_NOTICE) {
    notices.push(ENDED + runs.slice(at, at + IDS_PER_NOTICE).join(','))
  }
  await announce(client, channel, notices)
}

export function announceBuilds(client: ClientBase, channel: string): Promise<void> {
  return announce(client, channel, [BUILDS])
}

async function announce(client: ClientBase, channel: string, notices: readonly string[]): Promise<void> {
  await client.query('select pg_notify($1, notice) from unnest($2::text[]) as notice', [channel, notices])
}

/** `null` for what is of a later version. */
export function noticeOf(payload: string): Notice | null {
  if (payload === BUILDS) return { kind: 'builds' }
  if (!payload.startsWith(ENDED)) return null
  const ids = payload.slice(ENDED.length)
  return ids === ALL ? { kind: 'manyEnded' } : { kind: 'ended', runs: ids.split(',') as RunId[] }
}
